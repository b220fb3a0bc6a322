// The .npy format; see npy.hpp and npy_format.hpp. Archives of it are in npz.cpp.
#include <tapehead/io/npy.hpp>

#include <bit>
#include <cctype>
#include <concepts>
#include <cstring>
#include <utility>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/io/half.hpp>
#include <tapehead/io/npy_format.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using detail::NpyArray;
using detail::NpyType;

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t most_header_bytes = 10'000;  // as NumPy; a longer one describes no array of numbers
static_assert(std::endian::native == std::endian::little);

/// Reads the header, a Python dictionary of three keys in any order, in the form that NumPy writes it.
class HeaderReader {
public:
    HeaderReader(std::string_view text, const std::string& source) : text_(text), source_(source) {}

    NpyArray read() {
        NpyArray array;
        bool has_type = false, has_order = false, has_shape = false;
        require(accept('{'));
        while (!accept('}')) {
            const std::string_view key = quoted();
            require(accept(':'));
            if (key == "descr" && !std::exchange(has_type, true)) array.type = type();
            else if (key == "fortran_order" && !std::exchange(has_order, true)) array.is_fortran_order = truth();
            else if (key == "shape" && !std::exchange(has_shape, true)) array.shape = shape();
            else require(false);
            if (accept(',')) continue;
            require(accept('}'));
            break;
        }
        skip_spaces();
        require(has_type && has_order && has_shape && at_ == text_.size());
        return array;
    }

private:
    void require(bool holds) const {
        check<FileError>(holds, "load_npy: expected a header with 'descr', 'fortran_order' and 'shape', got {} in '{}'",
                         text_.substr(0, text_.find_last_not_of(" \n") + 1), source_);
    }
    void skip_spaces() { at_ = std::min(text_.find_first_not_of(" \t\n", at_), text_.size()); }
    bool accept(std::string_view token) {
        skip_spaces();
        if (!text_.substr(at_).starts_with(token)) return false;
        at_ += token.size();
        return true;
    }
    bool accept(char token) { return accept(std::string_view(&token, 1)); }

    std::string_view quoted() {
        skip_spaces();
        const char quote = at_ < text_.size() ? text_[at_] : '\0';
        require(quote == '\'' || quote == '"');
        const std::size_t end = text_.find(quote, at_ + 1);
        require(end != std::string_view::npos);
        const std::string_view text = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return text;
    }
    bool truth() {
        const bool is_true = accept("True");
        require(is_true || accept("False"));
        return is_true;
    }
    NpyType type() {
        check<FileError>(!accept('['), "load_npy: expected numbers or bool, got an array of records in '{}'", source_);
        const std::string_view name = quoted();
        const auto one_of = [&](std::size_t i, std::string_view all) { return all.find(name[i]) != std::string_view::npos; };
        const bool is_known = name.size() == 3 && one_of(0, "<>=|") && one_of(1, "fiub") &&
                              one_of(2, name[1] == 'f'   ? "248"
                                        : name[1] == 'b' ? "1"
                                                         : "1248");
        check<FileError>(is_known, "load_npy: expected numbers or bool, got '{}' in '{}'", name, source_);
        return {name[0] == '>', name[1], static_cast<std::size_t>(name[2] - '0')};
    }
    Shape shape() {
        Shape shape;
        require(accept('('));
        bool has_comma = true;  // "(3)" is no tuple
        while (!accept(')')) {
            skip_spaces();
            const std::size_t end = std::min(text_.find_first_not_of("0123456789", at_), text_.size());
            const std::string digits(text_.substr(at_, end - at_));
            require(has_comma && !digits.empty());
            check<FileError>(shape.rank() < max_rank && digits.size() < 16,
                             "load_npy: expected a shape of at most {} axes that fits, got {} in '{}'", max_rank, text_,
                             source_);
            shape.push_back(std::stoll(digits));
            at_ = end;
            accept('L');  // Python 2 wrote long integers so
            has_comma = accept(',');
        }
        require(has_comma || shape.rank() != 1);
        Index elements = 1;  // of the axes that are not empty
        for (const Index extent : shape) {
            check<FileError>(extent == 0 || elements <= max_elements / extent,
                             "load_npy: expected a shape that fits, got {} in '{}'", shape, source_);
            elements *= std::max<Index>(extent, 1);
        }
        return shape;
    }

    std::string_view text_;
    const std::string& source_;
    std::size_t at_ = 0;
};

