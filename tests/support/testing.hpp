// What every test includes: Catch2, the library, and comparisons that say where two tensors differ.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <tapehead/tapehead.hpp>

namespace testing {

using namespace tapehead;

inline constexpr bool is_f64 = sizeof(Scalar) == 8;

/// The relative and absolute tolerance for a value that is right to rounding.
inline constexpr double tolerance = is_f64 ? 1e-9 : 1e-5;

/// Matches a number relatively or, near 0, absolutely; infinities are equal to themselves.
class is_close : public Catch::MatcherBase<double> {
public:
    explicit is_close(double expected, double tol = tolerance) : expected_(expected), tolerance_(tol) {}
    bool match(const double& actual) const override {
        return actual == expected_ || std::abs(actual - expected_) <= tolerance_ * std::max(1.0, std::abs(expected_));
    }
    std::string describe() const override { return "is close to " + Catch::Detail::stringify(expected_); }

private:
    double expected_, tolerance_;
};

/// Checks shape and every element; NaN equals NaN, infinities are equal to themselves.
inline void check_close(const Tensor& actual, const Tensor& expected, double tol = tolerance) {
    INFO("actual " << actual << "\nexpected " << expected);
    REQUIRE(actual.shape() == expected.shape());
    for (Index i = 0; i < actual.numel(); ++i) {
        const double a = actual.data()[i], e = expected.data()[i];
        if (a == e || (std::isnan(a) && std::isnan(e))) continue;
        INFO("element " << i << ": actual " << a << ", expected " << e);
        CHECK(std::abs(a - e) <= tol * std::max(1.0, std::abs(e)));
    }
}

/// Normal numbers, the same for the same seed.
inline Tensor numbers(const Shape& shape, std::uint64_t seed = 1) {
    Generator generator(seed);
    return randn(shape, generator);
}

/// A leaf that gathers a gradient.
inline Tensor leaf(Tensor value) { return value.detach().requires_grad_(); }

}  // namespace testing
