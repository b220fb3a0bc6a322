// Recorded operations of many inputs, whatever the forms of their rules.
#include "custom_operations.hpp"

#include <array>

using namespace testing;

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
