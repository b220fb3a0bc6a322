// BLEU and chrF: values worked out by hand, and one corpus that another program scored.
#include <support/testing.hpp>

#include <support/metrics.hpp>

using namespace testing;
using namespace examples;

namespace {

using Texts = std::vector<std::string>;

const Texts hypotheses = {"Die Datei konnte nicht geöffnet werden.", "Es wurden 1,5 Millionen Zeilen gelesen",
                          "»Übung« macht den Meister!"};
const Texts references = {"Die Datei kann nicht geöffnet werden.", "Es wurden 1,5 Millionen Wörter in der Datei gelesen.",
                          "„Übung“ macht den Meister."};

/// The n-th root of a product of precisions, in percent.
double mean(double product, double n = 4) { return 100 * std::pow(product, 1 / n); }

}  // namespace

TEST_CASE("BLEU is the geometric mean of the precisions of one to four words", "[examples]") {
    // words 6/7: all but the second "the"; pairs 4/6: not "on the", "the mat"; triples 2/5; fours 1/4: "the cat sat on".
    const Texts hypothesis = {"the cat sat on the mat today"}, reference = {"the cat sat on a mat today"};
    CHECK_THAT(bleu(hypothesis, reference), is_close(mean(6. / 7 * 4 / 6 * 2 / 5 * 1 / 4)));
}

TEST_CASE("BLEU sums its counts over the corpus and each n-gram counts at most as often as in its own reference",
          "[examples]") {
    // "the" matches twice of seven times, as in section 2.1 of the paper; "a b c d e" matches wholly and has none of the other's
    // words. Words 2 + 5 of 7 + 5, pairs 0 + 4 of 6 + 4, triples 0 + 3 of 5 + 3, fours 0 + 2 of 4 + 2; c = 12, r = 7 + 5.
    const Texts hypothesis = {"the the the the the the the", "a b c d e"};
    const Texts reference = {"the cat is on the mat a", "a b c d e"};
    CHECK_THAT(bleu(hypothesis, reference), is_close(mean(7. / 12 * 4 / 10 * 3 / 8 * 2 / 6)));
}

TEST_CASE("BLEU makes a corpus that is too short smaller by the brevity penalty and lets one too long be", "[examples]") {
    const Texts five = {"a b c d e"}, seven = {"a b c d e f g"};
    CHECK_THAT(bleu(five, seven), is_close(100 * std::exp(1 - 7. / 5)));
    CHECK_THAT(bleu(seven, five), is_close(mean(5. / 7 * 4 / 6 * 3 / 5 * 2 / 4)));
    CHECK_THAT(bleu(Texts{"a b c d e", "h i j k"}, Texts{"a b c d e f", "h i j"}),  // 9 words against 9
               is_close(mean(8. / 9 * 6 / 7 * 4 / 5 * 2 / 3)));
}

TEST_CASE("BLEU counts orders without a match as a half, a quarter and so on", "[examples]") {
    // 3/4, 1/3 ("this is"), 0 of 2 as 1/2 of 2, 0 of 1 as 1/4 of 1.
    CHECK_THAT(bleu(Texts{"this is odd test"}, Texts{"this is a test"}), is_close(mean(3. / 4 * 1 / 3 * 0.5 / 2 * 0.25 / 1)));
    CHECK_THAT(bleu(Texts{"this is a fest"}, Texts{"this is a test"}), is_close(mean(3. / 4 * 2 / 3 * 1 / 2 * 0.5 / 1)));
}

TEST_CASE("BLEU and chrF of a perfect translation are 100, and of one with nothing right or nothing at all 0", "[examples]") {
    CHECK_THAT(bleu(references, references), is_close(100));
    CHECK_THAT(chrf(references, references), is_close(100));
    CHECK(bleu(Texts{"a b c d"}, Texts{"e f g h"}) == 0);
    CHECK(chrf(Texts{"abcd"}, Texts{"efgh"}) == 0);
    CHECK(bleu(Texts{""}, Texts{"a b c d"}) == 0);
    CHECK(chrf(Texts{""}, Texts{"a"}) == 0);
    CHECK(bleu(Texts{"a b c d"}, Texts{""}) == 0);
    CHECK(chrf(Texts{" "}, Texts{""}) == 0);
    CHECK(bleu(Texts{"a b c"}, Texts{"a b c"}) == 0);  // no four words: without a value in the paper, 0 in sacreBLEU
}

TEST_CASE("An empty translation among others takes its part of the scores", "[examples]") {
    CHECK_THAT(bleu(Texts{"a b c d e", ""}, Texts{"a b c d e", "f g"}), is_close(100 * std::exp(1 - 7. / 5)));
    // P = 1; R = the mean of 5/7, 4/5, 3/3, 2/2, 1/1.
    const double recall = (5. / 7 + 4. / 5 + 3) / 5;
    CHECK_THAT(chrf(Texts{"a b c d e", ""}, Texts{"a b c d e", "f g"}), is_close(100 * 5 * recall / (4 + recall)));
}

TEST_CASE("chrF weighs recall twice and averages over the orders that both sides have", "[examples]") {
    // Precisions 3/3, 2/2, 1/1, recalls 3/4, 2/3, 1/2: P = 1, R = 23/36, and 5 R / (4 + R) = 115/167. The other way round it is
    // 5 P / (4 P + 1) = 115/128.
    CHECK_THAT(chrf(Texts{"abc"}, Texts{"abcd"}), is_close(100 * 115. / 167));
    CHECK_THAT(chrf(Texts{"abcd"}, Texts{"abc"}), is_close(100 * 115. / 128));
    CHECK_THAT(chrf(Texts{"aa"}, Texts{"ab"}), is_close(25));          // one of two characters, none of one pair
    CHECK_THAT(chrf(Texts{"a", "b"}, Texts{"a", "c"}), is_close(50));  // no pairs at all
    CHECK_THAT(chrf(Texts{"a b\u00A0c"}, Texts{"ab c "}), is_close(100));
    CHECK_THAT(chrf(Texts{"ä"}, Texts{"ö"}), is_close(0));  // they share a byte, but no character
}

TEST_CASE("A corpus with signs, numbers and umlauts scores as in another program", "[examples]") {
    // Computed in Python from the definitions, with the regular expressions of mteval-v13a.
    CHECK_THAT(bleu(hypotheses, references), is_close(36.507817554170835));
    CHECK_THAT(chrf(hypotheses, references), is_close(68.95442963218312));
}

TEST_CASE("Words are split as by mteval-v13a", "[examples]") {
    CHECK(words_13a("Don't pay $1,000.50, or 3-4%, e.g. A&amp;B (well-known) ... 2. now-\never ,5 5.") ==
          Texts{"Don't", "pay", "$", "1,000.50",   ",", "or", "3", "-", "4", "%", ",",       "e", ".", "g", ".", "A",
                "&",     "B",   "(", "well-known", ")", ".",  ".", ".", "2", ".", "nowever", ",", "5", "5", "."});
    CHECK(words_13a("„Übung“ macht\u00A0den\tMeister.") == Texts{"„Übung“", "macht", "den", "Meister", "."});
    CHECK(words_13a(" &lt;b&gt;&quot;<skipped>") == Texts{"<", "b", ">", "\""});
    CHECK(words_13a("  ").empty());
}

TEST_CASE("Scores refuse a corpus without or with too few references", "[examples]") {
    CHECK_THROWS_AS(bleu(hypotheses, Texts{"one"}), std::invalid_argument);
    CHECK_THROWS_AS(chrf(Texts{}, Texts{}), std::invalid_argument);
}
