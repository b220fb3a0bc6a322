// Records and messages; see tfrecord.hpp.
#include <tapehead/io/tfrecord.hpp>

#include <array>
#include <bit>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78U : 0);
        table[byte] = crc;
    }
    return table;
}();

/// Rotated and shifted, because the checksum of data that hold their own is a weak one.
std::uint32_t masked(std::uint32_t crc) { return std::rotr(crc, 15) + 0xA282EAD8U; }

/// Least significant byte first.
template <class T>
std::string little_endian(T value) {
    std::string bytes;
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> 8 * i & 0xFF);
    return bytes;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    std::uint32_t crc = ~0U;
    for (const char c : bytes) crc = crc >> 8 ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
    return ~crc;
}

std::string tfrecord(std::string_view data) {
    const std::string length = little_endian(std::uint64_t{data.size()});
    std::string record = length + little_endian(masked(crc32c(length)));
    record += data;
    return record + little_endian(masked(crc32c(data)));
}

void ProtoMessage::varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7F) | 0x80);
    bytes_ += static_cast<char>(value);
}

ProtoMessage& ProtoMessage::integer(int field, std::int64_t value) {
    if (value == 0) return *this;
    key(field, 0);
    varint(static_cast<std::uint64_t>(value));
    return *this;
}

ProtoMessage& ProtoMessage::real(int field, Real value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    if (bits == 0) return *this;
    key(field, 1);
    bytes_ += little_endian(bits);
    return *this;
}

ProtoMessage& ProtoMessage::single(int field, Real value) {
    key(field, 5);
    bytes_ += little_endian(std::bit_cast<std::uint32_t>(static_cast<float>(value)));
    return *this;
}

ProtoMessage& ProtoMessage::bytes(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
}

ProtoMessage& ProtoMessage::reals(int field, const std::vector<Real>& values) {
    if (values.empty()) return *this;
    std::string packed;
    for (const Real value : values) packed += little_endian(std::bit_cast<std::uint64_t>(value));
    return bytes(field, packed);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
