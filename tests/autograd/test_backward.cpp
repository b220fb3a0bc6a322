// What `backward` and `grad` promise: where gradients go, what is kept and freed, and what is refused.
#include <support/testing.hpp>

using namespace testing;

namespace {

Tensor cube(const Tensor& x) { return x * x * x; }

}  // namespace

TEST_CASE("backward adds to the gradient that is already there") {
    const Tensor x = leaf(3);
    CHECK_FALSE(x.grad().defined());
    square(x).backward();
    check_close(x.grad(), 6);
    square(x).backward();
    check_close(x.grad(), 12);
    Tensor(x).zero_grad();
    CHECK_FALSE(x.grad().defined());
    square(x).backward();
    check_close(x.grad(), 6);
}

TEST_CASE("a handle of a gradient keeps its value when a later backward adds to it") {
    const Tensor x = leaf(Tensor{1, 2});
    sum(square(x)).backward();
    const Tensor first = x.grad();
    sum(square(x)).backward();
    check_close(first, Tensor{2, 4});
    check_close(x.grad(), Tensor{4, 8});
}

TEST_CASE("a graph can be swept twice if the first sweep retains it, else the second throws and leaves gradients alone") {
    const Tensor x = leaf(3), y = x * x;
    y.backward({.retain_graph = true});
    y.backward();
    check_close(x.grad(), 12);
    CHECK_THROWS_AS(y.backward(), GradError);
    CHECK_THROWS_WITH(y.backward(), Catch::Contains("mul") && Catch::Contains("retain_graph"));
    CHECK_THROWS_AS(grad(y, {x}), GradError);
    check_close(x.grad(), 12);
}

TEST_CASE("a sweep through a part that is freed throws before any gradient changes") {
    const Tensor x = leaf(2), w = leaf(5), h = square(x);
    const Tensor first = h * 3, second = h * w;
    first.backward();
    check_close(x.grad(), 12);
    CHECK_THROWS_AS(second.backward(), GradError);
    check_close(x.grad(), 12);
    CHECK_FALSE(w.grad().defined());
}

TEST_CASE("a seed weights the gradients, and must be given for several elements and have the result's shape") {
    const Tensor x = leaf(Tensor{1, 2, 3}), y = square(x);
    CHECK_THROWS_AS(y.backward(), GradError);
    CHECK_THROWS_AS(grad(y, {x}), GradError);
    CHECK_THROWS_AS(y.backward(Tensor{1, 2}), ShapeError);
    CHECK_THROWS_AS(y.backward(Tensor(1)), ShapeError);
    CHECK_THROWS_AS(grad(y, {x}, {.seed = Tensor{{1, 2, 3}}}), ShapeError);
    y.backward(Tensor{1, 10, 100});
    check_close(x.grad(), Tensor{2, 40, 600});
    check_close(grad(square(x), {x}, {.seed = Tensor{0, 1, 0}})[0], Tensor{0, 4, 0});
}

TEST_CASE("a single element of any shape needs no seed") {
    const Tensor x = leaf(Tensor{{3}});
    square(x).backward();
    check_close(x.grad(), Tensor{{6}});
}

TEST_CASE("backward from what was never recorded throws") {
    CHECK_THROWS_AS(Tensor(3).backward(), GradError);
    CHECK_THROWS_AS((Tensor(3) * 2).backward(), GradError);
    const Tensor x = leaf(3);
    CHECK_THROWS_AS(x.detach().backward(), GradError);
    CHECK_THROWS_AS((x.detach() * 2).backward(), GradError);
}

TEST_CASE("backward from a leaf gives it the seed") {
    const Tensor x = leaf(Tensor{1, 2});
    x.backward(Tensor{3, 4});
    check_close(x.grad(), Tensor{3, 4});
    check_close(grad(x, {x}, {.seed = Tensor{5, 6}})[0], Tensor{5, 6});
}

TEST_CASE("grad returns gradients and leaves .grad alone") {
    const Tensor x = leaf(2), w = leaf(5);
    const auto gradients = grad(cube(x) * w, {w, x});
    check_close(gradients[0], 8);
    check_close(gradients[1], 60);
    CHECK_FALSE(x.grad().defined());
    CHECK_FALSE(w.grad().defined());
    CHECK(grad(cube(x), {}).empty());
}

TEST_CASE("grad of what the result does not depend on is zero, and of what requires none is refused") {
    const Tensor x = leaf(Tensor{1, 2}), unused = leaf(Tensor{{1, 2, 3}});
    const auto gradients = grad(sum(x), {unused, x});
    check_close(gradients[0], zeros({1, 3}));
    check_close(gradients[1], Tensor{1, 1});
    CHECK_THROWS_AS(grad(sum(x), {Tensor(1)}), GradError);
    check_close(grad(Tensor(7), {x})[0], zeros({2}));  // a constant
}

TEST_CASE("grad gives the same gradient to an x that is named twice") {
    const Tensor x = leaf(3);
    const auto gradients = grad(square(x), {x, x});
    check_close(gradients[0], 6);
    check_close(gradients[1], 6);
}

TEST_CASE("grad of an intermediate result and of its ancestor together are both whole") {
    const Tensor x = leaf(3), y = square(x), z = cube(y);
    const auto gradients = grad(z, {y, x, z});
    check_close(gradients[0], 243);
    check_close(gradients[1], 1458);
    check_close(gradients[2], 1);
}

