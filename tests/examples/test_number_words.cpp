// Numbers in English and German words: a list written out by hand, and every number read back by another grammar.
#include <support/testing.hpp>

#include <map>
#include <string_view>

#include <support/number_words.hpp>

using namespace testing;
using namespace examples;

namespace {

struct Row {
    std::int64_t number;
    std::string_view english, german;
};

constexpr Row table[] = {
    {0, "zero", "null"},
    {1, "one", "eins"},
    {2, "two", "zwei"},
    {3, "three", "drei"},
    {4, "four", "vier"},
    {5, "five", "fünf"},
    {6, "six", "sechs"},
    {7, "seven", "sieben"},
    {8, "eight", "acht"},
    {9, "nine", "neun"},
    {10, "ten", "zehn"},
    {11, "eleven", "elf"},
    {12, "twelve", "zwölf"},
    {13, "thirteen", "dreizehn"},
    {14, "fourteen", "vierzehn"},
    {15, "fifteen", "fünfzehn"},
    {16, "sixteen", "sechzehn"},
    {17, "seventeen", "siebzehn"},
    {18, "eighteen", "achtzehn"},
    {19, "nineteen", "neunzehn"},
    {20, "twenty", "zwanzig"},
    {21, "twenty-one", "einundzwanzig"},
    {30, "thirty", "dreißig"},
    {32, "thirty-two", "zweiunddreißig"},
    {40, "forty", "vierzig"},
    {46, "forty-six", "sechsundvierzig"},
    {50, "fifty", "fünfzig"},
    {57, "fifty-seven", "siebenundfünfzig"},
    {60, "sixty", "sechzig"},
    {66, "sixty-six", "sechsundsechzig"},
    {70, "seventy", "siebzig"},
    {77, "seventy-seven", "siebenundsiebzig"},
    {80, "eighty", "achtzig"},
    {90, "ninety", "neunzig"},
    {99, "ninety-nine", "neunundneunzig"},
    {100, "one hundred", "einhundert"},
    {101, "one hundred one", "einhunderteins"},
    {110, "one hundred ten", "einhundertzehn"},
    {116, "one hundred sixteen", "einhundertsechzehn"},
    {200, "two hundred", "zweihundert"},
    {241, "two hundred forty-one", "zweihunderteinundvierzig"},
    {601, "six hundred one", "sechshunderteins"},
    {717, "seven hundred seventeen", "siebenhundertsiebzehn"},
    {999, "nine hundred ninety-nine", "neunhundertneunundneunzig"},
    {1000, "one thousand", "eintausend"},
    {1001, "one thousand one", "eintausendeins"},
    {1100, "one thousand one hundred", "eintausendeinhundert"},
    {1111, "one thousand one hundred eleven", "eintausendeinhundertelf"},
    {2021, "two thousand twenty-one", "zweitausendeinundzwanzig"},
    {19305, "nineteen thousand three hundred five", "neunzehntausenddreihundertfünf"},
    {21000, "twenty-one thousand", "einundzwanzigtausend"},
    {30016, "thirty thousand sixteen", "dreißigtausendsechzehn"},
    {100000, "one hundred thousand", "einhunderttausend"},
    {100001, "one hundred thousand one", "einhunderttausendeins"},
    {101000, "one hundred one thousand", "einhunderteintausend"},
    {101101, "one hundred one thousand one hundred one", "einhunderteintausendeinhunderteins"},
    {117030, "one hundred seventeen thousand thirty", "einhundertsiebzehntausenddreißig"},
    {612345, "six hundred twelve thousand three hundred forty-five", "sechshundertzwölftausenddreihundertfünfundvierzig"},
    {777777, "seven hundred seventy-seven thousand seven hundred seventy-seven",
     "siebenhundertsiebenundsiebzigtausendsiebenhundertsiebenundsiebzig"},
    {999999, "nine hundred ninety-nine thousand nine hundred ninety-nine",
     "neunhundertneunundneunzigtausendneunhundertneunundneunzig"},
};

using Lexicon = std::map<std::string_view, std::int64_t>;

const Lexicon english_lexicon = {{"zero", 0},     {"one", 1},      {"two", 2},        {"three", 3},     {"four", 4},
                                 {"five", 5},     {"six", 6},      {"seven", 7},      {"eight", 8},     {"nine", 9},
                                 {"ten", 10},     {"eleven", 11},  {"twelve", 12},    {"thirteen", 13}, {"fourteen", 14},
                                 {"fifteen", 15}, {"sixteen", 16}, {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19},
                                 {"twenty", 20},  {"thirty", 30},  {"forty", 40},     {"fifty", 50},    {"sixty", 60},
                                 {"seventy", 70}, {"eighty", 80},  {"ninety", 90},    {"hundred", 100}, {"thousand", 1000}};

/// Adds up words from the left: "hundred" multiplies what stands before it, "thousand" all that stands before it.
std::int64_t read_english(std::string_view text) {
    std::int64_t total = 0, group = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(" -"), text.size());
        const std::int64_t value = english_lexicon.at(text.substr(0, end));
        if (value == 1000) total = 1000 * group, group = 0;
        else group = value == 100 ? 100 * group : group + value;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return total + group;
}

