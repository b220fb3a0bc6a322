// The update rules against PyTorch's trajectories, numbers written out, and steps in plain loops.
#include <support/fixture.hpp>

#include <limits>

#include <tapehead/optim/optim.hpp>

using namespace testing;

namespace {

/// The values of a parameter [1] that starts at 1, after a step for each of the gradients.
std::vector<double> trajectory(Optimizer& optimizer, const Tensor& p, const std::vector<double>& gradients) {
    std::vector<double> values;
    for (const double gradient : gradients) {
        Tensor(p).set_grad(Tensor{gradient});
        optimizer.step();
        values.push_back(p.item());
    }
    return values;
}

void check_trajectory(const std::vector<double>& actual, const std::vector<double>& expected) {
    REQUIRE(actual.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        INFO("step " << i + 1);
        CHECK_THAT(actual[i], Catch::WithinRel(expected[i], is_f64 ? 1e-6 : 1e-5));
    }
}

template <class O, class Options>
void check_steps(const Options& options, const std::vector<double>& gradients, const std::vector<double>& expected) {
    const Tensor p = leaf(Tensor{1});
    O optimizer({p}, options);
    check_trajectory(trajectory(optimizer, p, gradients), expected);
}

const std::vector<double> gradients = {0.5, 0.5, -0.25};

/// Ten steps on mean((fc2(tanh(fc1(X))) − Y)²) with the losses and the last parameters of PyTorch. One step in float.
template <class O, class Options>
void check_fixture(const std::string& name, const Options& options) {
    INFO(name);
    const auto file = fixture(name);
    const Tensor x = file.tensor("input.X"), y = file.tensor("input.Y"), losses = file.tensor("output.losses");
    NamedTensors parameters;
    for (const std::string key : {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"})
        parameters.push_back({key, leaf(file.tensor("param." + key))});
    O optimizer(parameters, options);
    const auto loss_of = [&] {
        const Tensor hidden = tanh(linear(x, parameters[0].tensor, parameters[1].tensor));
        return mean(square(linear(hidden, parameters[2].tensor, parameters[3].tensor) - y));
    };
    const Index steps = is_f64 ? losses.numel() : 2;
    for (Index step = 0; step < steps; ++step) {
        INFO("step " << step);
        const Tensor loss = loss_of();
        CHECK_THAT(loss.item(), is_close(losses(step)));
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
    }
    if (!is_f64) return;
    for (const auto& [key, parameter] : parameters) check_close(parameter.detach(), file.tensor("final.param." + key));
}

using Matrix = std::vector<std::vector<double>>;

Matrix product(const Matrix& a, const Matrix& b) {
    Matrix c(a.size(), std::vector<double>(b[0].size()));
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = 0; j < b[0].size(); ++j)
            for (std::size_t k = 0; k < b.size(); ++k) c[i][j] += a[i][k] * b[k][j];
    return c;
}

Matrix transposed(const Matrix& a) {
    Matrix t(a[0].size(), std::vector<double>(a.size()));
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = 0; j < a[0].size(); ++j) t[j][i] = a[i][j];
    return t;
}

Matrix matrix(const Tensor& x) {
    Matrix m;
    for (Index i = 0; i < x.size(0); ++i) {
        m.emplace_back();
        for (Index j = 0; j < x.size(1); ++j) m.back().push_back(x(i, j));
    }
    return m;
}

/// Jordan's iteration, on the wide one of the matrix and its transpose.
Matrix orthogonalized(const Matrix& g) {
    if (g.size() > g[0].size()) return transposed(orthogonalized(transposed(g)));
    double squares = 0;
    for (const auto& row : g)
        for (const double element : row) squares += element * element;
    Matrix x = g;
    for (auto& row : x)
        for (double& element : row) element /= std::sqrt(squares) + 1e-7;
    for (int step = 0; step < 5; ++step) {
        const Matrix a = product(x, transposed(x)), aa = product(a, a);
        Matrix b = a;
        for (std::size_t i = 0; i < a.size(); ++i)
            for (std::size_t j = 0; j < a.size(); ++j) b[i][j] = -4.7750 * a[i][j] + 2.0315 * aa[i][j];
        const Matrix bx = product(b, x);
        for (std::size_t i = 0; i < x.size(); ++i)
            for (std::size_t j = 0; j < x[0].size(); ++j) x[i][j] = 3.4445 * x[i][j] + bx[i][j];
    }
    return x;
}

/// Whether 400 steps bring Σ c (p − target)² near 0 from far away.
template <class O, class Options>
void check_minimises(const Options& options, double largest_distance) {
    INFO(O(Parameters{leaf(zeros({1, 1}))}).kind());
    const Tensor target{{1, -2, 0.5}, {3, 0, -1}}, curvature{{1, 2, 0.5}, {1, 3, 1}};
    const Tensor p = leaf(zeros({2, 3}));
    O optimizer({p}, options);
    Schedule schedule = Schedule::cosine(optimizer, {.total = 400});
    for (int step = 0; step < 400; ++step) {
        optimizer.zero_grad();
        sum(curvature * square(p - target)).backward();
        optimizer.step();
        schedule.step();
    }
    check_close(p.detach(), target, largest_distance);
}

}  // namespace

