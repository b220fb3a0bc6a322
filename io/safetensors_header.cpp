// The header of a safetensors file; see safetensors_header.hpp.
//
// It is read event by event, so that a hostile one is refused at its first wrong word, with nothing built from what came before but
// the list of tensors.
#include <tapehead/io/safetensors_header.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using nlohmann::json;

constexpr std::size_t most_header_bytes = 100'000'000, length_bytes = 8, alignment = 8;
constexpr auto most_elements = static_cast<std::uint64_t>(max_elements);
constexpr std::string_view metadata_name = "__metadata__";
static_assert(std::endian::native == std::endian::little);

struct DtypeRow {
    Dtype dtype;
    std::string_view name;
    std::size_t bits;
};

constexpr DtypeRow dtypes[] = {
    {Dtype::F64, "F64", 64},
    {Dtype::F32, "F32", 32},
    {Dtype::F16, "F16", 16},
    {Dtype::BF16, "BF16", 16},
    {Dtype::I64, "I64", 64},
    {Dtype::I32, "I32", 32},
    {Dtype::I16, "I16", 16},
    {Dtype::I8, "I8", 8},
    {Dtype::U64, "U64", 64},
    {Dtype::U32, "U32", 32},
    {Dtype::U16, "U16", 16},
    {Dtype::U8, "U8", 8},
    {Dtype::BOOL, "BOOL", 8},
    {Dtype::F8_E5M2, "F8_E5M2", 8},
    {Dtype::F8_E4M3, "F8_E4M3", 8},
    {Dtype::F8_E5M2FNUZ, "F8_E5M2FNUZ", 8},
    {Dtype::F8_E4M3FNUZ, "F8_E4M3FNUZ", 8},
    {Dtype::F8_E8M0, "F8_E8M0", 8},
    {Dtype::F6_E2M3, "F6_E2M3", 6},
    {Dtype::F6_E3M2, "F6_E3M2", 6},
    {Dtype::F4, "F4", 4},
    {Dtype::C64, "C64", 64},
};

const DtypeRow& row_of(Dtype dtype) { return *std::ranges::find(dtypes, dtype, &DtypeRow::dtype); }

/// Takes the events of the parser and lets pass only those of a header.
class HeaderReader : public nlohmann::json_sax<json> {
public:
    /// `data` is what follows the header.
    HeaderReader(std::string_view data, const std::string& path) : data_(data), path_(path) {}

    std::vector<StoredTensor> entries;
    std::map<std::string, std::string> metadata;

    bool key(string_t& name) override {
        if (in_ == In::tensor) return begin_field(name);
        key_ = std::move(name);
        return true;
    }
    bool string(string_t& text) override {
        if (is_ignored()) return true;
        if (in_ == In::metadata) {
            require(metadata.emplace(std::move(key_), std::move(text)).second, "each key of metadata once", "one twice");
            return true;
        }
        if (in_ != In::tensor || field_ != Field::dtype) refuse("a text");
        const auto* row = std::ranges::find(dtypes, text, &DtypeRow::name);
        check<FileError>(row != std::end(dtypes), "SafetensorsFile: expected a known type of '{}', got '{}' in '{}'",
                         entries.back().name, text, path_);
        entries.back().dtype = row->dtype;
        return true;
    }
    bool number_unsigned(number_unsigned_t number) override {
        if (is_ignored()) return true;
        if (in_ != In::shape && in_ != In::offsets) refuse("a number");
        if (in_ == In::offsets) {
            require(count_ < 2, "two offsets", "more");
            offsets_[count_++] = number;
            return true;
        }
        Shape& shape = entries.back().shape;
        check<FileError>(shape.rank() < max_rank && number <= most_elements,
                         "SafetensorsFile: expected a shape of at most {} axes that fits, got another of '{}' in '{}'",
                         max_rank, entries.back().name, path_);
        shape.push_back(static_cast<Index>(number));
        return true;
    }
    bool start_object(std::size_t) override {
        if (is_ignored()) return ++ignored_, true;
        if (in_ != In::file && in_ != In::header) refuse("an object");
        if (in_ == In::file) return enter(In::header);
        if (key_ != metadata_name) {
            entries.emplace_back().name = std::move(key_);
            has_dtype_ = has_shape_ = has_offsets_ = false;
            return enter(In::tensor);
        }
        require(!std::exchange(has_metadata_, true), "metadata once", "it twice");
        return enter(In::metadata);
    }
    bool end_object() override {
        if (ignored_ > 0) return --ignored_, true;
        if (in_ == In::tensor) require(has_dtype_ && has_shape_ && has_offsets_, "dtype, shape and data_offsets", "less");
        return enter(in_ == In::header ? In::file : In::header);
    }
    bool start_array(std::size_t) override {
        if (is_ignored()) return ++ignored_, true;
        if (in_ != In::tensor || field_ == Field::dtype) refuse("a list");
        count_ = 0;
        return enter(field_ == Field::shape ? In::shape : In::offsets);
    }
    bool end_array() override {
        if (ignored_ > 0) return --ignored_, true;
        if (in_ == In::offsets) entries.back().bytes = claimed_bytes();
        return enter(In::tensor);
    }

