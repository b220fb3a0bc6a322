// Any numbers as axes, bounds, extents and widths of what moves elements: refused, or every element of the result, and its gradient, is
// the one that plain arithmetic of positions says.
#include <fuzz/target.hpp>

#include <algorithm>
#include <functional>
#include <numeric>

using namespace fuzz;

namespace {

__extension__ using Wide = __int128;

/// What moves elements throws these.
template <class F>
auto moved(const F& f) {
    return accepted<ShapeError, IndexError, ValueError>(f);
}

using Place = std::optional<Shape>;  // in x; nothing for a background of 0

/// Whether y has at each position the element of x that `place` says; the gradient of x counts how often each is there. Of a result that
/// would take seconds the shape must do.
void require_elements(const Tensor& y, const Tensor& x, const std::function<Place(const Shape&)>& place) {
    if (y.numel() > 1 << 16) return;
    Tensor counts = zeros(x.shape());
    const Shape strides = row_major_strides(x.shape());
    for_each_position(y.shape(), [&](const Shape& position) {
        const Place at = place(position);
        require(y.at(position) == (at ? x.at(*at) : Scalar{0}), "the elements of the input in their places");
        if (at) counts.raw()[std::inner_product(at->begin(), at->end(), strides.begin(), Index{0})] += 1;
    });
    if (!y.requires_grad()) return;
    Tensor(x).zero_grad();
    sum(y).backward();
    require(x.grad().shape() == x.shape() && std::ranges::equal(x.grad().values(), counts.values()),
            "a gradient that counts each element of the input");
}

/// x's elements in another shape, in their order.
void require_order(const Tensor& y, const Tensor& x) {
    require(y.shape().numel() == x.numel(), "as many elements as in the input");
    require_elements(y, x, [&](const Shape& position) {
        Index at = 0;
        for (Index axis = 0; axis < position.rank(); ++axis) at = at * y.shape()[axis] + position[axis];
        Shape from = x.shape();
        for (Index axis = from.rank() - 1; axis >= 0; at /= x.shape()[axis--]) from[axis] = at % x.shape()[axis];
        return from;
    });
}

/// The positions that Python's x[start : end : step] has; no end is `to_end`.
std::vector<Index> python_slice(Index n, Wide start, Wide end, Wide step) {
    const Wide low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    const auto bound = [&](Wide i) { return std::clamp(i < 0 ? i + n : i, low, high); };
    const Wide last = end == to_end ? (step > 0 ? Wide{n} : Wide{-1}) : bound(end);
    std::vector<Index> positions;
    for (Wide i = bound(start); step > 0 ? i < last : i > last; i += step) positions.push_back(static_cast<Index>(i));
    return positions;
}

/// The shape with another extent along an axis, which may count from the end.
Shape with_extent(Shape shape, Index axis, Index extent) {
    shape[axis] = extent;
    return shape;
}

void slices(const Tensor& x, Input& input) {
    const Index axis = input.any(), start = input.any(), end = input.number(0, 3) ? input.any() : to_end;
    const Index step = input.any();
    const auto y = moved([&] { return slice(x, axis, start, end, step); });
    if (!y) return;
    const std::vector<Index> positions = python_slice(x.size(axis), start, end, step);
    require(y->shape() == with_extent(x.shape(), axis, std::ssize(positions)), "as many positions as Python has");
    require_elements(*y, x, [&](Shape at) {
        at[axis] = positions[static_cast<std::size_t>(at[axis])];
        return at;
    });
}

void selects(const Tensor& x, Input& input) {
    const Index axis = input.any(), i = input.any();
    const auto y = moved([&] { return select(x, axis, i); });
    if (!y) return;
    const Index own = axis < 0 ? axis + x.dim() : axis;
    Shape shape = x.shape();
    shape.erase(own);
    require(y->shape() == shape, "the shape without the axis");
    require_elements(*y, x, [&](Shape at) {
        at.insert(own, i < 0 ? i + x.size(axis) : i);
        return at;
    });
}

void reshapes(const Tensor& x, Input& input) {
    const Shape shape = input.list(max_rank);
    const auto y = moved([&] { return reshape(x, shape); });
    if (!y) return;
    require(y->dim() == shape.rank(), "the axes that were asked for");
    for (Index axis = 0; axis < y->dim(); ++axis)
        require(shape[axis] == -1 || shape[axis] == y->shape()[axis], "the extents that were asked for");
    require_order(*y, x);
}

void axes_without_move(const Tensor& x, Input& input) {
    const Index kind = input.number(0, 2), first = input.any(), last = input.any();
    const Shape axes = input.list(max_rank);
    const auto y = moved([&] {
        return kind == 0 ? flatten(x, first, last) : kind == 1 ? squeeze(x, axes) : unsqueeze(x, axes);
    });
    if (!y) return;
    if (kind == 2) require(y->dim() == x.dim() + axes.rank(), "an axis more for each that was asked for");
    require_order(*y, x);
}

void permutes(const Tensor& x, Input& input) {
    Shape order = input.list(max_rank);
    if (input.number(0, 1)) {  // a permutation, from wherever it is counted
        order = x.shape();
        for (Index axis = 0; axis < x.dim(); ++axis) order[axis] = axis;
        for (Index axis = 1; axis < x.dim(); ++axis) std::swap(order[axis], order[input.number(0, axis)]);
        for (Index& axis : order) axis -= x.dim() * input.number(0, 1);
    }
    const auto y = moved([&] { return permute(x, order); });
    if (!y) return;
    for (Index axis = 0; axis < x.dim(); ++axis)
        require(y->shape()[axis] == x.shape()[order[axis]], "the extents in the order that was asked for");
    require_elements(*y, x, [&](const Shape& at) {
        Shape from = x.shape();
        for (Index axis = 0; axis < from.rank(); ++axis) from[order[axis]] = at[axis];
        return from;
    });
}

void transposes(const Tensor& x, Input& input) {
    const Index axis0 = input.any(), axis1 = input.any();
    const auto y = moved([&] { return transpose(x, axis0, axis1); });
    if (!y) return;
    Shape shape = x.shape();
    std::swap(shape[axis0], shape[axis1]);
    require(y->shape() == shape, "the shape with both axes exchanged");
    require_elements(*y, x, [&](Shape at) {
        std::swap(at[axis0], at[axis1]);
        return at;
    });
}

void flips(const Tensor& x, Input& input) {
    const Shape axes = input.list(max_rank);
    const auto y = moved([&] { return flip(x, axes); });
    if (!y) return;
    require(y->shape() == x.shape(), "the shape of the input");
    require_elements(*y, x, [&](Shape at) {
        for (Index axis = 0; axis < at.rank(); ++axis)
            if (axes.empty() || axes.contains(axis) || axes.contains(axis - at.rank()))
                at[axis] = x.shape()[axis] - 1 - at[axis];
        return at;
    });
}

/// Expanded or repeated: each axis of the result walks that of x again and again.
void repeats(const Tensor& x, Input& input) {
    const Shape list = input.list(4);
    const bool expands = input.number(0, 1) != 0;
    const auto y = moved([&] { return expands ? expand(x, list) : repeat(x, list); });
    if (!y) return;
    require(y->dim() == list.rank(), "the axes that were asked for");
    for (Index axis = 1; axis <= list.rank(); ++axis) {
        const Index own = axis <= x.dim() ? x.shape()[-axis] : 1;
        require(y->shape()[-axis] == (!expands            ? own * list[-axis]
                                      : list[-axis] == -1 ? own
                                                          : list[-axis]),
                "the extents that were asked for");
    }
    require_elements(*y, x, [&](const Shape& at) {
        Shape from = x.shape();
        for (Index axis = 1; axis <= from.rank(); ++axis) from[-axis] = at[-axis] % x.shape()[-axis];
        return from;
    });
}

void pads(const Tensor& x, Input& input) {
    std::vector<std::pair<Index, Index>> widths;
    for (Index pairs = input.number(0, 3); pairs > 0; --pairs) widths.emplace_back(input.any(), input.any());
    const auto y = moved([&] { return pad(x, widths); });
    if (!y) return;
    Shape shape = x.shape();
    for (std::size_t i = 1; i <= widths.size(); ++i) {
        const auto& [before, after] = widths[widths.size() - i];
        shape[-static_cast<Index>(i)] += before + after;
    }
    require(y->shape() == shape, "the extents with their widths");
    require_elements(*y, x, [&](Shape at) -> Place {
        for (std::size_t i = 1; i <= widths.size(); ++i) {
            const auto axis = -static_cast<Index>(i);
            at[axis] -= widths[widths.size() - i].first;
            if (at[axis] < 0 || at[axis] >= x.shape()[axis]) return {};
        }
        return at;
    });
}

void triangles(const Tensor& x, Input& input) {
    const Index diagonal = input.any();
    const auto above = [](const Shape& at) { return at[-1] - at[-2]; };
    if (const auto lower = moved([&] { return tril(x, diagonal); })) {
        require(lower->shape() == x.shape(), "the shape of the input");
        require_elements(*lower, x, [&](const Shape& at) { return above(at) <= diagonal ? Place(at) : Place(); });
    }
    if (const auto upper = moved([&] { return triu(x, diagonal); })) {
        require(upper->shape() == x.shape(), "the shape of the input");
        require_elements(*upper, x, [&](const Shape& at) { return above(at) >= diagonal ? Place(at) : Place(); });
    }
}

void splits(const Tensor& x, Input& input) {
    const Index kind = input.number(0, 2), number = input.any();
    std::vector<Index> sizes;
    for (Index n = input.number(0, 4); n > 0; --n) sizes.push_back(input.any());
    const Index axis = input.any();
    const auto parts = moved([&] {
        return kind == 0 ? split(x, sizes, axis) : kind == 1 ? split(x, number, axis) : chunk(x, number, axis);
    });
    if (!parts) return;
    require(kind != 2 || std::ssize(*parts) <= number, "at most as many pieces as were asked for");
    Index start = 0;
    for (std::size_t i = 0; i < parts->size(); ++i) {
        const Tensor& part = (*parts)[i];
        const Index n = part.size(axis);
        if (kind == 0) require(n == sizes[i], "the sizes that were asked for");
        if (kind == 1) require(n == number || (n < number && i + 1 == parts->size()), "the size that was asked for");
        require(part.shape() == with_extent(x.shape(), axis, n), "the extents of the input along other axes");
        require_elements(part, x, [&](Shape at) {
            at[axis] += start;
            return at;
        });
        start += n;
    }
    require(start == x.size(axis), "pieces that are all of the input");
}

void joins(const Tensor& x, Input& input) {
    const Tensor other = numbers(input.number(0, 1) ? x.shape() : input.shape(3, 3));
    const Index axis = input.any();
    const bool stacks = input.number(0, 1) != 0;
    const auto y = moved([&] { return stacks ? stack({x, other, x}, axis) : concat({x, other, x}, axis); });
    if (!y) return;
    const Index own = axis < 0 ? axis + y->dim() : axis;
    Shape shape = x.shape();
    if (stacks) shape.insert(own, 1);
    const Index width = shape[own], between = stacks ? 1 : other.shape()[own];
    require(y->shape() == with_extent(shape, own, 2 * width + between), "the extents of all along the axis");
    for_each_position(y->shape(), [&](const Shape& at) {
        Shape from = at;
        const bool is_other = width <= at[own] && at[own] < width + between;
        from[own] -= at[own] < width ? 0 : is_other ? width : width + between;
        if (stacks) from.erase(own);
        require(y->at(at) == (is_other ? other : x).at(from), "the elements of each in their places");
    });
    sum(*y).backward();
    for (const Scalar dx : x.grad().values()) require(dx == 2, "a gradient for each place of the input");
    for (const Scalar dx : other.grad().values()) require(dx == 1, "a gradient for each place of the other");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    constexpr void (*kinds[])(const Tensor&, Input&) = {slices, selects, reshapes, axes_without_move, permutes, transposes,
                                                        flips,  repeats, pads,     triangles,         splits,   joins};
    const auto kind = kinds[input.byte() % std::size(kinds)];
    const Tensor x = numbers(input.shape(4, 4));
    kind(x, input);
    return 0;
}
