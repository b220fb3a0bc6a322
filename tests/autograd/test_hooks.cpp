// Hooks on gradients: when they are called, with what, and what they may replace.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("a hook on a leaf sees the whole gradient once in each sweep") {
    Tensor x = leaf(3);
    std::vector<double> seen;
    x.register_hook([&](const Tensor& g) {
        seen.push_back(g.item());
        return Tensor();
    });
    const Tensor y = x * x + 2 * x;
    y.backward({.retain_graph = true});
    y.backward();
    CHECK(seen == std::vector<double>{8, 8});
    check_close(x.grad(), 16);
}

TEST_CASE("a hook can replace the gradient that is kept and passed on") {
    Tensor x = leaf(3);
    Tensor y = square(x);
    y.retain_grad();
    y.register_hook([](const Tensor& g) { return g * 10; });
    (2 * y).backward();
    check_close(y.grad(), 20);
    check_close(x.grad(), 120);
}

TEST_CASE("hooks run in the order of their registration, each on the result of the one before") {
    Tensor x = leaf(1);
    std::string order;
    x.register_hook([&](const Tensor& g) {
        order += "a";
        return g + 1;
    });
    x.register_hook([&](const Tensor&) {
        order += "b";
        return Tensor();
    });
    x.register_hook([&](const Tensor& g) {
        order += "c";
        return g * 10;
    });
    (3 * x).backward();
    CHECK(order == "abc");
    check_close(x.grad(), 40);
}

TEST_CASE("a removed hook is not called, and the others are") {
    Tensor x = leaf(1);
    const Index first = x.register_hook([](const Tensor& g) { return g * 2; });
    const Index second = x.register_hook([](const Tensor& g) { return g * 3; });
    x.remove_hook(first);
    (1 * x).backward();
    check_close(x.grad(), 3);
    x.remove_hook(first);  // once more does nothing
    x.remove_hook(second);
    const Index third = x.register_hook([](const Tensor& g) { return g * 5; });
    CHECK(third != second);
    x.zero_grad();
    (1 * x).backward();
    check_close(x.grad(), 5);
}

TEST_CASE("hooks run in grad too, also on the tensor that is asked for") {
    Tensor x = leaf(3);
    Tensor y = square(x);
    y.register_hook([](const Tensor& g) { return g * 10; });
    const auto gradients = grad(2 * y, {y, x});
    check_close(gradients[0], 20);
    check_close(gradients[1], 120);
}

TEST_CASE("a hook needs a tensor that requires grad and must keep the shape") {
    CHECK_THROWS_AS(Tensor(1).register_hook([](const Tensor& g) { return g; }), GradError);
    CHECK_THROWS_AS(Tensor(1).remove_hook(0), GradError);
    Tensor x = leaf(Tensor{1, 2});
    x.register_hook([](const Tensor&) { return Tensor(1); });
    const Tensor y = sum(x);
    CHECK_THROWS_AS(y.backward(), ShapeError);
    CHECK_FALSE(x.grad().defined());
}

TEST_CASE("what a hook computes is recorded only with create_graph") {
    Tensor x = leaf(3);
    std::vector<bool> modes;
    x.register_hook([&](const Tensor& g) {
        modes.push_back(grad_enabled());
        return g * g;
    });
    grad(square(x), {x});
    const Tensor g = grad(square(x), {x}, {.create_graph = true})[0];
    CHECK(modes == std::vector<bool>{false, true});
    check_close(g, 36);
    x.remove_hook(0);
    check_close(grad(g, {x})[0], 24);  // of (2x)², 8x
}

TEST_CASE("a hook may return a tensor that it changed in place") {
    Tensor x = leaf(Tensor{1, 2});
    Tensor y = square(x);
    y.register_hook([](const Tensor& g) {
        Tensor mine = clone(g);
        return mine.mul_(10);
    });
    sum(y).backward();
    check_close(x.grad(), Tensor{20, 40});
}

TEST_CASE("a hook may remove itself while it runs") {
    Tensor x = leaf(Tensor{1, 2});
    int calls = 0;
    Index number = 0;
    number = x.register_hook([&](const Tensor&) {
        ++calls;
        x.remove_hook(number);
        return Tensor();
    });
    sum(x).backward();
    sum(x).backward();
    CHECK(calls == 1);
}
