// The array types that come in and go out: xtensor containers with every template argument named.
//
// xtensor's default allocator, and with it the type of a plain `xt::xarray<float>`, changes with the compiler flags of a user's
// program; these do not, so that programs link and run with other flags than the library was built with.
#pragma once

#include <memory>

#include <xtensor/xarray.hpp>

#include <tapehead/autograd/shape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// An array of T: contiguous, row-major, in memory of `std::allocator`.
template <class T>
using ArrayOf = xt::xarray_container<xt::uvector<T, std::allocator<T>>, xt::layout_type::row_major,
                                     xt::svector<std::size_t, 4, std::allocator<std::size_t>, true>>;

using Array = ArrayOf<Scalar>;    ///< numbers
using Ids = ArrayOf<Id>;          ///< token ids, class labels, positions
using BoolArray = ArrayOf<bool>;  ///< conditions

/// The shape of any xtensor array.
template <class T>
Shape shape_of(const ArrayOf<T>& array) {
    Shape shape;
    for (const auto extent : array.shape()) shape.push_back(static_cast<Index>(extent));
    return shape;
}

/// An uninitialised array of a shape. Throws as checked_numel.
template <class T>
ArrayOf<T> make_array(const Shape& shape) {
    checked_numel("make_array", shape);
    return ArrayOf<T>(typename ArrayOf<T>::shape_type(shape.begin(), shape.end()));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
