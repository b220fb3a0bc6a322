// TensorFlow's records and protocol buffers, as far as writing them goes: what TensorBoard reads. Not part of the umbrella header.
//
// A record is length (8 bytes), its masked CRC, data, their masked CRC. A message is a list of fields: number << 3 | kind, then a
// varint (kind 0), 8 bytes (1), length and bytes (2), or 4 bytes (5). Fields of value 0 are left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The checksum of RFC 3720 (Castagnoli's polynomial): that of "123456789" is 0xE3069283.
std::uint32_t crc32c(std::string_view bytes);

/// The data in the frame of a record.
std::string tfrecord(std::string_view data);

/// A protocol buffer message under construction.
class ProtoMessage {
public:
    ProtoMessage& integer(int field, std::int64_t value);
    ProtoMessage& real(int field, Real value);  ///< a double
    ProtoMessage& single(int field,
                         Real value);  ///< a float; written even if it is 0, for fields of which one of several is set
    ProtoMessage& bytes(int field, std::string_view value);
    ProtoMessage& message(int field, const ProtoMessage& value) { return bytes(field, value.bytes_); }  ///< even if it is empty
    ProtoMessage& reals(int field, const std::vector<Real>& values);                                    ///< packed

    const std::string& bytes() const { return bytes_; }

private:
    void varint(std::uint64_t value);
    void key(int field, int kind) { varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(kind)); }

    std::string bytes_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
