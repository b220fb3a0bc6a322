// Changes in place: who sees them, when they are refused, and when a rule finds that its values are gone.
#include <support/testing.hpp>

using namespace testing;

namespace {

/// What a backward throws after `change`, or nothing.
template <class F>
std::string error_after(const Tensor& y, const F& change) {
    change();
    try {
        sum(y).backward();
    } catch (const GradError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("changes in place have the values that their names say") {
    Tensor x{1, 2, 3};
    x.add_(Tensor{10, 20, 30});
    check_close(x, Tensor{11, 22, 33});
    x.add_(Tensor{1, 1, 1}, -2);
    check_close(x, Tensor{9, 20, 31});
    x.mul_(2);
    check_close(x, Tensor{18, 40, 62});
    x.copy_(Tensor{4, 5, 6});
    check_close(x, Tensor{4, 5, 6});
    x.copy_(x);
    check_close(x, Tensor{4, 5, 6});
    x.add_(x);
    check_close(x, Tensor{8, 10, 12});
    x.fill_(7);
    check_close(x, Tensor{7, 7, 7});
    x.zero_();
    check_close(x, Tensor{0, 0, 0});
    x.mutable_data()[1] = 5;
    check_close(x, Tensor{0, 5, 0});
}

TEST_CASE("changes in place refuse another shape before anything changes") {
    Tensor x{1, 2};
    CHECK_THROWS_AS(x.copy_(Tensor{1}), ShapeError);
    CHECK_THROWS_AS(x.copy_(Tensor{{1, 2}}), ShapeError);
    CHECK_THROWS_AS(x.add_(Tensor(1)), ShapeError);
    check_close(x, Tensor{1, 2});
}

TEST_CASE("every tensor that shares a value sees a change") {
    Tensor x{1, 2, 3, 4};
    const Tensor rows = reshape(x, {2, 2}), copy = x, other = clone(x);
    x.detach().fill_(9);
    check_close(rows, Tensor{{9, 9}, {9, 9}});
    check_close(copy, Tensor{9, 9, 9, 9});
    check_close(other, Tensor{1, 2, 3, 4});
}

TEST_CASE("a tensor that requires grad cannot be changed in place while grad mode is on") {
    Tensor x = leaf(Tensor{1, 2}), y = x * 2;
    for (Tensor* t : {&x, &y}) {
        CHECK_THROWS_AS(t->fill_(1), GradError);
        CHECK_THROWS_AS(t->mul_(2), GradError);
        CHECK_THROWS_AS(t->add_(Tensor{1, 1}), GradError);
        CHECK_THROWS_AS(t->copy_(Tensor{1, 1}), GradError);
        CHECK_THROWS_AS(t->mutable_data(), GradError);
    }
    check_close(x, Tensor{1, 2});
    const no_grad off;
    x.mul_(3);
    check_close(x, Tensor{3, 6});
    CHECK(x.requires_grad());
}

TEST_CASE("a rule whose value was changed after recording throws and names its operation") {
    const auto step = [](Tensor x) {
        const no_grad off;
        x.mul_(2);
    };
    Tensor x = leaf(Tensor{1, 2}), w = leaf(Tensor{3, 4});
    CHECK_THAT(error_after(x * w, [&] { step(w); }), Catch::Contains("mul") && Catch::Contains("in place"));
    CHECK_THAT(error_after(tanh(x), [&] { step(x); }), Catch::Contains("tanh"));
    CHECK_THAT(error_after(log(x), [&] { step(x); }), Catch::Contains("log"));
    CHECK_THAT(error_after(pow(x, 3), [&] { step(x); }), Catch::Contains("pow"));
    CHECK_THAT(error_after(matmul(x, w), [&] { step(w); }), Catch::Contains("matmul"));
    CHECK_THAT(error_after(layer_norm(x, {2}, w), [&] { step(x); }), Catch::Contains("layer_norm"));
    const Tensor y = exp(x);  // needs its result
    CHECK_THAT(error_after(y, [&] { y.detach().zero_(); }), Catch::Contains("exp"));
    const Tensor s = softmax(x);
    CHECK_THAT(error_after(s, [&] { s.detach().zero_(); }), Catch::Contains("softmax"));
    CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a change through another handle of the same value is found too") {
    Tensor x = leaf(Tensor{1, 2, 3, 4}), w{5, 6, 7, 8};
    CHECK_THAT(error_after(x * w, [&] { w.fill_(1); }), Catch::Contains("mul"));
    CHECK_THAT(error_after(x * w, [&] { reshape(w, {2, 2}).fill_(1); }), Catch::Contains("mul"));
    CHECK_THAT(error_after(square(x), [&] { x.detach().fill_(1); }), Catch::Contains("square"));
    CHECK_THAT(error_after(reshape(x, {2, 2}) * reshape(x, {2, 2}), [&] { x.detach().fill_(1); }), Catch::Contains("mul"));
}

TEST_CASE("a recorded sweep finds a change too") {
    Tensor x = leaf(Tensor{1, 2});
    const Tensor y = sum(x * x * x);
    x.detach().fill_(1);
    CHECK_THROWS_AS(grad(y, {x}, {.create_graph = true}), GradError);
    const Tensor z = sum(tanh(x));
    const Tensor g = sum(grad(z, {x}, {.create_graph = true})[0]);
    x.detach().fill_(2);
    CHECK_THROWS_AS(g.backward(), GradError);
}

TEST_CASE("a change that no rule minds is allowed") {
    Tensor x = leaf(Tensor{1, 2}), b{3, 4};
    CHECK(error_after(x + b, [&] { b.fill_(1); }).empty());
    CHECK(error_after(x - b, [&] { x.detach().fill_(1); }).empty());
    CHECK(error_after(3 * x, [&] { x.detach().fill_(1); }).empty());
    CHECK(error_after(x * b, [&] { x.detach().fill_(1); }).empty());  // b requires no grad, so that x is not needed
    CHECK(error_after(sum(x), [&] { x.detach().fill_(1); }).empty());
    CHECK(error_after(exp(x), [&] { x.detach().fill_(1); }).empty());  // needs its result only
    check_close(slice(x.grad(), 0, 0, 1), Tensor(1 + 1 + 3 + 1 + 1 + std::exp(1.0)).detach() + zeros({1}));
}

TEST_CASE("a change before recording is no change") {
    Tensor x = leaf(Tensor{1, 2});
    {
        const no_grad off;
        x.mul_(3);
    }
    CHECK(error_after(x * x, [] {}).empty());
    check_close(x.grad(), Tensor{6, 12});
}

TEST_CASE("a seed that was filled after the forward pass is fine") {
    const Tensor x = leaf(Tensor{1, 2});
    const Tensor y = square(x);
    Tensor seed = zeros({2});
    seed.fill_(3);
    y.backward(seed);
    check_close(x.grad(), Tensor{6, 12});
    const Tensor z = tanh(x) * x;
    seed.fill_(0.5);
    check_close(grad(z, {x}, {.seed = seed})[0], grad(0.5 * sum(tanh(x) * x), {x})[0]);
}

TEST_CASE("a training step changes parameters between the forward passes of two steps") {
    Tensor w = leaf(Tensor{1, 2});
    for (int step = 0; step < 3; ++step) {
        w.zero_grad();
        sum(w * w).backward();
        const no_grad off;
        w.add_(w.grad(), -0.25);
    }
    check_close(w, Tensor{0.125, 0.25});
}
