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
