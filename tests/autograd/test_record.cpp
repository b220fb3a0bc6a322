// Operations written outside the library: every form of rule that `record` and `wrt` take.
#include "custom_operations.hpp"

#include <array>

using namespace testing;

namespace {

/// y = a b, a rule for each input
Tensor product(const Tensor& a, const Tensor& b) {
    return record("product", value_of([&] { return a * b; }), wrt(a, [b](const Tensor& dy) { return dy * b; }),
                  wrt(b, [a](const Tensor& dy) { return dy * a; }));
}

/// y = eˣ, whose rule takes y
Tensor exponential(const Tensor& x) {
    return record("exponential", value_of([&] { return exp(x); }),
                  wrt(x, [](const Tensor& dy, const Tensor& y) { return dy * y; }));
}

/// y = a b + c, one joint rule with an array
Tensor multiply_add(const Tensor& a, const Tensor& b, const Tensor& c) {
    return record("multiply_add", value_of([&] { return a * b + c; }), wrt(std::array{a, b, c}, [a, b](const Tensor& dy) {
                      return std::array{dy * b, dy * a, dy};
                  }));
}

const Tensor a = Tensor{{1.5, -2}, {0.5, 3}}, b = Tensor{0.7, -1.2}, c = Tensor(0.3);

}  // namespace

TEST_CASE("a custom operation with one rule for each input has all derivatives") {
    check_all_orders([](const auto& in) { return product(in[0], in[1]); }, {leaf(a), leaf(b)});
    check_close(product(leaf(a), leaf(b)), a * b);
}

TEST_CASE("a custom operation whose rule takes the result has all derivatives") {
    check_all_orders([](const auto& in) { return exponential(in[0]); }, {leaf(a)});
    const Tensor x = leaf(b);
    sum(exponential(x)).backward();
    check_close(x.grad(), Tensor{std::exp(0.7), std::exp(-1.2)});
}

TEST_CASE("a custom operation with a joint rule that returns an array has all derivatives") {
    check_all_orders([](const auto& in) { return multiply_add(in[0], in[1], in[2]); }, {leaf(a), leaf(b), leaf(c)});
}

TEST_CASE("a custom operation with a joint rule that returns a vector has all derivatives") {
    check_all_orders([](const auto& in) { return product_of(in); }, {leaf(a), leaf(b), leaf(c)});
    check_all_orders([](const auto& in) { return product_of(in); }, {leaf(a), b, leaf(c)});
}

TEST_CASE("a custom operation may have rules of several forms and inputs that are undefined") {
    const auto f = [](const std::vector<Tensor>& in) {
        const Tensor &x = in[0], &w = in[1], &bias = in[2];
        return record("mixed", value_of([&] { return x * w; }), wrt(x, [w](const Tensor& dy) { return dy * w; }),
                      wrt(std::vector<Tensor>{w, bias}, [x](const Tensor& dy) {
                          return std::vector<Tensor>{dy * x, Tensor()};
                      }));
    };
    check_all_orders(f, {leaf(a), leaf(b), Tensor()});
}

TEST_CASE("the same input in several rules, or several times in one, gets every contribution") {
    const Tensor x = leaf(3);
    product(x, x).backward();
    check_close(x.grad(), 6);
    Tensor(x).zero_grad();
    product_of({x, x, x}).backward();
    check_close(x.grad(), 27);
}

TEST_CASE("a rule that returns a gradient of the wrong shape throws and names the operation") {
    const Tensor x = leaf(Tensor{1, 2, 3});
    const Tensor y = record("crooked", x * 1, wrt(x, [](const Tensor&) { return Tensor{1, 2}; }));
    CHECK_THROWS_AS(sum(y).backward(), ShapeError);
    const Tensor z = record("crooked", x * 1, wrt(x, [](const Tensor&) { return Tensor(1); }));
    CHECK_THROWS_WITH(sum(z).backward(), Catch::Contains("crooked") && Catch::Contains("[3]"));
    CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a rule may return a gradient of a broadcast shape, which is summed") {
    const Tensor x = leaf(Tensor{{1}, {2}});
    const Tensor y = record("spread_out", value_of([&] {
                                return x + zeros({4, 2, 3});
                            }),
                            wrt(x, [](const Tensor& dy) { return dy; }));
    sum(y).backward();
    check_close(x.grad(), Tensor{{12}, {12}});
}

