// The Transformer of "Attention Is All You Need": encoder and decoder layers, their stacks, and the whole.
//
// Everything here works on vectors [B, T, E]; embeddings and the projection to a vocabulary belong to the model around it.
#pragma once

#include <optional>
#include <vector>

#include <tapehead/layers/attention.hpp>
#include <tapehead/layers/dropout.hpp>
#include <tapehead/layers/feed_forward.hpp>
#include <tapehead/layers/normalization.hpp>
#include <tapehead/layers/sequential.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The sizes and choices of a Transformer; the defaults are the paper's base model.
struct TransformerOptions {
    Index embed_dim = 512;         ///< E, the width of the model; d_model in the paper
    Index num_heads = 8;           ///< H, of every attention; they divide E
    Index num_encoder_layers = 6;  ///< N of the encoder
    Index num_decoder_layers = 6;  ///< N of the decoder
    Index feedforward_dim = 2048;  ///< the width inside the feed-forward network; d_ff
    Real dropout = 0.1;            ///< of attention weights, inside the feed-forward network and of each sublayer's output
    Activation activation = relu;  ///< of the feed-forward network
    bool norm_first = false;       ///< pre-norm x + f(norm(x)) instead of the paper's post-norm norm(x + f(x))
    Real layer_norm_eps = 1e-5;    ///< ε of the norms
    Index num_kv_heads = 0;        ///< of the self-attention: heads of keys and values, 0 for num_heads
    std::optional<RotaryOptions> rotary = {};  ///< of the self-attention: positions by rotation
    bool alibi = false;                        ///< of the self-attention: positions by a bias on the scores
    std::optional<bool> final_norm = {};       ///< a norm after the last layer of a stack; if not said, where norm_first
};

/// Self-attention and a feed-forward network, each with dropout, residual and norm: [B, T, E] → [B, T, E]
/// (Vaswani et al. 2017, section 3.1).
struct TransformerEncoderLayer : Module {
    MultiHeadAttention self_attention;  ///< the first sublayer
    FeedForward feed_forward;           ///< the last sublayer
    LayerNorm norm1, norm2;             ///< one a sublayer, in their order
    Dropout dropout;                    ///< of each sublayer's output
    bool norm_first;                    ///< whether the norm comes before the sublayer

    /// Throws ValueError for sizes that do not fit.
    explicit TransformerEncoderLayer(const TransformerOptions& options = {});
    /// @{
    /// The output for x [B, T, E] under a mask. Throws ShapeError.
    Tensor forward(const Tensor& x, const AttentionMask& mask = {}) const;
    Tensor operator()(const Tensor& x, const AttentionMask& mask = {}) const { return forward(x, mask); }
    /// @}
    /// Positions x [B, T, E] that go on from those in the cache; MultiHeadAttention says more.
    Tensor forward(const Tensor& x, KeyValueCache& cache, const AttentionMask& mask = AttentionMask::causal()) const;
    void visit(Visitor& v) override;

private:
    template <class SelfAttention>
    Tensor sublayers(const Tensor& x, const SelfAttention& attend) const;
};

/// What a decoder layer keeps from one step of decoding to the next.
struct DecoderLayerCache {
    KeyValueCache self;    ///< of the target so far
    KeyValueCache memory;  ///< of the encoder's output
};

/// The output of a decoder layer, and where it looked: at the target, and at the memory.
struct DecoderLayerResult {
    Tensor output, self_weights, memory_weights;  ///< [B, Tt, E]; weights [B, H, Tt, Tt] and [B, H, Tt, Ts]
};

/// Self-attention, attention to the encoder's output (`memory`) and a feed-forward network, each with dropout, residual and norm:
/// x [B, Tt, E], memory [B, Ts, E] → [B, Tt, E]  (Vaswani et al. 2017, section 3.1).
struct TransformerDecoderLayer : Module {
    MultiHeadAttention self_attention, cross_attention;  ///< the first two sublayers: of the target, and to the memory
    FeedForward feed_forward;                            ///< the last sublayer
    LayerNorm norm1, norm2, norm3;                       ///< one a sublayer, in their order
    Dropout dropout;                                     ///< of each sublayer's output
    bool norm_first;                                     ///< whether the norm comes before the sublayer

    /// Throws ValueError for sizes that do not fit.
    explicit TransformerDecoderLayer(const TransformerOptions& options = {});
    /// @{
    /// The output for a target x [B, Tt, E] and a memory [B, Ts, E] under masks of the target and the memory. Throws ShapeError.
    Tensor forward(const Tensor& x, const Tensor& memory, const AttentionMask& self_mask = AttentionMask::causal(),
                   const AttentionMask& memory_mask = {}) const;
    Tensor operator()(const Tensor& x, const Tensor& memory, const AttentionMask& self_mask = AttentionMask::causal(),
                      const AttentionMask& memory_mask = {}) const {
        return forward(x, memory, self_mask, memory_mask);
    }
    /// @}
    /// The same with the weights of both attentions.
    DecoderLayerResult forward_with_weights(const Tensor& x, const Tensor& memory,
                                            const AttentionMask& self_mask = AttentionMask::causal(),
                                            const AttentionMask& memory_mask = {}) const;

