// MultiHeadAttention: queries, keys and values projected per head, attended, joined and projected again.
#pragma once

#include <tapehead/autograd/ops/attention.hpp>
#include <tapehead/layers/linear.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

struct MultiHeadAttentionOptions {
    Real dropout = 0;  ///< of the attention weights, in training
    bool bias = true;  ///< in all four projections
    Index kdim = 0;    ///< width of the keys; 0 means embed_dim
    Index vdim = 0;    ///< width of the values; 0 means embed_dim
};

/// MultiHead(Q, K, V) = Concat(head₁, ..., head_H) Wᴼ, headᵢ = Attention(Q Wᵢ^Q, K Wᵢ^K, V Wᵢ^V)
/// (Vaswani et al. 2017, section 3.2.2).
///
/// query [B, Tq, E], key [B, Tk, kdim], value [B, Tk, vdim] → [B, Tq, E]. The projections start Xavier uniform, each on its own
/// matrix, their biases as 0.
struct MultiHeadAttention : Module {
    Linear q_proj, k_proj, v_proj, out_proj;  // E → E, kdim → E, vdim → E, E → E
    Index num_heads;
    Real dropout;

    /// Throws ValueError unless num_heads divides embed_dim, and for a dropout outside [0, 1].
    MultiHeadAttention(Index embed_dim, Index num_heads, MultiHeadAttentionOptions options = {});

    /// Attention of `query` to `key` and `value`. Throws ShapeError.
    Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMask& mask = {}) const;
    /// Self-attention.
    Tensor forward(const Tensor& x, const AttentionMask& mask = {}) const { return forward(x, x, x, mask); }
    Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMask& mask = {}) const {
        return forward(query, key, value, mask);
    }
    Tensor operator()(const Tensor& x, const AttentionMask& mask = {}) const { return forward(x, mask); }

    /// The output [B, Tq, E] with the weights: [B, H, Tq, Tk] per head, or [B, Tq, Tk] as the mean over the heads.
    AttentionResult forward_with_weights(const Tensor& query, const Tensor& key, const Tensor& value,
                                         const AttentionMask& mask = {}, bool average = false) const;
    void visit(Visitor& v) override;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
