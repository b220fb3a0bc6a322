// The functions of one element against the C library in long double, in units of the last place.
#include <kernels/tables.hpp>

#include <array>

using namespace testing;
using kernels::Unary;

namespace {

using Wide = long double;

/// |actual − expected| in units of the last place of the type at the expected value.
double ulps(Scalar actual, Wide expected) {
    const auto rounded = static_cast<Scalar>(expected);
    if (actual == rounded || (std::isnan(actual) && std::isnan(rounded))) return 0;
    if (!std::isfinite(actual) || !std::isfinite(rounded)) return INFINITY;
    const Wide least = std::numeric_limits<Scalar>::min();
    const Wide unit =
        std::ldexp(Wide{1}, std::ilogb(std::max(std::fabs(expected), least)) + 1 - std::numeric_limits<Scalar>::digits);
    return static_cast<double>(std::fabs(static_cast<Wide>(actual) - expected) / unit);
}

/// The worst error of f over [low, high], evenly spaced; the length leaves a partial vector.
void check_accuracy(const std::string& name, Unary f, Wide (*reference)(Wide), double low, double high, double most) {
    constexpr Index n = 20011;
    std::vector<Scalar> x(n), y(n);
    for (Index i = 0; i < n; ++i)
        x[static_cast<std::size_t>(i)] = static_cast<Scalar>(low + (high - low) * static_cast<double>(i) / (n - 1));
    kernels::simd().unary(f, 0, 0, x.data(), y.data(), n);
    double worst = 0;
    Scalar at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double error = ulps(y[i], reference(static_cast<Wide>(x[i])));
        if (error <= worst) continue;
        worst = error;
        at = x[i];
    }
    INFO(name << " on [" << low << ", " << high << "]: " << worst << " units in the last place at " << at);
    CHECK(worst <= most);
}

Wide sigmoid_of(Wide x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

TEST_CASE("functions of one element are accurate to a few units in the last place") {
    const double edge = is_f64 ? 700 : 87;
    check_accuracy(
        "exp", Unary::exp, [](Wide x) { return std::exp(x); }, -edge, edge, 2);
    check_accuracy(
        "exp", Unary::exp, [](Wide x) { return std::exp(x); }, -1, 1, 2);
    check_accuracy(
        "log", Unary::log, [](Wide x) { return std::log(x); }, 1e-6, 10, 2);
    check_accuracy(
        "log", Unary::log, [](Wide x) { return std::log(x); }, 1, 1e6, 2);
    check_accuracy(
        "log1p", Unary::log1p, [](Wide x) { return std::log1p(x); }, -0.9, 5, 3);
    check_accuracy(
        "log1p", Unary::log1p, [](Wide x) { return std::log1p(x); }, -1e-4, 1e-4, 3);
    check_accuracy(
        "expm1", Unary::expm1, [](Wide x) { return std::expm1(x); }, -5, 5, 3);
    check_accuracy(
        "expm1", Unary::expm1, [](Wide x) { return std::expm1(x); }, -1e-4, 1e-4, 3);
    check_accuracy(
        "sqrt", Unary::sqrt, [](Wide x) { return std::sqrt(x); }, 0, 100, 0.5);
    check_accuracy(
        "reciprocal", Unary::reciprocal, [](Wide x) { return 1 / x; }, 0.1, 100, 0.5);
    check_accuracy(
        "rsqrt", Unary::rsqrt, [](Wide x) { return 1 / std::sqrt(x); }, 0.1, 100, 1.5);
    check_accuracy(
        "sin", Unary::sin, [](Wide x) { return std::sin(x); }, -3, 3, 3);
    check_accuracy(
        "cos", Unary::cos, [](Wide x) { return std::cos(x); }, -1.5, 1.5, 3);
    check_accuracy(
        "tanh", Unary::tanh, [](Wide x) { return std::tanh(x); }, -10, 10, 4);
    check_accuracy(
        "erf", Unary::erf, [](Wide x) { return std::erf(x); }, -4, 4, 4);
    check_accuracy("sigmoid", Unary::sigmoid, sigmoid_of, -30, 30, 4);
    check_accuracy(
        "softplus", Unary::softplus, [](Wide x) { return std::log1p(std::exp(x)); }, -30, 30, 4);
    check_accuracy(
        "silu", Unary::silu, [](Wide x) { return x * sigmoid_of(x); }, -30, 30, 6);
    check_accuracy(
        "gelu", Unary::gelu, [](Wide x) { return x * std::erfc(-x / std::sqrt(Wide{2})) / 2; }, -0.5, 8, 6);
}

TEST_CASE("sines and cosines of large arguments keep an absolute accuracy") {
    constexpr Index n = 1001;
    std::vector<Scalar> x(n), s(n), c(n);
    for (Index i = 0; i < n; ++i) x[static_cast<std::size_t>(i)] = static_cast<Scalar>(7.3 * static_cast<double>(i * i));
    kernels::simd().unary(Unary::sin, 0, 0, x.data(), s.data(), n);
    kernels::simd().unary(Unary::cos, 0, 0, x.data(), c.data(), n);
    for (std::size_t i = 0; i < x.size(); ++i) {
        INFO("at " << x[i]);
        CHECK(std::abs(static_cast<double>(s[i]) - static_cast<double>(std::sin(static_cast<Wide>(x[i])))) <
              (is_f64 ? 1e-14 : 1e-6));
        CHECK(std::abs(static_cast<double>(c[i]) - static_cast<double>(std::cos(static_cast<Wide>(x[i])))) <
              (is_f64 ? 1e-14 : 1e-6));
    }
}

TEST_CASE("the value of an element does not depend on its place in a vector") {
    constexpr Index n = 67;
    std::vector<Scalar> x(n, static_cast<Scalar>(0.7310585)), y(n);
    for (const Unary f :
         {Unary::exp, Unary::log, Unary::log1p, Unary::expm1, Unary::sin, Unary::cos, Unary::tanh, Unary::erf, Unary::sigmoid,
          Unary::softplus, Unary::gelu, Unary::gelu_tanh, Unary::silu, Unary::elu, Unary::rsqrt, Unary::pow}) {
        kernels::simd().unary(f, static_cast<Scalar>(1.7), 0, x.data(), y.data(), n);
        CHECK(std::count(y.begin(), y.end(), y[0]) == n);
    }
}

TEST_CASE("the sign of zero survives odd functions") {
    const Scalar minus_zero = static_cast<Scalar>(-0.0), zero = 0;
    Scalar y = 1;
    for (const Unary f : {Unary::expm1, Unary::log1p, Unary::sqrt, Unary::sin, Unary::tanh, Unary::erf}) {
        kernels::simd().unary(f, 0, 0, &minus_zero, &y, 1);
        INFO("function " << static_cast<int>(f));
        CHECK((y == 0 && std::signbit(y)));
    }
    kernels::simd().unary(Unary::neg, 0, 0, &zero, &y, 1);
    CHECK(std::signbit(y));
}

namespace {

/// Φ(x) and φ(x)
double normal_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0)); }

