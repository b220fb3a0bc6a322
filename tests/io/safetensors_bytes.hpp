// Safetensors files as tests write them, byte by byte, right or wrong.
#pragma once

#include <support/scratch.hpp>
#include <support/testing.hpp>

namespace testing {

/// A length as the format has it.
inline std::string length_of(std::uint64_t length) { return {reinterpret_cast<const char*>(&length), sizeof length}; }

inline std::string file_of(const std::string& header, const std::string& data) {
    return length_of(header.size()) + header + data;
}

/// A file of one tensor "x".
inline std::string file_of(const std::string& dtype, const std::string& shape, const std::string& offsets,
                           const std::string& data) {
    return file_of(R"({"x":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}", data);
}

/// The file of these bytes.
inline SafetensorsFile open(const std::string& bytes) {
    write_file(scratch("given.safetensors"), bytes);
    return SafetensorsFile(scratch("given.safetensors"));
}

/// Checks that a file of these bytes cannot be opened, and that the message names the problem and the file.
inline void check_refused(const std::string& bytes, const std::string& problem) {
    INFO(bytes.substr(0, 200));
    CHECK_THROWS_AS(open(bytes), FileError);
    CHECK_THROWS_WITH(open(bytes), Catch::Contains(problem) && Catch::Contains("given.safetensors'"));
}

}  // namespace testing
