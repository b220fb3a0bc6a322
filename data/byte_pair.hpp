// Byte pair encoding (Sennrich, Haddow and Birch 2016, algorithm 1): which neighbours to join, learned from words, and joining
// them.
//
// Works on numbered symbols; byte_pair_tokenizer.hpp turns text into them.
#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Two neighbouring symbols, each in [0, 2^32).
using SymbolPair = std::pair<Id, Id>;

/// A word to learn pairs from.
struct CountedWord {
    std::vector<Id> symbols;  ///< of the word, in order
    Index count;              ///< how often the word stands in the text
};

/// Joins the most frequent pair of neighbours everywhere, and again, at most `count` times; returns the pairs in that order.
///
/// The first pair becomes the symbol `first_id`, the next one first_id + 1, and so on. Of pairs that are equally frequent the
/// smallest is joined. Stops early when no pair is left that comes at least twice. Throws
/// ValueError for a count below 0 and for symbols outside [0, 2^32).
std::vector<SymbolPair> learn_merges(std::vector<CountedWord> words, Index count, Id first_id);

/// Learned pairs, to be applied in the order of learning.
class Merges {
public:
    /// No pair.
    Merges() = default;

    /// Adds the next pair, and the symbol that it becomes. Returns false, and adds nothing, for a pair that was added before.
    /// Throws ValueError for symbols outside [0, 2^32).
    bool add(const SymbolPair& pair, Id joined);
    /// The pairs, in the order of learning.
    const std::vector<SymbolPair>& pairs() const { return pairs_; }

    /// Joins neighbours of a word until no learned pair is left: everywhere the one learned first, from the front, and again. Takes
    /// n log n steps for n symbols.
    void apply(std::vector<Id>& word) const;

private:
    struct Rule {
        std::size_t rank;
        Id joined;
    };

    std::vector<SymbolPair> pairs_;
    std::unordered_map<std::uint64_t, Rule> rules_;  // by the two symbols
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
