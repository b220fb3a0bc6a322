// Axes: the axes an operation works on, given as one number or a list.
#pragma once

#include <tapehead/autograd/shape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// One axis, or a list of axes; negative ones count from the end. What an empty list means is said by each operation.
struct Axes : Shape {
    /// No axes.
    Axes() = default;
    Axes(Index axis) : Shape({axis}) {}                       ///< one
    Axes(std::initializer_list<Index> axes) : Shape(axes) {}  ///< several
    Axes(const Shape& axes) : Shape(axes) {}                  ///< a list
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
