// Generating sequences of tokens: the likeliest next one, drawn ones, and beam search, on any model that goes on step by step.
//
//     std::vector<KeyValueCache> caches = model.make_cache(batch, capacity);
//     const StepModel steps{.next = [&](const Ids& tokens) { ... logits [B, V] of what follows },
//                           .reorder = [&](const Ids& rows) { reorder(caches, rows); }};
//     const std::vector<TokenSequence> written = greedy_decode(steps, prompt, {.max_length = 50, .end = eos_id});
#pragma once

#include <functional>
#include <vector>

#include <tapehead/autograd/ops/indexing.hpp>
#include <tapehead/autograd/random.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The ids of one sequence.
using TokenSequence = std::vector<Id>;

/// A model that reads a batch of sequences piece by piece, and remembers.
struct StepModel {
    std::function<Tensor(const Ids& tokens)> next;  ///< reads tokens [B, T] that follow what it has read → logits [B, V]
    std::function<void(const Ids& rows)> reorder;   ///< sequence i becomes what sequence rows[i] was; for any number of rows
};

/// Where generated sequences end.
struct GenerateOptions {
    Index max_length = 100;  ///< the most tokens that are written
    Id end = no_id;          ///< the token that ends a sequence; without one all have max_length tokens
};

/// Goes on from a prompt [B, T] with the likeliest token each time; each sequence stops by itself. Returns what was written for
/// each row, without prompt and end. Throws ShapeError, also for logits of another shape, and ValueError, also for logits of NaN.
std::vector<TokenSequence> greedy_decode(const StepModel& model, const Ids& prompt, const GenerateOptions& options = {});

/// How the next token is drawn.
struct SampleOptions {
    Real temperature = 1;  ///< logits are divided by it; 0 takes the likeliest
    Index top_k = 0;       ///< draw among the k likeliest tokens; 0 for all
    Real top_p = 1;        ///< draw among the likeliest tokens that hold this share of all probability (Holtzman et al. 2020)
    Generator* generator = &default_generator();  ///< of the draws
};

/// The same with tokens drawn from softmax(logits / temperature), cut to the likeliest. Throws ValueError for a temperature below
/// 0, a top_k below 0 and a top_p outside (0, 1].
std::vector<TokenSequence> sample_decode(const StepModel& model, const Ids& prompt, const GenerateOptions& options = {},
                                         const SampleOptions& sampling = {});

/// How wide beam search is, and how it compares sequences of different lengths.
struct BeamOptions {
    Index beams = 4;            ///< how many sequences are kept at each step
    Real length_penalty = 0.6;  ///< α of ((5 + length) / 6)^α, which log-probabilities are divided by (Wu et al. 2016)
};

/// A finished sequence of beam search.
struct Hypothesis {
    TokenSequence tokens;  ///< without prompt and end
    Real score;            ///< log-probability over the length penalty
};

/// The best sequence found for each row of a prompt [B, T], keeping `beams` of them at each step. Throws ShapeError, ValueError.
std::vector<Hypothesis> beam_search(const StepModel& model, const Ids& prompt, const GenerateOptions& options = {},
                                    const BeamOptions& beam = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR
