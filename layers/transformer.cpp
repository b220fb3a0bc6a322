// The Transformer, layer by layer; see transformer.hpp.
#include <tapehead/layers/transformer.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/layers/init.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// Post-norm: norm(x + dropout(f(x))). Pre-norm: x + dropout(f(norm(x))).
template <class F>
Tensor sublayer(const Tensor& x, const LayerNorm& norm, const Dropout& dropout, bool norm_first, const F& f) {
    return norm_first ? x + dropout(f(norm(x))) : norm(x + dropout(f(x)));
}

MultiHeadAttention make_attention(const TransformerOptions& options) {
    return {options.embed_dim, options.num_heads, {.dropout = options.dropout}};
}

FeedForward make_feed_forward(const TransformerOptions& options) {
    return {options.embed_dim, options.feedforward_dim, options.dropout, options.activation};
}

LayerNorm make_norm(const TransformerOptions& options) { return LayerNorm(options.embed_dim, options.layer_norm_eps); }

std::optional<LayerNorm> make_final_norm(const TransformerOptions& options) {
    if (!options.final_norm.value_or(options.norm_first)) return {};
    return make_norm(options);
}

template <class L>
ModuleList<L> make_layers(Index count, const TransformerOptions& options) {
    check<ValueError>(count >= 0, "Transformer: expected a number of layers of at least 0, got {}", count);
    ModuleList<L> layers;
    for (Index i = 0; i < count; ++i) layers.push_back(L(options));
    return layers;
}

}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(const TransformerOptions& options)
    : self_attention(make_attention(options)),
      feed_forward(make_feed_forward(options)),
      norm1(make_norm(options)),
      norm2(make_norm(options)),
      dropout(options.dropout),
      norm_first(options.norm_first) {}

Tensor TransformerEncoderLayer::forward(const Tensor& input, const AttentionMask& mask) const {
    const Tensor x = sublayer(input, norm1, dropout, norm_first, [&](const Tensor& h) { return self_attention(h, mask); });
    return sublayer(x, norm2, dropout, norm_first, feed_forward);
}

void TransformerEncoderLayer::visit(Visitor& v) {
    v("self_attention", self_attention);
    v("feed_forward", feed_forward);
    v("norm1", norm1);
    v("norm2", norm2);
    v("dropout", dropout);
}

TransformerDecoderLayer::TransformerDecoderLayer(const TransformerOptions& options)
    : self_attention(make_attention(options)),
      cross_attention(make_attention(options)),
      feed_forward(make_feed_forward(options)),
      norm1(make_norm(options)),
      norm2(make_norm(options)),
      norm3(make_norm(options)),
      dropout(options.dropout),
      norm_first(options.norm_first) {}

Tensor TransformerDecoderLayer::forward(const Tensor& input, const Tensor& memory, const AttentionMask& self_mask,
                                        const AttentionMask& memory_mask) const {
    Tensor x = sublayer(input, norm1, dropout, norm_first, [&](const Tensor& h) { return self_attention(h, self_mask); });
    x = sublayer(x, norm2, dropout, norm_first,
                 [&](const Tensor& h) { return cross_attention(h, memory, memory, memory_mask); });
    return sublayer(x, norm3, dropout, norm_first, feed_forward);
}

void TransformerDecoderLayer::visit(Visitor& v) {
    v("self_attention", self_attention);
    v("cross_attention", cross_attention);
    v("feed_forward", feed_forward);
    v("norm1", norm1);
    v("norm2", norm2);
    v("norm3", norm3);
    v("dropout", dropout);
}

TransformerEncoder::TransformerEncoder(const TransformerOptions& options)
    : layers(make_layers<TransformerEncoderLayer>(options.num_encoder_layers, options)), norm(make_final_norm(options)) {}

Tensor TransformerEncoder::forward(const Tensor& input, const AttentionMask& mask) const {
    Tensor x = input;
    for (const TransformerEncoderLayer& layer : layers) x = layer(x, mask);
    return norm ? (*norm)(x) : x;
}

void TransformerEncoder::visit(Visitor& v) {
    v("layers", layers);
    v("norm", norm);
}

TransformerDecoder::TransformerDecoder(const TransformerOptions& options)
    : layers(make_layers<TransformerDecoderLayer>(options.num_decoder_layers, options)), norm(make_final_norm(options)) {}

Tensor TransformerDecoder::forward(const Tensor& input, const Tensor& memory, const AttentionMask& self_mask,
                                   const AttentionMask& memory_mask) const {
    Tensor x = input;
    for (const TransformerDecoderLayer& layer : layers) x = layer(x, memory, self_mask, memory_mask);
    return norm ? (*norm)(x) : x;
}

void TransformerDecoder::visit(Visitor& v) {
    v("layers", layers);
    v("norm", norm);
}

Transformer::Transformer(const TransformerOptions& options) : encoder(options), decoder(options) {
    for (const Tensor& parameter : parameters())
        if (parameter.dim() > 1) init::xavier_uniform_(parameter);
}

Tensor Transformer::forward(const Tensor& source, const Tensor& target, const TransformerMasks& masks) const {
    return decoder(target, encoder(source, masks.source), masks.target, masks.memory);
}

void Transformer::visit(Visitor& v) {
    v("encoder", encoder);
    v("decoder", decoder);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
