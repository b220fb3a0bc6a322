// Elements by position: two pairs of operations, each the rule of the other.
#include <tapehead/autograd/ops/indexing.hpp>

#include <memory>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/copy.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// Checked positions, shared by an operation and its rule.
using Positions = std::shared_ptr<const std::vector<Id>>;

/// The ids as positions in [0, n). Throws IndexError for the first that is none.
Positions positions(const char* operation, const Ids& ids, Index n, Id lowest) {
    auto result = std::make_shared<std::vector<Id>>(ids.begin(), ids.end());
    for (Id& id : *result) {
        check<IndexError>(lowest <= id && id < n, "{}: expected ids in [{}, {}), got {}", operation, lowest, n, id);
        if (id < 0) id += n;
    }
    return result;
}

Tensor put_rows(const Tensor& x, Index axis, const Positions& at, Index n);

Tensor take_rows(const Tensor& x, Index axis, const Positions& at) {
    const AxisView view(x.shape(), axis);
    Shape shape = x.shape();
    shape[axis] = static_cast<Index>(at->size());
    Tensor y = Tensor::empty(shape);
    kernels::take(x.data(), at->data(), y.raw(), view.outer, view.n, shape[axis], view.inner);
    return record({"index_select", "y[o, j, i] = x[o, at[j], i];  dx[o, at[j], i] += dy[o, j, i]"}, y,
                  wrt(x, [=, n = view.n](const Tensor& dy) { return put_rows(dy, axis, at, n); }));
}

Tensor put_rows(const Tensor& x, Index axis, const Positions& at, Index n) {
    const AxisView view(x.shape(), axis);
    Shape shape = x.shape();
    shape[axis] = n;
    Tensor y = zeros(shape);
    kernels::take_backward(x.data(), at->data(), y.raw(), view.outer, n, view.n, view.inner);
    return record({"index_add", "y[o, at[j], i] += x[o, j, i];  dx[o, j, i] = dy[o, at[j], i]"}, y,
                  wrt(x, [=](const Tensor& dy) { return take_rows(dy, axis, at); }));
}

Tensor put_elements(const Tensor& x, Index axis, const Positions& at, Index n);

Tensor take_elements(const Tensor& x, Index axis, const Positions& at, Index count) {
    const AxisView view(x.shape(), axis);
    Shape shape = x.shape();
    shape[axis] = count;
    Tensor y = Tensor::empty(shape);
    kernels::gather(x.data(), at->data(), y.raw(), view.outer, view.n, count, view.inner);
    return record({"gather", "y[o, j, i] = x[o, at[o, j, i], i];  dx[o, at[o, j, i], i] += dy[o, j, i]"}, y,
                  wrt(x, [=, n = view.n](const Tensor& dy) { return put_elements(dy, axis, at, n); }));
}

Tensor put_elements(const Tensor& x, Index axis, const Positions& at, Index n) {
    const AxisView view(x.shape(), axis);
    Shape shape = x.shape();
    shape[axis] = n;
    Tensor y = zeros(shape);
    kernels::gather_backward(x.data(), at->data(), y.raw(), view.outer, n, view.n, view.inner);
    return record({"scatter", "y[o, at[o, j, i], i] += x[o, j, i];  dx[o, j, i] = dy[o, at[o, j, i], i]"}, y,
                  wrt(x, [=, count = view.n](const Tensor& dy) { return take_elements(dy, axis, at, count); }));
}

void check_rows(const char* operation, const Ids& ids) {
    check<ShapeError>(ids.dimension() == 1, "{}: expected ids [n], got {}", operation, shape_of(ids));
}

