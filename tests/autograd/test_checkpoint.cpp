// checkpoint gives the same values and gradients of every order as without it, from less memory.
#include "allocator.hpp"

#include <thread>

using namespace testing;

namespace {

/// Two layers with dropout between, whose parameters a function captures.
struct Block {
    Tensor w1 = leaf(0.4 * numbers({4, 4}, 1)), w2 = leaf(0.4 * numbers({4, 4}, 2)), b = leaf(numbers({4}, 3));

    Tensor operator()(const Tensor& x) const { return x + linear(dropout(gelu(linear(x, w1, b)), 0.3, true), w2); }
    std::vector<Tensor> parameters() const { return {w1, w2, b}; }
};

/// The gradients of f() by some leaves, found by backward(); the leaves are left without.
std::vector<Tensor> swept(const std::function<Tensor()>& f, std::vector<Tensor> leaves) {
    f().backward();
    std::vector<Tensor> gradients;
    for (Tensor& x : leaves) {
        gradients.push_back(x.grad());
        x.zero_grad();
    }
    return gradients;
}

void check_same(const std::vector<Tensor>& actual, const std::vector<Tensor>& expected, double tol = 0) {
    REQUIRE(actual.size() == expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) check_close(actual[i], expected[i], tol);
}

template <class F>
std::string message_of(const F& f) {
    try {
        f();
    } catch (const GradError& error) {
        return error.what();
    }
    return "nothing was thrown";
}

}  // namespace

TEST_CASE("a checkpoint gives value, gradients of arguments and of captured parameters as without it") {
    const Block block;
    const Tensor x = leaf(numbers({3, 4}, 4));
    std::vector<Tensor> leaves = block.parameters();
    leaves.push_back(x);
    manual_seed(7);
    const auto expected = swept([&] { return sum(square(block(x))); }, leaves);
    const std::uint64_t position = default_generator().position();
    const double after = rand({1}).item();

    manual_seed(7);
    const auto found = swept([&] { return sum(square(checkpoint(block, x))); }, leaves);
    check_same(found, expected);
    CHECK(default_generator().position() == position);
    CHECK(rand({1}).item() == after);
}

TEST_CASE("a checkpoint is one operation on the tape, with the parameters that it captured among its inputs") {
    const Block block;
    const Tensor x = leaf(numbers({3, 4}, 4)), y = checkpoint(block, x);
    CHECK(y.node()->operation.name == std::string("checkpoint"));
    CHECK(y.node()->inputs().size() == 4);
    CHECK(y.shape() == Shape{3, 4});
}

TEST_CASE("a recorder sees a checkpoint with the whole gradients of what it read") {
    const Tensor w = leaf(3), x = leaf(2);
    study::Recorder recorder;
    const Tensor y = checkpoint([&](const Tensor& t) { return t * w; }, x) + w;
    y.backward();
    const Tape tape(y, recorder);
    std::vector<std::string> names;
    for (const TapeEntry& entry : tape) names.emplace_back(entry.operation ? entry.operation->name : "leaf");
    CHECK(names == std::vector<std::string>{"leaf", "leaf", "checkpoint", "add"});
    for (const TapeEntry& entry : tape)
        if (entry.node == w.node()) check_close(entry.gradient, 3);
}

TEST_CASE("a sweep that asks for gradients leaves those of captured parameters alone") {
    const Block block;
    const Tensor x = leaf(numbers({3, 4}, 4));
    manual_seed(7);
    const auto expected = grad(sum(square(block(x))), {x, block.w2});
    manual_seed(7);
    check_same(grad(sum(square(checkpoint(block, x))), {x, block.w2}), expected);
    for (const Tensor& w : block.parameters()) CHECK_FALSE(w.grad().defined());
    CHECK_FALSE(x.grad().defined());
}