    bool null() override { return other("null"); }
    bool boolean(bool) override { return other("a truth value"); }
    bool number_integer(number_integer_t) override { return other("a negative number"); }
    bool number_float(number_float_t, const string_t&) override { return other("a number that is no integer of 64 bits"); }
    bool binary(binary_t&) override { return other("bytes"); }
    bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
        throw FileError(fmt::format("SafetensorsFile: expected a header in JSON, got something else at its byte {} in '{}'",
                                    position, path_));
    }

private:
    enum class In { file, header, metadata, tensor, shape, offsets };
    enum class Field { dtype, shape, offsets, unknown };

    void require(bool holds, const char* expected, const char* got) const {
        if (!holds) fail(expected, got);
    }
    /// Names the tensor that is being read, if there is one.
    [[noreturn]] void fail(const char* expected, const char* got) const {
        const bool is_of_tensor = in_ == In::tensor || in_ == In::shape || in_ == In::offsets;
        throw FileError(fmt::format("SafetensorsFile: expected {}, got {}{} in '{}'", expected, got,
                                    is_of_tensor ? fmt::format(" of '{}'", entries.back().name) : "", path_));
    }
    /// For a value of a kind that has no place where it stands.
    [[noreturn]] void refuse(const char* got) const {
        switch (in_) {
            case In::metadata: fail("texts as metadata", got);
            case In::shape:
            case In::offsets: fail("integers from 0 on", got);
            case In::tensor: fail("a text as dtype, lists as shape and data_offsets", got);
            default: fail("an object of objects", got);
        }
    }
    bool other(const char* what) const {
        if (!is_ignored()) refuse(what);
        return true;
    }
    bool enter(In place) {
        in_ = place;
        return true;
    }
    /// What the reference reader passes over, so that the format can grow: the values of keys that it does not know.
    bool is_ignored() const { return ignored_ > 0 || (in_ == In::tensor && field_ == Field::unknown); }
    bool begin_field(const std::string& name) {
        if (ignored_ > 0) return true;
        const auto once = [&](bool& has) {
            require(!std::exchange(has, true), "each of dtype, shape and data_offsets once", "one twice");
        };
        if (name == "dtype") once(has_dtype_), field_ = Field::dtype;
        else if (name == "shape") once(has_shape_), field_ = Field::shape;
        else if (name == "data_offsets") once(has_offsets_), field_ = Field::offsets;
        else field_ = Field::unknown;
        return true;
    }

    std::string_view claimed_bytes() const {
        require(count_ == 2, "two offsets", "less");
        const auto [begin, end] = offsets_;
        check<FileError>(begin <= end && end <= data_.size(),
                         "SafetensorsFile: expected '{}' within {} bytes, got [{}, {}] in '{}'", entries.back().name,
                         data_.size(), begin, end, path_);
        return data_.substr(begin, end - begin);
    }

    std::string_view data_;
    const std::string& path_;
    In in_ = In::file;
    Field field_ = Field::unknown;
    std::size_t ignored_ = 0;  // how deep within values that are passed over
    std::array<std::uint64_t, 2> offsets_ = {};
    std::size_t count_ = 0;  // of the offsets
    bool has_metadata_ = false, has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
    std::string key_;
};

/// The JSON at the start of a file.
std::string_view header_text(std::string_view file, const std::string& path) {
    std::uint64_t length = 0;
    check<FileError>(file.size() >= length_bytes, "SafetensorsFile: expected at least {} bytes, got {} in '{}'", length_bytes,
                     file.size(), path);
    std::memcpy(&length, file.data(), length_bytes);
    check<FileError>(length <= most_header_bytes, "SafetensorsFile: expected a header of at most {} bytes, got {} in '{}'",
                     most_header_bytes, length, path);
    check<FileError>(length <= file.size() - length_bytes,
                     "SafetensorsFile: expected a header of {} bytes, got {} bytes in '{}'", length, file.size() - length_bytes,
                     path);
    const std::string_view text = file.substr(length_bytes, length);
    check<FileError>(text.starts_with('{'), "SafetensorsFile: expected a header that starts with '{{', got another in '{}'",
                     path);
    // The parser would take it for the end.
    check<FileError>(text.find('\0') == std::string_view::npos,
                     "SafetensorsFile: expected a header in JSON, got a zero byte in '{}'", path);
    return text;
}

