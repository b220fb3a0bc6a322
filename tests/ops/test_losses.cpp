// Losses: PyTorch's values and gradients, derivatives of every order, the fused cross entropy against its twin, and the
// policies.
#include <support/testing.hpp>

#include <filesystem>
#include <limits>
#include <set>

#include <support/fixture.hpp>

using namespace testing;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

Tensor values(const Shape& shape, unsigned seed) {
    Generator generator(seed);
    return randn(shape, generator);
}

/// Numbers in (0, 1), away from both ends.
Tensor probabilities(const Shape& shape, unsigned seed) { return 0.1 + 0.8 * sigmoid(values(shape, seed)); }

Reduction reduction_of(const std::string& name) {
    if (name == "mean") return Reduction::mean;
    if (name == "sum") return Reduction::sum;
    if (name == "none") return Reduction::none;
    REQUIRE(name == "batchmean");
    return Reduction::batchmean;
}

/// The loss of a fixture for inputs that are leaves where the file has their gradient.
Tensor loss_of(const Fixture& file, const std::map<std::string, Tensor>& in) {
    const std::string op = file.op().substr(std::string("torch.nn.functional.").size());
    const auto args = file.arguments();
    const Reduction reduction = reduction_of(args.value("reduction", "mean"));
    const auto given = [&](const char* name) { return in.count(name) ? in.at(name) : Tensor(); };
    if (op == "cross_entropy")
        return cross_entropy(in.at("logits"), file.ids("input.target"),
                             {.weight = given("weight"),
                              .ignore_index = args.value("ignore_index", -100),
                              .reduction = reduction,
                              .label_smoothing = args.value("label_smoothing", 0.0)});
    if (op == "nll_loss")
        return nll_loss(in.at("log_probs"), file.ids("input.target"),
                        {.weight = given("weight"), .ignore_index = args.value("ignore_index", -100), .reduction = reduction});
    if (op == "huber_loss") return huber_loss(in.at("input"), in.at("target"), args.value("delta", 1.0), reduction);
    if (op == "binary_cross_entropy_with_logits")
        return binary_cross_entropy_with_logits(in.at("logits"), in.at("target"),
                                                {.weight = given("weight"),
                                                 .pos_weight = given("pos_weight"),
                                                 .reduction = reduction});
    REQUIRE(op == "kl_div");
    return kl_div(in.at("input"), in.at("target"), {.reduction = reduction, .log_target = args.value("log_target", false)});
}

void check_fixture(const Fixture& file) {
    std::map<std::string, Tensor> in;
    const std::string prefix = "input.";
    for (const auto& [name, dtype, shape, bytes] : file.entries())
        if (name.compare(0, prefix.size(), prefix) == 0 && dtype == Dtype::F64)
            in[name.substr(prefix.size())] = file.has("grad." + name) ? leaf(file.tensor(name)) : file.tensor(name);
    const Tensor y = loss_of(file, in);
    check_close(y, file.tensor("output.y"));
    y.backward(file.tensor("upstream.y"));
    int gradients = 0;
    for (const auto& [name, x] : in) {
        if (!x.requires_grad()) continue;
        INFO("gradient of " << name);
        check_close(x.grad(), file.tensor("grad.input." + name));
        ++gradients;
    }
    CHECK(gradients > 0);
}

/// A loss as a function of one reduction, with inputs to differentiate.
struct Loss {
    std::string name;
    std::function<Tensor(const std::vector<Tensor>&, Reduction)> f;
    std::vector<Tensor> inputs;
};

const Ids flat_targets() { return Ids{3, 0, -100, 2, 0, 1}; }
const Ids deep_targets() { return Ids{{3, 0, -100}, {2, 0, 1}}; }

