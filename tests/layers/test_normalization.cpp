// Normalisation layers: large offsets, constant rows, inputs of any rank.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("N1: LayerNorm keeps its digits far from 0") {
    const LayerNorm norm(4);
    check_close(norm(Tensor{{60000, 60001, 60002, 60003}}).detach(), Tensor{{-1.341635, -0.447212, 0.447212, 1.341635}},
                is_f64 ? 1e-6 : 1e-5);
    Tensor close = Tensor::empty({1, 16});
    for (Index i = 0; i < 16; ++i)
        close.raw()[i] = static_cast<Scalar>(static_cast<float>(10000 + 0.001 * static_cast<double>(i)));
    CHECK(static_cast<double>(LayerNorm(16)(close)(0, 0)) == Approx(-1.331333).margin(1e-2));
}

TEST_CASE("N1: LayerNorm of a constant row is exactly its bias, with a finite gradient") {
    LayerNorm norm(256);
    init::constant_(norm.bias, 0.5);
    const Tensor x = leaf(full({2, 256}, 1234));
    const Tensor y = norm(x);
    check_close(y.detach(), full({2, 256}, 0.5), 0);
    sum(y * numbers({2, 256})).backward();
    for (const Scalar value : x.grad().values()) CHECK(std::isfinite(value));
    check_close(LayerNorm(256, 1e-5, false)(full({256}, 1234)), zeros({256}), 0);
}

TEST_CASE("N1: the gradient of LayerNorm's first output is what the formula gives") {
    const Tensor x = leaf({0, 1, 2, 3});
    select(LayerNorm(4)(x), 0, 0).backward();
    check_close(x.grad(), Tensor{0.268330, -0.357768, -0.089443, 0.178882}, is_f64 ? 2e-6 : 1e-5);
}

TEST_CASE("N3: LayerNorm's gradients count all rows, whatever axes they are on") {
    const Tensor values = numbers({2, 3, 4});
    const LayerNorm norm(4), flat(4);
    const Tensor x = leaf(values), rows = leaf(reshape(values, {6, 4}));
    const Tensor y = norm(x);
    sum(y).backward();
    check_close(norm.bias.grad(), full({4}, 6), 0);
    check_close(x.grad(), zeros({2, 3, 4}), is_f64 ? 1e-14 : 1e-5);
    check_close(norm.weight.grad(), sum(reshape(y.detach(), {6, 4}), 0), is_f64 ? 1e-13 : 1e-5);
    sum(flat(rows)).backward();
    check_close(reshape(x.grad(), {6, 4}), rows.grad(), 0);
    check_close(norm.weight.grad(), flat.weight.grad(), 0);
    check_close(norm.bias.grad(), flat.bias.grad(), 0);
}

TEST_CASE("normalisation layers over several axes, with and without parameters") {
    const LayerNorm norm(Shape{2, 3});
    CHECK(norm.weight.shape() == Shape{2, 3});
    CHECK(norm.bias.shape() == Shape{2, 3});
    const Tensor x = numbers({4, 2, 3}), y = norm(x).detach();
    check_close(mean(y, {1, 2}), zeros({4}), is_f64 ? 1e-14 : 1e-6);
    check_close(mean(square(y), {1, 2}), ones({4}), 1e-3);
    CHECK_FALSE(LayerNorm(3, 1e-5, false).weight.defined());
    CHECK_FALSE(LayerNorm(3, 1e-5, true, false).bias.defined());
    const RMSNorm rms(Shape{2, 3});
    CHECK(rms.weight.shape() == Shape{2, 3});
    check_close(mean(square(rms(x).detach()), {1, 2}), ones({4}), 1e-3);
    CHECK_FALSE(RMSNorm(3, 1e-5, false).weight.defined());
}

TEST_CASE("RMSNorm divides by the root of the mean square") {
    RMSNorm norm(2, 0);
    norm.load_state_dict({{"weight", Tensor{1, 2}}});
    const double root = std::sqrt(12.5);
    check_close(norm(Tensor{{3, 4}}).detach(), Tensor{{3 / root, 8 / root}});
}

TEST_CASE("normalisation layers refuse sizes and inputs that do not fit") {
    CHECK_THROWS_AS(LayerNorm(0), ValueError);
    CHECK_THROWS_AS(LayerNorm(-3), ValueError);
    CHECK_THROWS_AS(LayerNorm(Shape{-2, -3}), ValueError);
    CHECK_THROWS_AS(LayerNorm(Axes()), ValueError);
    CHECK_THROWS_AS(LayerNorm(3, -1), ValueError);
    CHECK_THROWS_AS(RMSNorm(0), ValueError);
    CHECK_THROWS_AS(RMSNorm(Shape{-2, -3}), ValueError);
    CHECK_THROWS_AS(RMSNorm(Axes()), ValueError);
    CHECK_THROWS_AS(RMSNorm(3, -1), ValueError);
    CHECK_THROWS_AS(LayerNorm(3)(zeros({2, 4})), ShapeError);
    CHECK_THROWS_AS(RMSNorm(3)(zeros({2, 4})), ShapeError);
}
