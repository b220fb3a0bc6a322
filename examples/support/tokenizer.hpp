// A vocabulary that turns any UTF-8 text into ids and back: of single characters, or of pieces of words (byte pair encoding).
//
// Ids: padding, begin and end (sequence.hpp), the 256 bytes, the characters of the texts that it was made from, pieces.
// A character that it does not know is written as its bytes. Knows nothing of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <support/byte_pair.hpp>
#include <support/sequence.hpp>

namespace examples {

class Tokenizer {
public:
    /// One id for each character of the texts.
    static Tokenizer characters(std::span<const std::string> texts);

    /// At most `vocabulary` ids, by byte pair encoding of the words of the texts (Sennrich et al. 2016, section 3.2).
    ///
    /// A word is a run of letters, of digits or of other characters together with the space before it, where the paper marks
    /// its end; the first word of a text is read as if a space stood before it. Characters for which there is no room, the
    /// rarest ones, are left to their bytes. Throws std::invalid_argument for a vocabulary that has no room for any.
    static Tokenizer byte_pairs(std::span<const std::string> texts, std::size_t vocabulary);

    /// How many ids there are, the special ones among them.
    std::size_t size() const { return pieces_.size(); }
    /// The ids of a text, without begin or end. Throws std::runtime_error if it is not UTF-8.
    Sequence encode(std::string_view text) const;
    /// The text of some ids; special ones have none. Always UTF-8: bytes that make no character read as U+FFFD. Throws
    /// std::out_of_range.
    std::string decode(std::span<const std::int64_t> ids) const;
    /// One id to show to a reader: a space as ▁, a byte as <C3>, padding as _, begin as <, end as end.
    std::string label(std::int64_t id) const;

private:
    Tokenizer(const std::u32string& characters, bool has_words);
    Sequence characters_of(std::u32string_view text) const;

    std::vector<std::string> pieces_;  // by id
    std::unordered_map<char32_t, std::int64_t> ids_;
    Merges merges_;
    bool has_words_;  // texts are split into words, each with a space before it
};

}  // namespace examples
