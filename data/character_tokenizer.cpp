// A vocabulary of single characters; see character_tokenizer.hpp.
#include <tapehead/data/character_tokenizer.hpp>

#include <set>
#include <utility>

#include <tapehead/autograd/check.hpp>
#include <tapehead/data/utf8.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/io/json_value.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

constexpr std::string_view format_name = "tapehead characters";

}  // namespace

CharacterTokenizer::CharacterTokenizer(std::u32string characters, const CharacterTokenizerOptions& options)
    : Tokenizer(options.special_tokens),
      characters_(std::move(characters)),
      has_bytes_(options.byte_fallback),
      first_byte_(vocab_size()) {
    for (int byte = 0; byte < 256 && has_bytes_; ++byte) add_piece(std::string(1, static_cast<char>(byte)));
    for (const char32_t c : characters_) ids_.emplace(c, add_piece(encode_utf8({&c, 1})));
}

CharacterTokenizer CharacterTokenizer::train(std::span<const std::string> texts, const CharacterTokenizerOptions& options) {
    std::set<char32_t> all;
    for (const std::string& text : texts)
        for (const char32_t c : decode_utf8(text)) all.insert(c);
    return {std::u32string(all.begin(), all.end()), options};
}

void CharacterTokenizer::encode_text(std::string_view text, std::vector<Id>& ids) const {
    while (!text.empty()) {
        const auto character = first_code_point(text);
        const auto found = character ? ids_.find(character->value) : ids_.end();
        const std::string_view bytes = text.substr(0, character ? character->length : 1);
        if (found == ids_.end() && !has_bytes_)
            throw ValueError(
                fmt::format("CharacterTokenizer: expected characters of its vocabulary, got '{}'; with "
                            "byte_fallback it writes any",
                            valid_utf8(bytes)));
        if (found != ids_.end()) ids.push_back(found->second);
        else
            for (const char byte : bytes) ids.push_back(first_byte_ + static_cast<unsigned char>(byte));
        text.remove_prefix(bytes.size());
    }
}

void CharacterTokenizer::save(const std::string& path) const {
    try {
        std::vector<std::string> special;
        for (const std::string& name : special_tokens()) special.push_back(detail::json_text(name));
        write_file(path, fmt::format(R"({{"format":{},"version":1,"special_tokens":[{}],"byte_fallback":{},"characters":{}}})"
                                     "\n",
                                     detail::json_text(std::string(format_name)), fmt::join(special, ","), has_bytes_,
                                     detail::json_text(encode_utf8(characters_))));
    } catch (const ValueError&) {
        throw FileError(fmt::format("CharacterTokenizer.save: expected special tokens in UTF-8, got others for '{}'", path));
    }
}

CharacterTokenizer CharacterTokenizer::load(const std::string& path) {
    const std::string bytes = read_file(path);
    try {
        const auto file = detail::parse_json(bytes);
        check<FileError>(file.keys.size() == 5 && file.at("format").to_text() == format_name &&
                             file.at("version").to_integer() == 1,
                         "expected its format and version, got others");
        std::u32string characters = decode_utf8(file.at("characters").to_text());
        const std::set<char32_t> different(characters.begin(), characters.end());
        check<FileError>(different.size() == characters.size(), "expected each character once, got one twice");
        std::vector<std::string> special;
        for (const auto& name : file.at("special_tokens").to_list()) special.push_back(name.to_text());
        return {std::move(characters), {.special_tokens = special, .byte_fallback = file.at("byte_fallback").to_bool()}};
    } catch (const Error& error) {
        throw FileError(fmt::format("CharacterTokenizer.load: expected what its save wrote, got '{}': {}", path, error.what()));
    }
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