const Lexicon german_lexicon = {{"", 0},          {"null", 0},      {"ein", 1},       {"eins", 1},      {"zwei", 2},
                                {"drei", 3},      {"vier", 4},      {"fünf", 5},      {"sechs", 6},     {"sieben", 7},
                                {"acht", 8},      {"neun", 9},      {"zehn", 10},     {"elf", 11},      {"zwölf", 12},
                                {"dreizehn", 13}, {"vierzehn", 14}, {"fünfzehn", 15}, {"sechzehn", 16}, {"siebzehn", 17},
                                {"achtzehn", 18}, {"neunzehn", 19}, {"zwanzig", 20},  {"dreißig", 30},  {"vierzig", 40},
                                {"fünfzig", 50},  {"sechzig", 60},  {"siebzig", 70},  {"achtzig", 80},  {"neunzig", 90}};

/// Splits at "tausend", then at "hundert", then at "und" (which "hundert" has inside, so that it must be gone by then).
std::int64_t read_german(std::string_view text) {
    for (const auto& [word, factor] : {std::pair{"tausend", 1000}, {"hundert", 100}, {"und", 1}}) {
        const std::size_t at = text.find(word);
        if (at != text.npos)
            return factor * read_german(text.substr(0, at)) + read_german(text.substr(at + std::string_view(word).size()));
    }
    return german_lexicon.at(text);
}

}  // namespace

TEST_CASE("Numbers in words are what a list written by hand says", "[examples]") {
    for (const Row& row : table) {
        CHECK(english_words(row.number) == row.english);
        CHECK(german_words(row.number) == row.german);
    }
}

TEST_CASE("Every number up to 999999 reads back from its English words, so that all of them differ", "[examples]") {
    std::int64_t wrong = 0;
    for (std::int64_t n = 0; n <= largest_number_in_words; ++n) wrong += read_english(english_words(n)) != n;
    CHECK(wrong == 0);
}

TEST_CASE("Every number up to 999999 reads back from its German word, so that all of them differ", "[examples]") {
    std::int64_t wrong = 0;
    for (std::int64_t n = 0; n <= largest_number_in_words; ++n) wrong += read_german(german_words(n)) != n;
    CHECK(wrong == 0);
}

TEST_CASE("Numbers that have no words here are refused", "[examples]") {
    const auto number = GENERATE(as<std::int64_t>(), -1, 1'000'000);
    CHECK_THROWS_WITH(english_words(number), Catch::Contains(std::to_string(number)));
    CHECK_THROWS_AS(german_words(number), std::out_of_range);
}
