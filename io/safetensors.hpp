// The safetensors format: named arrays in one file, which PyTorch, JAX and others read and write too.
//
// A file is the length of its header (8 bytes), the header in JSON, and the bytes of the arrays, row-major, little-endian, one after
// another. Reading trusts nothing: what the header says is compared with the file before any of it is used.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tapehead/autograd/condition.hpp>
#include <tapehead/autograd/named.hpp>
#include <tapehead/io/mapped_file.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The number types of the format. Those from F8_E5M2 on can be in a file but are not converted.
// clang-format off
enum class Dtype : std::uint8_t {
    F64, F32, F16, BF16,  ///< floating point: IEEE 754's, and the upper half of a float
    I64, I32, I16, I8,    ///< signed integers
    U64, U32, U16, U8,    ///< unsigned integers
    BOOL,                 ///< a byte, 0 or 1
    F8_E5M2, F8_E4M3, F8_E5M2FNUZ, F8_E4M3FNUZ, F8_E8M0, F6_E2M3, F6_E3M2, F4, C64  ///< narrow floating point, complex numbers
};
// clang-format on

/// The name in the format: "F32".
std::string_view to_string(Dtype dtype);
/// Whether its name begins with F or BF.
bool is_floating_point(Dtype dtype);

/// The type of the library's tensors.
inline constexpr Dtype native_dtype = sizeof(Scalar) == 8 ? Dtype::F64 : Dtype::F32;

/// An array in a file.
struct StoredTensor {
    std::string name;            ///< in the file
    Dtype dtype = native_dtype;  ///< of the elements
    Shape shape;                 ///< at most 8 axes
    std::string_view bytes;      ///< as they are in the file, aligned to nothing
};

/// An open file: what is in it is known at once, and each array is read when it is asked for.
///
/// The file is mapped (mapped_file.hpp) and must not change its size meanwhile: arrays are refused, by FileError, once it is shorter.
/// Members may be called from several threads.
class SafetensorsFile {
public:
    /// Opens a file and checks all of its header, as strictly as the format's own reader.
    ///
    /// Throws FileError for a file that cannot be read, a header that is no such JSON or longer than 100,000,000 bytes, unknown types, a
    /// name given twice, shapes of more than 8 axes or that do not fit their bytes, and bytes that overlap or belong to no array.
    explicit SafetensorsFile(const std::string& path);

    /// All arrays in the order of their bytes.
    const std::vector<StoredTensor>& entries() const { return entries_; }
    /// The texts of `__metadata__`.
    const std::map<std::string, std::string>& metadata() const { return metadata_; }
    bool has(std::string_view name) const { return find(name) != nullptr; }  ///< whether there is an array of that name
    /// An array by its name. Throws FileError where there is none.
    const StoredTensor& at(std::string_view name) const;

    /// An array in the number type of the library: floating point of 16 bits or more, integers and BOOL. Throws FileError as at(), and
    /// for other types.
    Tensor tensor(std::string_view name) const;
    /// Integers and BOOL, exactly. Throws FileError as at(), for other types, and for numbers beyond int64.
    Ids ids(std::string_view name) const;
    /// BOOL. Throws FileError as at(), and for other types.
    Condition condition(std::string_view name) const;
    /// All arrays of floating point in the order of the file. Throws FileError for one of less than 16 bits.
    NamedTensors tensors() const;

private:
    const StoredTensor* find(std::string_view name) const;
    Tensor tensor(const StoredTensor& stored) const;

    std::string path_;
    MappedFile file_;
    std::vector<StoredTensor> entries_;
    std::vector<std::size_t> by_name_;  // places in entries_, in the order of their names
    std::map<std::string, std::string> metadata_;
};

/// Integers with a name.
struct NamedIds {
    std::string name;  ///< in the file
    Ids ids;           ///< of any shape
};

/// What else goes into a file.
struct SafetensorsOptions {
    std::vector<NamedIds> ids = {};                    ///< written as I64
    std::map<std::string, std::string> metadata = {};  ///< for readers; nothing here depends on it
    /// The type of the tensors in the file: F64, F32, F16 or BF16. Numbers are rounded to the nearest, of two the even one; those
    /// beyond the largest become infinite, and NaN stays NaN.
    Dtype dtype = native_dtype;
};

/// Writes tensors, each under its name; the same tensors give the same bytes.
///
/// The file is written as a whole or not at all. Wide types come first in it, else the order is as given. Tensors that share memory are
/// each written in full, so that every reader finds every name. Throws FileError, and ValueError for an undefined tensor, two of one
/// name, the name `__metadata__`, names and metadata that are not UTF-8, and a dtype that is none of the four.
void save_safetensors(const std::string& path, const NamedTensors& tensors, const SafetensorsOptions& options = {});

/// All arrays of floating point in a file. Throws as SafetensorsFile.
NamedTensors load_safetensors(const std::string& path);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
