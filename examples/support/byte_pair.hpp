// Byte pair encoding (Sennrich, Haddow and Birch 2016, algorithm 1): which neighbours to join, learned from words, and joining
// them.
//
// Works on numbered symbols; tokenizer.hpp turns text into them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include <support/sequence.hpp>

namespace examples {

using SymbolPair = std::pair<std::int64_t, std::int64_t>;  // below 2^32

struct CountedWord {
    Sequence symbols;
    std::int64_t count;  ///< how often the word stands in the text
};

/// Joins the most frequent pair of neighbours everywhere, and again, at most `count` times; returns the pairs in that order.
///
/// The first pair becomes the symbol `first_id`, the next one first_id + 1, and so on. Of pairs that are equally frequent the
/// smallest is joined. Stops early when no pair is left that comes at least twice.
std::vector<SymbolPair> learn_merges(std::vector<CountedWord> words, std::size_t count, std::int64_t first_id);

/// Learned pairs, to be applied in the order of learning.
class Merges {
public:
    Merges() = default;
    /// The pairs become first_id, first_id + 1, ...
    Merges(const std::vector<SymbolPair>& pairs, std::int64_t first_id);

    std::size_t size() const { return ids_.size(); }
    /// Joins neighbours of a word until no learned pair is left, always the one learned first.
    void apply(Sequence& word) const;

private:
    std::unordered_map<std::uint64_t, std::int64_t> ids_;  // by the two symbols
};

}  // namespace examples
