// Whole numbers in words: English ("two hundred forty-one") and German ("zweihunderteinundvierzig").
//
// A language pair without a dictionary or a corpus, whose word order crosses: German says the units before the tens.
#pragma once

#include <cstdint>
#include <string>

namespace examples {

inline constexpr std::int64_t largest_number_in_words = 999'999;

/// A number in English words, without "and". Throws std::out_of_range outside [0, 999999].
std::string english_words(std::int64_t number);

/// A number in German as the one word that it is, in UTF-8. Throws std::out_of_range outside [0, 999999].
std::string german_words(std::int64_t number);

}  // namespace examples