std::vector<Loss> losses_of_classes() {
    const Tensor x = values({6, 4}, 1), deep = values({2, 4, 3}, 2), one = values({4}, 3), w = probabilities({4}, 4);
    const Tensor p = softmax(values({6, 4}, 5)), deep_p = softmax(values({2, 4, 3}, 6), 1);
    return {
        {"cross_entropy", [](auto& in, Reduction r) { return cross_entropy(in[0], flat_targets(), {.reduction = r}); }, {x}},
        {"cross_entropy, smoothed",
         [](auto& in, Reduction r) { return cross_entropy(in[0], flat_targets(), {.reduction = r, .label_smoothing = 0.2}); },
         {x}},
        {"cross_entropy, weighted",
         [w](auto& in, Reduction r) { return cross_entropy(in[0], flat_targets(), {.weight = w, .reduction = r}); },
         {x}},
        {"cross_entropy, smoothed and weighted, an ignored class",
         [w](auto& in, Reduction r) {
             return cross_entropy(in[0], Ids{3, 0, 2, 2, 0, 1},
                                  {.weight = w, .ignore_index = 2, .reduction = r, .label_smoothing = 0.2});
         },
         {x}},
        {"cross_entropy, as a function of the weight too",
         [](auto& in, Reduction r) {
             return cross_entropy(in[0], flat_targets(), {.weight = in[1], .reduction = r, .label_smoothing = 0.2});
         },
         {x, w}},
        {"cross_entropy of [N, C, d]",
         [](auto& in, Reduction r) { return cross_entropy(in[0], deep_targets(), {.reduction = r, .label_smoothing = 0.1}); },
         {deep}},
        {"cross_entropy of [C]",
         [](auto& in, Reduction r) { return cross_entropy(in[0], Ids(Id{2}), {.reduction = r}); },
         {one}},
        {"cross_entropy of probabilities",
         [w](auto& in, Reduction r) {
             return cross_entropy(in[0], in[1], {.weight = w, .reduction = r, .label_smoothing = 0.1});
         },
         {x, p}},
        {"cross_entropy of probabilities [N, C, d]",
         [](auto& in, Reduction r) { return cross_entropy(in[0], in[1], {.reduction = r}); },
         {deep, deep_p}},
        {"nll_loss", [](auto& in, Reduction r) { return nll_loss(in[0], flat_targets(), {.reduction = r}); }, {x}},
        {"nll_loss, weighted",
         [](auto& in, Reduction r) { return nll_loss(in[0], deep_targets(), {.weight = in[1], .reduction = r}); },
         {deep, w}},
    };
}

std::vector<Loss> losses_of_numbers() {
    const Tensor x = values({3, 4}, 1), t = values({3, 4}, 2), p = probabilities({3, 4}, 3), q = probabilities({3, 4}, 4);
    const Tensor w = probabilities({4}, 5), pw = 1 + probabilities({3, 1}, 6);
    return {
        {"mse_loss", [](auto& in, Reduction r) { return mse_loss(in[0], in[1], r); }, {x, t}},
        {"l1_loss", [](auto& in, Reduction r) { return l1_loss(in[0], in[1], r); }, {x, t}},
        {"huber_loss", [](auto& in, Reduction r) { return huber_loss(in[0], in[1], 0.7, r); }, {x, t}},
        {"smooth_l1_loss", [](auto& in, Reduction r) { return smooth_l1_loss(in[0], in[1], 0.7, r); }, {x, t}},
        {"smooth_l1_loss, beta 0", [](auto& in, Reduction r) { return smooth_l1_loss(in[0], in[1], 0, r); }, {x, t}},
        {"binary_cross_entropy_with_logits",
         [](auto& in, Reduction r) { return binary_cross_entropy_with_logits(in[0], in[1], {.reduction = r}); },
         {x, p}},
        {"binary_cross_entropy_with_logits, weighted",
         [](auto& in, Reduction r) {
             return binary_cross_entropy_with_logits(in[0], in[1], {.weight = in[2], .pos_weight = in[3], .reduction = r});
         },
         {x, p, w, pw}},
        {"binary_cross_entropy",
         [](auto& in, Reduction r) { return binary_cross_entropy(in[0], in[1], {.reduction = r}); },
         {p, q}},
        {"binary_cross_entropy, weighted",
         [](auto& in, Reduction r) { return binary_cross_entropy(in[0], in[1], {.weight = in[2], .reduction = r}); },
         {p, q, w}},
        {"kl_div", [](auto& in, Reduction r) { return kl_div(in[0], in[1], {.reduction = r}); }, {x, p}},
        {"kl_div, log_target",
         [](auto& in, Reduction r) { return kl_div(in[0], in[1], {.reduction = r, .log_target = true}); },
         {x, t}},
    };
}