TEST_CASE("grad with respect to an intermediate result leaves the graph before it for a later sweep") {
    const Tensor x = leaf(3), hidden = square(x), loss = cube(hidden);
    const Tensor g = grad(loss, {hidden})[0];
    check_close(g, 243);
    hidden.backward(g);
    check_close(x.grad(), 1458);
    const Tensor other = 5 * hidden;  // the graph before `hidden` is freed now, and not needed
    check_close(grad(other, {hidden}, {.retain_graph = true})[0], 5);
    CHECK_THROWS_AS(grad(other, {hidden, x}), GradError);
}

TEST_CASE("grad does not run rules that are older than everything it was asked for") {
    int runs = 0;
    const Tensor x = leaf(2);
    const Tensor early = record("counted", x * 1, wrt(x, [&](const Tensor& dy) {
                                    ++runs;
                                    return dy;
                                }));
    const Tensor late = leaf(5), y = early * late;
    check_close(grad(y, {late}, {.retain_graph = true})[0], 2);
    CHECK(runs == 0);
    check_close(grad(y, {x})[0], 5);
    CHECK(runs == 1);
}

TEST_CASE("leaves that receive the same gradient do not share its memory") {
    const Tensor a = leaf(Tensor{1, 2}), b = leaf(Tensor{3, 4});
    const Tensor seed{1, 1};
    (a + b).backward(seed);
    a.grad().fill_(7);
    check_close(b.grad(), Tensor{1, 1});
    b.grad().fill_(8);
    check_close(a.grad(), Tensor{7, 7});
    check_close(seed, Tensor{1, 1});
}

TEST_CASE("a result that is summed up in several places gets every contribution") {
    const Tensor x = leaf(Tensor{1, 2, 3});
    Tensor y = zeros({3});
    for (int i = 1; i <= 40; ++i) y = y + i * x;
    sum(y).backward();
    check_close(x.grad(), Tensor{820, 820, 820});
}

TEST_CASE("detach stops the gradient and shares the value") {
    const Tensor x = leaf(3), y = square(x);
    const Tensor d = y.detach();
    CHECK_FALSE(d.requires_grad());
    CHECK(d.is_leaf());
    CHECK(d.data() == y.data());
    (d * x).backward();
    check_close(x.grad(), 9);
}

TEST_CASE("retain_grad keeps the gradient of an intermediate result") {
    const Tensor x = leaf(3);
    Tensor y = square(x), z = y * 2;
    CHECK_FALSE(y.is_leaf());
    y.retain_grad();
    z.backward({.retain_graph = true});
    check_close(y.grad(), 2);
    CHECK_FALSE(z.grad().defined());
    z.backward();
    check_close(y.grad(), 4);
    check_close(x.grad(), 24);
    CHECK_THROWS_AS(Tensor(1).retain_grad(), GradError);
}

TEST_CASE("only a leaf can be made to require grad or to stop") {
    Tensor x = leaf(3), y = square(x);
    CHECK_THROWS_AS(y.requires_grad_(), GradError);
    CHECK_THROWS_WITH(y.requires_grad_(false), Catch::Contains("square") && Catch::Contains("detach"));
    CHECK(y.requires_grad());
    y.backward();
    const Tensor before = x.grad();
    x.requires_grad_();  // already does: keeps its gradient
    CHECK(x.grad().is(before));
    x.requires_grad_(false);
    CHECK_FALSE(x.requires_grad());
    CHECK_FALSE(x.grad().defined());
    CHECK_FALSE((x * 2).requires_grad());
}

TEST_CASE("a gradient can be set and cleared by hand, of the right shape only") {
    Tensor x = leaf(Tensor{1, 2});
    x.set_grad(Tensor{5, 6});
    sum(x).backward();
    check_close(x.grad(), Tensor{6, 7});
    CHECK_THROWS_AS(x.set_grad(Tensor{1, 2, 3}), ShapeError);
    check_close(x.grad(), Tensor{6, 7});
    CHECK_THROWS_AS(Tensor(1).set_grad(Tensor(1)), GradError);
    CHECK_THROWS_AS((x * 2).set_grad(Tensor{1, 2}), GradError);
    x.set_grad({});
    CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a gradient set by hand is not changed when a backward adds to it") {
    Tensor x = leaf(Tensor{1, 2});
    const Tensor mine{5, 6};
    x.set_grad(mine);
    sum(x).backward();
    check_close(mine, Tensor{5, 6});
}

TEST_CASE("copies of a tensor share value, gradient and history") {
    const Tensor x = leaf(2), copy = x;
    square(copy).backward();
    check_close(x.grad(), 4);
    CHECK(copy.is(x));
    CHECK_FALSE(x.is(x.detach()));
}

TEST_CASE("an exception in the middle of a sweep leaves gradients and grad mode as they were") {
    const Tensor a = leaf(2), b = leaf(3);
    const Tensor broken = record("broken", b * 1, wrt(b, [](const Tensor&) -> Tensor { throw ValueError("out of luck"); }));
    const Tensor y = broken + a;
    CHECK_THROWS_AS(y.backward(), ValueError);
    CHECK(grad_enabled());
    CHECK_FALSE(a.grad().defined());
    square(a).backward();  // the library goes on
    check_close(a.grad(), 4);
    a.detach().fill_(5);  // and so does the check of changes in place
    CHECK(a.item() == 5);
}
