// Dropout as a layer: rates from 0 to 1, the gradient of the same draw, nothing in evaluation.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("dropout keeps elements as x / (1 - p), and the gradient is exactly the forward mask") {
    manual_seed(1);
    const Dropout dropout(0.3);
    const Tensor x = leaf(ones({1000}));
    const Tensor y = dropout(x);
    Index kept = 0;
    for (const Scalar value : y.values()) {
        if (value == 0) continue;
        ++kept;
        CHECK(static_cast<double>(value) == Approx(1.428571).epsilon(1e-6));
    }
    CHECK(std::abs(static_cast<double>(kept) - 700) < 5 * std::sqrt(1000 * 0.3 * 0.7));
    sum(y).backward();
    check_close(x.grad(), y.detach(), 0);
}

TEST_CASE("dropout of 0 is the identity and draws nothing") {
    const Dropout dropout(0);
    const std::uint64_t before = default_generator().position();
    const Tensor x{1, 2, 3};
    check_close(dropout(x), x, 0);
    CHECK(default_generator().position() == before);
}

TEST_CASE("dropout of 1 gives 0 with gradient 0, for infinite elements too") {
    const Dropout dropout(1);
    const Tensor x = leaf({1, -2, 1e30, 0});
    const Tensor y = dropout(x);
    check_close(y.detach(), zeros({4}), 0);
    sum(y).backward();
    check_close(x.grad(), zeros({4}), 0);
    check_close(dropout(Tensor{std::numeric_limits<Scalar>::infinity()}), zeros({1}), 0);
}

TEST_CASE("dropout in evaluation is the identity and draws nothing") {
    Dropout dropout(0.5);
    dropout.eval();
    const std::uint64_t before = default_generator().position();
    const Tensor x = leaf(ones({100}));
    const Tensor y = dropout(x);
    check_close(y.detach(), ones({100}), 0);
    CHECK(default_generator().position() == before);
    sum(y).backward();
    check_close(x.grad(), ones({100}), 0);
    dropout.train();
    CHECK(eq(dropout(x), zeros({100})).any());
}

TEST_CASE("dropout draws anew each time, and the same after the same seed") {
    const Dropout dropout(0.5);
    const Tensor x = ones({200});
    manual_seed(4);
    const Tensor first = dropout(x), second = dropout(x);
    CHECK(ne(first, second).any());
    manual_seed(4);
    check_close(dropout(x), first, 0);
    check_close(dropout(x), second, 0);
}

TEST_CASE("dropout refuses rates outside 0 to 1") {
    CHECK_THROWS_AS(Dropout(-0.1), ValueError);
    CHECK_THROWS_AS(Dropout(1.1), ValueError);
    CHECK_THROWS_AS(Dropout(std::numeric_limits<Real>::quiet_NaN()), ValueError);
    CHECK(Dropout().p == 0.5);
}