std::vector<Loss> all_losses() {
    std::vector<Loss> all = losses_of_classes();
    for (Loss& loss : losses_of_numbers()) all.push_back(std::move(loss));
    return all;
}

constexpr Reduction reductions[] = {Reduction::mean, Reduction::sum, Reduction::none};

/// The gradient of a scalar loss as a function of x.
template <class F>
Tensor gradient(const Tensor& x, const F& f) {
    const Tensor at = leaf(clone(x));
    return grad(f(at), {at})[0];
}

}  // namespace

TEST_CASE("losses and their gradients are those of PyTorch") {
    std::set<std::string> ops;
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(TAPEHEAD_FIXTURES)) {
        const std::string name = entry.path().stem().string();
        if (name.compare(0, 5, "loss_") != 0) continue;
        INFO(name);
        const Fixture file = fixture(name);
        check_fixture(file);
        ops.insert(file.op());
        ++files;
    }
    CHECK(files >= 47);
    CHECK(ops.size() >= 5);
}

TEST_CASE("every loss has the right first and second derivatives under every reduction") {
    if (!is_f64) return;
    for (const Loss& loss : all_losses())
        for (const Reduction reduction : reductions) {
            INFO(loss.name << ", reduction " << static_cast<int>(reduction));
            std::vector<Tensor> inputs;
            for (const Tensor& x : loss.inputs) inputs.push_back(leaf(clone(x)));
            const Function f = [&](const std::vector<Tensor>& in) { return loss.f(in, reduction); };
            const auto first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
            INFO(first.message() << "\n" << second.message());
            CHECK(first);
            CHECK(second);
        }
}

TEST_CASE("the sum and the mean of a loss are those of its single terms") {
    for (const Loss& loss : losses_of_numbers()) {
        INFO(loss.name);
        const Tensor each = loss.f(loss.inputs, Reduction::none);
        check_close(loss.f(loss.inputs, Reduction::sum), sum(each));
        check_close(loss.f(loss.inputs, Reduction::mean), mean(each));
    }
    for (const Loss& loss : losses_of_classes()) {
        INFO(loss.name);
        check_close(loss.f(loss.inputs, Reduction::sum), sum(loss.f(loss.inputs, Reduction::none)));
    }
}

TEST_CASE("fused and written-out cross entropy have the same values and gradients") {
    const Index classes = GENERATE(1, 3, 8, 37, 300);
    const Tensor x = 3 * values({20, classes}, 7), w = probabilities({classes}, 8), dy = values({20}, 9);
    Generator generator(10);
    Ids targets = randint(0, classes, {20}, generator);
    targets(4) = targets(11) = -100;
    for (const Real smoothing : {0.0, 0.1, 1.0})
        for (const Tensor& weight : {Tensor(), w}) {
            const CrossEntropyOptions options{.weight = weight, .reduction = Reduction::none, .label_smoothing = smoothing};
            const Tensor a = leaf(clone(x)), b = leaf(clone(x));
            const Tensor fused = cross_entropy(a, targets, options), composite = cross_entropy_composite(b, targets, options);
            check_close(fused, composite);
            check_close(grad(fused, {a}, {.seed = dy, .retain_graph = true})[0], grad(composite, {b}, {.seed = dy})[0]);
            check_close(grad(fused, {a}, {.seed = dy, .create_graph = true})[0],
                        grad(cross_entropy(a, targets, options), {a}, {.seed = dy})[0]);
        }
}

TEST_CASE("cross entropy of rows is one fused operation and its reduction") {
    const Tensor x = leaf(values({6, 4}, 1));
    const Tensor y = cross_entropy(x, flat_targets(), {.reduction = Reduction::none, .label_smoothing = 0.1});
    REQUIRE(y.node());
    CHECK(std::string(y.node()->operation.name) == "cross_entropy");
    REQUIRE(y.node()->inputs().size() == 1);
    CHECK(y.node()->inputs()[0]->is_leaf());
}

