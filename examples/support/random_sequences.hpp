// The data of copy.cpp: random sequences of symbols, and batches of them for a Transformer.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <support/special_ids.hpp>
#include <tapehead/autograd/autograd.hpp>

namespace examples {

using namespace tapehead;

/// Sequences of one batch, padded to the longest.
struct Batch {
    Ids source;                  // [B, T]      a b c
    Ids target_in, target_out;   // [B, T + 1]  BOS a b c, and a b c EOS: the same, one place apart
    std::vector<Index> lengths;  // [B]
};

inline Batch make_batch(const std::vector<Sequence>& sequences) {
    const auto count = static_cast<Index>(sequences.size());
    Index longest = 0;
    for (const Sequence& s : sequences) longest = std::max(longest, static_cast<Index>(s.size()));
    Batch batch{.source = xt::full_like(make_array<Id>({count, longest}), pad_id),
                .target_in = xt::full_like(make_array<Id>({count, longest + 1}), pad_id),
                .target_out = xt::full_like(make_array<Id>({count, longest + 1}), pad_id),
                .lengths = {}};
    for (std::size_t b = 0; b < sequences.size(); ++b) {
        const Sequence& s = sequences[b];
        batch.target_in(b, 0) = bos_id;
        for (std::size_t t = 0; t < s.size(); ++t)
            batch.source(b, t) = batch.target_in(b, t + 1) = batch.target_out(b, t) = s[t];
        batch.target_out(b, s.size()) = eos_id;
        batch.lengths.push_back(static_cast<Index>(s.size()));
    }
    return batch;
}

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

/// The symbols of each row [B, 1 + T] between its begin symbol and its first end symbol.
inline std::vector<Sequence> sequences_of(const Ids& written) {
    std::vector<Sequence> sequences(written.shape(0));
    for (std::size_t b = 0; b < sequences.size(); ++b)
        for (std::size_t t = 1; t < written.shape(1) && written(b, t) != eos_id; ++t) sequences[b].push_back(written(b, t));
    return sequences;
}

/// A symbol as a letter, or as a number where the letters do not suffice.
inline std::string label(Id id) {
    if (id < num_special) return id == pad_id ? "_" : id == bos_id ? "<" : "end";
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
