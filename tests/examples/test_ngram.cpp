// The trigram model that char_lm is measured against.
#include <support/testing.hpp>

#include <support/ngram.hpp>

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
