// NumPy's files: an array as .npy, named arrays as .npz.
#pragma once

#include <string>

#include <tapehead/autograd/named.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Writes a tensor as `numpy.save` does, in the number type of the library. The file is written as a whole or not at all. Throws
/// FileError.
void save_npy(const std::string& path, const Tensor& tensor);
/// The same of ids, as int64.
void save_npy(const std::string& path, const Ids& ids);

/// Reads what `numpy.save` wrote: floating point, integers and bool, of any byte order, in C or Fortran order, converted to the number
/// type of the library.
///
/// Throws FileError for a file that cannot be read, is cut short or longer than it says, and for other types.
Tensor load_npy(const std::string& path);

/// Reads integers and bool exactly. Throws FileError as load_npy, and for floating point and numbers beyond int64.
Ids load_npy_ids(const std::string& path);

/// Writes tensors as `numpy.savez` does, each under its name; the same tensors give the same bytes. The file is written as a whole or
/// not at all. Throws FileError, and ValueError for two of one name.
void save_npz(const std::string& path, const NamedTensors& tensors);

/// Reads what `numpy.savez` or `numpy.savez_compressed` wrote, in the order of the file. Throws as load_npy.
NamedTensors load_npz(const std::string& path);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
