// Reductions over any axes, all of them if none are given, which disappear or are kept with extent 1; and running sums. All throw
// IndexError for an axis out of range or named twice.
#pragma once

#include <tapehead/autograd/axes.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Σ x; 0 over nothing.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Σ x / n; NaN over nothing.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Π x, with the right gradient where elements are 0; 1 over nothing.
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// The largest element; equal ones share the gradient evenly; −∞ over nothing.
Tensor amax(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// The smallest element; equal ones share the gradient evenly; +∞ over nothing.
Tensor amin(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Σ (x − mean)² / (n − correction); correction 1 is the unbiased estimate. Throws ValueError unless n > correction.
Tensor var(const Tensor& x, const Axes& axes = {}, Real correction = 1, bool keepdim = false);
/// √var, with gradient 0 where it is 0.
Tensor std(const Tensor& x, const Axes& axes = {}, Real correction = 1, bool keepdim = false);
/// (Σ |x|ᵖ)^(1/p), p = ∞ being the largest |x|; without overflow, and with gradient 0 where it is 0. Throws ValueError for p ≤ 0.
Tensor norm(const Tensor& x, Real p = 2, const Axes& axes = {}, bool keepdim = false);
/// log Σ eˣ, without overflow; −∞ with gradient 0 over nothing or where all are −∞.
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

/// Where a running sum begins, and whether it has its own element.
struct CumsumOptions {
    bool reverse = false;    ///< from the end
    bool exclusive = false;  ///< without the element itself
};

/// y[i] = x[0] + ... + x[i] along an axis.
Tensor cumsum(const Tensor& x, Index axis, CumsumOptions options = {});

/// The position of the largest element along an axis; the first of equals. Throws ValueError for an axis of extent 0.
Ids argmax(const Tensor& x, Index axis, bool keepdim = false);
/// The position of the largest element in row-major order, shape [].
Ids argmax(const Tensor& x);
/// The position of the smallest element along an axis; the first of equals. Throws ValueError for an axis of extent 0.
Ids argmin(const Tensor& x, Index axis, bool keepdim = false);
/// The position of the smallest element in row-major order, shape [].
Ids argmin(const Tensor& x);

/// Whether no element is NaN or infinite.
bool all_finite(const Tensor& x);

/// x summed over the axes on which `shape` broadcasts to it: the adjoint of broadcasting. Throws ShapeError.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
