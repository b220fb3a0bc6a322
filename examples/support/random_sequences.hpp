// The data of copy.cpp: random sequences of symbols.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <support/batches.hpp>
#include <tapehead/autograd/autograd.hpp>

namespace examples {

using namespace tapehead;

/// `count` sequences of min(4, length) to `length` symbols.
inline std::vector<Sequence> random_sequences(Index count, Index length, Index vocabulary, Generator& random) {
    const Ids lengths = randint(std::min<Id>(4, length), length + 1, {count}, random);            // [B]
    const Ids symbols = randint(num_special, num_special + vocabulary, {count, length}, random);  // [B, T]
    std::vector<Sequence> sequences;
    for (Index b = 0; b < count; ++b) sequences.emplace_back(&symbols(b, 0), &symbols(b, 0) + lengths(b));
    return sequences;
}

/// The same, but none of those that were seen. Throws ValueError if there are too few others.
inline std::vector<Sequence> unseen_sequences(Index count, Index length, Index vocabulary, Generator& random,
                                              const std::set<Sequence>& seen) {
    std::vector<Sequence> sequences;
    for (Index tries = 0; static_cast<Index>(sequences.size()) < count; ++tries) {
        if (tries == 100 * count)
            throw ValueError(
                fmt::format("unseen sequences: expected {} that were not trained on, got {}; try a larger --length or "
                            "--vocabulary",
                            count, sequences.size()));
        Sequence sequence = random_sequences(1, length, vocabulary, random)[0];
        if (!seen.contains(sequence)) sequences.push_back(std::move(sequence));
    }
    return sequences;
}

/// A symbol as a letter, or as a number where the letters do not suffice.
inline std::string label(Id id) {
    if (id < num_special) return std::string(special_label(id));
    const Id symbol = id - num_special;
    return symbol < 26 ? std::string(1, static_cast<char>('a' + symbol)) : std::to_string(symbol);
}

inline std::vector<std::string> labels(const Ids& ids) {
    std::vector<std::string> result;
    for (const Id id : ids) result.push_back(label(id));
    return result;
}

inline std::string text_of(const Sequence& sequence) {
    std::string text;
    for (const Id id : sequence) text.append(text.empty() ? "" : " ").append(label(id));
    return text;
}

}  // namespace examples
