// Moving elements: two strided copies (`take_part`, `put_part`) and a permute, broadcast and join; all else is made of them.
#include <tapehead/autograd/ops/shaping.hpp>

#include <numeric>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/copy.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// A regular part of an array: along each axis `count` elements from `start` on, `step` apart.
struct Part {
    Shape start, step, count;

    /// All of an array.
    explicit Part(const Shape& shape) : start(shape), step(shape), count(shape) {
        std::fill(start.begin(), start.end(), 0);
        std::fill(step.begin(), step.end(), 1);
    }
    /// Offset and strides of the part inside a contiguous array.
    std::pair<Index, Shape> strides(const Shape& shape) const {
        Shape strides = row_major_strides(shape);
        Index offset = 0;
        for (Index axis = 0; axis < shape.rank(); ++axis) {
            offset += start[axis] * strides[axis];
            strides[axis] *= step[axis];
        }
        return {offset, strides};
    }
};

Tensor put_part(const Tensor& x, const Shape& shape, const Part& part, Real background);

Tensor take_part(const Operation& operation, const Tensor& x, const Part& part) {
    Tensor y = Tensor::empty(part.count);
    const auto [offset, strides] = part.strides(x.shape());
    kernels::strided_copy(y.dim(), y.shape().data(), x.data() + offset, strides.data(), y.raw(),
                          row_major_strides(y.shape()).data());
    return record(operation, y, wrt(x, [part, shape = x.shape()](const Tensor& dy) { return put_part(dy, shape, part, 0); }));
}

Tensor put_part(const Tensor& x, const Shape& shape, const Part& part, Real background) {
    Tensor y = full(shape, background);
    const auto [offset, strides] = part.strides(shape);
    kernels::strided_copy(x.dim(), x.shape().data(), x.data(), row_major_strides(x.shape()).data(), y.raw() + offset,
                          strides.data());
    return record({"put", "y[part] = x, the background elsewhere;  dx = dy[part]"}, y, wrt(x, [part](const Tensor& dy) {
                      return take_part({"slice", "y = x[part];  dx[part] = dy, 0 elsewhere"}, dy, part);
                  }));
}

/// The product of the extents that are not 0. Throws as checked_numel.
Index nonzero(const char* operation, Shape shape) {
    std::replace(shape.begin(), shape.end(), Index{0}, Index{1});
    return checked_numel(operation, shape);
}

/// Keeps the elements (i, j) of the last two axes for which keep(j − i) holds.
template <class Keep>
Tensor triangle(const char* operation, const Tensor& x, Keep keep) {
    check<ShapeError>(x.dim() >= 2, "{}: expected at least 2 axes, got shape {}", operation, x.shape());
    const Index n = x.size(-2), m = x.size(-1);
    Condition kept(Shape{n, m});
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < m; ++j) kept.raw()[i * m + j] = keep(j - i);
    return where(kept, x, 0);
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
    Shape full = shape, given = shape;
    Index unknown = -1;
    for (Index axis = 0; axis < shape.rank(); ++axis) {
        check<ShapeError>(shape[axis] >= 0 || (shape[axis] == -1 && unknown < 0),
                          "reshape: expected extents of at least 0 and at most one -1, got {}", shape);
        if (shape[axis] != -1) continue;
        unknown = axis;
        given[axis] = 1;
    }
    const Index known = checked_numel("reshape", given);
    if (unknown >= 0 && known > 0) full[unknown] = x.numel() / known;
    check<ShapeError>(unknown < 0 ? known == x.numel() : known > 0 && x.numel() % known == 0,
                      "reshape: expected {} elements as in {}, got {}", x.numel(), x.shape(), shape);
    if (full == x.shape()) return x;
    return record({"reshape", "y = x in another shape;  dx = dy in the shape of x"}, Tensor::over(x.storage(), full),
                  wrt(x, [before = x.shape()](const Tensor& dy) { return reshape(dy, before); }));
}