TEST_CASE("Ten steps of each optimizer follow PyTorch's losses") {
    check_fixture<SGD>("optim_sgd", SgdRule{.lr = 0.1});
    check_fixture<SGD>("optim_sgd_momentum", SgdRule{.lr = 0.1, .momentum = 0.9, .dampening = 0.2, .weight_decay = 0.01});
    check_fixture<SGD>("optim_sgd_nesterov", SgdRule{.lr = 0.1, .momentum = 0.9, .nesterov = true});
    check_fixture<Adam>("optim_adam", AdamRule{.lr = 0.01});
    check_fixture<Adam>("optim_adam_weight_decay", AdamRule{.lr = 0.01, .weight_decay = 0.1});
    check_fixture<AdamW>("optim_adamw", AdamWRule{.lr = 0.01, .weight_decay = 0.1});
    check_fixture<RMSprop>("optim_rmsprop", RMSpropRule{.lr = 0.01});
    check_fixture<RMSprop>("optim_rmsprop_centered_momentum", RMSpropRule{.lr = 0.01, .momentum = 0.9, .centered = true});
    check_fixture<Adagrad>("optim_adagrad", AdagradRule{.lr = 0.01});
}

TEST_CASE("O1: decoupled decay shrinks by lr times decay before the step, coupled decay goes through the moments") {
    check_steps<AdamW>(AdamWRule{.lr = 0.1, .weight_decay = 0.1}, gradients, {0.890000, 0.781100, 0.721724});
    check_steps<Adam>(AdamRule{.lr = 0.1}, gradients, {0.900000, 0.800000, 0.748435});
    check_steps<Adam>(AdamRule{.lr = 0.1, .weight_decay = 0.1}, gradients, {0.900000, 0.800047, 0.736975});
}

TEST_CASE("O5: SGD's first momentum is the gradient, undamped") {
    const std::vector<double> ones = {1, 1, 1};
    check_steps<SGD>(SgdRule{.lr = 0.1, .momentum = 0.9, .dampening = 0.5}, ones, {0.9, 0.76, 0.584});
    check_steps<SGD>(SgdRule{.lr = 0.1, .momentum = 0.9, .nesterov = true}, ones, {0.81, 0.539, 0.1951});
    check_steps<SGD>(SgdRule{.lr = 0.1, .momentum = 0.9}, ones, {0.9, 0.71, 0.439});
}

TEST_CASE("Decay and the lesser options of RMSprop and Adagrad give PyTorch's numbers") {
    check_steps<Adagrad>(AdagradRule{.lr = 0.1, .lr_decay = 0.1, .weight_decay = 0.1, .initial_accumulator_value = 0.2},
                         gradients, {0.9198216274, 0.8634202665, 0.8775077548});
    check_steps<RMSprop>(RMSpropRule{.lr = 0.1, .alpha = 0.9, .momentum = 0.9, .weight_decay = 0.1, .centered = true},
                         gradients, {0.6666666852, 0.1187953555, -0.2754030434});
}

TEST_CASE("What rules remember follows their formulas") {
    const Tensor p = leaf(Tensor{1});
    const auto remembered = [&](Optimizer& optimizer) {
        static_cast<void>(trajectory(optimizer, p, {2, 1}));
        return optimizer.state_dict().groups[0].parameters[0].tensors;
    };
    RMSprop centered({p}, {.alpha = 0.5, .momentum = 0.5, .centered = true});
    const NamedTensors means = remembered(centered);
    const auto find = [&](const char* name) { return std::ranges::find(means, name, &NamedTensor::name)->tensor.item(); };
    CHECK_THAT(find("square_avg"), is_close(0.5 * (0.5 * 4) + 0.5 * 1));
    CHECK_THAT(find("grad_avg"), is_close(0.5 * (0.5 * 2) + 0.5 * 1));
    SGD plain({p}, {.lr = 0.1}), heavy({p}, {.lr = 0.1, .momentum = 0.5});
    CHECK(remembered(plain).empty());
    REQUIRE(remembered(heavy).size() == 1);
    CHECK_THAT(heavy.state_dict().groups[0].parameters[0].tensors[0].tensor.item(), is_close(0.5 * 2 + 1));
}