/// Throws FileError unless the shape is one that can be, and that of the bytes.
void check_shape(const StoredTensor& stored, const std::string& path) {
    std::uint64_t elements = 1;  // of the axes that are not empty
    for (const Index axis : stored.shape) {
        const auto extent = static_cast<std::uint64_t>(axis);
        check<FileError>(extent == 0 || elements <= most_elements / extent,
                         "SafetensorsFile: expected a shape that fits, got {} of '{}' in '{}'", stored.shape, stored.name,
                         path);
        elements *= std::max<std::uint64_t>(extent, 1);
    }
    const std::uint64_t bits = static_cast<std::uint64_t>(stored.shape.numel()) * detail::bits_of(stored.dtype);
    check<FileError>(bits % 8 == 0 && stored.bytes.size() == bits / 8,
                     "SafetensorsFile: expected {} elements of {} for '{}' of shape {}, got {} bytes in '{}'",
                     stored.shape.numel(), to_string(stored.dtype), stored.name, stored.shape, stored.bytes.size(), path);
}

/// Throws FileError unless the entries, in the order of their bytes, have all of the data without holes or overlap.
void check_places(const std::vector<StoredTensor>& entries, std::string_view data, const std::string& path) {
    const char* next = data.data();
    for (const StoredTensor& stored : entries) {
        check<FileError>(stored.bytes.data() == next, "SafetensorsFile: expected '{}' at byte {} of the data, got {} in '{}'",
                         stored.name, next - data.data(), stored.bytes.data() - data.data(), path);
        next += stored.bytes.size();
    }
    check<FileError>(next == data.data() + data.size(), "SafetensorsFile: expected {} bytes after the header, got {} in '{}'",
                     next - data.data(), data.size(), path);
}

/// Places in the entries in the order of their names. Throws FileError for two of one name.
std::vector<std::size_t> places_by_name(const std::vector<StoredTensor>& entries, const std::string& path) {
    std::vector<std::size_t> places(entries.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    const auto name = [&](std::size_t place) -> const std::string& { return entries[place].name; };
    std::ranges::sort(places, {}, name);
    const auto twice = std::ranges::adjacent_find(places, {}, name);
    check<FileError>(twice == places.end(), "SafetensorsFile: expected each name once, got '{}' twice in '{}'",
                     twice == places.end() ? "" : name(*twice), path);
    return places;
}

/// A text in JSON.
std::string quoted(const std::string& text) try { return json(text).dump(); } catch (const json::exception& error) {
    throw ValueError(fmt::format("save_safetensors: expected names and metadata in UTF-8, got others: {}", error.what()));
}

}  // namespace

std::string_view to_string(Dtype dtype) { return row_of(dtype).name; }

bool is_floating_point(Dtype dtype) { return dtype != Dtype::C64 && to_string(dtype).find('F') != std::string_view::npos; }

namespace detail {

std::size_t bits_of(Dtype dtype) { return row_of(dtype).bits; }

SafetensorsHeader read_safetensors_header(std::string_view file, const std::string& path) {
    const std::string_view text = header_text(file, path), data = file.substr(length_bytes + text.size());
    HeaderReader reader(data, path);
    json::sax_parse(text, &reader);
    SafetensorsHeader header;
    header.entries = std::move(reader.entries);
    header.metadata = std::move(reader.metadata);
    std::ranges::stable_sort(header.entries, {},
                             [](const StoredTensor& stored) { return std::pair(stored.bytes.data(), stored.bytes.size()); });
    header.by_name = places_by_name(header.entries, path);
    for (const StoredTensor& stored : header.entries) check_shape(stored, path);
    check_places(header.entries, data, path);
    return header;
}

std::string safetensors_header(const std::vector<StoredTensor>& entries, const std::map<std::string, std::string>& metadata) {
    std::string text;
    for (const auto& [key, value] : metadata)
        text += fmt::format("{}{}:{}", text.empty() ? "" : ",", quoted(key), quoted(value));
    if (!metadata.empty()) text = fmt::format("\"{}\":{{{}}}", metadata_name, text);
    std::size_t begin = 0;
    for (const auto& [name, dtype, shape, bytes] : entries) {
        check<ValueError>(name != metadata_name, "save_safetensors: expected names of tensors, got '{}'", name);
        const std::size_t end = begin + static_cast<std::size_t>(shape.numel()) * bits_of(dtype) / 8;
        text += fmt::format(R"({}{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", text.empty() ? "" : ",",
                            quoted(name), to_string(dtype), fmt::join(shape, ","), begin, end);
        begin = end;
    }
    text = fmt::format("{{{}}}", text);
    text.append((alignment - text.size() % alignment) % alignment, ' ');
    check<ValueError>(text.size() <= most_header_bytes,
                      "save_safetensors: expected names and metadata of at most {} bytes, got {}", most_header_bytes,
                      text.size());
    const std::uint64_t length = text.size();
    return std::string(reinterpret_cast<const char*>(&length), length_bytes) + text;
}

}  // namespace detail

}  // namespace tapehead::inline TAPEHEAD_SCALAR