TEST_CASE("parameters get their gradients where no argument requires one") {
    const Block block;
    const Tensor x = numbers({3, 4}, 4);
    manual_seed(7);
    const auto expected = swept([&] { return sum(square(block(x))); }, block.parameters());
    manual_seed(7);
    check_same(swept([&] { return sum(square(checkpoint(block, x))); }, block.parameters()), expected);
}

TEST_CASE("captured results of recorded operations pass their gradients on, once") {
    const Tensor w = leaf(3), x = leaf(2);
    const auto f = [&](bool keep) {
        const Tensor doubled = 2 * w;  // captured beside w, which it came from
        const auto product = [=](const Tensor& t) { return t * doubled * w + x * t; };
        return keep ? product(x) : checkpoint(product, x);
    };
    const auto expected = swept([&] { return f(true); }, {w, x});
    check_close(expected[0], 24);
    check_same(swept([&] { return f(false); }, {w, x}), expected);
    check_same(grad(f(false), {w}), {expected[0]});
}

TEST_CASE("hooks of captured parameters run once, on the whole gradient") {
    Tensor w = leaf(3);
    const Tensor x = leaf(2);
    int calls = 0;
    w.register_hook([&](const Tensor& g) {
        ++calls;
        return 10 * g;
    });
    const Tensor y = checkpoint([&](const Tensor& t) { return t * w * w; }, x);
    (y + w).backward();
    CHECK(calls == 1);
    check_close(w.grad(), 10 * (12 + 1));
}

TEST_CASE("a parameter captured as the slope of chain gets its gradient") {
    const Tensor w = leaf(3), x = leaf(2);
    checkpoint([&](const Tensor& t) { return chain(t, w); }, x).backward();
    check_close(w.grad(), 2);
}

TEST_CASE("a checkpoint that is kept can be swept again") {
    const Tensor w = leaf(3), x = leaf(2);
    const Tensor y = checkpoint([&](const Tensor& t) { return t * t * w; }, x);
    y.backward({.retain_graph = true});
    y.backward();
    check_close(x.grad(), 24);
    check_close(w.grad(), 8);
    CHECK_THROWS_AS(y.backward(), GradError);
}

TEST_CASE("a captured parameter that the result does not depend on gets no gradient") {
    const Tensor w = leaf(3), x = leaf(2);
    checkpoint([&](const Tensor& t) { return t + (w * w).detach(); }, x).backward();
    CHECK_FALSE(w.grad().defined());
    check_close(x.grad(), 1);
}

TEST_CASE("checkpoints take several arguments, undefined ones and ones that require no gradient") {
    const Tensor a = leaf(2), b = leaf(5), c(7);
    const auto f = [](const std::vector<Tensor>& in) { return in[0] * in[1] * in[2] * (in[3] ? 0 : 1); };
    checkpoint(f, {a, b, c, Tensor()}).backward();
    check_close(a.grad(), 35);
    check_close(b.grad(), 14);
    check_close(checkpoint(f, {a, a, c, Tensor()}), 28);
    CHECK_FALSE(checkpoint(f, {c, c, c, Tensor()}).requires_grad());
}

TEST_CASE("a checkpoint of a function that computes nothing passes the gradient on") {
    const Tensor x = leaf(2), w = leaf(3);
    (5 * checkpoint([](const Tensor& t) { return t; }, x)).backward();
    check_close(x.grad(), 5);
    (5 * checkpoint([&](const Tensor&) { return w; }, x)).backward();
    check_close(w.grad(), 5);
    check_close(x.grad(), 5);
}

