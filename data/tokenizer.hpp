// What all tokenizers have in common: texts to ids and back, special tokens, and ids to be shown.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// How a text is read.
struct EncodeOptions {
    bool special_tokens = false;  ///< names of special tokens in the text become those tokens, and are no text like any other
};

/// How ids are written.
struct DecodeOptions {
    bool skip_special_tokens = false;  ///< they are left out, and do not become their names
};

/// A vocabulary that turns text into ids in [0, vocab_size) and back. Special tokens, such as padding, have names like "<pad>".
class Tokenizer {
public:
    virtual ~Tokenizer() = default;

    /// How many ids there are, those of special tokens among them.
    Index vocab_size() const { return static_cast<Index>(pieces_.size()); }
    /// The ids of a text. Throws ValueError for what the vocabulary cannot write.
    std::vector<Id> encode(std::string_view text, const EncodeOptions& options = {}) const;
    /// The bytes of some ids, one after another; not UTF-8 where ids end within a character (valid_utf8). Throws IndexError.
    std::string decode(std::span<const Id> ids, const DecodeOptions& options = {}) const;

    /// The names of the special tokens, by id.
    std::vector<std::string> special_tokens() const;
    /// The id of a special token. Throws ValueError with the names that there are.
    Id special_token(std::string_view name) const;
    /// One id to show to a reader: a space as ▁, what cannot be printed as its bytes, <0A>. Throws IndexError.
    std::string label(Id id) const;

protected:
    /// Special tokens get the first ids. Throws ValueError for an empty name and for two of one name.
    explicit Tokenizer(const std::vector<std::string>& special_tokens);
    /// @{
    /// Copied and moved by the kinds of tokenizers alone.
    Tokenizer() = default;
    Tokenizer(const Tokenizer&) = default;
    Tokenizer(Tokenizer&&) = default;
    Tokenizer& operator=(const Tokenizer&) = default;
    Tokenizer& operator=(Tokenizer&&) = default;
    /// @}

    /// Appends the ids of a text in which no special token is meant.
    virtual void encode_text(std::string_view text, std::vector<Id>& ids) const = 0;
    /// Adds the next id, which stands for these bytes.
    Id add_piece(std::string bytes);
    /// Adds the next id, as a special token of that name.
    Id add_special_token(std::string name);
    /// The bytes of an id, or the name of a special token. Throws IndexError.
    const std::string& piece(Id id) const;
    /// Whether an id is that of a special token.
    bool is_special(Id id) const;

private:
    std::vector<std::string> pieces_;  // by id
    std::vector<Id> special_;          // in order
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR

namespace tapehead::inline TAPEHEAD_SCALAR::detail {

/// A piece of a text: one of some names that was found in it, or what lies between.
struct NamedPart {
    std::string_view text;
    std::size_t name;  ///< which of the names; their number for none
};

/// A text cut at every place where one of the names stands, the longest where several begin.
std::vector<NamedPart> split_at_names(std::string_view text, const std::vector<std::string>& names);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::detail
