// Shape: the extents of a tensor, outermost axis first, and the arithmetic of axes and broadcasting.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The extents of a tensor, outermost first; at most `max_rank` of them, kept in place.
///
/// A Shape also serves as a list of axes or positions. Negative positions in `operator[]` count from the end.
class Shape {
public:
    /// Rank 0, the shape of a scalar.
    Shape() = default;
    /// The given extents. Throws ShapeError for more than `max_rank`.
    Shape(std::initializer_list<Index> extents) : Shape(std::span(extents.begin(), extents.size())) {}
    /// Copies extents. Throws ShapeError for more than `max_rank`.
    explicit Shape(std::span<const Index> extents);

    Index rank() const { return rank_; }  ///< the number of axes
    /// The number of elements, 1 for rank 0. Throws as checked_numel.
    Index numel() const;
    /// @{
    /// The extent of an axis, not checked; negative ones count from the end.
    Index operator[](Index axis) const { return extents_[axis < 0 ? axis + rank_ : axis]; }
    Index& operator[](Index axis) { return extents_[axis < 0 ? axis + rank_ : axis]; }
    /// @}

    /// @{
    /// The extents in memory, outermost first.
    const Index* data() const { return extents_; }
    const Index* begin() const { return extents_; }
    const Index* end() const { return extents_ + rank_; }
    Index* begin() { return extents_; }
    Index* end() { return extents_ + rank_; }
    /// @}
    bool empty() const { return rank_ == 0; }  ///< whether the rank is 0
    /// Whether one of the extents is `value`.
    bool contains(Index value) const { return std::find(begin(), end(), value) != end(); }

    /// Adds an extent at the end. Throws ShapeError beyond `max_rank`; so does insert.
    void push_back(Index extent);
    /// Adds an extent before those from `position` on. Throws IndexError too, for a position outside [0, rank].
    void insert(Index position, Index extent);
    /// Takes out the extent at `position`. Throws IndexError for one outside [0, rank).
    void erase(Index position);
    /// The extents of axes [first, last). Throws IndexError unless 0 ≤ first ≤ last ≤ rank.
    Shape slice(Index first, Index last) const;

    /// Whether rank and all extents are the same.
    friend bool operator==(const Shape& a, const Shape& b) {
        return a.rank_ == b.rank_ && std::equal(a.begin(), a.end(), b.begin());
    }

private:
    Index extents_[max_rank] = {};
    Index rank_ = 0;
};

/// "[2, 3]", "[]" for rank 0.
std::string to_string(const Shape& shape);
/// Writes to_string(shape).
std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// The most elements that an array may have: more than any machine holds, and far from where sizes in bytes overflow.
inline constexpr Index max_elements = Index{1} << 44;

/// The number of elements of an array that is to be made. Throws ShapeError naming `operation` for an extent below 0, and where the
/// extents but for those of 0 multiply to more than max_elements: so no distance between two elements overflows either.
Index checked_numel(const char* operation, const Shape& shape);

/// The axis as a number in [0, rank); negative ones count from the end. Throws IndexError naming `operation`.
Index normalize_axis(const char* operation, Index axis, Index rank);

/// All axes normalised and sorted, every axis where the list is empty. Throws IndexError for one out of range or repeated.
Shape normalize_axes(const char* operation, const Shape& axes, Index rank);

/// The shape with `axes` (normalised) removed, or kept with extent 1.
Shape reduced_shape(const Shape& shape, const Shape& axes, bool keepdim);

/// The shape that both broadcast to, by NumPy's rule. Throws ShapeError naming `operation` and both shapes.
Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b);

/// Whether `from` broadcasts to `to` by NumPy's rule.
bool broadcasts_to(const Shape& from, const Shape& to);

/// Throws ShapeError naming `operation` and both shapes unless `from` broadcasts to `to`.
void check_broadcasts_to(const char* operation, const Shape& from, const Shape& to);

/// Distances in memory between neighbours along each axis of a contiguous row-major array.
Shape row_major_strides(const Shape& shape);

/// Distances in memory between neighbours along each axis of `to`, for a contiguous array of shape `from` that broadcasts to it: 0
/// along an axis that it does not have or repeats.
Shape broadcast_strides(const Shape& from, const Shape& to);

namespace detail {
/// The place i itself. Throws IndexError naming `what` unless it is below `size`.
std::size_t checked_place(const char* what, std::size_t i, std::size_t size);
}  // namespace detail

/// A shape seen as [outer, n, inner] around one axis.
struct AxisView {
    Index outer = 1, n = 1, inner = 1;  ///< the extents before the axis, its own, and those after it, multiplied
    /// Around one axis, in [0, rank).
    AxisView(const Shape& shape, Index axis) : AxisView(shape, axis, axis + 1) {}
    /// Around the neighbouring axes [first, last), merged.
    AxisView(const Shape& shape, Index first, Index last);
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
