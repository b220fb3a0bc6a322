// A vocabulary of single characters.
#pragma once

#include <unordered_map>

#include <tapehead/data/tokenizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// What a vocabulary of characters holds beside them.
struct CharacterTokenizerOptions {
    std::vector<std::string> special_tokens = {};  ///< they get the ids 0, 1, ...
    bool byte_fallback = false;  ///< 256 ids for the bytes follow, and a character that is not known is written as its bytes
};

/// One id for each character (code point), in their order after special tokens and bytes.
///
/// Without byte_fallback, encode throws ValueError for a character that is not known and for bytes that are not UTF-8.
class CharacterTokenizer : public Tokenizer {
public:
    /// The characters of some texts. Throws ValueError for a text that is not UTF-8.
    static CharacterTokenizer train(std::span<const std::string> texts, const CharacterTokenizerOptions& options = {});

    /// Writes the vocabulary as JSON; the file is written as a whole or not at all. Throws FileError.
    void save(const std::string& path) const;
    /// Reads what `save` wrote. Throws FileError for anything else.
    static CharacterTokenizer load(const std::string& path);

private:
    CharacterTokenizer(std::u32string characters, const CharacterTokenizerOptions& options);
    void encode_text(std::string_view text, std::vector<Id>& ids) const override;

    std::u32string characters_;
    std::unordered_map<char32_t, Id> ids_;
    bool has_bytes_;
    Id first_byte_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