TEST_CASE("an undefined gradient counts as zero") {
    const Tensor x = leaf(2), w = leaf(3);
    const auto nothing = [](const Tensor& v) {
        return record("nothing", v * 1, wrt(v, [](const Tensor&) { return Tensor(); }));
    };
    check_close(grad(nothing(x) + w * x, {x})[0], 3);
    check_close(grad(nothing(x) * w, {x, w})[0], 0);
    const auto half = [](const Tensor& u, const Tensor& v) {
        return record("half", value_of([&] { return u + v; }), wrt(std::array{u, v}, [](const Tensor& dy) {
                          return std::array{dy, Tensor()};
                      }));
    };
    const auto gradients = grad(half(x, w), {x, w});
    check_close(gradients[0], 1);
    check_close(gradients[1], 0);
}

TEST_CASE("the rule of an input that requires no grad is never run and keeps nothing alive") {
    const Tensor x = leaf(Tensor{1, 2}), constant{3, 4};
    bool ran = false;
    auto kept = std::make_shared<int>(1);
    const std::weak_ptr<int> watched = kept;
    const Tensor y = record("watched", value_of([&] { return x * constant; }), wrt(x, [](const Tensor& dy) { return dy; }),
                            wrt(constant, [&ran, kept = std::move(kept)](const Tensor& dy) {
                                ran = *kept == 1;
                                return dy;
                            }));
    CHECK(watched.expired());
    sum(y).backward();
    CHECK_FALSE(ran);
    const int owners = x.storage()->owners;
    const Tensor z = x * constant;  // its only rule needs `constant`
    CHECK(x.storage()->owners == owners);
}

TEST_CASE("nothing is recorded where no input requires grad") {
    const Tensor y = product(a, b);
    CHECK_FALSE(y.requires_grad());
    CHECK(y.is_leaf());
    const no_grad off;
    CHECK_FALSE(product(leaf(a), leaf(b)).requires_grad());
}

TEST_CASE("what rules kept alive is freed by the sweep and with the result") {
    const Tensor x = leaf(Tensor{1, 2});
    auto kept = std::make_shared<int>(1);
    const std::weak_ptr<int> watched = kept;
    const auto keeping = [&](std::shared_ptr<int> value) {
        return record("keeping", x * 1, wrt(x, [value](const Tensor& dy) { return dy; }));
    };
    Tensor y = keeping(std::move(kept));
    const Tensor loss = sum(y);
    CHECK_FALSE(watched.expired());
    loss.backward();
    CHECK(watched.expired());
    kept = std::make_shared<int>(2);
    const std::weak_ptr<int> again = kept;
    y = keeping(std::move(kept));
    CHECK_FALSE(again.expired());
    y = Tensor();
    CHECK(again.expired());
}

TEST_CASE("a node knows its operation, its inputs and that it is newer than they are") {
    const Tensor x = leaf(2), y = product(x, x) + 1;
    const Node& sum_node = *y.node();
    CHECK(std::string(sum_node.operation.name) == "affine");
    REQUIRE(sum_node.inputs().size() == 1);
    const Node& product_node = *sum_node.inputs()[0];
    CHECK(std::string(product_node.operation.name) == "product");
    CHECK(product_node.id < sum_node.id);
    CHECK(product_node.inputs()[0] == x.node());
    CHECK(std::string(x.node()->operation.name) == "leaf");
}

TEST_CASE("a rule may make its gradient by changing a tensor of its own in place") {
    const auto third = [](const Tensor& x) {
        return record("third", Tensor(x(2)), wrt(x, [shape = x.shape()](const Tensor& dy) {
                          Tensor dx = zeros(shape);
                          dx.mutable_data()[2] = dy.item();
                          return dx;
                      }));
    };
    const Tensor x = leaf(Tensor{1, 2, 3, 4});
    third(square(x)).backward();
    check_close(x.grad(), Tensor{0, 0, 6, 0});
}

TEST_CASE("a joint rule that returns too few gradients throws and names the operation") {
    const Tensor p = leaf(Tensor{1, 2}), q = leaf(Tensor{3, 4});
    const Tensor y = record("short", p.detach() + q.detach(),
                            wrt(std::vector<Tensor>{p, q}, [](const Tensor& dy) { return std::vector<Tensor>{dy}; }));
    CHECK_THROWS_WITH(sum(y).backward(), Catch::Contains("short") && Catch::Contains("expected 2 gradients"));
    CHECK_FALSE(p.grad());
}

TEST_CASE("recording a value that somebody else holds leaves the other tensor as it is") {
    const Tensor x = leaf(Tensor{1, 2}), w = leaf(Tensor{5, 5});
    const Tensor y = record("mine", reshape(x, {2}), wrt(w, [](const Tensor& dy) { return dy; }));
    sum(square(x)).backward();
    CHECK(x.is_leaf());
    check_close(x.grad(), Tensor{2, 4});
    sum(y).backward();
    check_close(w.grad(), Tensor{1, 1});
}

