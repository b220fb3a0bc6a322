// Sequences as padded arrays for a Transformer, and back; and pairs of a task drawn with a Generator.
#pragma once

#include <vector>

#include <support/sequence.hpp>
#include <support/sequence_tasks.hpp>
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

/// `count` pairs of a part of a task.
inline std::vector<SequencePair> random_pairs(const SequenceTask& task, Part part, Index count, Generator& random) {
    std::vector<SequencePair> pairs;
    for (const Id number : randint(0, Id{1} << 62, {count}, random))
        pairs.push_back(task.pair(part, static_cast<std::uint64_t>(number)));
    return pairs;
}

}  // namespace examples