Tensor flatten(const Tensor& x, Index first, Index last) {
    const Index rank = std::max<Index>(1, x.dim());
    first = normalize_axis("flatten", first, rank);
    last = normalize_axis("flatten", last, rank);
    check<IndexError>(first <= last, "flatten: expected first <= last, got axes {} and {}", first, last);
    if (x.dim() == 0) return reshape(x, {1});
    Shape shape = x.shape().slice(0, first);
    shape.push_back(x.shape().slice(first, last + 1).numel());
    for (Index axis = last + 1; axis < x.dim(); ++axis) shape.push_back(x.shape()[axis]);
    return reshape(x, shape);
}

Tensor transpose(const Tensor& x, Index axis0, Index axis1) {
    Shape order = x.shape();
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[normalize_axis("transpose", axis0, x.dim())], order[normalize_axis("transpose", axis1, x.dim())]);
    return permute(x, order);
}

Tensor permute(const Tensor& x, const Shape& order) {
    check<IndexError>(order.rank() == x.dim() && (x.dim() == 0 || normalize_axes("permute", order, x.dim()).rank() == x.dim()),
                      "permute: expected every axis of shape {} once, got {}", x.shape(), order);
    const Shape own = row_major_strides(x.shape());
    Shape shape = order, strides = order, inverse = order;
    for (Index axis = 0; axis < x.dim(); ++axis) {
        const Index source = normalize_axis("permute", order[axis], x.dim());
        shape[axis] = x.shape()[source];
        strides[axis] = own[source];
        inverse[source] = axis;
    }
    Tensor y = Tensor::empty(shape);
    kernels::strided_copy(x.dim(), shape.data(), x.data(), strides.data(), y.raw(), row_major_strides(shape).data());
    return record({"permute", "y = x with its axes in another order;  dx = dy with the axes put back"}, y,
                  wrt(x, [inverse](const Tensor& dy) { return permute(dy, inverse); }));
}

Tensor squeeze(const Tensor& x, const Axes& axes) {
    const Shape wanted = axes.empty() ? Shape() : normalize_axes("squeeze", axes, x.dim());
    for (const Index axis : wanted)
        check<ShapeError>(x.shape()[axis] == 1, "squeeze: expected extent 1 at axis {}, got shape {}", axis, x.shape());
    Shape shape;
    for (Index axis = 0; axis < x.dim(); ++axis)
        if (axes.empty() ? x.shape()[axis] != 1 : !wanted.contains(axis)) shape.push_back(x.shape()[axis]);
    return reshape(x, shape);
}

Tensor unsqueeze(const Tensor& x, const Axes& axes) {
    Shape shape = x.shape();
    if (axes.empty()) return x;
    for (const Index axis : normalize_axes("unsqueeze", axes, x.dim() + axes.rank())) shape.insert(axis, 1);
    return reshape(x, shape);
}

Tensor expand(const Tensor& x, const Shape& shape) {
    Shape full = shape;
    for (Index axis = 1; axis <= std::min(x.dim(), shape.rank()); ++axis)
        if (shape[-axis] == -1) full[-axis] = x.shape()[-axis];
    for (const Index extent : full) check<ShapeError>(extent >= 0, "expand: expected extents of at least 0, got {}", shape);
    check_broadcasts_to("expand", x.shape(), full);
    if (full == x.shape()) return x;
    Tensor y = Tensor::empty(full);
    kernels::strided_copy(full.rank(), full.data(), x.data(), broadcast_strides(x.shape(), full).data(), y.raw(),
                          row_major_strides(full).data());
    return record({"expand", "y = x, repeated;  dx = dy, summed over the new extents"}, y,
                  wrt(x, [](const Tensor& dy) { return dy; }));
}