// The value that an operation is given

TEST_CASE("a value given by moving it becomes the result itself and keeps working") {
    const Tensor x = leaf(Tensor{1, 2, 3});
    Tensor value = value_of([&] { return square(x); });
    const Scalar* place = value.data();
    const Index before = live_tensors();
    Tensor y = record("moved", std::move(value), wrt(x, [](const Tensor& dy, const Tensor& result) { return dy * result; }));
    CHECK(y.data() == place);
    CHECK(live_tensors() == before);
    CHECK(y.requires_grad());
    CHECK(std::string(y.node()->operation.name) == "moved");
    check_close(y.detach(), Tensor{1, 4, 9}, 0);
    const Tensor z = y * 2 + y;
    y = Tensor();  // the rule reads the result all the same
    sum(z).backward();
    check_close(x.grad(), Tensor{3, 12, 27});
}

TEST_CASE("a moved value that shares its memory gets a node, and who else holds the memory gets none") {
    const Tensor x = leaf(Tensor{1, 2});
    const Tensor holder = value_of([&] { return x * 3; });
    const Tensor y = record("sharing", reshape(holder, {2, 1}), wrt(x, [](const Tensor& dy) { return reshape(dy, {2}) * 3; }));
    CHECK(y.data() == holder.data());
    CHECK_FALSE(holder.requires_grad());
    CHECK_FALSE(static_cast<bool>(holder.node()));
    sum(square(y)).backward();
    check_close(x.grad(), Tensor{18, 36});
}

TEST_CASE("a value that somebody else holds stays without a node, also after the result is gone") {
    const Tensor x = leaf(Tensor{1, 2});
    Tensor held = value_of([&] { return x * 3; });
    const Tensor alias = held;
    Tensor y = record("held", held, wrt(x, [](const Tensor& dy) { return dy * 3; }));
    CHECK_FALSE(y.is(held));
    CHECK(y.storage() == held.storage());
    CHECK(y.requires_grad());
    for (const Tensor& other : {held, alias}) {
        CHECK_FALSE(other.requires_grad());
        CHECK_FALSE(static_cast<bool>(other.node()));
    }
    sum(y).backward();
    check_close(x.grad(), Tensor{3, 3});
    // Moving one of two handles is no different.
    const Tensor z = record("held", std::move(held), wrt(x, [](const Tensor& dy) { return dy * 5; }));
    CHECK_FALSE(alias.requires_grad());
    CHECK_FALSE(z.is(alias));
    y = Tensor();
    sum(z * alias).backward();
    check_close(x.grad(), Tensor{3 + 15, 3 + 30});
    // With nothing to record the value itself comes back.
    CHECK(record("held", alias, wrt(alias, [](const Tensor& dy) { return dy; })).is(alias));
}

TEST_CASE("an operation that is given no value throws") {
    const Tensor x = leaf(Tensor{1, 2});
    CHECK_THROWS_AS(record("nothing", Tensor(), wrt(x, [](const Tensor& dy) { return dy; })), ValueError);
}

TEST_CASE("an input given as the value stays a leaf, and the result has the rule that was given") {
    const Tensor x = leaf(Tensor{1, 2});
    const Tensor y = record("straight_through", x, wrt(x, [](const Tensor& dy) { return dy * 7; }));
    CHECK(x.is_leaf());
    CHECK_FALSE(y.is(x));
    sum(y).backward();
    check_close(x.grad(), Tensor{7, 7});
}

TEST_CASE("a value that was recorded itself is taken without its history, moved or not") {
    for (const bool moved : {false, true}) {
        const Tensor x = leaf(Tensor{1, 2}), w = leaf(Tensor{3, 4});
        Tensor value = x * w;
        const Ref<Node> node = value.node();
        const auto rule = [](const Tensor& dy) { return dy * 10; };
        const Tensor kept = moved ? Tensor() : value;
        const Tensor y = record("anew", moved ? std::move(value) : value, wrt(w, rule));
        CHECK(std::string(y.node()->operation.name) == "anew");
        CHECK(std::string(node->operation.name) == "mul");
        if (kept) CHECK(kept.node() == node);
        const auto d = grad(sum(y), {x, w});
        check_close(d[0], zeros({2}), 0);
        check_close(d[1], Tensor{10, 10});
        if (kept) check_close(grad(sum(kept), {x})[0], w.detach());
    }
}