TEST_CASE("L1: cross entropy does not overflow for large logits") {
    const Tensor x{1000, 0, -1000};
    for (const Id target : {0, 1, 2}) {
        const Tensor rows = reshape(x, {1, 3});
        CHECK(cross_entropy(rows, Ids{target}).item() == Scalar(1000 * target));
        CHECK(cross_entropy_composite(rows, Ids{target}).item() == Scalar(1000 * target));
    }
    check_close(gradient(x, [](const Tensor& at) { return cross_entropy(at, Ids(Id{2})); }), Tensor{1, 0, -1});

    const Tensor far{-431, 279, 427};
    CHECK(cross_entropy(far, Ids(Id{0})).item() == 858);
    const Tensor d = gradient(far, [](const Tensor& at) { return cross_entropy(at, Ids(Id{0})); });
    CHECK(d(0) == -1);
    CHECK(d(2) == 1);
    if (is_f64) CHECK(static_cast<double>(d(1)) == Approx(5.3e-65).epsilon(0.01));
    else CHECK(d(1) == 0);

    const Tensor shifted{{1000, 999}, {-1000, -1001}};
    const Tensor ds = gradient(shifted, [](const Tensor& at) {
        return cross_entropy(at, Ids{0, 0}, {.reduction = Reduction::sum});
    });
    check_close(ds, Tensor{{-0.268941421369995, 0.268941421369995}, {-0.268941421369995, 0.268941421369995}});
}

TEST_CASE("a class that cannot be has no part in cross entropy") {
    const Tensor x{{1, -inf, 2}};
    for (const bool fused : {true, false}) {
        const auto loss = [&](const Tensor& at) {
            return fused ? cross_entropy(at, Ids{2}) : cross_entropy_composite(at, Ids{2});
        };
        check_close(loss(x), Tensor(std::log1p(std::exp(-1.0))));
        check_close(gradient(x, loss), Tensor{{0.268941421369995, 0, -0.268941421369995}});
    }
    check_close(cross_entropy(x, Tensor{{0, 0, 1}}), Tensor(std::log1p(std::exp(-1.0))));
}

TEST_CASE("L2: cross entropy divides by the targets that count") {
    const Tensor x{{1, 2, 3}, {1, 2, 3}, {3, 1, 0}};
    const Ids targets{2, -100, 0};
    const double tol = 1e-5;
    check_close(cross_entropy(x, targets), Tensor(0.288726), tol);
    check_close(nll_loss(log_softmax(x), targets), Tensor(0.288726), tol);
    const Tensor expected{{0.045015, 0.122364, -0.167380}, {0, 0, 0}, {-0.078103, 0.057098, 0.021005}};
    const Tensor d = gradient(x, [&](const Tensor& at) { return cross_entropy(at, targets); });
    check_close(d, expected, tol);
    for (const Index c : {0, 1, 2}) CHECK(d(1, c) == 0);
    for (const bool fused : {true, false}) {
        const auto loss = [&](const CrossEntropyOptions& options) {
            return fused ? cross_entropy(x, targets, options) : cross_entropy_composite(x, targets, options);
        };
        check_close(loss({}), Tensor(0.288726), tol);
        check_close(loss({.reduction = Reduction::sum}), Tensor(0.577452), tol);
        check_close(loss({.reduction = Reduction::none}), Tensor{0.407606, 0, 0.169846}, tol);
    }
}

