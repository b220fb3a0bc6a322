// The arithmetic of shapes; see shape.hpp.
#include <tapehead/autograd/shape.hpp>

#include <ostream>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Shape::Shape(std::span<const Index> extents) {
    for (const Index extent : extents) push_back(extent);
}

Index Shape::numel() const { return checked_numel("Shape", *this); }

void Shape::push_back(Index extent) {
    check<ShapeError>(rank_ < max_rank, "Shape: expected at most {} axes, got {} and another of extent {}", max_rank, *this,
                      extent);
    extents_[rank_++] = extent;
}

void Shape::insert(Index position, Index extent) {
    check<IndexError>(0 <= position && position <= rank_, "Shape: expected a position in [0, {}], got {}", rank_, position);
    push_back(extent);
    std::rotate(begin() + position, end() - 1, end());
}

void Shape::erase(Index position) {
    check<IndexError>(0 <= position && position < rank_, "Shape: expected a position in [0, {}), got {}", rank_, position);
    std::copy(begin() + position + 1, end(), begin() + position);
    --rank_;
}

Shape Shape::slice(Index first, Index last) const {
    check<IndexError>(0 <= first && first <= last && last <= rank_, "Shape: expected axes within [0, {}], got [{}, {})", rank_,
                      first, last);
    return Shape(std::span(extents_ + first, extents_ + last));
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", ")); }

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << to_string(shape); }

Index checked_numel(const char* operation, const Shape& shape) {
    Index elements = 1;
    bool is_empty = false;
    for (const Index extent : shape) {
        check<ShapeError>(extent >= 0, "{}: expected extents of at least 0, got {}", operation, shape);
        is_empty |= extent == 0;
        if (extent == 0) continue;
        const bool overflows = __builtin_mul_overflow(elements, extent, &elements);
        check<ShapeError>(!overflows && elements <= max_elements, "{}: expected at most {} elements, got shape {}", operation,
                          max_elements, shape);
    }
    return is_empty ? 0 : elements;
}

Index normalize_axis(const char* operation, Index axis, Index rank) {
    check<IndexError>(-rank <= axis && axis < rank, "{}: expected an axis in [{}, {}), got {}", operation, -rank, rank, axis);
    return axis < 0 ? axis + rank : axis;
}

Shape normalize_axes(const char* operation, const Shape& axes, Index rank) {
    Shape result;
    if (axes.empty()) {
        for (Index axis = 0; axis < rank; ++axis) result.push_back(axis);
        return result;
    }
    for (const Index axis : axes) {
        const Index normal = normalize_axis(operation, axis, rank);
        check<IndexError>(!result.contains(normal), "{}: expected each axis once, got axis {} twice", operation, normal);
        result.push_back(normal);
    }
    std::sort(result.begin(), result.end());
    return result;
}

Shape reduced_shape(const Shape& shape, const Shape& axes, bool keepdim) {
    Shape result;
    for (Index axis = 0; axis < shape.rank(); ++axis) {
        if (!axes.contains(axis)) result.push_back(shape[axis]);
        else if (keepdim) result.push_back(1);
    }
    return result;
}

Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b) {
    if (a == b) return a;
    const Shape& longer = a.rank() >= b.rank() ? a : b;
    const Shape& shorter = a.rank() >= b.rank() ? b : a;
    Shape result = longer;
    for (Index axis = 1; axis <= shorter.rank(); ++axis) {
        const Index m = longer[-axis], n = shorter[-axis];
        check<ShapeError>(m == n || m == 1 || n == 1, "{}: expected shapes that broadcast to each other, got {} and {}",
                          operation, a, b);
        result[-axis] = m == 1 ? n : m;
    }
    return result;
}

bool broadcasts_to(const Shape& from, const Shape& to) {
    if (from.rank() > to.rank()) return false;
    for (Index axis = 1; axis <= from.rank(); ++axis)
        if (from[-axis] != to[-axis] && from[-axis] != 1) return false;
    return true;
}

void check_broadcasts_to(const char* operation, const Shape& from, const Shape& to) {
    check<ShapeError>(broadcasts_to(from, to), "{}: expected a shape that broadcasts to {}, got {}", operation, to, from);
}

Shape row_major_strides(const Shape& shape) {
    Shape strides = shape;
    Index step = 1;
    for (Index axis = 1; axis <= shape.rank(); ++axis) {
        strides[-axis] = step;
        step *= shape[-axis];
    }
    return strides;
}

Shape broadcast_strides(const Shape& from, const Shape& to) {
    const Shape own = row_major_strides(from);
    Shape strides = to;
    for (Index axis = 0; axis < to.rank(); ++axis) {
        const Index source = axis - (to.rank() - from.rank());
        strides[axis] = source < 0 || from[source] == 1 ? 0 : own[source];
    }
    return strides;
}

std::size_t detail::checked_place(const char* what, std::size_t i, std::size_t size) {
    check<IndexError>(i < size, "{}: expected a place below {}, got {}", what, size, i);
    return i;
}

AxisView::AxisView(const Shape& shape, Index first, Index last) {
    for (Index axis = 0; axis < shape.rank(); ++axis) (axis < first ? outer : axis < last ? n : inner) *= shape[axis];
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