TEST_CASE("every order of derivative goes through a checkpoint") {
    const Tensor w = leaf(0.7 * numbers({3, 3}, 5)), x = leaf(0.5 * numbers({2, 3}, 6));
    const auto f = [&](const Tensor& t) { return softmax(matmul(tanh(t), w)) * t; };
    const auto kept = [&](const Tensor& t) { return mean(square(f(t))); };
    const auto again = [&](const Tensor& t) { return mean(square(checkpoint(f, t))); };
    check_close(hessian(again, x), hessian(kept, x), is_f64 ? 1e-12 : 1e-5);
    const auto penalty = [&](const auto& loss) {
        const auto g = grad(loss(x), {x, w}, {.create_graph = true});
        return grad(sum(square(g[0])) + sum(square(g[1])), {x, w});
    };
    check_same(penalty(again), penalty(kept), is_f64 ? 1e-12 : 1e-5);
    if (!is_f64) return;
    const Function both = [&](const std::vector<Tensor>& in) { return checkpoint(f, in[0]); };
    CHECK(gradcheck(both, {x, w}));
    CHECK(gradgradcheck(both, {x, w}));
}

TEST_CASE("a checkpoint may be inside another, to any depth, with random numbers") {
    const Block first, second, third;
    std::vector<Tensor> leaves;
    for (const Block* block : {&first, &second, &third})
        for (const Tensor& w : block->parameters()) leaves.push_back(w);
    const Tensor x = leaf(numbers({3, 4}, 4));
    leaves.push_back(x);
    manual_seed(8);
    const auto expected = swept([&] { return sum(square(third(second(first(x))))); }, leaves);
    const std::uint64_t position = default_generator().position();
    const auto inner = [&](const Tensor& t) { return second(checkpoint(first, t)); };
    const auto outer = [&](const Tensor& t) { return checkpoint(third, checkpoint(inner, t)); };
    manual_seed(8);
    check_same(swept([&] { return sum(square(checkpoint(outer, x))); }, leaves), expected);
    CHECK(default_generator().position() == position);
}

TEST_CASE("a function under a checkpoint may differentiate inside") {
    const Tensor w = leaf(3), x = leaf(2);
    const auto slope = [&](const Tensor& t) {
        return vjp([&](const Tensor& s) { return w * s * s * s; }, t, {}, {.create_graph = true}).second;  // 3 w t²
    };
    checkpoint(slope, x).backward();
    check_close(x.grad(), 6 * 3 * 2);
    check_close(w.grad(), 3 * 4);
}

TEST_CASE("random numbers of a generator of one's own are drawn again too") {
    Generator generator(5);
    const Tensor x = leaf(ones({100}));
    const auto f = [&](const Tensor& t) { return dropout(t, 0.5, true, generator); };
    const Tensor y = checkpoint(f, x);
    const std::uint64_t position = generator.position();
    sum(y).backward();
    check_close(x.grad(), y.detach(), 0);
    CHECK(generator.position() == position);
}

TEST_CASE("random numbers that other threads draw meanwhile do not change those of a checkpoint") {
    const Tensor x = leaf(ones({100}));
    const auto f = [&](const Tensor& t) {
        const Tensor once = dropout(t, 0.5, true);
        std::thread([] { rand({7}); }).join();
        return dropout(once, 0.2, true);
    };
    const Tensor y = checkpoint(f, x);
    sum(y).backward();
    check_close(x.grad(), y.detach(), 0);
}

TEST_CASE("where grad mode is off a checkpoint is its function") {
    const Tensor x = leaf(2);
    const no_grad off;
    const Tensor y = checkpoint([](const Tensor& t) { return 3 * t; }, x);
    check_close(y, 6);
    CHECK_FALSE(y.requires_grad());
}

