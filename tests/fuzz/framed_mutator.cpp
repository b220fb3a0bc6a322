// A libFuzzer mutator for formats that begin with the length of their header: safetensors and .npy. Header and data are changed each on
// their own and the length mostly made right, else almost no change would get past it.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed);

namespace {

/// Where the length stands, and how many bytes it has.
struct Frame {
    std::size_t at, bytes;
    std::size_t end() const { return at + bytes; }
};

Frame frame_of(const std::string& file) {
    if (!file.starts_with("\x93NUMPY")) return {0, 8};
    return {8, file.size() > 6 && file[6] > 1 ? std::size_t{4} : std::size_t{2}};
}

std::string mutated(std::string bytes, std::size_t most) {
    const std::size_t size = bytes.size();
    bytes.resize(std::max({most, size, std::size_t{1}}));
    bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, bytes.size()));
    return bytes;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
    std::string file(reinterpret_cast<const char*>(data), size);
    const Frame frame = frame_of(file);
    std::uint64_t length = 0;
    if (size >= frame.end()) std::memcpy(&length, file.data() + frame.at, frame.bytes);
    if (seed % 8 == 0 || size < frame.end() || length > size - frame.end()) return LLVMFuzzerMutate(data, size, max_size);
    std::string header = file.substr(frame.end(), length), rest = file.substr(frame.end() + length);
    const std::size_t room = max_size - std::min(max_size, size);
    if (seed % 4 == 1) rest = mutated(rest, rest.size() + room);
    else header = mutated(header, header.size() + room);
    length = header.size();
    file = file.substr(0, frame.end()) + header + rest;
    std::memcpy(file.data() + frame.at, &length, frame.bytes);
    file.resize(std::min(file.size(), max_size));
    std::copy(file.begin(), file.end(), data);
    return file.size();
}
