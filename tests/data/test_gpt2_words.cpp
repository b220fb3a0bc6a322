// Texts cut into words as GPT-2 does: facts worked out from its pattern by hand; tests/interchange compares with another program.
#include <support/testing.hpp>

using namespace testing;

namespace {

using Words = std::vector<std::string_view>;

}  // namespace

TEST_CASE("GPT-2's words: letters, digits and signs apart, each with the space before it") {
    CHECK(gpt2_words("Hello world") == Words{"Hello", " world"});
    CHECK(gpt2_words("two-hundred, 42x") == Words{"two", "-", "hundred", ",", " 42", "x"});
    CHECK(gpt2_words("Größe 漢字かな жук") == Words{"Größe", " 漢字かな", " жук"});
    CHECK(gpt2_words("½²٣") == Words{"½²٣"});  // numbers, all of them
    CHECK(gpt2_words("") == Words{});
}

TEST_CASE("GPT-2's words: English endings stand alone, in small letters with a straight apostrophe") {
    CHECK(gpt2_words("we'll they've I'm he'd it's don't you're") ==
          Words{"we", "'ll", " they", "'ve", " I", "'m", " he", "'d", " it", "'s", " don", "'t", " you", "'re"});
    CHECK(gpt2_words("IT'S x’s 'tis") == Words{"IT", "'", "S", " x", "’", "s", " '", "tis"});
}

TEST_CASE("GPT-2's words: of white space the last character goes with what follows, if it is a space") {
    CHECK(gpt2_words("a   b") == Words{"a", "  ", " b"});
    CHECK(gpt2_words("a\n\nb  \n c \t") == Words{"a", "\n", "\n", "b", "  \n", " c", " \t"});
    CHECK(gpt2_words("a\u00A0b\u3000") == Words{"a", "\u00A0", "b", "\u3000"});
    CHECK(gpt2_words("\u0085\u2028\x1C\u180E\u200B") == Words{"\u0085", "\u2028", "\x1C\u180E\u200B"});  // the last are none
}

TEST_CASE("GPT-2's words: combining marks and joiners are signs") {
    CHECK(gpt2_words("e\u0301a") == Words{"e", "\u0301", "a"});
    CHECK(gpt2_words("👩‍👧 🇩🇪") == Words{"👩‍👧", " 🇩🇪"});
}

TEST_CASE("GPT-2's words: a run of bytes that are not UTF-8 is a word, and ends the text before it") {
    CHECK(gpt2_words("a \xFF\xC3 b") == Words{"a", " ", "\xFF\xC3", " b"});
    CHECK(gpt2_words("\xE2\x82") == Words{"\xE2\x82"});
}

TEST_CASE("GPT-2's words of random bytes put together are the bytes") {
    Generator random(1);
    for (int trial = 0; trial < 200; ++trial) {
        std::string bytes;
        for (const Id byte : randint(0, trial % 2 ? 256 : 128, {trial}, random)) bytes += static_cast<char>(byte);
        std::string joined;
        for (const std::string_view word : gpt2_words(bytes)) joined += word;
        CHECK(joined == bytes);
    }
}
