// MultiHeadAttention: queries, keys and values projected per head, attended, joined and projected again.
#pragma once

#include <optional>

#include <tapehead/autograd/ops/attention.hpp>
#include <tapehead/layers/kv_cache.hpp>
#include <tapehead/layers/linear.hpp>
#include <tapehead/layers/positional.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// What a MultiHeadAttention has beside its width and its number of heads.
struct MultiHeadAttentionOptions {
    Real dropout = 0;        ///< of the attention weights, in training
    bool bias = true;        ///< in all four projections
    Index kdim = 0;          ///< width of the keys; 0 means embed_dim
    Index vdim = 0;          ///< width of the values; 0 means embed_dim
    Index num_kv_heads = 0;  ///< heads of keys and values, each shared by several of the queries; 0: num_heads
    /// Turns queries and keys by their positions; the last query stands at the last key.
    std::optional<RotaryOptions> rotary = {};
    bool alibi = false;                         ///< subtracts a slope times the distance from the scores; AttentionMask::alibi
    Index window_left = -1, window_right = -1;  ///< how far a query sees to either side, −1 for all; AttentionMask::window
    Real softcap = 0;                           ///< c > 0 bounds the scores to ±c
    std::optional<Real> scale = {};             ///< of the scores; 1/√D if not given
};

namespace detail {

/// Keys or values x [B, T, E], at the positions from `first` on of the Tk that shape [B, H, Tq, Tk] has. If a NaN or infinity is among the
/// numbers, those that no query may attend to are replaced by 0: a projection would spread them into the gradient of its weights.
Tensor readable(const Tensor& x, const AttentionMask& mask, const AttentionShape& shape, Index first);

}  // namespace detail

/// MultiHead(Q, K, V) = Concat(head₁, ..., head_H) Wᴼ, headᵢ = Attention(Q Wᵢ^Q, K Wᵢ^K, V Wᵢ^V)
/// (Vaswani et al. 2017, section 3.2.2; fewer heads of keys and values: Ainslie et al. 2023).
///
/// query [B, Tq, E], key [B, Tk, kdim], value [B, Tk, vdim] → [B, Tq, E]. The projections start Xavier uniform, each on its own
/// matrix, their biases as 0.
struct MultiHeadAttention : Module {
    Linear q_proj;                          ///< E → E
    Linear k_proj;                          ///< kdim → Hkv D
    Linear v_proj;                          ///< vdim → Hkv D
    Linear out_proj;                        ///< E → E
    Index num_heads, num_kv_heads;          ///< H and Hkv, of queries and of keys and values
    Real dropout;                           ///< of the attention weights, in training
    Real softcap;                           ///< the bound of the scores, 0 for none
    std::optional<Real> scale;              ///< of the scores; 1/√D if not given
    AttentionMask own_mask;                 ///< window and ALiBi, beside the mask of a call
    std::optional<RotaryEmbedding> rotary;  ///< of queries and keys, if they turn

    /// Throws ValueError unless num_heads divides embed_dim and num_kv_heads divides num_heads, for a dropout outside [0, 1], and
    /// for other options out of range.
    MultiHeadAttention(Index embed_dim, Index num_heads, const MultiHeadAttentionOptions& options = {});

    /// Attention of `query` to `key` and `value`. Throws ShapeError.
    Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMask& mask = {}) const;
    /// Self-attention.
    Tensor forward(const Tensor& x, const AttentionMask& mask = {}) const { return forward(x, x, x, mask); }
    /// @{
    /// The same as forward.
    Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMask& mask = {}) const {
        return forward(query, key, value, mask);
    }
    Tensor operator()(const Tensor& x, const AttentionMask& mask = {}) const { return forward(x, mask); }
    /// @}

    /// The output [B, Tq, E] with the weights: [B, H, Tq, Tk] per head, or [B, Tq, Tk] as the mean over the heads. Takes memory
    /// for all weights, which `forward` does not.
    AttentionResult forward_with_weights(const Tensor& query, const Tensor& key, const Tensor& value,
                                         const AttentionMask& mask = {}, bool average = false) const;

    /// A cache for `batch` sequences of up to `capacity` positions.
    KeyValueCache make_cache(Index batch, Index capacity) const;
    /// A cache that holds the keys and values of a memory, projected once for many queries.
    KeyValueCache make_cache(const Tensor& key, const Tensor& value) const;
    /// Self-attention of positions x [B, T, E] that go on from those in the cache, which takes them in: the output is that of
    /// the last T positions of a full pass. `mask` is over all positions seen. Throws ShapeError, and as KeyValueCache::append.
    Tensor forward(const Tensor& x, KeyValueCache& cache, const AttentionMask& mask = AttentionMask::causal()) const;
    /// Attention to a memory of at least as many positions that is all in the cache. Throws ShapeError.
    Tensor forward_to(const Tensor& query, const KeyValueCache& memory, const AttentionMask& mask = {}) const;
    void visit(Visitor& v) override;

private:
    struct Heads {
        Tensor q, k, v;  // [B, Tq, H, D], [B, Tk, Hkv, D], [B, Tk, Hkv, D]
    };
    Tensor turned(const Tensor& heads, Index first) const;
    Heads project(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMask& mask) const;
    void append(KeyValueCache& cache, const Tensor& key, const Tensor& value, Index first) const;
    Tensor attend_to(const KeyValueCache& cache, const Tensor& x, Index first, const AttentionMask& mask) const;
    AttentionOptions options(const AttentionMask& mask) const;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
