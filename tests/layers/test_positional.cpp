// Positional encodings: the paper's numbers, odd widths, offsets, and positions beyond the table.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("sinusoidal positions are the paper's formula") {
    const Tensor table = sinusoidal_positions(50, 8);
    for (const Index position : {0, 1, 7, 49})
        for (Index i = 0; i < 4; ++i) {
            const double angle = static_cast<double>(position) / std::pow(10000.0, 2 * static_cast<double>(i) / 8);
            CHECK(static_cast<double>(table(position, 2 * i)) == Approx(std::sin(angle)).margin(tolerance));
            CHECK(static_cast<double>(table(position, 2 * i + 1)) == Approx(std::cos(angle)).margin(tolerance));
        }
    CHECK_FALSE(table.requires_grad());
}

TEST_CASE("T9: sinusoidal positions of an odd width end with a sine") {
    check_close(slice(sinusoidal_positions(2, 5), 0, 1), Tensor{{0.841471, 0.540302, 0.025116, 0.999685, 0.000631}}, 1e-6);
    check_close(sinusoidal_positions(2, 1), Tensor{{0}, {std::sin(1.0)}}, 1e-6);
    CHECK(SinusoidalPositionalEncoding(5)(zeros({1, 3, 5})).shape() == Shape{1, 3, 5});
}

TEST_CASE("sinusoidal positions count from the first") {
    check_close(sinusoidal_positions(4, 6, 10), slice(sinusoidal_positions(14, 6), 0, 10), 0);
    CHECK(sinusoidal_positions(0, 6).shape() == Shape{0, 6});
    CHECK_THROWS_AS(sinusoidal_positions(-1, 6), ValueError);
    CHECK_THROWS_AS(sinusoidal_positions(1, 0), ValueError);
    CHECK_THROWS_AS(sinusoidal_positions(1, -2), ValueError);
    CHECK_THROWS_AS(sinusoidal_positions(1, 6, -1), ValueError);
}

TEST_CASE("the sinusoidal encoding adds the positions to every sequence, and passes the gradient on") {
    SinusoidalPositionalEncoding encoding(4, 6);
    const Tensor x = leaf(full({2, 3, 4}, 5));
    const Tensor y = encoding(x);
    check_close((y - 5).detach(), expand(sinusoidal_positions(3, 4), {2, 3, 4}), is_f64 ? 1e-14 : 1e-6);
    sum(y).backward();
    check_close(x.grad(), ones({2, 3, 4}), 0);
    CHECK(encoding.num_parameters() == 0);
    CHECK(encoding.state_dict().empty());
}

TEST_CASE("the sinusoidal encoding has no last position: beyond its table it goes on") {
    const SinusoidalPositionalEncoding encoding(4, 6), longer(4, 100);
    const Tensor x = zeros({1, 9, 4});
    check_close(encoding(x), longer(x), 0);
    check_close(encoding.forward(zeros({1, 3, 4}), 4), longer.forward(zeros({1, 3, 4}), 4), 0);
    check_close(encoding.forward(zeros({1, 3, 4}), 50), longer.forward(zeros({1, 3, 4}), 50), 0);
    check_close(encoding.forward(zeros({1, 3, 4}), 3), reshape(sinusoidal_positions(3, 4, 3), {1, 3, 4}), 0);
    CHECK_THROWS_AS(encoding(zeros({1, 3, 5})), ShapeError);
    CHECK_THROWS_AS(encoding(zeros({3, 4})), ShapeError);
    CHECK_THROWS_AS(encoding.forward(x, -1), IndexError);
    CHECK_THROWS_AS(SinusoidalPositionalEncoding(0), ValueError);
    CHECK_THROWS_AS(SinusoidalPositionalEncoding(4, -1), ValueError);
}

TEST_CASE("positions decoded one by one equal those of the whole sequence") {
    const SinusoidalPositionalEncoding sinusoidal(4, 3);
    const LearnedPositionalEncoding learned(4, 8);
    const Tensor x = zeros({2, 5, 4});
    for (Index t = 0; t < 5; ++t) {
        check_close(sinusoidal.forward(slice(x, 1, t, t + 1), t), slice(sinusoidal(x), 1, t, t + 1), 0);
        check_close(learned.forward(slice(x, 1, t, t + 1), t).detach(), slice(learned(x), 1, t, t + 1).detach(), 0);
    }
}

TEST_CASE("the learned encoding adds a row for each position, which gets the gradient") {
    manual_seed(1);
    LearnedPositionalEncoding encoding(3, 5);
    const Tensor x = leaf(zeros({2, 2, 3}));
    const Tensor y = encoding.forward(x, 2);
    check_close(y.detach(), expand(slice(encoding.weight.detach(), 0, 2, 4), {2, 2, 3}), 0);
    sum(y).backward();
    check_close(x.grad(), ones({2, 2, 3}), 0);
    check_close(encoding.weight.grad(), Tensor{{0, 0, 0}, {0, 0, 0}, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}}, 0);
    CHECK_NOTHROW(encoding.forward(x, 3));
    CHECK_THROWS_AS(encoding.forward(x, 4), IndexError);
    CHECK_THROWS_AS(encoding.forward(x, -1), IndexError);
    CHECK_THROWS_AS(encoding(zeros({1, 6, 3})), IndexError);
    CHECK_THROWS_AS(encoding(zeros({1, 2, 4})), ShapeError);
    CHECK_THROWS_AS(LearnedPositionalEncoding(0, 3), ValueError);
    CHECK_THROWS_AS(LearnedPositionalEncoding(3, 0), ValueError);
    CHECK(static_cast<double>(tapehead::std(LearnedPositionalEncoding(100, 100).weight).item()) == Approx(0.02).epsilon(0.05));
}

