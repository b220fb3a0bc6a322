// Whole numbers in words; see number_words.hpp.
#include <support/number_words.hpp>

#include <array>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

namespace examples {
namespace {

using Words = std::array<std::string_view, 20>;

constexpr Words english_small = {"zero",     "one",     "two",     "three",     "four",     "five",    "six",
                                 "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
                                 "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::array<std::string_view, 10> english_tens = {"",      "",      "twenty",  "thirty", "forty",
                                                           "fifty", "sixty", "seventy", "eighty", "ninety"};
constexpr Words german_small = {"null",     "ein",      "zwei",     "drei",     "vier",     "fünf",    "sechs",
                                "sieben",   "acht",     "neun",     "zehn",     "elf",      "zwölf",   "dreizehn",
                                "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"};
constexpr std::array<std::string_view, 10> german_tens = {"",        "",        "zwanzig", "dreißig", "vierzig",
                                                          "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"};

std::size_t checked(std::int64_t number) {
    if (number < 0 || number > largest_number_in_words)
        throw std::out_of_range(
            fmt::format("number words: expected a number in [0, {}], got {}", largest_number_in_words, number));
    return static_cast<std::size_t>(number);
}

std::string english_below_hundred(std::size_t n) {
    if (n < 20) return std::string(english_small[n]);
    if (n % 10 == 0) return std::string(english_tens[n / 10]);
    return fmt::format("{}-{}", english_tens[n / 10], english_small[n % 10]);
}

std::string english_below_thousand(std::size_t n) {
    if (n < 100) return english_below_hundred(n);
    const std::string hundreds = fmt::format("{} hundred", english_small[n / 100]);
    return n % 100 == 0 ? hundreds : fmt::format("{} {}", hundreds, english_below_hundred(n % 100));
}

/// `one` is how 1 reads at the end of the word: "eins" if nothing follows, "ein" before "tausend".
std::string german_below_hundred(std::size_t n, std::string_view one) {
    if (n == 1) return std::string(one);
    if (n < 20) return std::string(german_small[n]);
    if (n % 10 == 0) return std::string(german_tens[n / 10]);
    return fmt::format("{}und{}", german_small[n % 10], german_tens[n / 10]);
}

std::string german_below_thousand(std::size_t n, std::string_view one) {
    if (n < 100) return german_below_hundred(n, one);
    const std::string hundreds = fmt::format("{}hundert", german_small[n / 100]);
    return n % 100 == 0 ? hundreds : hundreds + german_below_hundred(n % 100, one);
}

}  // namespace

std::string english_words(std::int64_t number) {
    const std::size_t n = checked(number);
    if (n < 1000) return english_below_thousand(n);
    const std::string thousands = english_below_thousand(n / 1000) + " thousand";
    return n % 1000 == 0 ? thousands : fmt::format("{} {}", thousands, english_below_thousand(n % 1000));
}

std::string german_words(std::int64_t number) {
    const std::size_t n = checked(number);
    if (n < 1000) return german_below_thousand(n, "eins");
    const std::string thousands = german_below_thousand(n / 1000, "ein") + "tausend";
    return n % 1000 == 0 ? thousands : thousands + german_below_thousand(n % 1000, "eins");
}

}  // namespace examples
