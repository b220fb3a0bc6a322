// Reads reference data in the safetensors format: fixtures (fixture.hpp) and ONNX's operator cases (tests/onnx).
//
// For the tests only: trusts its files but for their presence, and assumes a little-endian machine. All numbers become double,
// all integers and flags 64-bit integers; tensor(), ids() and condition() give them as the library's types.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <tapehead/tapehead.hpp>

namespace testing {

using namespace tapehead;

/// One array of a file; `numbers` for F32 and F64, `integers` for I32, I64, U8 and BOOL.
struct StoredTensor {
    Shape shape;
    std::string dtype;
    std::vector<double> numbers;
    std::vector<std::int64_t> integers;
};

/// A file read whole. Members throw std::out_of_range or std::runtime_error naming what is missing.
class SafetensorsFile {
public:
    explicit SafetensorsFile(const std::string& path) : path_(path) {
        std::ifstream file(path, std::ios::binary);
        if (!file) throw std::runtime_error("no file " + path);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        std::uint64_t length = 0;
        if (bytes.size() >= sizeof length) std::memcpy(&length, bytes.data(), sizeof length);
        if (length == 0 || length > bytes.size() - sizeof length) throw std::runtime_error("no header in " + path);
        const auto header = nlohmann::json::parse(bytes.substr(sizeof length, length));
        const char* data = bytes.data() + sizeof length + length;
        for (const auto& [name, entry] : header.items()) {
            if (name == "__metadata__") metadata_ = entry.get<std::map<std::string, std::string>>();
            else tensors_[name] = decode(entry, data);
        }
    }

    bool has(const std::string& name) const { return tensors_.count(name) > 0; }
    const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
    const StoredTensor& operator[](const std::string& name) const {
        const auto found = tensors_.find(name);
        if (found == tensors_.end()) throw std::out_of_range("no tensor " + name + " in " + path_);
        return found->second;
    }

    /// A text of the metadata; "" if absent.
    std::string metadata(const std::string& key) const {
        const auto found = metadata_.find(key);
        return found == metadata_.end() ? "" : found->second;
    }
    /// What the operation was called with.
    nlohmann::json arguments() const { return nlohmann::json::parse(metadata("arguments")); }

    /// Numbers (or integers) as a tensor.
    Tensor tensor(const std::string& name) const {
        const StoredTensor& stored = (*this)[name];
        Tensor result = Tensor::empty(stored.shape);
        if (is_float(stored.dtype)) std::copy(stored.numbers.begin(), stored.numbers.end(), result.raw());
        else std::copy(stored.integers.begin(), stored.integers.end(), result.raw());
        return result;
    }
    /// The tensor, or an undefined one if there is none.
    Tensor tensor_if_any(const std::string& name) const { return has(name) ? tensor(name) : Tensor(); }

    Ids ids(const std::string& name) const {
        Ids result = make_array<Id>((*this)[name].shape);
        copy_integers(name, result.data());
        return result;
    }

    Condition condition(const std::string& name) const {
        Condition result((*this)[name].shape);
        copy_integers(name, result.raw());
        return result;
    }

private:
    static bool is_float(const std::string& dtype) { return dtype == "F64" || dtype == "F32"; }

    template <class From, class To>
    static void convert(const char* data, std::size_t n, std::vector<To>& values) {
        for (std::size_t i = 0; i < n; ++i) {
            From value;
            std::memcpy(&value, data + i * sizeof value, sizeof value);
            values.push_back(static_cast<To>(value));
        }
    }

    static StoredTensor decode(const nlohmann::json& entry, const char* data) {
        StoredTensor stored;
        stored.dtype = entry.at("dtype");
        for (const auto& extent : entry.at("shape")) stored.shape.push_back(extent.get<Index>());
        data += entry.at("data_offsets").at(0).get<std::size_t>();
        const auto n = static_cast<std::size_t>(stored.shape.numel());
        if (stored.dtype == "F64") convert<double>(data, n, stored.numbers);
        else if (stored.dtype == "F32") convert<float>(data, n, stored.numbers);
        else if (stored.dtype == "I64") convert<std::int64_t>(data, n, stored.integers);
        else if (stored.dtype == "I32") convert<std::int32_t>(data, n, stored.integers);
        else if (stored.dtype == "BOOL" || stored.dtype == "U8") convert<std::uint8_t>(data, n, stored.integers);
        else throw std::runtime_error("no support for dtype " + stored.dtype);
        return stored;
    }

    template <class To>
    void copy_integers(const std::string& name, To* to) const {
        const StoredTensor& stored = (*this)[name];
        if (is_float(stored.dtype)) throw std::runtime_error(name + " of " + path_ + " is no array of integers");
        for (const std::int64_t value : stored.integers) *to++ = static_cast<To>(value);
    }

    std::string path_;
    std::map<std::string, StoredTensor> tensors_;
    std::map<std::string, std::string> metadata_;
};

}  // namespace testing
