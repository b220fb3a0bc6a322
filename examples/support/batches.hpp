// Sequences as padded arrays for a Transformer, and back; and pairs of a task drawn with a Generator.
//
// In headers alone, because arrays and generators belong to the library of one number type, and the other support code to none.
#pragma once

#include <algorithm>
#include <vector>

#include <support/sequence.hpp>
#include <support/sequence_tasks.hpp>
#include <tapehead/autograd/autograd.hpp>

namespace examples {

using namespace tapehead;

/// Pairs of sequences, padded to the longest.
struct Batch {
    Ids source;                  // [B, Ts]      a b c
    Ids target_in, target_out;   // [B, Tt + 1]  BOS x y, and x y EOS: the same, one place apart
    std::vector<Index> lengths;  // [B]          of the sources
};

inline Batch make_batch(const std::vector<SequencePair>& pairs) {
    const auto count = static_cast<Index>(pairs.size());
    std::size_t longest_source = 0, longest_target = 0;
    for (const auto& [source, target] : pairs) {
        longest_source = std::max(longest_source, source.size());
        longest_target = std::max(longest_target, target.size());
    }
    const auto empty = [&](std::size_t length) -> Ids {
        return xt::full_like(make_array<Id>({count, static_cast<Index>(length)}), pad_id);
    };
    Batch batch{empty(longest_source), empty(longest_target + 1), empty(longest_target + 1), {}};
    for (std::size_t b = 0; b < pairs.size(); ++b) {
        const auto& [source, target] = pairs[b];
        for (std::size_t t = 0; t < source.size(); ++t) batch.source(b, t) = source[t];
        batch.target_in(b, 0) = bos_id;
        for (std::size_t t = 0; t < target.size(); ++t) batch.target_in(b, t + 1) = batch.target_out(b, t) = target[t];
        batch.target_out(b, target.size()) = eos_id;
        batch.lengths.push_back(static_cast<Index>(source.size()));
    }
    return batch;
}

/// `count` pairs of a part of a task.
inline std::vector<SequencePair> random_pairs(const SequenceTask& task, Part part, Index count, Generator& random) {
    std::vector<SequencePair> pairs;
    for (const Id number : randint(0, Id{1} << 62, {count}, random))
        pairs.push_back(task.pair(part, static_cast<std::uint64_t>(number)));
    return pairs;
}

}  // namespace examples
