// Scaled dot-product attention, the operation this project is about.
#pragma once

#include <optional>

#include <tapehead/autograd/ops/attention_mask.hpp>
#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// How attention weighs the values: who sees whom, and what is done to the scores and weights.
struct AttentionOptions {
    AttentionMask mask = {};                      ///< who may attend to whom
    std::optional<Real> scale = {};               ///< of the scores; 1/√D if not given
    Real softcap = 0;                             ///< c > 0 bounds the scores to ±c by c tanh(score / c); 0 for none
    Real dropout = 0;                             ///< probability of dropping a weight, in training
    bool training = false;                        ///< whether dropout acts
    Generator* generator = &default_generator();  ///< of the dropout
    bool time_first = false;  ///< q, k, v and the output are [B, T, H, D], as projections leave them, and not [B, H, T, D]
};

/// The output of attention and its weights.
struct AttentionResult {
    Tensor output;   ///< [B, H, Tq, Dv], or [B, Tq, H, Dv] if time_first
    Tensor weights;  ///< [B, H, Tq, Tk], each row summing to 1, or 0 where a query may attend to nothing; before dropout
};

/// Everything between the queries and the output, in the order in which it comes about.
struct AttentionSteps {
    Tensor scores;         ///< [B, H, Tq, Tk]: Q Kᵀ times the scale
    Tensor capped_scores;  ///< [B, H, Tq, Tk]: after the softcap
    Tensor masked_scores;  ///< [B, H, Tq, Tk]: plus biases, −∞ where a query may not attend
    Tensor weights;        ///< [B, H, Tq, Tk]: their softmax
    Tensor output;         ///< [B, H, Tq, Dv], or [B, Tq, H, Dv] if time_first: the weights after dropout, times V
};

/// A call of attention, as observers see it: with this the steps can be made anew, all or those of one head.
struct AttentionCall {
    const Tensor& q;                  ///< [B, H, Tq, D]; here and below [B, T, H, D] if options.time_first
    const Tensor& k;                  ///< [B, Hkv, Tk, D]
    const Tensor& v;                  ///< [B, Hkv, Tk, Dv]
    const AttentionOptions& options;  ///< as they were given
    kernels::PhiloxKey dropout;       ///< the state of the generator that drew the dropout of the weights
    const Tensor& output;             ///< [B, H, Tq, Dv]
};

/// Attention(Q, K, V) = softmax(Q Kᵀ / √D) V  (Vaswani et al. 2017, section 3.2.1).
///
/// q [B, H, Tq, D], k [B, Hkv, Tk, D], v [B, Hkv, Tk, Dv] → [B, H, Tq, Dv]; each of the Hkv key-value heads serves H / Hkv query
/// heads in turn. With time_first the middle axes of all four change places; either way the numbers are read where they are. A
/// query that may attend to nothing gets 0 with gradient 0. A key or value is not read by a query that may not attend to it: a NaN
/// there reaches no output and no gradient. Memory grows with T: a fused kernel keeps the output and one number for each query, and
/// makes the weights anew in the backward pass (Dao et al. 2022). Where a mask excludes pairs and q, k or v hold a NaN or infinity
/// the written-out path runs, pair by pair, in memory that grows with Tq Tk D. Throws ShapeError, ValueError.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {});

/// Attention of the queries to the first `keys` rows of k and v alone, which are read where they are: what a key-value cache holds.
///
/// k [B, Hkv, capacity, D], v [B, Hkv, capacity, Dv], or with the middle axes swapped if time_first. Throws as above, and
/// IndexError unless 0 ≤ keys ≤ capacity.
Tensor scaled_dot_product_attention_to_first(const Tensor& q, const Tensor& k, const Tensor& v, Index keys,
                                             const AttentionOptions& options = {});

/// The same as scaled_dot_product_attention, with the weights, on the written-out path: memory grows with Tq Tk.
AttentionResult scaled_dot_product_attention_with_weights(const Tensor& q, const Tensor& k, const Tensor& v,
                                                          const AttentionOptions& options = {});

/// The same, with every step.
AttentionSteps scaled_dot_product_attention_steps(const Tensor& q, const Tensor& k, const Tensor& v,
                                                  const AttentionOptions& options = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR
