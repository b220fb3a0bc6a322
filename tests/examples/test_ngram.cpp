// The examples' text code: UTF-8, vocabularies, and the trigram model that char_lm is measured against.
#include <support/testing.hpp>

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <support/ngram.hpp>
#include <support/text.hpp>

using namespace testing;
using namespace examples;

namespace {

using Characters = std::vector<std::int64_t>;

/// Independent draws from 0, 1, 2 with probabilities 1/2, 1/4, 1/4.
Characters random_characters(Index n) {
    Generator random(5);
    Characters text;
    for (const Id draw : randint(0, 4, {n}, random)) text.push_back(std::max<Id>(draw - 1, 0));
    return text;
}

}  // namespace

TEST_CASE("UTF-8 of every length decodes to code points and back", "[examples]") {
    const std::u32string text = U"a\n\u007F\u0080\u00E9\u07FF\u0800\u20AC\uFFFF\U00010000\U0010FFFF";
    CHECK(decode_utf8(encode_utf8(text)) == text);
    CHECK(encode_utf8(U"\u00E9\u20AC\U0001F600") == "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    CHECK(decode_utf8("").empty());
}

TEST_CASE("Bytes that are not UTF-8 are refused with their line", "[examples]") {
    const auto bad = GENERATE(as<std::string>(), "\xE9", "\x80", "\xC0\x80", "\xC3", "\xC3(", "\xE0\x80\x80", "\xED\xA0\x80",
                              "\xE2\x82", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80", "\xFF");
    CHECK_THROWS_WITH(decode_utf8("one\ntwo " + bad + "\n"), Catch::Contains("UTF-8") && Catch::Contains("line 2"));
}

TEST_CASE("A text file is read whole, and one that cannot be read is refused by its name", "[examples]") {
    const auto directory = std::filesystem::temp_directory_path();
    const auto path = directory / ("tapehead_text_" + std::to_string(getpid()));
    std::ofstream(path, std::ios::binary) << "\xC3\xA9\r\n\n";
    CHECK(read_text(path.string()) == U"\u00E9\r\n\n");
    std::filesystem::remove(path);
    CHECK_THROWS_WITH(read_text(path.string()), Catch::Contains(path.string()));
    CHECK_THROWS_WITH(read_text(directory.string()), Catch::Contains(directory.string()));
}

TEST_CASE("A vocabulary numbers the different characters in order and names one that it lacks", "[examples]") {
    const Vocabulary vocabulary(U"b\u00E9ab");
    CHECK(vocabulary.size() == 3);
    CHECK(vocabulary.encode(U"ab\u00E9b") == Characters{0, 1, 2, 1});
    CHECK(vocabulary.decode(Characters{2, 0}) ==
          "\xC3\xA9"
          "a");
    CHECK_THROWS_WITH(vocabulary.encode(U"a\u20AC"), Catch::Contains("\xE2\x82\xAC"));
    CHECK_THROWS_AS(vocabulary.decode(Characters{3}), std::out_of_range);
}

TEST_CASE("The probabilities of the trigram model sum to 1 in contexts seen and unseen, and none is 0", "[examples]") {
    const Characters text = {0, 1, 2, 0, 1, 1, 0, 2, 2, 0, 1, 2};  // 3 and 4 never come
    const TrigramModel model(text, 5);
    for (std::int64_t a = 0; a < 5; ++a)
        for (std::int64_t b = 0; b < 5; ++b) {
            double sum = 0;
            for (std::int64_t c = 0; c < 5; ++c) {
                CHECK(model.probability(a, b, c) > 0);
                sum += model.probability(a, b, c);
            }
            CHECK_THAT(sum, is_close(1, 1e-12));
        }
}

TEST_CASE("Deleted interpolation of four characters is what it is by hand", "[examples]") {
    // a b a a: the events are a after (a, b) and a after (b, a), each context seen once, so that without itself no trigram is left.
    //   a after (a, b): f = {1/2, 2/3, 2/3, 2/3}, nothing follows b elsewhere;
    //   a after (b, a): f = {1/2, 2/3, 0/1, 0/1}, as b follows a elsewhere.
    // One class, credits 1 + the shares of each event; the fixed point has λ₂ = λ₃.
    const TrigramModel model(Characters{0, 1, 0, 0}, 2);
    double l0 = 0.25, l1 = 0.25, l2 = 0.25;
    for (int i = 0; i < 50; ++i) {
        const double p = l0 / 2 + l1 * 2 / 3 + 2 * l2 * 2 / 3, q = l0 / 2 + l1 * 2 / 3;
        const double c0 = 1 + l0 / 2 / p + l0 / 2 / q, c1 = 1 + l1 * 2 / 3 / p + l1 * 2 / 3 / q, c2 = 1 + l2 * 2 / 3 / p;
        l0 = c0 / 6, l1 = c1 / 6, l2 = c2 / 6;
    }
    CHECK_THAT(l0 + l1 + 2 * l2, is_close(1, 1e-12));
    // a after (a, a), which nothing follows: f = {1/2, 3/4, 1/2, 1/2}.
    CHECK_THAT(model.probability(0, 0, 0), is_close(l0 / 2 + l1 * 3 / 4 + 2 * l2 / 2, 1e-12));
}

TEST_CASE("The trigram model reaches the entropy of independent characters", "[examples]") {
    const Characters text = random_characters(40000);
    const TrigramModel model{std::span(text).first(36000), 3};
    CHECK_THAT(model.bits_per_character(text, 36000), is_close(1.5, 0.02));
}

TEST_CASE("The trigram model learns what two characters of context decide, and a bigram cannot", "[examples]") {
    Characters text;  // 0 0 1 1 0 0 1 1 ...
    for (std::int64_t i = 0; i < 4000; ++i) text.push_back(i / 2 % 2);
    CHECK(TrigramModel(std::span(text).first(3600), 2).bits_per_character(text, 3600) < 0.02);
}

TEST_CASE("The figure is the mean over all characters from the first on, each once", "[examples]") {
    const Characters text = random_characters(300);
    const TrigramModel model{std::span(text).first(200), 3};
    double bits = 0;
    for (std::size_t i = 200; i < 300; ++i) bits -= std::log2(model.probability(text[i - 2], text[i - 1], text[i]));
    CHECK_THAT(model.bits_per_character(text, 200), is_close(bits / 100, 1e-12));
}

TEST_CASE("The trigram model refuses texts too short and characters out of range", "[examples]") {
    CHECK_THROWS_AS(TrigramModel(Characters{0, 1}, 2), std::invalid_argument);
    CHECK_THROWS_AS(TrigramModel(Characters{0, 1, 2}, 2), std::invalid_argument);
    CHECK_THROWS_AS(TrigramModel(Characters{0, -1, 0}, 2), std::invalid_argument);
    const TrigramModel model(Characters{0, 1, 0}, 2);
    CHECK_THROWS_AS(model.bits_per_character(Characters{0, 1, 0}, 1), std::invalid_argument);
    CHECK_THROWS_AS(model.bits_per_character(Characters{0, 1, 0}, 3), std::invalid_argument);
}
