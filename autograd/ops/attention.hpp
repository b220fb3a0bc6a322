// Scaled dot-product attention, the operation this project is about.
#pragma once

#include <optional>

#include <tapehead/autograd/ops/attention_mask.hpp>
#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

struct AttentionOptions {
    AttentionMask mask = {};                      ///< who may attend to whom
    std::optional<Real> scale = {};               ///< of the scores; 1/√D if not given
    Real softcap = 0;                             ///< c > 0 bounds the scores to ±c by c tanh(score / c); 0 for none
    Real dropout = 0;                             ///< probability of dropping a weight, in training
    bool training = false;                        ///< whether dropout acts
    Generator* generator = &default_generator();  ///< of the dropout
};

/// The steps of attention, in the order in which they are taken.
struct AttentionResult {
    Tensor output;         ///< [B, H, Tq, Dv]
    Tensor weights;        ///< [B, H, Tq, Tk], each row summing to 1, or 0 where a query may attend to nothing; before dropout
    Tensor scores;         ///< [B, H, Tq, Tk]: Q Kᵀ times the scale
    Tensor capped_scores;  ///< [B, H, Tq, Tk]: the scores after the softcap
    Tensor
        masked_scores;  ///< [B, H, Tq, Tk]: the capped scores plus biases, −∞ where a query may not attend; their softmax is weights
};

/// Attention(Q, K, V) = softmax(Q Kᵀ / √D) V  (Vaswani et al. 2017, section 3.2.1).
///
/// q [B, H, Tq, D], k [B, Hkv, Tk, D], v [B, Hkv, Tk, Dv] → [B, H, Tq, Dv]; each of the Hkv key-value heads serves H / Hkv query
/// heads in turn. A query that may attend to nothing gets 0 with gradient 0. A key or value is not read by a query that may not
/// attend to it: a NaN there reaches no output and no gradient. Throws ShapeError, ValueError.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {});

/// The same, with the weights.
AttentionResult scaled_dot_product_attention_with_weights(const Tensor& q, const Tensor& k, const Tensor& v,
                                                          const AttentionOptions& options = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR
