// The .npy format (NumPy's "format" module, versions 1 to 3) and zip archives of it, through libzip; see npy.hpp.
#include <tapehead/io/npy.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <regex>
#include <set>

#include <zip.h>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
static_assert(std::endian::native == std::endian::little);

std::string to_npy(const Tensor& tensor) {
    std::string shape;
    for (const Index extent : tensor.shape()) shape += fmt::format("{}, ", extent);
    if (tensor.dim() > 1) shape.erase(shape.size() - 2);
    if (tensor.dim() == 1) shape.pop_back();
    std::string header = fmt::format("{{'descr': '<f{}', 'fortran_order': False, 'shape': ({}), }}", sizeof(Scalar), shape);
    constexpr std::size_t prefix = 10, alignment = 64;
    header.append((alignment - (prefix + header.size() + 1) % alignment) % alignment, ' ');
    header += '\n';

    std::string bytes(magic);
    bytes += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
    bytes += header;
    bytes.append(reinterpret_cast<const char*>(tensor.data()), static_cast<std::size_t>(tensor.numel()) * sizeof(Scalar));
    return bytes;
}

/// A half: 1 bit sign, 5 bits exponent, 10 bits fraction.
Real from_half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const Real sign = bits >> 15 ? -1 : 1;
    if (exponent == 31) return fraction ? std::numeric_limits<Real>::quiet_NaN() : sign * std::numeric_limits<Real>::infinity();
    return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
}

/// A number type of NumPy's: '<f4' and the like.
struct Descr {
    bool swapped;
    char kind;
    std::size_t size;
};

/// One element, its bytes in the order of this machine.
template <class T>
Scalar element_as(const char* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return static_cast<Scalar>(value);
}

Scalar element(const Descr& type, const char* bytes) {
    char own[8] = {};
    for (std::size_t i = 0; i < type.size; ++i) own[i] = bytes[type.swapped ? type.size - 1 - i : i];
    std::uint16_t half = 0;
    switch (type.kind) {
        case 'f':
            if (type.size == 8) return element_as<double>(own);
            if (type.size == 4) return element_as<float>(own);
            std::memcpy(&half, own, sizeof half);
            return static_cast<Scalar>(from_half(half));
        case 'i':
            if (type.size == 8) return element_as<std::int64_t>(own);
            if (type.size == 4) return element_as<std::int32_t>(own);
            return type.size == 2 ? element_as<std::int16_t>(own) : element_as<std::int8_t>(own);
        case 'u':
            if (type.size == 8) return element_as<std::uint64_t>(own);
            if (type.size == 4) return element_as<std::uint32_t>(own);
            return type.size == 2 ? element_as<std::uint16_t>(own) : element_as<std::uint8_t>(own);
        default: return own[0] != 0;
    }
}

/// What the header of a file says.
struct Header {
    Descr type;
    bool fortran_order;
    Shape shape;
};

Header parse_header(const std::string& text, const std::string& source) {
    // A Python dictionary in the one form that NumPy writes: keys in any order, a tuple of numbers for the shape.
    static const std::regex entry(R"(\s*'(descr|fortran_order|shape)'\s*:\s*('[^']*'|True|False|\([\d\s,L]*\))\s*,?)");
    static const std::regex frame(R"(\{([\s\S]*)\}\s*)"), descr(R"('([<>=|])([fiub])(\d)')");
    std::smatch whole;
    check<FileError>(std::regex_match(text, whole, frame), "load_npy: expected a header of NumPy's, got '{}' in '{}'", text,
                     source);
    std::map<std::string, std::string> values;
    std::string rest = whole[1];
    for (std::smatch found; std::regex_search(rest, found, entry, std::regex_constants::match_continuous);
         rest = found.suffix())
        check<FileError>(values.emplace(found[1], found[2]).second, "load_npy: expected each key once, got '{}' in '{}'", text,
                         source);
    check<FileError>(rest.find_first_not_of(" \n") == std::string::npos && values.size() == 3,
                     "load_npy: expected 'descr', 'fortran_order' and 'shape', got '{}' in '{}'", text, source);

    std::smatch type;
    const std::string& named = values["descr"];
    check<FileError>(std::regex_match(named, type, descr), "load_npy: expected numbers or bool, got {} in '{}'", named, source);
    const Descr number{type[1] == ">", type[2].str()[0], static_cast<std::size_t>(type[3].str()[0] - '0')};
    const std::set<std::size_t> sizes = number.kind == 'f'   ? std::set<std::size_t>{2, 4, 8}
                                        : number.kind == 'b' ? std::set<std::size_t>{1}
                                                             : std::set<std::size_t>{1, 2, 4, 8};
    check<FileError>(sizes.contains(number.size), "load_npy: expected numbers or bool, got {} in '{}'", named, source);

    Shape shape;
    static const std::regex extent(R"(\d+)");
    const std::string& tuple = values["shape"];
    Index elements = 1;
    for (std::sregex_iterator at(tuple.begin(), tuple.end(), extent), end; at != end; ++at) {
        check<FileError>(shape.rank() < max_rank && at->str().size() < 16, "load_npy: expected at most {} axes, got {} in '{}'",
                         max_rank, tuple, source);
        shape.push_back(std::stoll(at->str()));
        check<FileError>(shape[-1] == 0 || elements <= (Index{1} << 44) / shape[-1],
                         "load_npy: expected a shape that fits, got {} in '{}'", tuple, source);
        elements *= std::max<Index>(shape[-1], 1);
    }
    return {number, values["fortran_order"] == "True", shape};
}