template <class T>
T read(const char* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

/// Calls `f` with the value of an element, whose bytes are in the order of this machine.
template <class F>
void with_element(const NpyType& type, const char* bytes, const F& f) {
    const auto is = [&](char kind, std::size_t size) { return type.kind == kind && type.size == size; };
    if (is('f', 8)) return f(read<double>(bytes));
    if (is('f', 4)) return f(read<float>(bytes));
    if (is('f', 2)) return f(from_f16(read<std::uint16_t>(bytes)));
    if (is('i', 8)) return f(read<std::int64_t>(bytes));
    if (is('i', 4)) return f(read<std::int32_t>(bytes));
    if (is('i', 2)) return f(read<std::int16_t>(bytes));
    if (is('i', 1)) return f(int{read<std::int8_t>(bytes)});
    if (is('u', 8)) return f(read<std::uint64_t>(bytes));
    if (is('u', 4)) return f(read<std::uint32_t>(bytes));
    if (is('u', 2)) return f(read<std::uint16_t>(bytes));
    if (is('u', 1)) return f(read<std::uint8_t>(bytes));
    return f(*bytes != 0);
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

/// Calls `f(i, value)` for all elements in row-major order.
template <class F>
void for_each_element(const NpyArray& array, const F& f) {
    const std::size_t size = array.type.size;
    const Index n = array.shape.numel();
    for (Index i = 0; i < n; ++i) {
        const auto from = static_cast<std::size_t>(array.is_fortran_order ? fortran_place(i, array.shape) : i);
        char own[8] = {};
        for (std::size_t b = 0; b < size; ++b) own[b] = array.data[from * size + (array.type.is_swapped ? size - 1 - b : b)];
        with_element(array.type, own, [&](auto value) { f(i, value); });
    }
}

}  // namespace

namespace detail {

std::string npy_bytes(std::string_view type, const Shape& shape, std::string_view data) {
    std::string extents;
    for (const Index extent : shape) extents += fmt::format("{}, ", extent);
    if (shape.rank() > 1) extents.erase(extents.size() - 2);
    if (shape.rank() == 1) extents.pop_back();
    std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, extents);
    constexpr std::size_t prefix = 10, alignment = 64;
    header.append((alignment - (prefix + header.size() + 1) % alignment) % alignment, ' ');
    header += '\n';

    std::string bytes(magic);
    bytes += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
    bytes += header;
    bytes += data;
    return bytes;
}

std::string npy_bytes(const Tensor& tensor) {
    return npy_bytes(fmt::format("<f{}", sizeof(Scalar)), tensor.shape(),
                     {reinterpret_cast<const char*>(tensor.data()), tensor.values().size_bytes()});
}

NpyArray parse_npy(std::string_view bytes, const std::string& source) {
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
    check<FileError>(bytes.size() >= 10 && bytes.starts_with(magic) && 1 <= at(6) && at(6) <= 3,
                     "load_npy: expected NumPy's format, version 1 to 3, got something else in '{}'", source);
    const bool is_long = at(6) > 1;
    const std::size_t start = is_long ? 12 : 10;
    check<FileError>(bytes.size() >= start, "load_npy: expected a whole file, got {} bytes in '{}'", bytes.size(), source);
    const std::size_t length = at(8) + (at(9) << 8) + (is_long ? (at(10) << 16) + (at(11) << 24) : 0);
    check<FileError>(length <= most_header_bytes, "load_npy: expected a header of at most {} bytes, got {} in '{}'",
                     most_header_bytes, length, source);
    check<FileError>(bytes.size() - start >= length, "load_npy: expected a header of {} bytes, got {} bytes in '{}'", length,
                     bytes.size() - start, source);
    NpyArray array = HeaderReader(bytes.substr(start, length), source).read();
    array.data = bytes.substr(start + length);
    check<FileError>(array.data.size() == static_cast<std::size_t>(array.shape.numel()) * array.type.size,
                     "load_npy: expected {} elements of {} bytes, got {} bytes in '{}'", array.shape.numel(), array.type.size,
                     array.data.size(), source);
    return array;
}

Tensor tensor_of(const NpyArray& array) {
    Tensor tensor = Tensor::empty(array.shape);
    const NpyType& type = array.type;
    const bool is_own = type.kind == 'f' && type.size == sizeof(Scalar) && !type.is_swapped && !array.is_fortran_order;
    if (is_own && tensor.numel() > 0) std::memcpy(tensor.raw(), array.data.data(), array.data.size());
    else for_each_element(array, [to = tensor.raw()](Index i, auto value) { to[i] = static_cast<Scalar>(value); });
    return tensor;
}

}  // namespace detail

void save_npy(const std::string& path, const Tensor& tensor) { write_file(path, detail::npy_bytes(tensor)); }

void save_npy(const std::string& path, const Ids& ids) {
    write_file(path,
               detail::npy_bytes("<i8", shape_of(ids), {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(Id)}));
}

Tensor load_npy(const std::string& path) { return detail::tensor_of(detail::parse_npy(read_file(path), path)); }

Ids load_npy_ids(const std::string& path) {
    const std::string bytes = read_file(path);
    const NpyArray array = detail::parse_npy(bytes, path);
    check<FileError>(array.type.kind != 'f', "load_npy_ids: expected integers or bool, got floating point in '{}'", path);
    Ids ids = make_array<Id>(array.shape);
    for_each_element(array, [&](Index i, auto value) {
        if constexpr (std::same_as<decltype(value), std::uint64_t>)
            check<FileError>(std::in_range<Id>(value), "load_npy_ids: expected numbers of int64, got {} in '{}'", value, path);
        ids.data()[i] = static_cast<Id>(value);
    });
    return ids;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