Tensor repeat(const Tensor& x, const Shape& counts) {
    check<ShapeError>(counts.rank() >= x.dim(), "repeat: expected a count for each axis of {}, got {}", x.shape(), counts);
    for (const Index count : counts) check<ShapeError>(count >= 0, "repeat: expected counts of at least 0, got {}", counts);
    Shape shape = x.shape();
    while (shape.rank() < counts.rank()) shape.insert(0, 1);
    checked_numel("repeat", {nonzero("repeat", shape), nonzero("repeat", counts)});  // before a part of the result is made
    Tensor y = reshape(x, shape);
    for (Index axis = 0; axis < shape.rank(); ++axis) {
        if (counts[axis] == 1) continue;
        const AxisView view(shape, axis);
        y = reshape(y, {view.outer, 1, view.n * view.inner});
        y = expand(y, {view.outer, counts[axis], view.n * view.inner});
        shape[axis] *= counts[axis];
        y = reshape(y, shape);
    }
    return y;
}

Tensor concat(const std::vector<Tensor>& xs, Index axis) {
    check<ShapeError>(!xs.empty(), "concat: expected at least one tensor, got none");
    Shape shape = xs[0].shape();
    axis = normalize_axis("concat", axis, shape.rank());
    std::vector<Index> sizes;
    for (const Tensor& x : xs) {
        Shape fitted = x.shape();
        if (fitted.rank() == shape.rank()) fitted[axis] = shape[axis];
        check<ShapeError>(fitted == shape, "concat: expected shapes that agree but for axis {}, got {} and {}", axis,
                          xs[0].shape(), x.shape());
        sizes.push_back(x.shape()[axis]);
    }
    shape[axis] = std::accumulate(sizes.begin(), sizes.end(), Index{0});
    Tensor y = Tensor::empty(shape);
    const Shape strides = row_major_strides(shape);
    Scalar* next = y.raw();
    for (const Tensor& x : xs) {
        kernels::strided_copy(x.dim(), x.shape().data(), x.data(), row_major_strides(x.shape()).data(), next, strides.data());
        next += x.shape()[axis] * strides[axis];
    }
    return record({"concat", "y = [x₀, x₁, ...];  dxᵢ = its part of dy"}, y,
                  wrt(xs, [sizes, axis](const Tensor& dy) { return split(dy, sizes, axis); }));
}

Tensor stack(const std::vector<Tensor>& xs, Index axis) {
    check<ShapeError>(!xs.empty(), "stack: expected at least one tensor, got none");
    axis = normalize_axis("stack", axis, xs[0].dim() + 1);
    std::vector<Tensor> rows;
    for (const Tensor& x : xs) {
        check<ShapeError>(x.shape() == xs[0].shape(), "stack: expected equal shapes, got {} and {}", xs[0].shape(), x.shape());
        rows.push_back(unsqueeze(x, axis));
    }
    return concat(rows, axis);
}

std::vector<Tensor> split(const Tensor& x, const std::vector<Index>& sizes, Index axis) {
    axis = normalize_axis("split", axis, x.dim());
    Index rest = x.shape()[axis];
    const bool fit = std::ranges::all_of(sizes, [&](Index size) { return 0 <= size && size <= rest && (rest -= size, true); });
    check<ShapeError>(fit && rest == 0, "split: expected sizes that add up to {}, got {}", x.shape()[axis],
                      fmt::join(sizes, ", "));
    std::vector<Tensor> parts;
    Index start = 0;
    for (const Index size : sizes) {
        parts.push_back(slice(x, axis, start, start + size));
        start += size;
    }
    return parts;
}

std::vector<Tensor> split(const Tensor& x, Index size, Index axis) {
    check<ValueError>(size > 0, "split: expected a size of at least 1, got {}", size);
    axis = normalize_axis("split", axis, x.dim());
    std::vector<Index> sizes;
    for (Index rest = x.size(axis); rest > 0; rest -= size) sizes.push_back(std::min(size, rest));
    return split(x, sizes, axis);
}

std::vector<Tensor> chunk(const Tensor& x, Index n, Index axis) {
    check<ValueError>(n > 0, "chunk: expected at least 1 piece, got {}", n);
    const Index extent = x.shape()[normalize_axis("chunk", axis, x.dim())];
    return split(x, std::max<Index>(1, extent / n + (extent % n != 0)), axis);
}

