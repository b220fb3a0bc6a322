// Vocabularies of characters and of pieces of words; see tokenizer.hpp.
#include <support/tokenizer.hpp>

#include <algorithm>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include <support/text.hpp>

namespace examples {
namespace {

constexpr std::int64_t num_bytes = 256, num_before_characters = num_special + num_bytes;

enum class Kind { space, letter, digit, other };

/// Letters are those of ASCII and all beyond it but the Latin-1 signs, general punctuation and CJK punctuation.
Kind kind_of(char32_t c) {
    if (c == U' ') return Kind::space;
    if (c >= U'0' && c <= U'9') return Kind::digit;
    if ((c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z')) return Kind::letter;
    const bool is_sign = c < 0xC0 || c == 0xD7 || c == 0xF7 || (c >= 0x2000 && c < 0x2070) || (c >= 0x3000 && c < 0x3040);
    return is_sign ? Kind::other : Kind::letter;
}

/// Calls use(word) for each word of a text.
template <class Use>
void for_each_word(std::u32string_view text, const Use& use) {
    while (!text.empty()) {
        std::size_t end = text[0] == U' ' && text.size() > 1 ? 1 : 0;
        for (const Kind kind = kind_of(text[end]); end < text.size() && kind_of(text[end]) == kind && kind != Kind::space;)
            ++end;
        end = std::max<std::size_t>(end, 1);  // a space before a space stands alone
        use(text.substr(0, end));
        text.remove_prefix(end);
    }
}

/// The text as words are found in it.
std::u32string with_space(std::string_view text) { return text.empty() ? U"" : U" " + decode_utf8(text); }

/// At most `room` of the characters, the most frequent ones, in the order of their code points.
std::u32string most_frequent(const std::map<char32_t, std::int64_t>& counts, std::size_t room) {
    std::vector<std::pair<std::int64_t, char32_t>> order;
    for (const auto& [character, count] : counts) order.emplace_back(-count, character);
    std::sort(order.begin(), order.end());
    order.resize(std::min(room, order.size()));
    std::u32string characters;
    for (const auto& [count, character] : order) characters += character;
    std::sort(characters.begin(), characters.end());
    return characters;
}

}  // namespace

Tokenizer::Tokenizer(const std::u32string& characters, bool has_words) : pieces_(num_special), has_words_(has_words) {
    for (int byte = 0; byte < num_bytes; ++byte) pieces_.emplace_back(1, static_cast<char>(byte));
    for (const char32_t c : characters) {
        ids_.emplace(c, static_cast<std::int64_t>(pieces_.size()));
        pieces_.push_back(encode_utf8({&c, 1}));
    }
}

Tokenizer Tokenizer::characters(std::span<const std::string> texts) {
    std::u32string all;
    for (const std::string& text : texts) {
        all += decode_utf8(text);
        std::sort(all.begin(), all.end());
        all.erase(std::unique(all.begin(), all.end()), all.end());
    }
    return {all, false};
}

Tokenizer Tokenizer::byte_pairs(std::span<const std::string> texts, std::size_t vocabulary) {
    if (vocabulary <= num_before_characters)
        throw std::invalid_argument(
            fmt::format("tokenizer: expected a vocabulary of more than {}, got {}", num_before_characters, vocabulary));
    std::unordered_map<std::u32string, std::int64_t> words;
    std::map<char32_t, std::int64_t> counts;
    for (const std::string& text : texts)
        for_each_word(with_space(text), [&](std::u32string_view word) { ++words[std::u32string(word)]; });
    for (const auto& [word, count] : words)
        for (const char32_t c : word) counts[c] += count;

    Tokenizer tokenizer(most_frequent(counts, vocabulary - num_before_characters), true);
    std::vector<CountedWord> counted;
    for (const auto& [word, count] : words) counted.push_back({tokenizer.characters_of(word), count});
    const auto first = static_cast<std::int64_t>(tokenizer.size());
    const std::vector<SymbolPair> pairs = learn_merges(std::move(counted), vocabulary - tokenizer.size(), first);
    tokenizer.merges_ = Merges(pairs, first);
    for (const auto& [left, right] : pairs)
        tokenizer.pieces_.push_back(tokenizer.pieces_[static_cast<std::size_t>(left)] +
                                    tokenizer.pieces_[static_cast<std::size_t>(right)]);
    return tokenizer;
}

Sequence Tokenizer::characters_of(std::u32string_view text) const {
    Sequence ids;
    for (const char32_t c : text) {
        const auto found = ids_.find(c);
        if (found != ids_.end()) ids.push_back(found->second);
        else
            for (const char byte : encode_utf8({&c, 1})) ids.push_back(num_special + static_cast<unsigned char>(byte));
    }
    return ids;
}

Sequence Tokenizer::encode(std::string_view text) const {
    if (!has_words_) return characters_of(decode_utf8(text));
    Sequence ids;
    for_each_word(with_space(text), [&](std::u32string_view word) {
        Sequence pieces = characters_of(word);
        merges_.apply(pieces);
        ids.insert(ids.end(), pieces.begin(), pieces.end());
    });
    return ids;
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids) const {
    std::string bytes;
    for (const std::int64_t id : ids) bytes += pieces_.at(static_cast<std::size_t>(id));
    if (has_words_ && bytes.starts_with(' ')) bytes.erase(0, 1);
    return valid_utf8(bytes);
}

std::string Tokenizer::label(std::int64_t id) const {
    if (id < num_special) return std::string(special_label(id));
    const std::string& piece = pieces_.at(static_cast<std::size_t>(id));
    std::string shown;
    for (const char c : piece) {
        const auto byte = static_cast<unsigned char>(c);
        if (id < num_before_characters || byte < 0x20 || byte == 0x7F) shown += fmt::format("<{:02X}>", byte);
        else if (c == ' ') shown += "▁";
        else shown += c;
    }
    return shown;
}

}  // namespace examples