TEST_CASE("A centered RMSprop with a constant gradient does not take the root of a negative number") {
    const Tensor p = leaf(Tensor{1});
    RMSprop optimizer({p}, {.lr = 1e-12, .alpha = 0.5, .centered = true});
    for (const double value : trajectory(optimizer, p, std::vector<double>(200, 0.3))) CHECK(std::isfinite(value));
}

TEST_CASE("Lion steps by the sign of an interpolated momentum, as written out") {
    const Tensor p = leaf(Tensor{1, -2, 0.5, 0});
    Lion optimizer({p}, {.lr = 0.01, .betas = {0.9, 0.99}, .weight_decay = 0.1});
    std::vector<double> expected = {1, -2, 0.5, 0}, m(4);
    for (int step = 0; step < 5; ++step) {
        const std::vector<double> g = {0.3 - 0.2 * step, -1, 0.1 * (step % 2) - 0.02, 0};
        Tensor(p).set_grad(Tensor{g[0], g[1], g[2], g[3]});
        optimizer.step();
        for (std::size_t i = 0; i < 4; ++i) {
            const double u = 0.9 * m[i] + 0.1 * g[i];
            expected[i] = (1 - 0.01 * 0.1) * expected[i] - 0.01 * ((u > 0) - (u < 0));
            m[i] = 0.99 * m[i] + 0.01 * g[i];
        }
        check_close(p.detach(), Tensor{expected[0], expected[1], expected[2], expected[3]}, is_f64 ? 1e-12 : 1e-6);
    }
}

TEST_CASE("Muon steps by the orthogonalized momentum of tall and wide matrices, as written out") {
    for (const bool nesterov : {true, false})
        for (const Shape& shape : {Shape{5, 2}, Shape{3, 4}, Shape{3, 3}}) {
            INFO("shape " << shape << ", nesterov " << nesterov);
            Generator generator(7);
            const Tensor p = leaf(randn(shape, generator));
            Muon optimizer({p}, {.nesterov = nesterov, .weight_decay = 0.1});
            Matrix expected = matrix(p.detach()), b = matrix(zeros(shape));
            const double scale = 0.02 * std::sqrt(std::max(1.0, double(shape[0]) / double(shape[1])));
            for (int step = 0; step < 3; ++step) {
                const Tensor gradient = randn(shape, generator);
                Tensor(p).set_grad(gradient);
                optimizer.step();
                Matrix u = matrix(gradient);
                for (std::size_t i = 0; i < b.size(); ++i)
                    for (std::size_t j = 0; j < b[0].size(); ++j) {
                        b[i][j] = 0.95 * b[i][j] + u[i][j];
                        u[i][j] = nesterov ? u[i][j] + 0.95 * b[i][j] : b[i][j];
                    }
                const Matrix o = orthogonalized(u);
                for (std::size_t i = 0; i < b.size(); ++i)
                    for (std::size_t j = 0; j < b[0].size(); ++j) {
                        expected[i][j] = (1 - 0.02 * 0.1) * expected[i][j] - scale * o[i][j];
                        CHECK_THAT(p(Index(i), Index(j)), is_close(expected[i][j], is_f64 ? 1e-9 : 1e-4));
                    }
            }
        }
}

TEST_CASE("Newton and Schulz' iteration leaves singular values near 1 and a matrix of zeros alone") {
    Generator generator(3);
    const Tensor o = newton_schulz(randn({4, 9}, generator));
    const Tensor gram = matmul(o, transpose(o));  // its eigenvalues are the squares of the singular values
    double trace = 0;
    for (Index i = 0; i < 4; ++i) trace += gram(i, i);
    CHECK(trace / 4 > 0.5);
    CHECK(trace / 4 < 1.5);
    check_close(newton_schulz(zeros({2, 3})), zeros({2, 3}));
    CHECK_THROWS_AS(newton_schulz(zeros({3})), ShapeError);
}

TEST_CASE("Each optimizer minimises a quadratic") {
    check_minimises<SGD>(SgdRule{.lr = 0.1}, 1e-3);
    check_minimises<SGD>(SgdRule{.lr = 0.05, .momentum = 0.9, .nesterov = true}, 1e-3);
    check_minimises<Adam>(AdamRule{.lr = 0.1}, 1e-3);
    check_minimises<AdamW>(AdamWRule{.lr = 0.1, .weight_decay = 0}, 1e-3);
    check_minimises<RMSprop>(RMSpropRule{.lr = 0.05}, 1e-2);
    check_minimises<Adagrad>(AdagradRule{.lr = 1}, 1e-2);
    check_minimises<Lion>(LionRule{.lr = 0.05}, 1e-2);
    check_minimises<Muon>(MuonRule{.lr = 0.1}, 2e-2);
}
