// Text as characters: UTF-8 into code points and back, by RFC 3629.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// A character of a UTF-8 text.
struct CodePoint {
    char32_t value;      ///< its number in Unicode
    std::size_t length;  ///< in bytes
};

/// The code point that some bytes begin with; none if they are empty or begin with what is not UTF-8.
std::optional<CodePoint> first_code_point(std::string_view bytes);

/// The code points of a UTF-8 text. Throws ValueError naming the line of the first byte that is not UTF-8.
std::u32string decode_utf8(std::string_view bytes);

/// The same bytes with U+FFFD for each that is not part of UTF-8.
std::string valid_utf8(std::string_view bytes);

/// A text of code points as UTF-8. Throws ValueError for a number that is none of Unicode's characters.
std::string encode_utf8(std::u32string_view text);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