TEST_CASE("L2: cross entropy of nothing that counts is 0 with gradient 0") {
    const Tensor x{{1, 2, 3}, {NAN, inf, 3}};
    const Ids ignored{-100, -100};
    const Tensor w{1, 2, 3}, zero_weight{0, 0, 0};
    for (const Tensor& weight : {Tensor(), w})
        for (const Real smoothing : {0.0, 0.1})
            for (const Reduction reduction : reductions)
                for (const bool fused : {true, false}) {
                    const CrossEntropyOptions options{.weight = weight, .reduction = reduction, .label_smoothing = smoothing};
                    const auto loss = [&](const Tensor& at) {
                        return sum(fused ? cross_entropy(at, ignored, options) : cross_entropy_composite(at, ignored, options));
                    };
                    CHECK(loss(x).item() == 0);
                    check_close(gradient(x, loss), zeros({2, 3}), 0);
                }
    const auto nll = [&](const Tensor& at) { return nll_loss(at, ignored); };
    CHECK(nll(x).item() == 0);
    check_close(gradient(x, nll), zeros({2, 3}), 0);
    const Tensor finite{{1, 2, 3}};
    const auto unweighted = [&](const Tensor& at) { return cross_entropy(at, Ids{1}, {.weight = zero_weight}); };
    CHECK(unweighted(finite).item() == 0);
    check_close(gradient(finite, unweighted), zeros({1, 3}), 0);
    CHECK(cross_entropy(zeros({0, 3}), make_array<Id>({0})).item() == 0);
}

TEST_CASE("an ignored row that is NaN reaches neither the loss nor a gradient") {
    const Tensor x{{NAN, NAN, NAN}, {1, 2, 3}};
    const Ids targets{-100, 2};
    const Tensor clean = gradient(slice(x, 0, 1), [](const Tensor& at) { return cross_entropy(at, Ids{2}); });
    for (const bool fused : {true, false}) {
        const auto loss = [&](const Tensor& at) {
            return fused ? cross_entropy(at, targets) : cross_entropy_composite(at, targets);
        };
        const Tensor d = gradient(x, loss);
        check_close(slice(d, 0, 0, 1), zeros({1, 3}), 0);
        check_close(slice(d, 0, 1), clean);
    }
}

TEST_CASE("L4: a target that is no class throws, whatever the reduction") {
    const Tensor x{{1, 2, 3}, {1, 2, 3}};
    for (const Reduction reduction : reductions) {
        CHECK_THROWS_AS(cross_entropy(x, Ids{0, -4}, {.ignore_index = -1, .reduction = reduction}), IndexError);
        CHECK_THROWS_AS(cross_entropy(x, Ids{0, 3}, {.reduction = reduction}), IndexError);
        CHECK_THROWS_AS(cross_entropy_composite(x, Ids{0, 3}, {.reduction = reduction}), IndexError);
        CHECK_NOTHROW(cross_entropy(x, Ids{0, 255}, {.ignore_index = 255, .reduction = reduction}));
        CHECK_THROWS_AS(nll_loss(x, Ids{0, -4}, {.ignore_index = -1, .reduction = reduction}), IndexError);
        CHECK_THROWS_AS(nll_loss(x, Ids{0, 3}, {.reduction = reduction}), IndexError);
        CHECK_NOTHROW(nll_loss(x, Ids{0, 255}, {.ignore_index = 255, .reduction = reduction}));
    }
    CHECK_THROWS_WITH(cross_entropy(x, Ids{0, 3}), Catch::Contains("[0, 3)") && Catch::Contains("got 3"));
}

TEST_CASE("losses of several axes are those of their rows") {
    const Tensor x = values({2, 5, 3, 2}, 1);
    Generator generator(2);
    const Ids targets = randint(0, 5, {2, 3, 2}, generator);
    Ids flat = targets;
    flat.reshape({std::size_t{12}});
    const Tensor rows = reshape(permute(x, {0, 2, 3, 1}), {12, 5});
    const CrossEntropyOptions options{.reduction = Reduction::none, .label_smoothing = 0.1};
    check_close(cross_entropy(x, targets, options), reshape(cross_entropy(rows, flat, options), {2, 3, 2}));
    check_close(nll_loss(x, targets, {.reduction = Reduction::none}),
                reshape(nll_loss(rows, flat, {.reduction = Reduction::none}), {2, 3, 2}));
    CHECK(cross_entropy(values({5}, 3), Ids(Id{1}), {.reduction = Reduction::none}).shape() == Shape{});
    CHECK(nll_loss(values({2, 5, 1, 1, 1, 1, 1}, 3), Ids(xt::zeros<Id>({2, 1, 1, 1, 1, 1}))).shape() == Shape{});
}