/// Checks |gelu or its slope − expected| ≤ absolute + share · size over a fine grid of [low, high].
template <class Expected, class Size>
void check_gelu(bool backward, const kernels::Simd& table, double low, double high, double absolute, double share,
                const Expected& expected, const Size& size) {
    constexpr Index n = 200003;
    std::vector<Scalar> x(n), dy(n, 1), y(n);
    for (Index i = 0; i < n; ++i)
        x[static_cast<std::size_t>(i)] = static_cast<Scalar>(low + (high - low) * static_cast<double>(i) / (n - 1));
    if (backward) table.unary_backward(Unary::gelu, 0, 0, x.data(), dy.data(), y.data(), n);
    else table.unary(Unary::gelu, 0, 0, x.data(), y.data(), n);
    double worst = 0, place = low;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double at = x[i], error = std::abs(static_cast<double>(y[i]) - expected(at)) - absolute;
        if (error <= worst * size(at)) continue;
        worst = std::isnan(error) ? double{INFINITY} : error / size(at);
        place = at;
    }
    INFO(table.name << ", backward " << backward << ": a share of " << worst << " at " << place);
    CHECK(worst < share);
}

}  // namespace

TEST_CASE("gelu and its gradient are accurate over all of their range on every instruction set") {
    const auto gelu = [](double x) { return x * normal_cdf(x); };
    const auto gelu_size = [&](double x) { return std::abs(gelu(x)); };
    const auto slope = [](double x) { return normal_cdf(x) + x * normal_density(x); };
    // Where its two terms cancel, near −0.75, the slope can be no more accurate than they are.
    const auto slope_size = [](double x) { return std::max(normal_cdf(x), std::abs(x) * normal_density(x)); };
    for (const kernels::Simd* table : simd_tables()) {
        if (is_f64) {  // 1 + erf loses the tail's digits, but not more than the last one of 1
            check_gelu(false, *table, -14, 14, 2e-15, 1e-15, gelu, gelu_size);
            check_gelu(true, *table, -14, 14, 2e-15, 1e-15, slope, slope_size);
            continue;
        }
        // Rounding x²/2 costs exp(−x²/2) a share of up to 2⁻¹⁹ below −8 and 2⁻¹⁸ below −11.3. Results that are no normal numbers are 0.
        const double least = std::numeric_limits<float>::min();
        for (const auto& [low, high, share] : {std::array{-1e-3, 1e-3, 5e-7},
                                               {-4.0, 14.0, 1e-6},
                                               {-8.0, 14.0, 2e-6},
                                               {-9.0, -8.0, 2.5e-6},
                                               {-14.0, -9.0, 6e-6}}) {
            check_gelu(false, *table, low, high, 2 * least, share, gelu, gelu_size);
            check_gelu(true, *table, low, high, 20 * least, share, slope, slope_size);
        }
    }
}

TEST_CASE("gelu of what is not finite or far away is the limit on every instruction set") {
    for (const kernels::Simd* table : simd_tables()) {
        INFO(table->name);
        const auto at = [&](double value, bool backward) {
            const Scalar x = static_cast<Scalar>(value), one = 1;
            Scalar y = 0;
            if (backward) table->unary_backward(Unary::gelu, 0, 0, &x, &one, &y, 1);
            else table->unary(Unary::gelu, 0, 0, &x, &y, 1);
            return static_cast<double>(y);
        };
        CHECK(at(1000, false) == 1000);
        CHECK(at(-1000, false) == 0);
        CHECK(at(1000, true) == 1);
        CHECK(at(-1000, true) == 0);
        CHECK(at(0, false) == 0);
        CHECK(at(0, true) == 0.5);
        CHECK(at(INFINITY, false) == double{INFINITY});
        CHECK(std::isnan(at(NAN, false)));
        CHECK(std::isnan(at(NAN, true)));
    }
}