/// The corner of x with the extents of `shape`, all of it along `axis`.
Tensor corner(const char* operation, Tensor x, const Shape& shape, Index axis) {
    check<ShapeError>(shape.rank() == x.dim(), "{}: expected ids with as many axes as {}, got {}", operation, x.shape(), shape);
    for (Index i = 0; i < x.dim(); ++i) {
        if (i == axis) continue;
        check<ShapeError>(shape[i] <= x.shape()[i], "{}: expected ids that fit into {} but along axis {}, got {}", operation,
                          x.shape(), axis, shape);
        x = slice(x, i, 0, shape[i]);
    }
    return x;
}

}  // namespace

Tensor index_select(const Tensor& x, Index axis, const Ids& ids) {
    axis = normalize_axis("index_select", axis, x.dim());
    check_rows("index_select", ids);
    return take_rows(x, axis, positions("index_select", ids, x.shape()[axis], -x.shape()[axis]));
}

Tensor index_add(const Tensor& x, Index axis, const Ids& ids, const Tensor& source) {
    axis = normalize_axis("index_add", axis, x.dim());
    check_rows("index_add", ids);
    Shape shape = x.shape();
    shape[axis] = static_cast<Index>(ids.size());
    check<ShapeError>(source.shape() == shape, "index_add: expected source {}, got {}", shape, source.shape());
    const Index n = x.shape()[axis];
    return x + put_rows(source, axis, positions("index_add", ids, n, -n), n);
}

Tensor gather(const Tensor& x, Index axis, const Ids& ids) {
    axis = normalize_axis("gather", axis, x.dim());
    const Shape shape = shape_of(ids);
    const Tensor part = corner("gather", x, shape, axis);
    return take_elements(part, axis, positions("gather", ids, x.shape()[axis], -x.shape()[axis]), shape[axis]);
}

Tensor scatter_add(const Tensor& x, Index axis, const Ids& ids, const Tensor& source) {
    axis = normalize_axis("scatter_add", axis, x.dim());
    const Shape shape = shape_of(ids);
    check<ShapeError>(shape.rank() == x.dim(), "scatter_add: expected ids with as many axes as {}, got {}", x.shape(), shape);
    check<ShapeError>(source.dim() == shape.rank(), "scatter_add: expected a source with as many axes as ids {}, got {}", shape,
                      source.shape());
    check<ShapeError>(shape[axis] <= source.shape()[axis], "scatter_add: expected ids that fit into source {}, got {}",
                      source.shape(), shape);
    const Tensor used = slice(corner("scatter_add", source, shape, axis), axis, 0, shape[axis]);
    Tensor added = put_elements(used, axis, positions("scatter_add", ids, x.shape()[axis], -x.shape()[axis]), x.shape()[axis]);
    std::vector<std::pair<Index, Index>> widths;
    for (Index i = 0; i < x.dim(); ++i) {
        check<ShapeError>(shape[i] <= x.shape()[i] || i == axis,
                          "scatter_add: expected ids that fit into {} but along axis {}, "
                          "got {}",
                          x.shape(), axis, shape);
        widths.emplace_back(0, x.shape()[i] - added.shape()[i]);
    }
    return x + pad(added, widths);
}

Tensor embedding(const Ids& ids, const Tensor& weight, Id padding_idx) {
    check<ShapeError>(weight.dim() == 2, "embedding: expected weight [V, E], got {}", weight.shape());
    Shape shape = shape_of(ids);
    shape.push_back(weight.size(1));
    check<IndexError>(padding_idx == no_id || (0 <= padding_idx && padding_idx < weight.size(0)),
                      "embedding: expected a padding_idx in [0, {}), got {}", weight.size(0), padding_idx);
    Tensor rows = take_rows(weight, 0, positions("embedding", ids, weight.size(0), 0));
    if (padding_idx != no_id && std::find(ids.begin(), ids.end(), padding_idx) != ids.end()) {
        Condition is_padding(Shape{static_cast<Index>(ids.size()), 1});
        std::transform(ids.begin(), ids.end(), is_padding.raw(), [=](Id id) { return id == padding_idx; });
        rows = where(is_padding, rows.detach(), rows);
    }
    return reshape(rows, shape);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
