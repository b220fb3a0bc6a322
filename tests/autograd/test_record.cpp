// Operations written outside the library: every form of rule that `record` and `wrt` take.
#include <support/testing.hpp>

#include <array>

using namespace testing;

namespace {

/// The value of f without recording, which a rule of its own then takes the place of.
template <class F>
Tensor value_of(const F& f) {
    const no_grad off;
    return f();
}

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

/// y = Π xᵢ, one joint rule with a vector, which takes y
Tensor product_of(const std::vector<Tensor>& xs) {
    return record("product_of", value_of([&] {
                      Tensor y = xs[0];
                      for (std::size_t i = 1; i < xs.size(); ++i) y = y * xs[i];
                      return y * 1;
                  }),
                  wrt(xs, [xs](const Tensor& dy, const Tensor& y) {
                      std::vector<Tensor> dx;
                      for (const Tensor& x : xs) dx.push_back(dy * y / x);
                      return dx;
                  }));
}

const Tensor a = Tensor{{1.5, -2}, {0.5, 3}}, b = Tensor{0.7, -1.2}, c = Tensor(0.3);

void check_all_orders(const Function& f, const std::vector<Tensor>& inputs) {
    if (!is_f64) return;
    const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
    INFO(first.message() << "\n" << second.message());
    CHECK(first.passed);
    CHECK(second.passed);
}

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
    CHECK(std::string(sum_node.name) == "affine");
    REQUIRE(sum_node.inputs().size() == 1);
    const Node& product_node = *sum_node.inputs()[0];
    CHECK(std::string(product_node.name) == "product");
    CHECK(product_node.id < sum_node.id);
    CHECK(product_node.inputs()[0] == x.node());
    CHECK(std::string(x.node()->name) == "leaf");
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
    CHECK(std::string(y.node()->name) == "moved");
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
        CHECK(std::string(y.node()->name) == "anew");
        CHECK(std::string(node->name) == "mul");
        if (kept) CHECK(kept.node() == node);
        const auto d = grad(sum(y), {x, w});
        check_close(d[0], zeros({2}), 0);
        check_close(d[1], Tensor{10, 10});
        if (kept) check_close(grad(sum(kept), {x})[0], w.detach());
    }
}

// Rules of several forms, and many inputs

namespace {

/// How an operation says its rules.
enum class Form { vector, singles, array, vector_then_singles, singles_around_vector };

constexpr std::size_t many = 12;

/// y = Σ (i + 1) xᵢ², for twelve inputs.
Tensor weighted_squares(Form form, const std::vector<Tensor>& x, std::vector<int>* ran = nullptr) {
    Tensor value = value_of([&] {
        Tensor y = Tensor(0);
        for (std::size_t i = 0; i < many; ++i)
            if (x[i].defined()) y = y + square(x[i]) * static_cast<Real>(i + 1);
        return y;
    });
    const auto slope = [x, ran](std::size_t i, const Tensor& dy) {
        if (ran) ++(*ran)[i];
        return x[i].defined() ? dy * x[i] * (2 * static_cast<Real>(i + 1)) : Tensor();
    };
    const auto one = [&](std::size_t i) { return wrt(x[i], [slope, i](const Tensor& dy) { return slope(i, dy); }); };
    const auto range = [&](const std::vector<Tensor>& part, std::size_t begin) {
        return wrt(part, [slope, begin, n = part.size()](const Tensor& dy) {
            std::vector<Tensor> d;
            for (std::size_t i = begin; i < begin + n; ++i) d.push_back(slope(i, dy));
            return d;
        });
    };
    switch (form) {
        case Form::vector: return record("weighted", std::move(value), range(x, 0));
        case Form::singles:
            return record("weighted", std::move(value), one(0), one(1), one(2), one(3), one(4), one(5), one(6), one(7), one(8),
                          one(9), one(10), one(11));
        case Form::array: {
            std::array<Tensor, many> all;
            std::copy(x.begin(), x.end(), all.begin());
            return record("weighted", std::move(value), wrt(all, [slope](const Tensor& dy) {
                              std::array<Tensor, many> d;
                              for (std::size_t i = 0; i < many; ++i) d[i] = slope(i, dy);
                              return d;
                          }));
        }
        case Form::vector_then_singles: {
            const std::vector<Tensor> nine(x.begin(), x.begin() + 9);
            return record("weighted", std::move(value), range(nine, 0), one(9), one(10), one(11));
        }
        case Form::singles_around_vector: break;
    }
    const std::vector<Tensor> five(x.begin() + 1, x.begin() + 6), none, rest(x.begin() + 7, x.end());
    return record("weighted", std::move(value), one(0), range(five, 1), range(none, 6), one(6), range(rest, 7));
}

const Form all_forms[] = {Form::vector, Form::singles, Form::array, Form::vector_then_singles, Form::singles_around_vector};

std::vector<Tensor> twelve_leaves() {
    std::vector<Tensor> x;
    for (std::size_t i = 0; i < many; ++i) x.push_back(leaf(Tensor(1 + static_cast<Real>(i) / 4)));
    return x;
}

}  // namespace