    /// The memory's keys and values, and room for a target of up to `capacity` positions.
    DecoderLayerCache make_cache(const Tensor& memory, Index capacity) const;
    /// Positions x [B, T, E] of the target that go on from those in the cache.
    Tensor forward(const Tensor& x, DecoderLayerCache& cache, const AttentionMask& self_mask = AttentionMask::causal(),
                   const AttentionMask& memory_mask = {}) const;
    void visit(Visitor& v) override;

private:
    template <class SelfAttention, class CrossAttention>
    Tensor sublayers(const Tensor& x, const SelfAttention& attend, const CrossAttention& look) const;
};

/// `num_encoder_layers` encoder layers: [B, T, E] → [B, T, E]. With a causal mask it is a decoder-only language model's stack.
struct TransformerEncoder : Module {
    ModuleList<TransformerEncoderLayer> layers;  ///< the first reads the input
    std::optional<LayerNorm> norm;               ///< after the last layer, if there is one

    /// Throws ValueError for sizes that do not fit.
    explicit TransformerEncoder(const TransformerOptions& options = {});
    /// @{
    /// The output for x [B, T, E] under a mask. Throws ShapeError.
    Tensor forward(const Tensor& x, const AttentionMask& mask = {}) const;
    Tensor operator()(const Tensor& x, const AttentionMask& mask = {}) const { return forward(x, mask); }
    /// @}

    /// A cache for every layer, for `batch` sequences of up to `capacity` positions.
    std::vector<KeyValueCache> make_cache(Index batch, Index capacity) const;
    /// Positions x [B, T, E] that go on from those in the caches.
    Tensor forward(const Tensor& x, std::vector<KeyValueCache>& caches,
                   const AttentionMask& mask = AttentionMask::causal()) const;
    void visit(Visitor& v) override;
};

/// The output of a decoder [B, Tt, E], and the weights of each layer.
struct DecoderResult {
    Tensor output;                       ///< [B, Tt, E]
    std::vector<Tensor> self_weights;    ///< [B, H, Tt, Tt]
    std::vector<Tensor> memory_weights;  ///< [B, H, Tt, Ts]
};

/// `num_decoder_layers` decoder layers: x [B, Tt, E], memory [B, Ts, E] → [B, Tt, E].
struct TransformerDecoder : Module {
    ModuleList<TransformerDecoderLayer> layers;  ///< the first reads the target
    std::optional<LayerNorm> norm;               ///< after the last layer, if there is one

    /// Throws ValueError for sizes that do not fit.
    explicit TransformerDecoder(const TransformerOptions& options = {});
    /// @{
    /// The output for a target x [B, Tt, E] and a memory [B, Ts, E] under masks of the target and the memory. Throws ShapeError.
    Tensor forward(const Tensor& x, const Tensor& memory, const AttentionMask& self_mask = AttentionMask::causal(),
                   const AttentionMask& memory_mask = {}) const;
    Tensor operator()(const Tensor& x, const Tensor& memory, const AttentionMask& self_mask = AttentionMask::causal(),
                      const AttentionMask& memory_mask = {}) const {
        return forward(x, memory, self_mask, memory_mask);
    }
    /// @}
    /// The same with the weights of all attentions.
    DecoderResult forward_with_weights(const Tensor& x, const Tensor& memory,
                                       const AttentionMask& self_mask = AttentionMask::causal(),
                                       const AttentionMask& memory_mask = {}) const;

    /// A cache for every layer: the memory's keys and values, and room for a target of up to `capacity` positions.
    std::vector<DecoderLayerCache> make_cache(const Tensor& memory, Index capacity) const;
    /// Positions x [B, T, E] of the target that go on from those in the caches.
    Tensor forward(const Tensor& x, std::vector<DecoderLayerCache>& caches,
                   const AttentionMask& self_mask = AttentionMask::causal(), const AttentionMask& memory_mask = {}) const;
    void visit(Visitor& v) override;
};

/// Row i of all caches becomes what row rows[i] was, cache by cache, so that no more memory is taken than for one. Throws as
/// KeyValueCache::reorder, and then changes none; but where memory runs out on the way they are no longer of one order.
void reorder(std::vector<KeyValueCache>& caches, const Ids& rows);
/// The same of a decoder's caches.
void reorder(std::vector<DecoderLayerCache>& caches, const Ids& rows);

/// Who may attend to whom in a Transformer; the target is causal unless said otherwise.
struct TransformerMasks {
    AttentionMask source = {};                       ///< of the encoder, over source positions
    AttentionMask target = AttentionMask::causal();  ///< of the decoder, over target positions
    AttentionMask memory = {};                       ///< of the decoder's attention to source positions
};

/// Encoder and decoder: source [B, Ts, E], target [B, Tt, E] → [B, Tt, E]  (Vaswani et al. 2017, figure 1, without embeddings).
struct Transformer : Module {
    TransformerEncoder encoder;  ///< reads the source
    TransformerDecoder decoder;  ///< reads the target and the encoder's output

    /// All matrices start Xavier uniform. Throws ValueError for sizes that do not fit.
    explicit Transformer(const TransformerOptions& options = {});
    /// @{
    /// The output for a source [B, Ts, E] and a target [B, Tt, E]. Throws ShapeError.
    Tensor forward(const Tensor& source, const Tensor& target, const TransformerMasks& masks = {}) const;
    Tensor operator()(const Tensor& source, const Tensor& target, const TransformerMasks& masks = {}) const {
        return forward(source, target, masks);
    }
    /// @}
    void visit(Visitor& v) override;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
