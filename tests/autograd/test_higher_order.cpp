// Derivatives of derivatives: recorded sweeps, differentiated as often as one likes.
#include <support/testing.hpp>

using namespace testing;

namespace {

/// The first `order` derivatives of a function of one number.
std::vector<double> derivatives(Tensor (*f)(const Tensor&), double at, int order) {
    const Tensor x = leaf(at);
    Tensor y = f(x);
    std::vector<double> found;
    for (int i = 0; i < order; ++i) {
        y = grad(y, {x}, {.create_graph = true})[0];
        found.push_back(y.item());
    }
    return found;
}

void check_derivatives(Tensor (*f)(const Tensor&), double at, const std::vector<double>& expected) {
    const std::vector<double> found = derivatives(f, at, static_cast<int>(expected.size()));
    for (std::size_t i = 0; i < expected.size(); ++i) {
        INFO("derivative " << i + 1 << ": " << found[i] << ", expected " << expected[i]);
        CHECK_THAT(found[i], is_close(expected[i], is_f64 ? 1e-10 : 2e-4));
    }
}

}  // namespace

TEST_CASE("the derivatives of x to the fourth are right until they vanish") {
    check_derivatives([](const Tensor& x) { return pow(x, 4); }, 2, {32, 48, 48, 24, 0});
    check_derivatives([](const Tensor& x) { return x * x * x * x; }, 2, {32, 48, 48, 24, 0});
    check_derivatives([](const Tensor& x) { return square(square(x)); }, 2, {32, 48, 48, 24, 0});
}

TEST_CASE("derivatives of every order of elementary functions are right") {
    const double x = 0.4, e = std::exp(x), s = std::sin(x), c = std::cos(x), t = std::tanh(x);
    check_derivatives(tapehead::exp, x, {e, e, e, e});
    check_derivatives(tapehead::sin, x, {c, -s, -c, s});
    check_derivatives(tapehead::log, x, {1 / x, -1 / (x * x), 2 / (x * x * x), -6 / std::pow(x, 4)});
    check_derivatives(tapehead::reciprocal, x, {-std::pow(x, -2), 2 * std::pow(x, -3), -6 * std::pow(x, -4)});
    check_derivatives(tapehead::sqrt, x, {0.5 * std::pow(x, -0.5), -0.25 * std::pow(x, -1.5), 0.375 * std::pow(x, -2.5)});
    check_derivatives(tapehead::tanh, x, {1 - t * t, -2 * t * (1 - t * t), (1 - t * t) * (6 * t * t - 2)});
    const double sg = 1 / (1 + std::exp(-x)), d = sg * (1 - sg);
    check_derivatives(tapehead::sigmoid, x, {d, d * (1 - 2 * sg), d * (1 - 6 * d)});
    check_derivatives(tapehead::softplus, x, {sg, d, d * (1 - 2 * sg)});
    const double phi = std::exp(-x * x / 2) / std::sqrt(2 * M_PI), cdf = 0.5 * std::erfc(-x / std::sqrt(2.0));
    check_derivatives(tapehead::gelu, x, {cdf + x * phi, phi * (2 - x * x), phi * (x * x * x - 4 * x)});
}

TEST_CASE("the Hessian of a function of two numbers is right and symmetric") {
    // f = x² y + sin y
    const Tensor p = leaf(Tensor{1.5, 0.7});
    const Tensor x = select(p, 0, 0), y = select(p, 0, 1);
    const Tensor g = grad(x * x * y + sin(y), {p}, {.create_graph = true})[0];
    check_close(g, Tensor{2 * 1.5 * 0.7, 1.5 * 1.5 + std::cos(0.7)});
    const Tensor first = grad(select(g, 0, 0), {p}, {.retain_graph = true})[0], second = grad(select(g, 0, 1), {p})[0];
    check_close(first, Tensor{1.4, 3.0});
    check_close(second, Tensor{3.0, -std::sin(0.7)});
}

TEST_CASE("a Hessian-vector product of a small network agrees with differences of gradients") {
    if (!is_f64) return;
    const Tensor w = leaf(Tensor{{0.2, -0.4, 0.6}, {0.1, 0.9, -0.3}}), x{{1, 2}, {-1, 0.5}}, v{{1, 0, -1}, {0.5, 2, 0.25}};
    const auto gradient = [&](bool create_graph) {
        const Tensor loss = mean(square(gelu(layer_norm(matmul(x, w), {3})) * softmax(matmul(x, w))));
        return grad(loss, {w}, {.create_graph = create_graph})[0];
    };
    const Tensor product = grad(sum(gradient(true) * v), {w})[0];
    const double h = 1e-5;
    const auto moved = [&](double by) {
        const no_grad off;
        Tensor(w).add_(v, by);
    };
    moved(h);
    const Tensor up = gradient(false);
    moved(-2 * h);
    const Tensor down = gradient(false);
    moved(h);
    check_close(product, (up - down) / (2 * h), 1e-6);
}

TEST_CASE("a gradient can be part of a loss") {
    // The gradient penalty (|dy/dx| − 1)² of y = w x², where dy/dx = 2 w x
    const Tensor w = leaf(0.7), x = leaf(1.5);
    const Tensor g = grad(w * square(x), {x}, {.create_graph = true})[0];
    square(abs(g) - 1).backward();
    check_close(w.grad(), 2 * (2.1 - 1) * 3);
    check_close(x.grad(), 2 * (2.1 - 1) * 1.4);
}

TEST_CASE("backward with create_graph leaves gradients that can be differentiated") {
    Tensor x = leaf(3);
    (x * x * x).backward({.create_graph = true});
    const Tensor g = x.grad();
    check_close(g, 27);
    CHECK(g.requires_grad());
    x.zero_grad();  // the gradient's graph holds x, and x would hold the gradient
    g.backward();
    check_close(x.grad(), 18);
    CHECK_FALSE(x.grad().requires_grad());
}

TEST_CASE("create_graph implies that the graph is kept") {
    const Tensor x = leaf(3), y = x * x;
    grad(y, {x}, {.create_graph = true});
    check_close(grad(y, {x})[0], 6);
}

TEST_CASE("gradients_of is the rule of a function, recorded when grad mode is on") {
    const Tensor x = leaf(2), w = leaf(5), constant(3);
    const auto f = [](const std::vector<Tensor>& in) { return in[0] * in[0] * in[1] * in[2]; };
    const auto recorded = gradients_of(f, {x, w, constant, Tensor()}, Tensor(1));
    check_close(recorded[0], 60);
    check_close(recorded[1], 12);
    CHECK_FALSE(recorded[2].defined());
    CHECK_FALSE(recorded[3].defined());
    check_close(grad(recorded[0], {x, w})[0], 30);
    CHECK_FALSE(x.grad().defined());
    const no_grad off;
    CHECK_FALSE(gradients_of(f, {x, w, constant}, Tensor(1))[0].requires_grad());
}
