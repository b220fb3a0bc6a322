// Vocabularies of characters: their ids, what they cannot write, and their files.
#include <support/scratch.hpp>
#include <support/testing.hpp>

using namespace testing;

namespace {

using Texts = std::vector<std::string>;
using Sequence = std::vector<Id>;

const Texts texts = {"ba", "é"};
const std::vector<std::string> pad_begin_end = {"<pad>", "<s>", "</s>"};

CharacterTokenizer load(const std::string& json) {
    write_file(scratch("given.json"), json);
    return CharacterTokenizer::load(scratch("given.json"));
}

}  // namespace

TEST_CASE("Characters are numbered by code point, after special tokens and bytes") {
    const CharacterTokenizer plain = CharacterTokenizer::train(texts);
    CHECK(plain.vocab_size() == 3);
    CHECK(plain.encode("abéb") == Sequence{0, 1, 2, 1});
    CHECK(plain.decode(Sequence{2, 0}) == "éa");
    const CharacterTokenizer full = CharacterTokenizer::train(texts, {.special_tokens = pad_begin_end, .byte_fallback = true});
    CHECK(full.vocab_size() == 3 + 256 + 3);
    CHECK(full.encode("abé") == Sequence{259, 260, 261});
    CHECK(full.encode("aü") == Sequence{259, 3 + 0xC3, 3 + 0xBC});
    CHECK(full.special_token("</s>") == 2);
}

TEST_CASE("A character that is not known is refused with its name, or written as its bytes") {
    const CharacterTokenizer plain = CharacterTokenizer::train(texts);
    CHECK_THROWS_WITH(plain.encode("a€"), Catch::Contains("got '€'; with byte_fallback"));
    CHECK_THROWS_AS(plain.encode("a\xC3"), ValueError);
    CHECK_THROWS_WITH(CharacterTokenizer::train(Texts{"a\nb\xFF"}), Catch::Contains("UTF-8") && Catch::Contains("line 2"));
    const CharacterTokenizer bytes = CharacterTokenizer::train(Texts{}, {.byte_fallback = true});
    const std::string text("€ \0 \xC3\xFF漢", 11);
    CHECK(bytes.decode(bytes.encode(text)) == text);
    CHECK(bytes.vocab_size() == 256);
}

TEST_CASE("Special tokens are text unless asked for, and left out of a text where asked") {
    const Tokenizer& tokenizer = CharacterTokenizer::train(Texts{"<s>a</pd"}, {.special_tokens = {"<s>", "<s>>", "<pad>"}});
    CHECK(tokenizer.encode("<s>").size() == 3);
    const Sequence ids = tokenizer.encode("<s>a<s>><pad><pa<s>", {.special_tokens = true});
    CHECK(ids.size() == 8);
    CHECK((ids[0] == 0 && ids[2] == 1 && ids[3] == 2 && ids[7] == 0));
    CHECK(tokenizer.decode(ids) == "<s>a<s>><pad><pa<s>");
    CHECK(tokenizer.decode(ids, {.skip_special_tokens = true}) == "a<pa");
    CHECK(tokenizer.encode("", {.special_tokens = true}).empty());
    CHECK_THROWS_WITH(tokenizer.special_token("</s>"), Catch::Contains("expected one of the special tokens <s>, <s>>, <pad>"));
    CHECK_THROWS_AS(CharacterTokenizer::train(texts, {.special_tokens = {"a", "a"}}), ValueError);
    CHECK_THROWS_AS(CharacterTokenizer::train(texts, {.special_tokens = {""}}), ValueError);
}

TEST_CASE("An id outside the vocabulary is refused") {
    const CharacterTokenizer tokenizer = CharacterTokenizer::train(texts);
    CHECK_THROWS_AS(tokenizer.decode(Sequence{3}), IndexError);
    CHECK_THROWS_AS(tokenizer.decode(Sequence{-1}), IndexError);
    CHECK_THROWS_AS(tokenizer.label(3), IndexError);
}

TEST_CASE("Ids have labels to show: spaces as ▁, control characters and single bytes by their numbers") {
    const CharacterTokenizer tokenizer =
        CharacterTokenizer::train(Texts{" a\n\u0085é"}, {.special_tokens = {"<pad>"}, .byte_fallback = true});
    std::string labels;
    for (const Id id : tokenizer.encode("a \né\u0085ü")) labels += tokenizer.label(id) + "|";
    CHECK(labels == "a|▁|<0A>|é|<C2><85>|<C3>|<BC>|");
    CHECK(tokenizer.label(0) == "<pad>");
}

TEST_CASE("A vocabulary of characters comes back from its file as it was") {
    const auto fallback = GENERATE(false, true);
    const std::string all = std::string("a\"\\\n\u0301漢🙂\0", 14);
    const CharacterTokenizer tokenizer =
        CharacterTokenizer::train(Texts{all}, {.special_tokens = pad_begin_end, .byte_fallback = fallback});
    tokenizer.save(scratch("characters.json"));
    const CharacterTokenizer again = CharacterTokenizer::load(scratch("characters.json"));
    CHECK(again.vocab_size() == tokenizer.vocab_size());
    CHECK(again.encode(all) == tokenizer.encode(all));
    CHECK(again.special_tokens() == pad_begin_end);
    again.save(scratch("again.json"));
    CHECK(read_file(scratch("again.json")) == read_file(scratch("characters.json")));
    CHECK_THROWS_AS(tokenizer.save("/nowhere/characters.json"), FileError);
}

TEST_CASE("A file that is no vocabulary of characters is refused") {
    const std::string good =
        R"({"format":"tapehead characters","version":1,"special_tokens":[],"byte_fallback":false,"characters":"ab"})";
    CHECK(load(good).vocab_size() == 2);
    const auto with = [&](const std::string& part, const std::string& other) {
        std::string changed = good;
        return changed.replace(changed.find(part), part.size(), other);
    };
    for (std::size_t length = 0; length < good.size(); ++length) CHECK_THROWS_AS(load(good.substr(0, length)), FileError);
    CHECK_THROWS_AS(load(with("1,", "2,")), FileError);
    CHECK_THROWS_AS(load(with("tapehead", "other")), FileError);
    CHECK_THROWS_WITH(load(with("ab", "aba")), Catch::Contains("each character once"));
    CHECK_THROWS_AS(load(with("false", "0.5")), FileError);
    CHECK_THROWS_AS(load(with("[]", R"(["x","x"])")), FileError);
    CHECK_THROWS_AS(load(with("[]", "[3]")), FileError);
    CHECK_THROWS_AS(load(with("}", R"(,"more":1})")), FileError);
    CHECK_THROWS_AS(load(with("ab", "\xFF")), FileError);
    CHECK_THROWS_AS(load("[]"), FileError);
    CHECK_THROWS_AS(CharacterTokenizer::load(scratch("missing.json")), FileError);
}
