// Any numbers as axes, bounds, extents and widths of what moves elements: refused, or every element of the result, and its gradient, is
// the one that plain arithmetic of positions says.
#include <fuzz/target.hpp>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

using namespace fuzz;

namespace {

__extension__ using Wide = __int128;
using Place = std::optional<Shape>;  // in x; nothing for a background of 0

/// Whether y has at each position the element of x that `place` says; the gradient of x counts how often each is there.
void require_elements(const Tensor& y, const Tensor& x, const std::function<Place(const Shape&)>& place) {
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

void slices(const Tensor& x, Input& input) {
    const Index axis = input.any(), start = input.any(), end = input.number(0, 3) ? input.any() : to_end;
    const Index step = input.any();
    const Tensor y = slice(x, axis, start, end, step);
    const Index own = axis < 0 ? axis + x.dim() : axis;
    const std::vector<Index> positions = python_slice(x.size(axis), start, end, step);
    require(y.size(axis) == std::ssize(positions), "as many positions as Python has");
    require_elements(y, x, [&](Shape at) {
        at[own] = positions[static_cast<std::size_t>(at[own])];
        return at;
    });
}

void selects(const Tensor& x, Input& input) {
    const Index axis = input.any(), i = input.any();
    const Tensor y = select(x, axis, i);
    require_elements(y, x, [&](Shape at) {
        at.insert(axis < 0 ? axis + x.dim() : axis, i < 0 ? i + x.size(axis) : i);
        return at;
    });
}

void reshapes(const Tensor& x, Input& input) {
    const Shape shape = input.list(max_rank);
    const Tensor y = reshape(x, shape);
    require(y.dim() == shape.rank(), "the axes that were asked for");
    for (Index axis = 0; axis < y.dim(); ++axis)
        require(shape[axis] == -1 || shape[axis] == y.shape()[axis], "the extents that were asked for");
    require_order(y, x);
}

void axes_without_move(const Tensor& x, Input& input) {
    switch (input.number(0, 2)) {
        case 0: return require_order(flatten(x, input.any(), input.any()), x);
        case 1: return require_order(squeeze(x, input.list(max_rank)), x);
        default: return require_order(unsqueeze(x, input.list(max_rank)), x);
    }
}

void permutes(const Tensor& x, Input& input) {
    Shape order = input.list(max_rank);
    if (input.number(0, 1)) {  // a permutation, from wherever it is counted
        order = x.shape();
        for (Index axis = 0; axis < x.dim(); ++axis) order[axis] = axis;
        for (Index axis = 1; axis < x.dim(); ++axis) std::swap(order[axis], order[input.number(0, axis)]);
        for (Index& axis : order) axis -= x.dim() * input.number(0, 1);
    }
    const Tensor y = permute(x, order);
    require_elements(y, x, [&](const Shape& at) {
        Shape from = x.shape();
        for (Index axis = 0; axis < from.rank(); ++axis) from[order[axis]] = at[axis];
        return from;
    });
    const Index axis0 = input.any(), axis1 = input.any();
    const Tensor z = transpose(x, axis0, axis1);
    require_elements(z, x, [&](Shape at) {
        std::swap(at[axis0], at[axis1]);
        return at;
    });
}

void flips(const Tensor& x, Input& input) {
    const Shape axes = input.list(max_rank);
    const Tensor y = flip(x, axes);
    require_elements(y, x, [&](Shape at) {
        for (Index axis = 0; axis < at.rank(); ++axis)
            if (axes.empty() || axes.contains(axis) || axes.contains(axis - at.rank()))
                at[axis] = x.shape()[axis] - 1 - at[axis];
        return at;
    });
}

/// Positions in y, of which each axis repeats that of x.
Place wrapped(const Tensor& x, const Shape& at) {
    Shape from = x.shape();
    for (Index axis = 1; axis <= from.rank(); ++axis) from[-axis] = at[-axis] % x.shape()[-axis];
    return from;
}

void repeats(const Tensor& x, Input& input) {
    const Shape list = input.list(4);
    const Tensor y = input.number(0, 1) ? expand(x, list) : repeat(x, list);
    require_elements(y, x, [&](const Shape& at) { return wrapped(x, at); });
}

void pads(const Tensor& x, Input& input) {
    std::vector<std::pair<Index, Index>> widths;
    for (Index pairs = input.number(0, 3); pairs > 0; --pairs) widths.emplace_back(input.any(), input.any());
    const Tensor y = pad(x, widths);
    require_elements(y, x, [&](Shape at) -> Place {
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
    const Tensor lower = tril(x, diagonal), upper = triu(x, diagonal);
    const auto above = [](const Shape& at) { return at[-1] - at[-2]; };
    require_elements(lower, x, [&](const Shape& at) { return above(at) <= diagonal ? Place(at) : Place(); });
    require_elements(upper, x, [&](const Shape& at) { return above(at) >= diagonal ? Place(at) : Place(); });
}

void splits(const Tensor& x, Input& input) {
    std::vector<Tensor> parts;
    Index axis = 0;
    const Index kind = input.number(0, 2), number = input.any();
    std::vector<Index> sizes;
    for (Index n = input.number(0, 4); n > 0; --n) sizes.push_back(input.any());
    axis = input.any();
    if (kind == 0) parts = split(x, sizes, axis);
    else if (kind == 1) parts = split(x, number, axis);
    else parts = chunk(x, number, axis);
    require(kind != 2 || std::ssize(parts) <= number, "at most as many pieces as were asked for");
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const Index n = parts[i].size(axis);
        if (kind == 0) require(n == sizes[i], "the sizes that were asked for");
        if (kind == 1) require(n == number || (n < number && i + 1 == parts.size()), "the size that was asked for");
    }
    if (!parts.empty()) require_order(concat(parts, axis), x);
}

void joins(const Tensor& x, Input& input) {
    std::vector<Tensor> xs{x, numbers(input.number(0, 1) ? x.shape() : input.shape(3, 3)), x};
    const Index axis = input.any();
    const Tensor y = input.number(0, 1) ? concat(xs, axis) : unsqueeze(stack(xs, axis), {0});
    require(y.numel() == 2 * x.numel() + xs[1].numel(), "all elements of all");
    sum(y).backward();
    for (const Scalar dx : x.grad().values()) require(dx == 2, "a gradient for each place of the input");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    constexpr void (*kinds[])(const Tensor&, Input&) = {slices,    selects, reshapes, axes_without_move,
                                                        permutes,  flips,   repeats,  pads,
                                                        triangles, splits,  joins};
    const auto kind = kinds[input.byte() % std::size(kinds)];
    const Tensor x = numbers(input.shape(4, 4));
    accepts<ShapeError, IndexError, ValueError>([&] { kind(x, input); });
    return 0;
}
