// An interpolated trigram model of characters: the classical yardstick for a language model.
//
// Knows nothing of tensors; characters are numbers from 0, as a Vocabulary gives them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace examples {

/// p(c | a b) = λ₃ f(c | a b) + λ₂ f(c | b) + λ₁ f(c) + λ₀ / V, where f is the share of c among what followed in the training
/// text (Jelinek and Mercer 1980).
///
/// Where a context was never seen, f is that of the next shorter one. The weights λ depend on how often a b was seen. They are
/// fitted by expectation maximisation on all of the training text, each character predicted from the counts without itself
/// (deleted interpolation), with one more observation for each weight.
class TrigramModel {
public:
    using Weights = std::array<double, 4>;  // λ₀ to λ₃, which sum to 1

    /// Throws std::invalid_argument for fewer than 3 characters, and for one outside [0, vocabulary).
    TrigramModel(std::span<const std::int64_t> text, std::size_t vocabulary);

    /// p(c | a b)
    double probability(std::int64_t a, std::int64_t b, std::int64_t c) const;

    /// The mean of −log₂ p over the characters of `text` from `first` on, each predicted from the two before it.
    ///
    /// Throws std::invalid_argument unless 2 ≤ first < the length.
    double bits_per_character(std::span<const std::int64_t> text, std::size_t first) const;

private:
    using Counts = std::unordered_map<std::uint64_t, std::int64_t>;

    std::uint64_t key(std::int64_t a, std::int64_t b, std::int64_t c) const;
    /// 1 / V, f(c), f(c | b), f(c | a b), from the counts less `without` occurrences of a b c.
    Weights shares(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t without) const;
    /// The class of contexts that a b belongs to, by its count less `without`.
    std::size_t context_class(std::int64_t a, std::int64_t b, std::int64_t without) const;
    void fit(std::span<const std::int64_t> text);

    std::uint64_t vocabulary_;
    std::int64_t total_;
    Counts singles_, pairs_, triples_;        // of characters
    Counts pair_contexts_, triple_contexts_;  // of b, and a b, with a character after them
    std::vector<Weights> weights_;            // by class of context
};

}  // namespace examples