TEST_CASE("a one-hot distribution costs what its class does") {
    const Tensor x = values({6, 4}, 1), w = probabilities({4}, 2);
    const Ids targets{3, 0, 1, 2, 0, 1};
    for (const Real smoothing : {0.0, 0.2})
        for (const Tensor& weight : {Tensor(), w}) {
            const CrossEntropyOptions options{.weight = weight, .reduction = Reduction::none, .label_smoothing = smoothing};
            check_close(cross_entropy(x, one_hot(targets, 4), options), cross_entropy(x, targets, options));
        }
    check_close(cross_entropy(x, one_hot(targets, 4), {.weight = w}),
                sum(cross_entropy(x, targets, {.weight = w, .reduction = Reduction::none})) / 6.0);  // not by the weights
}

TEST_CASE("cross entropy and nll_loss throw for what does not fit") {
    const Tensor x = ones({2, 3});
    CHECK_THROWS_AS(cross_entropy(Tensor(1), Ids(Id{0})), ShapeError);
    CHECK_THROWS_AS(cross_entropy(x, Ids{0, 1, 2}), ShapeError);
    CHECK_THROWS_AS(cross_entropy(x, Ids{{0, 1}}), ShapeError);
    CHECK_THROWS_AS(cross_entropy(x, ones({2})), ShapeError);
    CHECK_THROWS_AS(cross_entropy(x, Ids{0, 1}, {.weight = ones({2})}), ShapeError);
    CHECK_THROWS_AS(cross_entropy(x, Ids{0, 1}, {.reduction = Reduction::batchmean}), ValueError);
    CHECK_THROWS_AS(cross_entropy(x, Ids{0, 1}, {.label_smoothing = 1.1}), ValueError);
    CHECK_THROWS_AS(cross_entropy(x, Ids{0, 1}, {.label_smoothing = -0.1}), ValueError);
    CHECK_THROWS_AS(cross_entropy(x, ones({2, 3}), {.ignore_index = 1}), ValueError);
    CHECK_THROWS_AS(nll_loss(x, Ids{0}), ShapeError);
    CHECK_THROWS_AS(nll_loss(x, Ids{0, 1}, {.reduction = Reduction::batchmean}), ValueError);
}

TEST_CASE("losses of numbers do not broadcast and refuse what is no value of theirs") {
    const Tensor x = ones({2, 3}), row = ones({3}), column = ones({2, 1});
    for (const Tensor& t : {row, column}) {
        CHECK_THROWS_AS(mse_loss(x, t), ShapeError);
        CHECK_THROWS_AS(l1_loss(x, t), ShapeError);
        CHECK_THROWS_AS(huber_loss(x, t), ShapeError);
        CHECK_THROWS_AS(smooth_l1_loss(x, t), ShapeError);
        CHECK_THROWS_AS(binary_cross_entropy_with_logits(x, t), ShapeError);
        CHECK_THROWS_AS(binary_cross_entropy(x, t), ShapeError);
        CHECK_THROWS_AS(kl_div(x, t), ShapeError);
    }
    CHECK_THROWS_AS(mse_loss(x, x, Reduction::batchmean), ValueError);
    CHECK_THROWS_AS(binary_cross_entropy(x, x, {.reduction = Reduction::batchmean}), ValueError);
    CHECK_THROWS_AS(huber_loss(x, x, 0), ValueError);
    CHECK_THROWS_AS(smooth_l1_loss(x, x, -1), ValueError);
    CHECK_THROWS_AS(binary_cross_entropy(x * 1.5, x), ValueError);
    CHECK_THROWS_AS(binary_cross_entropy(-x, x), ValueError);
    CHECK_THROWS_AS(binary_cross_entropy(x, x, {.weight = ones({4})}), ShapeError);
    CHECK_THROWS_AS(binary_cross_entropy_with_logits(x, x, {.weight = ones({2})}), ShapeError);
    CHECK_THROWS_AS(binary_cross_entropy_with_logits(x, x, {.pos_weight = ones({1, 2, 3})}), ShapeError);
}

