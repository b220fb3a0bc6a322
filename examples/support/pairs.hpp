// Pairs of sentences in two languages: read from a tab-separated file, and split into training, validation and test part.
//
// Knows nothing of tensors or vocabularies.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <support/split.hpp>

namespace examples {

struct SentencePair {
    std::string source, target;  // UTF-8
    auto operator<=>(const SentencePair&) const = default;
};

/// What a file held: the pairs in its order, and how many others were left out.
struct PairFile {
    std::vector<SentencePair> pairs;
    std::size_t duplicates = 0;  ///< pairs that stood further up
    std::size_t too_long = 0;    ///< pairs with a side above the limit
};

/// Reads lines "source TAB target" in UTF-8; blank lines, further columns and spaces around a side are passed over.
///
/// Leaves out a pair with a side of more than `max_characters`, and all but the first of equal pairs. Throws
/// std::runtime_error for a file that cannot be read, or for a line without a tab, with an empty side, or not in UTF-8, naming
/// the line.
PairFile read_pairs(const std::string& path, std::size_t max_characters = 200);

/// Pairs in three parts, of which no two share a source.
struct SplitPairs {
    std::vector<SentencePair> training, validation, test;
};

/// Sorts pairs into part_of(source, options), whatever their targets. Throws std::invalid_argument for shares that leave nothing
/// to train on.
SplitPairs split_pairs(const std::vector<SentencePair>& pairs, const SplitOptions& options = {});

}  // namespace examples
