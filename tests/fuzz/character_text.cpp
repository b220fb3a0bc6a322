// Any bytes as a text for character tokenizers: ids and back, by vocabularies that were learned elsewhere and by those of these bytes, and
// UTF-8 to code points and back.
#include <fuzz/target.hpp>

#include <tapehead/data/utf8.hpp>

using namespace fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::string elsewhere = "abc \xC3\xA4\xE2\x82\xAC\n";
    const std::string text(text_of(data, size));

    const auto with_bytes =
        CharacterTokenizer::train({&elsewhere, 1}, {.special_tokens = {"<pad>", "a"}, .byte_fallback = true});
    for (const bool with_special : {false, true})
        require(with_bytes.decode(with_bytes.encode(text, {.special_tokens = with_special})) == text,
                "the text that was encoded");
    const auto without = CharacterTokenizer::train({&elsewhere, 1});
    accepts<ValueError>([&] { require(without.decode(without.encode(text)) == text, "the text that was encoded"); });

    std::u32string characters;
    const bool is_utf8 = accepts<ValueError>([&] { characters = decode_utf8(text); });
    require((valid_utf8(text) == text) == is_utf8, "UTF-8 left as it is, and nothing else");
    require(accepts<>([&] { decode_utf8(valid_utf8(text)); }), "UTF-8 made of any bytes");
    require(accepts<ValueError>([&] { CharacterTokenizer::train({&text, 1}); }) == is_utf8, "a vocabulary of UTF-8 alone");
    if (!is_utf8) return 0;
    require(encode_utf8(characters) == text, "the same text of its code points");
    const auto own = CharacterTokenizer::train({&text, 1});
    const std::vector<Id> ids = own.encode(text);
    require(ids.size() == characters.size() && own.decode(ids) == text, "an id for each character, and the text of the ids");
    return 0;
}
