// Matrix products.
#pragma once

#include <string_view>
#include <vector>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// C = A B: [..., m, k] × [..., k, n] → [..., m, n], the leading axes broadcast.
///
/// A 1-D operand is a row on the left, a column on the right, and its axis disappears from the result. Throws ShapeError.
Tensor matmul(const Tensor& a, const Tensor& b);

/// y = x Wᵀ + b: x [..., in], W [out, in], b [out] or undefined → [..., out]. Throws ShapeError.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

/// y[i, j] = a[i] b[j]: [n] × [m] → [n, m]. Throws ShapeError.
Tensor outer(const Tensor& a, const Tensor& b);

/// C = op(A) op(B) for the last two axes, where op transposes if its flag is set, at no cost. The operands have at least 2 axes;
/// the leading ones broadcast. Throws ShapeError.
Tensor gemm(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b);

/// Sums of products in Einstein's notation: `einsum("bij,bjk->bik", {a, b})`.
///
/// One letter an axis; letters that are not in the result are summed over; a letter twice in one operand takes its diagonal;
/// "..." stands for leading axes that broadcast. Without "->" the result has the letters that occur once, in alphabetical
/// order. Throws ValueError for an equation that cannot be read, ShapeError for extents that do not agree.
Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