TEST_CASE("simple losses have the values of their formulas") {
    const Tensor x{0.5, -2, 3}, t{0, 0, 1};
    const auto none = Reduction::none;
    check_close(mse_loss(x, t, none), Tensor{0.25, 4, 4});
    check_close(l1_loss(x, t, none), Tensor{0.5, 2, 2});
    check_close(huber_loss(x, t, 1, none), Tensor{0.125, 1.5, 1.5});
    check_close(huber_loss(x, t, 2, none), Tensor{0.125, 2, 2});
    check_close(smooth_l1_loss(x, t, 2, none), Tensor{0.0625, 1, 1});
    check_close(smooth_l1_loss(x, t, 0, none), Tensor{0.5, 2, 2});
    check_close(gradient(t, [&](const Tensor& at) { return l1_loss(at, t, Reduction::sum); }), zeros({3}), 0);
}

TEST_CASE("L6: binary cross entropy with logits overflows at neither end") {
    const Tensor x{100, -100, 100, -100}, t{0, 1, 1, 0};
    const double small = is_f64 ? 3.720075976020836e-44 : 0;  // in single precision a denormal number, or 0
    const auto loss = [&](const Tensor& at) { return binary_cross_entropy_with_logits(at, t, {.reduction = Reduction::sum}); };
    const Tensor each = binary_cross_entropy_with_logits(x, t, {.reduction = Reduction::none}), d = gradient(x, loss);
    CHECK(each(0) == 100);
    CHECK(each(1) == 100);
    CHECK(d(0) == 1);
    CHECK(d(1) == -1);
    for (const Index i : {2, 3}) {
        const double sign = i == 2 ? -1 : 1;
        CHECK_THAT(each(i), Catch::WithinRel(small, 1e-9) || Catch::WithinAbs(small, is_f64 ? 0 : 1e-43));
        CHECK_THAT(d(i), Catch::WithinRel(sign * small, 1e-9) || Catch::WithinAbs(small, is_f64 ? 0 : 1e-43));
    }
    const Tensor edges{inf, -inf};
    check_close(binary_cross_entropy_with_logits(edges, Tensor{1, 0}), Tensor(0));
    const Tensor d_edges = gradient(edges, [](const Tensor& at) { return binary_cross_entropy_with_logits(at, Tensor{1, 0}); });
    check_close(d_edges, zeros({2}), 0);
}

TEST_CASE("binary cross entropy of probabilities is that of their logits, and bounded at 0 and 1") {
    const Tensor x = values({3, 4}, 1), t = probabilities({3, 4}, 2), w = probabilities({4}, 3);
    check_close(binary_cross_entropy(sigmoid(x), t, {.weight = w}), binary_cross_entropy_with_logits(x, t, {.weight = w}),
                10 * tolerance);
    const Tensor p{0, 1, 0, 1}, hard{1, 0, 0, 1};
    check_close(binary_cross_entropy(p, hard, {.reduction = Reduction::none}), Tensor{100, 100, 0, 0});
    const Tensor d = gradient(p, [&](const Tensor& at) { return binary_cross_entropy(at, hard); });
    for (const Scalar value : d.values()) CHECK(std::isfinite(value));
}

TEST_CASE("kl_div of a target of probability 0 is 0 whatever the input") {
    const Tensor x{{-inf, std::log(0.25), std::log(0.75)}}, t{{0, 0.5, 0.5}};
    const double expected = 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3.0);
    for (const bool is_log : {false, true}) {
        const Tensor target = leaf(is_log ? log(t) : clone(t)), at = leaf(clone(x));
        const Tensor y = kl_div(at, target, {.reduction = Reduction::sum, .log_target = is_log});
        check_close(y, Tensor(expected));
        y.backward();
        check_close(at.grad(), Tensor{{0, -0.5, -0.5}});
        CHECK(target.grad()(0, 0) == 0);
        for (const Scalar value : target.grad().values()) CHECK(std::isfinite(value));
    }
    const Tensor two = concat({x, x}), twice = concat({t, t});
    check_close(kl_div(two, twice, {.reduction = Reduction::batchmean}), Tensor(expected));
    check_close(kl_div(two, twice), Tensor(expected / 3));
}
