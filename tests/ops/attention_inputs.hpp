// What the tests of attention start from: small inputs, masks from lists of flags, and derivatives checked to the second order.
#pragma once

#include <support/testing.hpp>

namespace testing {

inline constexpr double six_digits = is_f64 ? 1e-6 : 1e-5;  // the cases are given to six digits
inline constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// One batch, one head, width 1: [T] → [1, 1, T, 1].
inline Tensor column(std::initializer_list<detail::Nested> values) {
    const Tensor x(values);
    return reshape(x, {1, 1, x.numel(), 1});
}

inline Condition flags(const Shape& shape, const std::vector<bool>& values) {
    Condition c(shape);
    std::copy(values.begin(), values.end(), c.raw());
    return c;
}

struct Inputs {
    Tensor q, k, v;
    explicit operator std::vector<Tensor>() const { return {q, k, v}; }
};

/// Leaves [B, H, Tq, D], [B, Hkv, Tk, D], [B, Hkv, Tk, Dv].
inline Inputs make_inputs(const AttentionShape& s, Index width = 3, Index value_width = 2, Index shared_heads = 0) {
    const Index kv = shared_heads ? shared_heads : s.heads;
    return {leaf(numbers({s.batch, s.heads, s.queries, width}, 1)), leaf(numbers({s.batch, kv, s.keys, width}, 2)),
            leaf(numbers({s.batch, kv, s.keys, value_width}, 3))};
}

inline void check_derivatives(const Function& f, const std::vector<Tensor>& inputs) {
    if (!is_f64) return;
    const GradcheckReport first = gradcheck(f, inputs);
    INFO("first order: " << first.message());
    CHECK(first.passed);
    const GradcheckReport second = gradgradcheck(f, inputs);
    INFO("second order: " << second.message());
    CHECK(second.passed);
}

inline void check_derivatives(const Inputs& in, const AttentionOptions& options) {
    check_derivatives([&](const std::vector<Tensor>& x) { return scaled_dot_product_attention(x[0], x[1], x[2], options); },
                      {in.q, in.k, in.v});
}

inline bool is_finite(const Tensor& x) {
    return std::all_of(x.values().begin(), x.values().end(), [](Scalar value) { return std::isfinite(value); });
}

}  // namespace testing
