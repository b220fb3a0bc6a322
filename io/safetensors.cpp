// The numbers in safetensors files; see safetensors.hpp. Their headers are in safetensors_header.cpp.
#include <tapehead/io/safetensors.hpp>

#include <algorithm>
#include <concepts>
#include <cstring>
#include <limits>
#include <set>
#include <span>
#include <utility>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/io/half.hpp>
#include <tapehead/io/safetensors_header.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// Calls `f(i, element)` for all elements of T.
template <class T, class F>
void for_each_as(std::string_view bytes, const F& f) {
    for (std::size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
        T element;
        std::memcpy(&element, bytes.data() + i * sizeof(T), sizeof(T));
        f(i, element);
    }
}

bool is_convertible(Dtype dtype) { return dtype <= Dtype::BOOL; }

/// Calls `f(i, number)` for all elements of a type that can be converted.
template <class F>
void for_each_number(const StoredTensor& stored, const F& f) {
    const std::string_view bytes = stored.bytes;
    switch (stored.dtype) {
        case Dtype::F64: return for_each_as<double>(bytes, f);
        case Dtype::F32: return for_each_as<float>(bytes, f);
        case Dtype::F16: return for_each_as<std::uint16_t>(bytes, [&](auto i, auto half) { f(i, from_f16(half)); });
        case Dtype::BF16: return for_each_as<std::uint16_t>(bytes, [&](auto i, auto half) { f(i, from_bf16(half)); });
        case Dtype::I64: return for_each_as<std::int64_t>(bytes, f);
        case Dtype::I32: return for_each_as<std::int32_t>(bytes, f);
        case Dtype::I16: return for_each_as<std::int16_t>(bytes, f);
        case Dtype::I8: return for_each_as<std::int8_t>(bytes, [&](auto i, auto byte) { f(i, int{byte}); });
        case Dtype::U64: return for_each_as<std::uint64_t>(bytes, f);
        case Dtype::U32: return for_each_as<std::uint32_t>(bytes, f);
        case Dtype::U16: return for_each_as<std::uint16_t>(bytes, f);
        case Dtype::U8: return for_each_as<std::uint8_t>(bytes, f);
        case Dtype::BOOL: return for_each_as<std::uint8_t>(bytes, [&](auto i, auto byte) { f(i, byte != 0); });
        default: return;
    }
}

/// The bytes of f of each number.
template <class F>
std::string bytes_as(std::span<const Scalar> numbers, const F& f) {
    std::string bytes;
    bytes.reserve(numbers.size() * sizeof(f(Scalar{})));
    for (const Scalar number : numbers) {
        const auto element = f(number);
        bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
    }
    return bytes;
}

/// A name and what to write under it; one of the two is empty.
struct Content {
    StoredTensor entry;
    std::span<const Scalar> numbers;
    std::span<const Id> ids;
};

/// Hands on what stands in the file for a content: what is in memory as it is there, or what it becomes in another type.
template <class F>
void write_bytes(const Content& content, const F& write) {
    const auto raw = [](auto elements) {
        return std::string_view(reinterpret_cast<const char*>(elements.data()), elements.size_bytes());
    };
    if (content.entry.dtype == Dtype::I64) return write(raw(content.ids));
    if (content.entry.dtype == native_dtype) return write(raw(content.numbers));
    switch (content.entry.dtype) {
        case Dtype::F16: return write(bytes_as(content.numbers, to_f16));
        case Dtype::BF16: return write(bytes_as(content.numbers, to_bf16));
        case Dtype::F32: return write(bytes_as(content.numbers, [](Scalar number) { return static_cast<float>(number); }));
        default: return write(bytes_as(content.numbers, [](Scalar number) { return static_cast<double>(number); }));
    }
}

