// Sequences as padded arrays for a Transformer, and back; and pairs of a task drawn with a Generator.
#pragma once

#include <algorithm>
#include <vector>

#include <support/sequence.hpp>
#include <support/sequence_tasks.hpp>
#include <support/team.hpp>
#include <tapehead/autograd/autograd.hpp>
#include <tapehead/data/batches.hpp>

namespace examples {

using namespace tapehead;

/// Pairs of sequences, padded to the longest.
struct Batch {
    PaddedSequences source;     // [B, Ts]      a b c
    Ids target_in, target_out;  // [B, Tt + 1]  BOS x y, and x y EOS: the same, one place apart
};

inline Batch make_batch(const std::vector<SequencePair>& pairs) {
    std::vector<Sequence> sources, inputs, outputs;
    for (const auto& [source, target] : pairs) {
        sources.push_back(source);
        inputs.push_back(target);
        inputs.back().insert(inputs.back().begin(), bos_id);
        outputs.push_back(target);
        outputs.back().push_back(eos_id);
    }
    const PadOptions padding{.pad_id = pad_id};
    return {pad_sequences(sources, padding), pad_sequences(inputs, padding).ids, pad_sequences(outputs, padding).ids};
}

/// The rows of a batch that are this process's.
inline Batch team_part(const Batch& batch) {
    const auto [begin, end] = team::part(std::ssize(batch.source.lengths));
    const std::vector<Index> lengths(batch.source.lengths.begin() + begin, batch.source.lengths.begin() + end);
    return {{team::part(batch.source.ids), lengths, batch.source.side},
            team::part(batch.target_in),
            team::part(batch.target_out)};
}

/// How many symbols of a batch are to be predicted.
inline Real num_targets(const Batch& batch) {
    return static_cast<Real>(std::ranges::count_if(batch.target_out, [](Id id) { return id != pad_id; }));
}

/// `count` pairs of a part of a task.
inline std::vector<SequencePair> random_pairs(const SequenceTask& task, Part part, Index count, Generator& random) {
    std::vector<SequencePair> pairs;
    for (const Id number : randint(0, Id{1} << 62, {count}, random))
        pairs.push_back(task.pair(part, static_cast<std::uint64_t>(number)));
    return pairs;
}

}  // namespace examples
