// Moving elements without arithmetic: shapes, axes, parts, joins.
#pragma once

#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <tapehead/autograd/axes.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The same elements in another shape, sharing memory; one extent may be −1. Throws ShapeError if the numbers differ.
Tensor reshape(const Tensor& x, const Shape& shape);
/// The axes from `first` to `last` (both included) merged into one; a scalar has axis 0. Throws IndexError.
Tensor flatten(const Tensor& x, Index first = 0, Index last = -1);
/// Two axes exchanged; the last two if none are named.
Tensor transpose(const Tensor& x, Index axis0 = -2, Index axis1 = -1);
/// y's axis i is x's axis order[i]. Throws IndexError unless every axis is named once.
Tensor permute(const Tensor& x, const Shape& order);
/// Without the axes of extent 1: all of them, or those given. Throws ShapeError for a given one of another extent.
Tensor squeeze(const Tensor& x, const Axes& axes = {});
/// With a new axis of extent 1 at each of the given places of the result.
Tensor unsqueeze(const Tensor& x, const Axes& axes);
/// Broadcast to `shape`, copied; −1 keeps an extent. Throws ShapeError.
Tensor expand(const Tensor& x, const Shape& shape);
/// The whole tensor counts[i] times along axis i, counts aligned to the last axes. Throws ShapeError for fewer counts than axes.
Tensor repeat(const Tensor& x, const Shape& counts);

/// Joined along an axis. Throws ShapeError unless all other extents agree.
Tensor concat(const std::vector<Tensor>& xs, Index axis = 0);
/// Joined along a new axis. Throws ShapeError unless all shapes agree.
Tensor stack(const std::vector<Tensor>& xs, Index axis = 0);
/// Cut along an axis into pieces of the given sizes. Throws ShapeError unless they add up.
std::vector<Tensor> split(const Tensor& x, const std::vector<Index>& sizes, Index axis = 0);
/// Cut along an axis into pieces of one size, the last perhaps smaller.
std::vector<Tensor> split(const Tensor& x, Index size, Index axis = 0);
/// Cut along an axis into at most n pieces of equal size, the last perhaps smaller.
std::vector<Tensor> chunk(const Tensor& x, Index n, Index axis = 0);

/// The end of an axis in the direction of the step.
inline constexpr Index to_end = std::numeric_limits<Index>::max();

/// x[start : end : step] along an axis as in Python: negative bounds count from the end, bounds outside are moved to the
/// nearest end, negative steps walk backwards. Throws ValueError for a step of 0.
Tensor slice(const Tensor& x, Index axis, Index start, Index end = to_end, Index step = 1);
/// x[i] along an axis, which disappears. Throws IndexError.
Tensor select(const Tensor& x, Index axis, Index i);
/// With `widths[i]` = {before, after} elements of `value` added around each axis; negative widths cut. Aligned to the last axes.
Tensor pad(const Tensor& x, const std::vector<std::pair<Index, Index>>& widths, Real value = 0);
/// The order of the elements reversed along the given axes, all if none are given.
Tensor flip(const Tensor& x, const Axes& axes = {});
/// The last two axes' lower triangle up to the diagonal above the main one by `diagonal`; 0 elsewhere.
Tensor tril(const Tensor& x, Index diagonal = 0);
/// The last two axes' upper triangle from the diagonal above the main one by `diagonal`; 0 elsewhere.
Tensor triu(const Tensor& x, Index diagonal = 0);

/// The same values in memory of their own.
Tensor clone(const Tensor& x);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
