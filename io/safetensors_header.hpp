// The header of a safetensors file: what safetensors.cpp reads and writes around the numbers. Not part of the umbrella header.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tapehead/io/safetensors.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::detail {

/// Of one element.
std::size_t bits_of(Dtype dtype);

struct SafetensorsHeader {
    std::vector<StoredTensor> entries;  // in the order of their bytes
    std::vector<std::size_t> by_name;   // places in entries, in the order of their names
    std::map<std::string, std::string> metadata;
};

/// Takes a whole file apart and checks it. The entries view `file`. Throws FileError, naming `path`.
SafetensorsHeader read_safetensors_header(std::string_view file, const std::string& path);

/// What stands before the numbers, if those of the entries follow each other; the entries' bytes are not looked at. Throws ValueError.
std::string safetensors_header(const std::vector<StoredTensor>& entries, const std::map<std::string, std::string>& metadata);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::detail
