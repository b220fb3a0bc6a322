// Dropout: rates at the ends, scale, replayed masks, and that evaluation draws nothing.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("L10: dropout at its edge rates") {
    Generator g(1);
    const Tensor x = leaf(ones({1000}));
    check_close(dropout(x, 0, true, g), x);
    const Tensor y = dropout(x, 0.3, true, g);
    Index kept = 0;
    for (Index i = 0; i < 1000; ++i) {
        const bool is_kept = y(i) != 0;
        kept += is_kept;
        if (is_kept) CHECK_THAT(y(i), is_close(1.428571, 1e-6));
    }
    CHECK(std::abs(static_cast<double>(kept) - 700) < 60);
    check_close(grad(sum(y), {x}, {.retain_graph = true})[0], y.detach(), 0);  // of ones: the mask itself
    check_close(grad(sum(y), {x}, {.create_graph = true})[0], y.detach(), 0);
    const Tensor none = dropout(x, 1, true, g);
    check_close(none, zeros({1000}), 0);
    check_close(grad(sum(none), {x})[0], zeros({1000}), 0);
    check_close(dropout(x, 0.9, false, g), x, 0);
    CHECK_THROWS_AS(dropout(x, -0.1, true, g), ValueError);
    CHECK_THROWS_AS(dropout(x, 1.1, true, g), ValueError);
    CHECK_THROWS_AS(dropout(x, NAN, true, g), ValueError);
    CHECK_THROWS_AS(dropout(x, 2, false, g), ValueError);
}

TEST_CASE("dropout draws no number in evaluation or at rate 0, and new ones in every call") {
    Generator g(1);
    const Tensor x = ones({100});
    dropout(x, 0.5, false, g);
    dropout(x, 0, true, g);
    CHECK(g.position() == 0);
    const Tensor a = dropout(x, 0.5, true, g), b = dropout(x, 0.5, true, g);
    CHECK((a != b).any());
    CHECK(g.position() > 0);
}

TEST_CASE("what was dropped cannot send a NaN on or back") {
    Generator g(4);
    const Tensor x = leaf(full({200}, NAN)), y = dropout(x, 0.5, true, g);
    const Tensor gradient = grad(y, {x}, {.seed = full({200}, INFINITY)})[0];
    bool some_dropped = false;
    for (Index i = 0; i < 200; ++i) {
        if (std::isnan(y(i))) continue;
        some_dropped = true;
        CHECK(y(i) == 0);
        CHECK(gradient(i) == 0);
    }
    CHECK(some_dropped);
}

TEST_CASE("the mask is independent of the shape's last, partial vector") {
    Generator a(3), b(3);
    const Tensor x = dropout(ones({101}), 0.5, true, a), y = dropout(ones({64}), 0.5, true, b);
    check_close(slice(x, 0, 0, 64), y);
}
