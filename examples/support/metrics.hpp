// Scores of translations against one reference each, from 0 to 100: BLEU and chrF over a whole corpus.
//
// Both are what sacreBLEU 2 reports by default, so that figures can be compared. Know nothing of tensors.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

/// BP · (p₁ p₂ p₃ p₄)^¼, with pₙ the share of n-grams of words that the reference has too, each as often as there at most, and
/// BP = exp(min(0, 1 − r/c)) for r words in the references, c in the hypotheses (Papineni et al. 2002).
///
/// Counts are summed over the corpus. Words are those of words_13a, in their case. The k-th order none of whose n-grams matches
/// counts as 2⁻ᵏ matches (sacreBLEU's smoothing "exp"); without any match, or without any n-gram of an order, the score is 0.
/// Throws std::invalid_argument unless there is one reference for each hypothesis and at least one.
double bleu(std::span<const std::string> hypotheses, std::span<const std::string> references);

/// 5 P R / (4 P + R), with P and R the precision and recall of character n-grams, each the mean over n = 1 ... 6 (Popović 2015;
/// β = 2, which weighs recall).
///
/// Counts are summed over the corpus; white space is taken out first. An order for which hypotheses or references have no n-gram
/// at all is left out of the means. Throws as `bleu` does.
double chrf(std::span<const std::string> hypotheses, std::span<const std::string> references);

/// The words of a text as mteval-v13a and sacreBLEU's "13a" find them: signs are words of their own, but points and commas not
/// within numbers, and apostrophes and hyphens not within words.
std::vector<std::string> words_13a(std::string_view text);

}  // namespace examples
