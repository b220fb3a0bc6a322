// UTF-8; see utf8.hpp.
#include <tapehead/data/utf8.hpp>

#include <algorithm>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// How many bytes the code point that starts with a byte takes, and the bits of the first; 0 bytes for none.
struct Lead {
    std::size_t length;
    char32_t bits;
};

Lead lead(unsigned char byte) {
    if (byte < 0x80) return {1, byte};
    if (byte >= 0xC2 && byte < 0xE0) return {2, byte & 0x1Fu};
    if (byte >= 0xE0 && byte < 0xF0) return {3, byte & 0x0Fu};
    if (byte >= 0xF0 && byte < 0xF5) return {4, byte & 0x07u};
    return {0, 0};
}

}  // namespace

// As RFC 3629 says: the shortest form, no surrogates, up to U+10FFFF.
std::optional<CodePoint> first_code_point(std::string_view bytes) {
    static constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (bytes.empty()) return {};
    auto [length, bits] = lead(static_cast<unsigned char>(bytes[0]));
    if (length == 0 || bytes.size() < length) return {};
    for (const char byte : bytes.substr(1, length - 1)) {
        if ((byte & 0xC0) != 0x80) return {};
        bits = bits << 6 | (static_cast<unsigned char>(byte) & 0x3Fu);
    }
    const bool is_surrogate = bits >= 0xD800 && bits < 0xE000;
    if (bits < smallest[length] || is_surrogate || bits > 0x10FFFF) return {};
    return CodePoint{bits, length};
}

std::u32string decode_utf8(std::string_view bytes) {
    std::u32string text;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::optional<CodePoint> character = first_code_point(bytes.substr(at));
        if (!character) {
            const auto line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<Index>(at), '\n');
            throw ValueError(fmt::format("decode_utf8: expected UTF-8, got the byte 0x{:02X} in line {}",
                                         static_cast<unsigned char>(bytes[at]), line));
        }
        text += character->value;
        at += character->length;
    }
    return text;
}

std::string valid_utf8(std::string_view bytes) {
    std::string text;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::optional<CodePoint> character = first_code_point(bytes.substr(at));
        const std::size_t length = character ? character->length : 1;
        text += character ? bytes.substr(at, length) : "\uFFFD";
        at += length;
    }
    return text;
}

std::string encode_utf8(std::u32string_view text) {
    for (const char32_t c : text)
        check<ValueError>(c < 0x110000 && (c < 0xD800 || c > 0xDFFF),
                          "encode_utf8: expected code points of Unicode, got 0x{:X}", static_cast<std::uint32_t>(c));
    std::string bytes;
    const auto put = [&](char32_t value) { bytes += static_cast<char>(static_cast<unsigned char>(value)); };
    for (const char32_t c : text) {
        if (c < 0x80) put(c);
        else if (c < 0x800) put(0xC0 | c >> 6);
        else if (c < 0x10000) put(0xE0 | c >> 12);
        else put(0xF0 | c >> 18);
        for (int shift = c < 0x80 ? 0 : c < 0x800 ? 6 : c < 0x10000 ? 12 : 18; shift > 0;)
            put(0x80 | (c >> (shift -= 6) & 0x3F));
    }
    return bytes;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
