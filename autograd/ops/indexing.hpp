// Elements by position. Ids are integers; negative ones count from the end except where they name tokens or classes. All functions throw
// IndexError for an id out of range, before anything is read.
#pragma once

#include <limits>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y[..., j, ...] = x[..., ids[j], ...] along an axis: ids [n]. Throws ShapeError for ids that are not 1-D.
Tensor index_select(const Tensor& x, Index axis, const Ids& ids);
/// y = x, y[..., ids[j], ...] += source[..., j, ...] along an axis: ids [n]; repeated positions add up. Throws ShapeError unless
/// source has n places along the axis and x's extents elsewhere.
Tensor index_add(const Tensor& x, Index axis, const Ids& ids, const Tensor& source);
/// y[i][j][k] = x[i][ids[i][j][k]][k] for axis 1; ids has as many axes as x and no larger extents but along `axis`.
Tensor gather(const Tensor& x, Index axis, const Ids& ids);
/// y = x, y[i][ids[i][j][k]][k] += source[i][j][k] for axis 1; repeated positions add up.
Tensor scatter_add(const Tensor& x, Index axis, const Ids& ids, const Tensor& source);

/// Stands for "no id is special".
inline constexpr Id no_id = std::numeric_limits<Id>::min();

/// The rows of a table: ids [...], weight [V, E] → [..., E]. The row `padding_idx` is read as it is and gets no gradient.
Tensor embedding(const Ids& ids, const Tensor& weight, Id padding_idx = no_id);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
