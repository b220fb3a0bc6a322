// Softmax at its limits: large logits, rows of minus infinity, and gradients that stay finite.
#include <support/testing.hpp>

using namespace testing;

namespace {

const double inf = INFINITY;

Tensor gradient(const Tensor& y, const Tensor& x, const Tensor& upstream, bool recorded) {
    return grad(y, {x}, {.seed = upstream, .retain_graph = true, .create_graph = recorded})[0];
}

}  // namespace

TEST_CASE("L1: softmax and log_softmax of large logits neither overflow nor mix rows") {
    const Tensor x{{1000, 999}, {-1000, -1001}};
    check_close(softmax(x), Tensor{{0.731059, 0.268941}, {0.731059, 0.268941}}, 1e-6);
    const Tensor logits = leaf(Tensor{1000, 0, -1000});
    check_close(-log_softmax(logits), Tensor{0, 1000, 2000});
    for (const bool recorded : {false, true})
        check_close(gradient(-select(log_softmax(logits), 0, 2), logits, Tensor(1), recorded), Tensor{1, 0, -1});
    const Tensor wide = leaf(Tensor{-431, 279, 427});
    const Tensor loss = -select(log_softmax(wide), 0, 0);
    check_close(loss, 858);
    check_close(gradient(loss, wide, Tensor(1), false), Tensor{-1, 0, 1});
    if (is_f64) CHECK_THAT(gradient(loss, wide, Tensor(1), false)(1), Catch::WithinRel(5.3e-65, 0.01));
}

TEST_CASE("a row of minus infinity has weights 0 and gradient 0, and the others are as they would be alone") {
    const Tensor x = leaf(Tensor{{-inf, -inf, -inf}, {0, -inf, 1}}), upstream{{1, 2, 3}, {1, 2, 3}};
    const Tensor p = softmax(x);
    const double a = 1 / (1 + std::exp(1.0));
    check_close(p, Tensor{{0, 0, 0}, {a, 0, 1 - a}});
    for (const bool recorded : {false, true}) {
        const Tensor g = gradient(p, x, upstream, recorded);
        check_close(g, Tensor{{0, 0, 0}, {-2 * a * (1 - a), 0, 2 * a * (1 - a)}});
    }
    check_close(softmax(transpose(x), 0), transpose(p));
}

TEST_CASE("weights sum to one along the axis that was named") {
    const Tensor x = randn({3, 4, 5});
    for (const Index axis : {0, 1, 2, -1, -3})
        check_close(sum(softmax(x, axis), axis), ones(reduced_shape(x.shape(), {axis < 0 ? axis + 3 : axis}, false)));
    check_close(exp(log_softmax(x, 1)), softmax(x, 1));
    CHECK_THROWS_AS(softmax(x, 3), IndexError);
    CHECK_THROWS_AS(log_softmax(x, -4), IndexError);
    for (const Index axis : {0, -1}) CHECK(softmax(Tensor(2), axis).item() == 1);
    for (const Index axis : {1, -2}) {
        CHECK_THROWS_AS(softmax(Tensor(2), axis), IndexError);
        CHECK_THROWS_AS(log_softmax(Tensor(2), axis), IndexError);
    }
}

TEST_CASE("a shift of all logits changes nothing, and their gradients sum to zero") {
    const Tensor x = leaf(randn({4, 33}));
    check_close(softmax(x), softmax(x + 50), is_f64 ? 1e-12 : 1e-5);
    const Tensor upstream = randn({4, 33});
    check_close(sum(gradient(softmax(x), x, upstream, false), 1), zeros({4}));
    check_close(sum(gradient(log_softmax(x), x, upstream, false), 1), zeros({4}), 1e-5);
}