Tensor slice(const Tensor& x, Index axis, Index start, Index end, Index step) {
    axis = normalize_axis("slice", axis, x.dim());
    check<ValueError>(step != 0, "slice: expected a step other than 0, got 0");
    const Index n = x.shape()[axis];
    step = std::clamp(step, -n - 1, n + 1);  // from any element beyond the ends, however long the step is
    const bool backwards_to_end = step < 0 && end == to_end;
    const Index low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;  // where bounds outside are moved to
    const auto bound = [&](Index i) { return std::clamp(i < 0 ? i + n : i, low, high); };
    const Index first = bound(start), last = backwards_to_end ? -1 : bound(end);
    Part part(x.shape());
    const Index sign = step > 0 ? 1 : -1;
    part.count[axis] = sign * (last - first) > 0 ? (last - first - sign) / step + 1 : 0;
    if (part.count[axis] > 0) part.start[axis] = first;  // else there is no such element
    if (part.count[axis] > 1) part.step[axis] = step;    // else it may be larger than any stride
    if (part.count[axis] == n && step == 1) return x;
    return take_part({"slice", "y = x[part];  dx[part] = dy, 0 elsewhere"}, x, part);
}

Tensor select(const Tensor& x, Index axis, Index i) {
    axis = normalize_axis("select", axis, x.dim());
    const Index n = x.shape()[axis];
    check<IndexError>(-n <= i && i < n, "select: expected a position in [{}, {}), got {}", -n, n, i);
    const Index position = i < 0 ? i + n : i;
    return squeeze(slice(x, axis, position, position + 1), axis);
}

Tensor pad(const Tensor& x, const std::vector<std::pair<Index, Index>>& widths, Real value) {
    const auto given = static_cast<Index>(widths.size());
    check<ShapeError>(given <= x.dim(), "pad: expected at most {} pairs of widths, got {}", x.dim(), given);
    const auto fits = [](Index width) { return -max_elements <= width && width <= max_elements; };
    for (const auto& [before, after] : widths)
        check<ShapeError>(fits(before) && fits(after), "pad: expected widths of at most {}, got {} and {}", max_elements,
                          before, after);
    Tensor cut = x;
    for (Index axis = 1; axis <= given; ++axis) {
        const auto [before, after] = widths[static_cast<std::size_t>(given - axis)];
        const Index n = x.size(-axis), first = std::max<Index>(0, -before), last = n - std::max<Index>(0, -after);
        check<ShapeError>(first <= last && n + before + after >= 0,
                          "pad: expected at most {} elements cut, got widths {} and {}", n, before, after);
        cut = slice(cut, -axis, first, last);
    }
    Shape shape = cut.shape();
    Part part(shape);
    for (Index axis = 1; axis <= given; ++axis) {
        const auto [before, after] = widths[static_cast<std::size_t>(given - axis)];
        part.start[-axis] = std::max<Index>(0, before);
        shape[-axis] += std::max<Index>(0, before) + std::max<Index>(0, after);
    }
    return shape == cut.shape() ? cut : put_part(cut, shape, part, value);
}

Tensor flip(const Tensor& x, const Axes& axes) {
    Part part(x.shape());
    for (const Index axis : normalize_axes("flip", axes, x.dim())) {
        part.start[axis] = std::max<Index>(0, x.shape()[axis] - 1);
        part.step[axis] = -1;
    }
    return take_part({"flip", "y = x, backwards;  dx = dy, backwards"}, x, part);
}

Tensor tril(const Tensor& x, Index diagonal) {
    return triangle("tril", x, [=](Index above) { return above <= diagonal; });
}

Tensor triu(const Tensor& x, Index diagonal) {
    return triangle("triu", x, [=](Index above) { return above >= diagonal; });
}

Tensor clone(const Tensor& x) {
    return record({"clone", "y = x;  dx = dy"}, Tensor::from_values(x.values(), x.shape()),
                  wrt(x, [](const Tensor& dy) { return dy; }));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