TEST_CASE("an operation of twelve inputs gives each its gradient, whatever the forms of its rules") {
    for (const Form form : all_forms) {
        INFO("form " << static_cast<int>(form));
        const std::vector<Tensor> x = twelve_leaves();
        const Tensor y = weighted_squares(form, x);
        REQUIRE(y.node()->inputs().size() == many);
        for (std::size_t i = 0; i < many; ++i) CHECK(y.node()->inputs()[i] == x[i].node());
        y.backward({}, {.retain_graph = true});
        for (std::size_t i = 0; i < many; ++i) check_close(x[i].grad(), x[i].detach() * (2 * static_cast<Real>(i + 1)));
        y.backward();
        for (std::size_t i = 0; i < many; ++i) check_close(x[i].grad(), x[i].detach() * (4 * static_cast<Real>(i + 1)));
        CHECK_THROWS_AS(y.backward(), GradError);
        check_all_orders([&](const auto& in) { return square(weighted_squares(form, in)) / 1000; }, x);
    }
}

TEST_CASE("of twelve inputs only those that are asked for get a gradient, and only their rules run") {
    for (const Form form : all_forms)
        for (const std::vector<std::size_t>& wanted : {std::vector<std::size_t>{11}, {0}, {6}, {8, 9}, {7, 2, 11, 2}}) {
            const std::vector<Tensor> x = twelve_leaves();
            std::vector<int> ran(many, 0);
            const Tensor y = weighted_squares(form, x, &ran);
            std::vector<Tensor> targets;
            for (const std::size_t i : wanted) targets.push_back(x[i]);
            const auto d = grad(y, targets);
            INFO("form " << static_cast<int>(form));
            for (std::size_t i = 0; i < wanted.size(); ++i)
                check_close(d[i], x[wanted[i]].detach() * (2 * static_cast<Real>(wanted[i] + 1)));
            for (const Tensor& leaf_of : x) CHECK_FALSE(leaf_of.grad().defined());
            const std::size_t unwanted = wanted[0] == 0 ? 6 : 0;  // a rule of its own in the forms with single rules first
            if (form == Form::singles || (form == Form::singles_around_vector && unwanted == 0)) CHECK(ran[unwanted] == 0);
        }
}

TEST_CASE("of twelve inputs some may be constants or undefined, whatever the forms of the rules") {
    for (const Form form : all_forms)
        for (const std::size_t only : {std::size_t{0}, std::size_t{5}, std::size_t{8}, std::size_t{11}}) {
            INFO("form " << static_cast<int>(form) << ", input " << only);
            std::vector<Tensor> x = twelve_leaves();
            for (std::size_t i = 0; i < many; ++i)
                if (i != only) x[i] = i % 2 ? Tensor() : x[i].detach();
            const Tensor y = weighted_squares(form, x);
            for (std::size_t i = 0; i < many; ++i) CHECK(static_cast<bool>(y.node()->inputs()[i]) == (i == only));
            y.backward();
            check_close(x[only].grad(), x[only].detach() * (2 * static_cast<Real>(only + 1)));
            x[only] = x[only].detach();
            CHECK_FALSE(weighted_squares(form, x).requires_grad());
        }
}

TEST_CASE("operations of eight, nine and a hundred inputs pass on every gradient, one after another in a sweep") {
    for (const std::size_t n : {1, 8, 9, 100}) {
        std::vector<Tensor> x;
        for (std::size_t i = 0; i < n; ++i) x.push_back(leaf(Tensor(1 + static_cast<Real>(i) / 50)));
        Tensor product = product_of(x);
        const Tensor total = record("total", value_of([&] { return sum(stack(x)); }),
                                    wrt(x, [n](const Tensor& dy) { return std::vector<Tensor>(n, dy); }));
        const auto d = grad(product + total * 2, x);
        for (std::size_t i = 0; i < n; ++i) check_close(d[i], product.detach() / x[i].detach() + 2, is_f64 ? 1e-9 : 1e-4);
    }
}

TEST_CASE("a joint rule may leave out gradients of inputs that are undefined, and an undefined single input has none") {
    const Tensor x = leaf(Tensor{1, 2}), w = leaf(Tensor{3, 4});
    bool ran = false;
    const auto never = [&ran](const Tensor& dy) {
        ran = true;
        return dy;
    };
    const Tensor y = record("gaps", value_of([&] { return x * w; }), wrt(Tensor(), never),
                            wrt(std::array{Tensor(), x, Tensor()},
                                [w](const Tensor& dy) {
                                    return std::array{Tensor(), dy * w, Tensor()};
                                }),
                            wrt(std::vector<Tensor>{}, [](const Tensor&) { return std::vector<Tensor>{}; }),
                            wrt(std::vector<Tensor>{Tensor(), w},
                                [x](const Tensor& dy) {
                                    return std::vector<Tensor>{Tensor(), dy * x};
                                }),
                            wrt(Tensor(), never));
    CHECK(y.node()->inputs().size() == 7);
    sum(y).backward();
    check_close(x.grad(), Tensor{3, 4});
    check_close(w.grad(), Tensor{1, 2});
    CHECK_FALSE(ran);
    CHECK_FALSE(record("empty", Tensor{1}, wrt(Tensor(), never), wrt(std::vector<Tensor>{}, never)).requires_grad());
}

TEST_CASE("a vector of the wrong length from a rule beside others throws and names the operation") {
    const Tensor x = leaf(Tensor(1)), p = leaf(Tensor(2)), q = leaf(Tensor(3));
    for (const std::size_t length : {0, 1, 3, 4}) {
        const Tensor y =
            record("beside", Tensor(6), wrt(x, [](const Tensor& dy) { return dy; }),
                   wrt(std::vector<Tensor>{p, q}, [length](const Tensor& dy) { return std::vector<Tensor>(length, dy); }),
                   wrt(x, [](const Tensor& dy) { return dy; }));
        CHECK_THROWS_WITH(y.backward(), Catch::Contains("beside") && Catch::Contains("expected 2 gradients"));
        CHECK_FALSE(x.grad());
    }
}