/// Where in a column-major array the element is that stands at `place` in a row-major one.
Index fortran_place(Index place, const Shape& shape) {
    Index offset = 0, stride = shape.numel();
    for (Index axis = shape.rank() - 1; axis >= 0; --axis) {
        stride /= shape[axis];
        offset += place % shape[axis] * stride;
        place /= shape[axis];
    }
    return offset;
}

Tensor from_npy(const std::string& bytes, const std::string& source) {
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
    check<FileError>(bytes.size() >= 10 && bytes.starts_with(magic) && 1 <= at(6) && at(6) <= 3,
                     "load_npy: expected NumPy's format, version 1 to 3, got something else in '{}'", source);
    const bool is_long = at(6) > 1;
    const std::size_t start = is_long ? 12 : 10;
    check<FileError>(bytes.size() >= start, "load_npy: expected a whole file, got {} bytes in '{}'", bytes.size(), source);
    const std::size_t length = at(8) + (at(9) << 8) + (is_long ? (at(10) << 16) + (at(11) << 24) : 0);
    check<FileError>(bytes.size() - start >= length, "load_npy: expected a header of {} bytes, got {} bytes in '{}'", length,
                     bytes.size() - start, source);
    const Header header = parse_header(bytes.substr(start, length), source);
    const std::size_t first = start + length, size = header.type.size;
    check<FileError>(bytes.size() - first == static_cast<std::size_t>(header.shape.numel()) * size,
                     "load_npy: expected {} elements of {} bytes, got {} bytes in '{}'", header.shape.numel(), size,
                     bytes.size() - first, source);
    Tensor tensor = Tensor::empty(header.shape);
    for (Index i = 0; i < tensor.numel(); ++i) {
        const Index from = header.fortran_order ? fortran_place(i, header.shape) : i;
        tensor.raw()[i] = element(header.type, bytes.data() + first + static_cast<std::size_t>(from) * size);
    }
    return tensor;
}

struct CloseArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;

/// A zip archive in memory. Throws FileError.
Archive open_archive(zip_source_t* source, int flags, const std::string& path) {
    zip_error_t error;
    zip_error_init(&error);
    Archive archive(source ? zip_open_from_source(source, flags, &error) : nullptr);
    if (archive) return archive;
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (source) zip_source_free(source);
    throw FileError(fmt::format("npz: expected a zip archive, got '{}': {}", path, why));
}

}  // namespace

void save_npy(const std::string& path, const Tensor& tensor) { write_file(path, to_npy(tensor)); }

Tensor load_npy(const std::string& path) { return from_npy(read_file(path), path); }

void save_npz(const std::string& path, const NamedTensors& tensors) {
    std::vector<std::string> arrays;  // libzip reads them when the archive is closed
    std::set<std::string> names;
    for (const auto& [name, tensor] : tensors) {
        check<ValueError>(names.insert(name).second, "save_npz: expected each name once, got '{}' twice", name);
        arrays.push_back(to_npy(tensor));
    }
    zip_source_t* memory = zip_source_buffer_create(nullptr, 0, 0, nullptr);
    Archive archive = open_archive(memory, ZIP_CREATE | ZIP_TRUNCATE, path);
    zip_source_keep(memory);
    const std::unique_ptr<zip_source_t, decltype(&zip_source_free)> kept(memory, &zip_source_free);
    const auto require = [&](bool worked) {
        check<FileError>(worked, "save_npz: expected an archive that can be made, got '{}': {}", path,
                         zip_strerror(archive.get()));
    };
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        zip_source_t* source = zip_source_buffer(archive.get(), arrays[i].data(), arrays[i].size(), 0);
        const zip_int64_t entry = zip_file_add(archive.get(), (tensors[i].name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
        require(entry >= 0 && zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(entry), ZIP_CM_STORE, 0) == 0);
    }
    require(zip_close(archive.get()) == 0);
    (void)archive.release();

    std::string bytes;
    if (!tensors.empty()) {
        zip_stat_t size;
        check<FileError>(zip_source_stat(memory, &size) == 0 && zip_source_open(memory) == 0,
                         "save_npz: expected an archive that can be read back, got '{}'", path);
        bytes.resize(size.size);
        zip_source_read(memory, bytes.data(), bytes.size());
        zip_source_close(memory);
    } else {
        bytes = std::string("PK\5\6", 4) + std::string(18, '\0');  // an empty archive, which libzip does not write
    }
    write_file(path, bytes);
}

NamedTensors load_npz(const std::string& path) {
    const std::string bytes = read_file(path);
    check<FileError>(bytes.starts_with("PK"), "load_npz: expected a zip archive, got '{}'", path);
    Archive archive =
        open_archive(zip_source_buffer_create(bytes.data(), bytes.size(), 0, nullptr), ZIP_RDONLY | ZIP_CHECKCONS, path);
    NamedTensors tensors;
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive.get(), 0); ++i) {
        zip_stat_t entry;
        check<FileError>(zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &entry) == 0,
                         "load_npz: expected a zip archive, got '{}': {}", path, zip_strerror(archive.get()));
        std::string array(entry.size, '\0');
        const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen_index(archive.get(),
                                                                                      static_cast<zip_uint64_t>(i), 0),
                                                                      &zip_fclose);
        char beyond = 0;  // the checksum is compared at the end of the data
        check<FileError>(file && zip_fread(file.get(), array.data(), entry.size) == static_cast<zip_int64_t>(entry.size) &&
                             zip_fread(file.get(), &beyond, 1) == 0,
                         "load_npz: expected '{}' in '{}', got an archive that is damaged", entry.name, path);
        std::string name = entry.name;
        if (name.ends_with(".npy")) name.erase(name.size() - 4);
        tensors.push_back({name, from_npy(array, path + ": " + entry.name)});
    }
    return tensors;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
