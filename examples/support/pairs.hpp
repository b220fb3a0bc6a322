// Pairs of sentences in two languages: read from a tab-separated file, and split into training, validation and test part.
//
// Knows nothing of tensors or vocabularies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

enum class Part { training, validation, test };

struct SplitOptions {
    double validation = 0.05, test = 0.05;  ///< shares of the sources
    std::uint64_t seed = 0;
};

/// The part of every pair with this source, whatever its target and whatever else there is.
Part part_of(std::string_view source, const SplitOptions& options = {});

/// Pairs in three parts, of which no two share a source.
struct SplitPairs {
    std::vector<SentencePair> training, validation, test;
};

/// Sorts pairs into the part of their source. Throws std::invalid_argument unless the shares are at least 0 and sum to less
/// than 1.
SplitPairs split_pairs(const std::vector<SentencePair>& pairs, const SplitOptions& options = {});

}  // namespace examples
