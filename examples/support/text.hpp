// Text as characters: a UTF-8 file read into code points, which a vocabulary numbers and turns back.
//
// Knows nothing of tensors; what comes out are plain integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

/// The code points of a UTF-8 text. Throws std::runtime_error naming the line of the first byte that is not UTF-8.
std::u32string decode_utf8(std::string_view bytes);

/// The same bytes with U+FFFD for each that is not part of UTF-8.
std::string valid_utf8(std::string_view bytes);

/// A text of code points as UTF-8.
std::string encode_utf8(std::u32string_view text);

/// The code points of a UTF-8 file. Throws std::runtime_error for a file that cannot be read, or is not UTF-8.
std::u32string read_text(const std::string& path);

/// The different characters of a text, numbered from 0 in the order of their code points.
class Vocabulary {
public:
    explicit Vocabulary(std::u32string_view text);

    std::size_t size() const { return characters_.size(); }
    /// The numbers of the characters of a text. Throws std::runtime_error naming a character that has none.
    std::vector<std::int64_t> encode(std::u32string_view text) const;
    /// The characters of some numbers, as UTF-8. Throws std::out_of_range.
    std::string decode(std::span<const std::int64_t> ids) const;

private:
    std::u32string characters_;
};

}  // namespace examples