// Rotary positions

namespace {

Tensor swap_axes(const Tensor& x) { return permute(x, {0, 2, 1, 3}); }

/// Pair i of each vector of x [B, T, H, D] turned by its position, in plain loops.
Tensor turned(const Tensor& x, Index first, const RotaryOptions& o) {
    Tensor y = clone(x);
    const Index width = x.size(3), dim = o.dim ? o.dim : width, half = dim / 2, row = x.size(2) * width;
    for (Index at = 0; at < x.numel(); at += width)
        for (Index i = 0; i < half; ++i) {
            const double angle = static_cast<double>(first + at / row % x.size(1)) / o.scaling *
                                 std::pow(o.base, -2 * static_cast<double>(i) / static_cast<double>(dim));
            const bool adjacent = o.layout == RotaryLayout::adjacent;
            const Index u = at + (adjacent ? 2 * i : i), v = adjacent ? u + 1 : u + half;
            const double a = x.data()[u], b = x.data()[v];
            y.raw()[u] = static_cast<Scalar>(a * std::cos(angle) - b * std::sin(angle));
            y.raw()[v] = static_cast<Scalar>(a * std::sin(angle) + b * std::cos(angle));
        }
    return y;
}

}  // namespace

TEST_CASE("the rotary embedding takes time at any axis before the last, with the same values and gradients") {
    for (const RotaryLayout layout : {RotaryLayout::adjacent, RotaryLayout::half_split})
        for (const Index dim : {0, 4})
            for (const Shape& shape : {Shape{2, 5, 3, 6}, Shape{1, 4, 2, 6}, Shape{3, 1, 2, 6}, Shape{2, 6, 1, 6}})
                for (const Index first : {0, 3, 7, 40}) {  // within the table, over its end and beyond
                    const RotaryOptions options{.dim = dim, .base = 50, .scaling = 1.5, .layout = layout};
                    const RotaryEmbedding rotary(6, options, 9);
                    INFO(shape << ", first " << first << ", dim " << dim);
                    const Tensor x = leaf(numbers(shape)), z = leaf(swap_axes(x));
                    const Tensor y = rotary.forward(x, first, 1), expected = rotary.forward(z, first);
                    check_close(y.detach(), turned(x.detach(), first, options), is_f64 ? 1e-12 : 2e-5);
                    check_close(y.detach(), swap_axes(expected).detach(), 0);
                    check_close(rotary.forward(x, first, -3).detach(), y.detach(), 0);
                    const Tensor seed = numbers(shape, 2);
                    check_close(grad(y, {x}, {.seed = seed})[0], swap_axes(grad(expected, {z}, {.seed = swap_axes(seed)})[0]),
                                0);
                    const Tensor t = permute(x, {1, 0, 2, 3});  // time at axis 0
                    check_close(permute(rotary.forward(t, first, 0), {1, 0, 2, 3}).detach(), y.detach(), 0);
                }
    check_close(RotaryEmbedding(2)(Tensor{{1, 0}, {1, 0}}), Tensor{{1, 0}, {std::cos(1.0), std::sin(1.0)}});
}

TEST_CASE("the derivatives of the rotary embedding with time at axis 1 agree with finite differences") {
    if (!is_f64) return;
    const RotaryEmbedding rotary(4, {.dim = 2}, 3);
    const auto f = [&](const std::vector<Tensor>& in) { return square(rotary.forward(in[0], 1, 1)); };
    CHECK(gradcheck(f, {leaf(numbers({2, 4, 2, 4}))}).passed);
    CHECK(gradgradcheck(f, {leaf(numbers({2, 4, 2, 4}))}).passed);
}

TEST_CASE("the rotary embedding refuses axes that are not before the last, negative positions and widths that do not fit") {
    const RotaryEmbedding rotary(6, {}, 4);
    const Tensor x = zeros({2, 5, 3, 6});
    for (const Index axis : {3, -1, 4, -5, 100}) CHECK_THROWS_AS(rotary.forward(x, 0, axis), IndexError);
    for (const Index axis : {0, 1, 2, -2, -3, -4}) CHECK_NOTHROW(rotary.forward(x, 0, axis));
    CHECK_THROWS_WITH(rotary.forward(x, 0, 3), Catch::Contains("RotaryEmbedding") && Catch::Contains("[2, 5, 3, 6]"));
    CHECK_THROWS_AS(rotary.forward(x, -1, 1), IndexError);
    CHECK_THROWS_AS(rotary.forward(zeros({6}), 0), ShapeError);
    CHECK_THROWS_AS(rotary.forward(zeros({2, 5, 3, 4}), 0, 1), ShapeError);
    CHECK(rotary.forward(zeros({2, 5, 3, 8}), 0, 1).shape() == Shape{2, 5, 3, 8});
    CHECK(rotary.forward(zeros({2, 0, 3, 6}), 2, 1).shape() == Shape{2, 0, 3, 6});
    CHECK_THROWS_AS(RotaryEmbedding(5), ValueError);
    CHECK_THROWS_AS(RotaryEmbedding(6, {.dim = 8}), ValueError);
    CHECK_THROWS_AS(RotaryEmbedding(6, {.base = 0}), ValueError);
    CHECK_THROWS_AS(RotaryEmbedding(6, {.scaling = 0}), ValueError);
    CHECK_THROWS_AS(RotaryEmbedding(6, {}, -1), ValueError);
}