/// Everything that goes into a file, in its order. Throws ValueError.
std::vector<Content> contents_of(const NamedTensors& tensors, const SafetensorsOptions& options) {
    const Dtype dtype = options.dtype;
    check<ValueError>(dtype == Dtype::F64 || dtype == Dtype::F32 || dtype == Dtype::F16 || dtype == Dtype::BF16,
                      "save_safetensors: expected F64, F32, F16 or BF16, got {}", to_string(dtype));
    std::vector<Content> contents;
    for (const auto& [name, tensor] : tensors) {
        check<ValueError>(tensor.defined(), "save_safetensors: expected tensors, got an undefined one for '{}'", name);
        contents.push_back({.entry = {name, dtype, tensor.shape(), {}}, .numbers = tensor.values(), .ids = {}});
    }
    for (const auto& [name, ids] : options.ids)
        contents.push_back({.entry = {name, Dtype::I64, shape_of(ids), {}}, .numbers = {}, .ids = {ids.data(), ids.size()}});
    std::set<std::string_view> names;
    for (const Content& content : contents)
        check<ValueError>(names.insert(content.entry.name).second, "save_safetensors: expected each name once, got '{}' twice",
                          content.entry.name);
    // So that every element stands at a multiple of its size, for readers that use the bytes where they are.
    std::ranges::stable_sort(contents, std::ranges::greater(),
                             [](const Content& content) { return detail::bits_of(content.entry.dtype); });
    return contents;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path), file_(path) {
    detail::SafetensorsHeader header = detail::read_safetensors_header(file_.bytes(), path);
    entries_ = std::move(header.entries);
    by_name_ = std::move(header.by_name);
    metadata_ = std::move(header.metadata);
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
    const auto name_of = [&](std::size_t place) { return std::string_view(entries_[place].name); };
    const auto found = std::ranges::lower_bound(by_name_, name, {}, name_of);
    return found != by_name_.end() && name_of(*found) == name ? &entries_[*found] : nullptr;
}

const StoredTensor& SafetensorsFile::at(std::string_view name) const {
    const StoredTensor* stored = find(name);
    check<FileError>(stored != nullptr, "SafetensorsFile: expected '{}', got no tensor of that name in '{}'", name, path_);
    return *stored;
}

Tensor SafetensorsFile::tensor(std::string_view name) const { return tensor(at(name)); }

Tensor SafetensorsFile::tensor(const StoredTensor& stored) const {
    check<FileError>(is_convertible(stored.dtype),
                     "SafetensorsFile: expected a type that can be converted, got {} of '{}' in '{}'", to_string(stored.dtype),
                     stored.name, path_);
    file_.check_whole();
    Tensor tensor = Tensor::empty(stored.shape);
    Scalar* to = tensor.raw();
    if (stored.dtype != native_dtype)
        for_each_number(stored, [=](std::size_t i, auto number) { to[i] = static_cast<Scalar>(number); });
    else if (!stored.bytes.empty()) std::memcpy(to, stored.bytes.data(), stored.bytes.size());
    return tensor;
}

Ids SafetensorsFile::ids(std::string_view name) const {
    const StoredTensor& stored = at(name);
    check<FileError>(is_convertible(stored.dtype) && !is_floating_point(stored.dtype),
                     "SafetensorsFile: expected integers or BOOL, got {} of '{}' in '{}'", to_string(stored.dtype), name,
                     path_);
    file_.check_whole();
    Ids ids = make_array<Id>(stored.shape);
    for_each_number(stored, [&](std::size_t i, auto number) {
        if constexpr (std::same_as<decltype(number), std::uint64_t>)
            check<FileError>(std::in_range<Id>(number), "SafetensorsFile: expected numbers of int64, got {} of '{}' in '{}'",
                             number, name, path_);
        ids.data()[i] = static_cast<Id>(number);
    });
    return ids;
}

Condition SafetensorsFile::condition(std::string_view name) const {
    const StoredTensor& stored = at(name);
    check<FileError>(stored.dtype == Dtype::BOOL, "SafetensorsFile: expected BOOL, got {} of '{}' in '{}'",
                     to_string(stored.dtype), name, path_);
    file_.check_whole();
    Condition condition(stored.shape);
    std::ranges::transform(stored.bytes, condition.raw(), [](char byte) { return byte != 0; });
    return condition;
}

NamedTensors SafetensorsFile::tensors() const {
    NamedTensors tensors;
    for (const StoredTensor& stored : entries_)
        if (is_floating_point(stored.dtype)) tensors.push_back({stored.name, tensor(stored)});
    return tensors;
}

void save_safetensors(const std::string& path, const NamedTensors& tensors, const SafetensorsOptions& options) {
    const std::vector<Content> contents = contents_of(tensors, options);
    std::vector<StoredTensor> entries;
    entries.reserve(contents.size());
    for (const Content& content : contents) entries.push_back(content.entry);
    const std::string header = detail::safetensors_header(entries, options.metadata);
    write_file(path, [&](const auto& write) {
        write(header);
        for (const Content& content : contents) write_bytes(content, write);
    });
}

NamedTensors load_safetensors(const std::string& path) { return SafetensorsFile(path).tensors(); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR
