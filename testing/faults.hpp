// What the checks of operations and of layers share: comparisons that add a sentence where they fail, and inputs in other guises.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/threads.hpp>
#include <tapehead/layers/module.hpp>
#include <tapehead/testing/contract.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::testing::detail {

inline constexpr bool is_f64 = sizeof(Scalar) == 8;
inline constexpr Real tolerance = is_f64 ? 1e-9 : 1e-4;  // relative to the larger of 1 and the number

using Tensors = std::vector<Tensor>;

/// Lets the default random stream begin at one place again and again, and puts it back at the end.
class SameDraws {
public:
    SameDraws() = default;
    ~SameDraws() { restart(); }
    SameDraws(const SameDraws&) = delete;
    SameDraws& operator=(const SameDraws&) = delete;

    void restart() const { default_generator().set_state(seed_, position_); }

private:
    std::uint64_t seed_ = default_generator().seed(), position_ = default_generator().position();
};

/// Sets a number of threads, and puts it back at the end.
class Threads {
public:
    explicit Threads(int n) { set_num_threads(n); }
    ~Threads() { set_num_threads(before_); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

private:
    int before_ = num_threads();
};

inline bool same_bits(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && tapehead::detail::same_bits(a, b); }

/// Nothing if two tensors are equal to rounding, else where they are not.
inline std::string difference(const Tensor& actual, const Tensor& expected) {
    if (actual.shape() != expected.shape())
        return fmt::format("shape {} instead of {}", to_string(actual.shape()), to_string(expected.shape()));
    for (Index i = 0; i < actual.numel(); ++i) {
        const Real a = actual.data()[i], e = expected.data()[i];
        const bool is_same = a == e || (std::isnan(a) && std::isnan(e));
        if (!is_same && !(std::abs(a - e) <= tolerance * std::max<Real>(1, std::abs(e))))
            return fmt::format("{} instead of {} as element {}", a, e, i);
    }
    return "";
}

inline void expect_close(Faults& faults, const Tensor& actual, const Tensor& expected, const std::string& what) {
    const std::string found = difference(actual, expected);
    if (!found.empty()) faults.push_back(fmt::format("{}: got {}", what, found));
}

/// Results of one computation on one thread and on two, of which only rounding may tell.
inline void expect_same_on_threads(Faults& faults, const Tensors& on_one, const Tensors& on_two) {
    for (std::size_t i = 0; i < on_one.size(); ++i)
        expect_close(faults, on_two[i], on_one[i],
                     i == 0 ? std::string("the value on two threads") : fmt::format("gradient {} on two threads", i - 1));
}

inline void expect(Faults& faults, bool is_true, const std::string& otherwise) {
    if (!is_true) faults.push_back(otherwise);
}

/// A scalar that sees every element of y with another weight.
inline Tensor weighted(const Tensor& y) {
    Generator generator(9);
    return sum(y * randn(y.shape(), generator));
}

/// Leaves of the same values; those require grad that did.
inline Tensors leaves(const Tensors& inputs) {
    Tensors result;
    for (const Tensor& x : inputs) result.push_back(!x.defined() ? x : clone(x.detach()).requires_grad_(x.requires_grad()));
    return result;
}

inline Tensors requiring_grad(const Tensors& inputs) {
    Tensors wanted;
    std::ranges::copy_if(inputs, std::back_inserter(wanted), [](const Tensor& x) { return x.defined() && x.requires_grad(); });
    return wanted;
}

/// x as the result of an operation on other memory of another shape, which is the second.
inline std::pair<Tensor, Tensor> as_result(const Tensor& x) {
    Tensor other = clone(x.dim() < 2 ? reshape(x.detach(), {-1, 1}) : transpose(x.detach())).requires_grad_();
    return {x.dim() < 2 ? reshape(other, x.shape()) : transpose(other), other};
}

/// Back to the shape of x, for a gradient of the second of as_result(x).
inline Tensor back_from(const Tensor& gradient, const Tensor& x) {
    return x.dim() < 2 ? reshape(gradient, x.shape()) : transpose(gradient);
}

inline void check_finite_differences(Faults& faults, const GradcheckReport& report, const std::string& which) {
    if (!report) faults.push_back(fmt::format("{} derivatives: {}", which, report.message()));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::testing::detail