TEST_CASE("a checkpoint whose function is not the same again says what is different") {
    const Tensor x = leaf(Tensor{1, 2}), w = leaf(3), other = leaf(4);
    bool again = false;
    const auto sweep = [&](const UnaryFunction& f) {
        again = false;
        const Tensor y = sum(checkpoint(f, x));
        again = true;
        return message_of([&] { y.backward(); });
    };
    CHECK(sweep([&](const Tensor& t) { return t * (again ? other : w); }) ==
          "checkpoint: expected f to read the same tensors again, got another one of shape []");
    CHECK(sweep([&](const Tensor& t) { return again ? sum(t) : t; }) ==
          "checkpoint: expected f to return shape [2] again, got []");
    CHECK(sweep([&](const Tensor& t) { return again ? dropout(t, 0.5, true) : t; }) ==
          "checkpoint: expected f to draw random numbers 0 times again, got more");
    CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a parameter changed in place before a checkpoint runs again is detected") {
    Tensor w = leaf(3);
    const Tensor x = leaf(2);
    const Tensor y = checkpoint([&](const Tensor& t) { return t * w; }, x);
    {
        const no_grad off;
        w.fill_(5);
    }
    CHECK(message_of([&] { y.backward(); }) ==
          "backward of checkpoint: expected the values of the forward pass, got some that were changed in place after it");
}

TEST_CASE("an error of a function leaves the random stream and its observers as they were") {
    const Tensor x = leaf(2);
    const auto fails = [](const Tensor& t) -> Tensor { throw ValueError("no " + to_string(t.shape())); };
    CHECK_THROWS_AS(checkpoint(fails, x), ValueError);
    CHECK_FALSE(tapehead::detail::is_observed());
    manual_seed(9);
    const double first = rand({1}).item();
    manual_seed(9);
    CHECK(rand({1}).item() == first);
}

TEST_CASE("a chain of checkpoints keeps its arguments alone, and needs memory for one of its parts at a time") {
    constexpr Index parts = 16, depth = 8;
    const std::size_t value = sizeof(Scalar) << 14;
    const Tensor w = leaf(full({1 << 14}, 0.9));
    const auto part = [&](const Tensor& x) {
        Tensor y = x;
        for (Index i = 0; i < depth; ++i) y = tanh(w * y);
        return y;
    };
    struct Use {
        std::size_t kept, peak;
        Tensor gradient;
    };
    const auto measure = [&](const UnaryFunction& step) {
        const Tensor x = leaf(full({1 << 14}, 0.5));
        const std::size_t before = memory_statistics().live_bytes;
        Tensor y = x;
        for (Index i = 0; i < parts; ++i) y = step(y);
        y = sum(y);
        const std::size_t kept = memory_statistics().live_bytes - before;
        reset_peak_memory();
        y.backward();
        Tensor(w).zero_grad();
        return Use{kept / value, (memory_statistics().peak_bytes - before) / value, x.grad()};
    };
    const Use without = measure(part);
    const Use with = measure([&](const Tensor& x) { return checkpoint(part, x); });
    check_close(with.gradient, without.gradient, 0);
    INFO("values kept " << without.kept << " and " << with.kept << ", at the peak of backward " << without.peak << " and "
                        << with.peak);
    CHECK(without.kept >= 2 * parts * depth);
    CHECK(with.kept <= parts + 4);
    CHECK(without.peak >= 2 * parts * depth);
    CHECK(with.peak <= parts + 2 * depth + 16);
}

TEST_CASE("a checkpointed Transformer trains as one without") {
    TransformerOptions options{.embed_dim = 8, .num_heads = 2, .feedforward_dim = 16, .dropout = 0.2};
    manual_seed(1);
    TransformerEncoderLayer a(options), b(options);
    b.load_state_dict(a.state_dict());
    const Tensor x = numbers({2, 5, 8}, 30);
    SGD of_a(a.named_parameters(), {.lr = 0.1}), of_b(b.named_parameters(), {.lr = 0.1});
    for (std::uint64_t step = 0; step < 3; ++step) {
        of_a.zero_grad();
        of_b.zero_grad();
        manual_seed(step);
        mean(square(a(x, AttentionMask::causal()))).backward();
        manual_seed(step);
        mean(square(checkpoint([&](const Tensor& t) { return b(t, AttentionMask::causal()); }, x))).backward();
        of_a.step();
        of_b.step();
    }
    const auto expected = a.parameters(), found = b.parameters();
    for (std::size_t i = 0; i < found.size(); ++i) check_close(found[i].detach(), expected[i].detach(), 0);
}
