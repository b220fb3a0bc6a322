// The bytes of a .npy file (NumPy's "format" module, versions 1 to 3): what npy.cpp puts into a file and npz.cpp into an archive.
// Not part of the umbrella header.
#pragma once

#include <string>
#include <string_view>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::detail {

/// The number type that a header names: '<f4' and the like.
struct NpyType {
    bool is_swapped = false;  ///< its bytes are in the other order than this machine's
    char kind = 'f';          ///< f, i, u or b
    std::size_t size = 0;     ///< of an element, in bytes
};

/// A .npy file taken apart.
struct NpyArray {
    NpyType type;
    bool is_fortran_order = false;
    Shape shape;
    std::string_view data;  ///< of the bytes that were given
};

/// A whole file from the elements of an array, row-major. `type` is '<f4' and the like.
std::string npy_bytes(std::string_view type, const Shape& shape, std::string_view data);
std::string npy_bytes(const Tensor& tensor);

/// Throws FileError, naming `source`, for anything but what NumPy writes for numbers and bool.
NpyArray parse_npy(std::string_view bytes, const std::string& source);

/// The elements as numbers, row-major.
Tensor tensor_of(const NpyArray& array);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::detail
