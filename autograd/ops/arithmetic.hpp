// Arithmetic of two tensors, with NumPy's broadcasting, and with numbers on either side.
#pragma once

#include <tapehead/autograd/condition.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = a + b. Throws ShapeError unless the shapes broadcast; so do all below.
Tensor add(const Tensor& a, const Tensor& b);
/// y = a − b
Tensor sub(const Tensor& a, const Tensor& b);
/// y = a b
Tensor mul(const Tensor& a, const Tensor& b);
/// y = a / b
Tensor div(const Tensor& a, const Tensor& b);
/// y = aᵇ; the gradient of b is 0 where a is 0.
Tensor pow(const Tensor& a, const Tensor& b);
/// y = xᵖ; at 0 the derivative is its limit where that is finite.
Tensor pow(const Tensor& x, Real exponent);
/// y = max(a, b); equal values share the gradient.
Tensor maximum(const Tensor& a, const Tensor& b);
/// y = min(a, b); equal values share the gradient.
Tensor minimum(const Tensor& a, const Tensor& b);
/// y = scale x + shift
Tensor affine(const Tensor& x, Real scale, Real shift);

/// The chain rule for one element: dy · slope, but 0 wherever dy is 0, however steep or undefined the slope is there.
///
/// Rules use it instead of a product, so that a branch that was not taken (`where`, `masked_fill`) never sends back a NaN.
Tensor chain(const Tensor& dy, const Tensor& slope);

/// @{
/// a + b, a − b, a b, a / b and −x, with a number c on either side too. Throws ShapeError unless the shapes broadcast.
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& x, Real c) { return affine(x, 1, c); }
inline Tensor operator+(Real c, const Tensor& x) { return affine(x, 1, c); }
inline Tensor operator-(const Tensor& x, Real c) { return affine(x, 1, -c); }
inline Tensor operator-(Real c, const Tensor& x) { return affine(x, -1, c); }
inline Tensor operator*(const Tensor& x, Real c) { return affine(x, c, 0); }
inline Tensor operator*(Real c, const Tensor& x) { return affine(x, c, 0); }
inline Tensor operator/(const Tensor& x, Real c) { return div(x, Tensor(c)); }
inline Tensor operator/(Real c, const Tensor& x) { return div(Tensor(c), x); }
inline Tensor operator-(const Tensor& x) { return affine(x, -1, 0); }
/// @}

/// @{
/// Makes x a handle of the new result; other handles of the old one do not change. Throws as the operation.
inline Tensor& operator+=(Tensor& x, const Tensor& y) { return x = add(x, y); }
inline Tensor& operator-=(Tensor& x, const Tensor& y) { return x = sub(x, y); }
inline Tensor& operator*=(Tensor& x, const Tensor& y) { return x = mul(x, y); }
inline Tensor& operator/=(Tensor& x, const Tensor& y) { return x = div(x, y); }
/// @}

/// @{
/// =, ≠, <, ≤, > and ≥ of each pair of elements: conditions for `where` and `masked_fill`, without gradient. Throws ShapeError unless
/// the shapes broadcast.
Condition eq(const Tensor& a, const Tensor& b);
Condition ne(const Tensor& a, const Tensor& b);
Condition lt(const Tensor& a, const Tensor& b);
Condition le(const Tensor& a, const Tensor& b);
Condition gt(const Tensor& a, const Tensor& b);
Condition ge(const Tensor& a, const Tensor& b);
inline Condition operator==(const Tensor& a, const Tensor& b) { return eq(a, b); }
inline Condition operator!=(const Tensor& a, const Tensor& b) { return ne(a, b); }
inline Condition operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
inline Condition operator<=(const Tensor& a, const Tensor& b) { return le(a, b); }
inline Condition operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
inline Condition operator>=(const Tensor& a, const Tensor& b) { return ge(a, b); }
/// @}

/// y = condition ? a : b, all three broadcast. What is not taken gets gradient 0 and never passes a NaN on.
Tensor where(const Condition& condition, const Tensor& a, const Tensor& b);
/// y = condition ? value : x; the gradient is exactly 0 where it was filled.
Tensor masked_fill(const Tensor& x, const Condition& condition, Real value);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
