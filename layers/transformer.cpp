// The Transformer, layer by layer; see transformer.hpp.
#include <tapehead/layers/transformer.hpp>

#include <exception>
#include <list>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/layers/init.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// The options, checked before anything is made of them; those of attention it checks itself.
const TransformerOptions& checked(const TransformerOptions& o) {
    check<ValueError>(o.num_encoder_layers >= 0 && o.num_decoder_layers >= 0,
                      "Transformer: expected numbers of layers of at least 0, got {} and {}", o.num_encoder_layers,
                      o.num_decoder_layers);
    check<ValueError>(o.embed_dim > 0 && o.feedforward_dim > 0,
                      "Transformer: expected embed_dim and feedforward_dim of at least 1, got {} and {}", o.embed_dim,
                      o.feedforward_dim);
    check<ValueError>(0 <= o.dropout && o.dropout <= 1, "Transformer: expected a dropout in [0, 1], got {}", o.dropout);
    check<ValueError>(o.layer_norm_eps >= 0, "Transformer: expected layer_norm_eps >= 0, got {}", o.layer_norm_eps);
    check<ValueError>(o.activation != nullptr, "Transformer: expected an activation, got none");
    return o;
}

/// Post-norm: norm(x + dropout(f(x))). Pre-norm: x + dropout(f(norm(x))).
template <class F>
Tensor sublayer(const Tensor& x, const LayerNorm& norm, const Dropout& dropout, bool norm_first, const F& f) {
    return norm_first ? x + dropout(f(norm(x))) : norm(x + dropout(f(x)));
}

MultiHeadAttention make_self_attention(const TransformerOptions& options) {
    return {
        options.embed_dim,
        options.num_heads,
        {.dropout = options.dropout, .num_kv_heads = options.num_kv_heads, .rotary = options.rotary, .alibi = options.alibi}};
}

MultiHeadAttention make_cross_attention(const TransformerOptions& options) {
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
    ModuleList<L> layers;
    for (Index i = 0; i < count; ++i) layers.push_back(L(options));
    return layers;
}

/// Puts a cache back to its length if an exception passes.
class Rollback {
public:
    explicit Rollback(KeyValueCache& cache) : cache_(cache), length_(cache.length) {}
    Rollback(const Rollback&) = delete;
    Rollback& operator=(const Rollback&) = delete;
    ~Rollback() {
        if (std::uncaught_exceptions() > exceptions_) cache_.length = length_;
    }

private:
    KeyValueCache& cache_;
    Index length_;
    int exceptions_ = std::uncaught_exceptions();
};

void check_caches(const char* who, std::size_t caches, std::size_t layers) {
    check<ValueError>(caches == layers, "{}: expected a cache for each of {} layers, got {}", who, layers, caches);
}

}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(const TransformerOptions& options)
    : self_attention(make_self_attention(checked(options))),
      feed_forward(make_feed_forward(options)),
      norm1(make_norm(options)),
      norm2(make_norm(options)),
      dropout(options.dropout),
      norm_first(options.norm_first) {}

template <class SelfAttention>
Tensor TransformerEncoderLayer::sublayers(const Tensor& input, const SelfAttention& attend) const {
    const ModuleScope scope(*this);
    const Tensor x = sublayer(input, norm1, dropout, norm_first, attend);
    return sublayer(x, norm2, dropout, norm_first, feed_forward);
}

Tensor TransformerEncoderLayer::forward(const Tensor& x, const AttentionMask& mask) const {
    return sublayers(x, [&](const Tensor& h) { return self_attention(h, mask); });
}

Tensor TransformerEncoderLayer::forward(const Tensor& x, KeyValueCache& cache, const AttentionMask& mask) const {
    return sublayers(x, [&](const Tensor& h) { return self_attention.forward(h, cache, mask); });
}

void TransformerEncoderLayer::visit(Visitor& v) {
    v("self_attention", self_attention);
    v("feed_forward", feed_forward);
    v("norm1", norm1);
    v("norm2", norm2);
    v("dropout", dropout);
}

TransformerDecoderLayer::TransformerDecoderLayer(const TransformerOptions& options)
    : self_attention(make_self_attention(checked(options))),
      cross_attention(make_cross_attention(options)),
      feed_forward(make_feed_forward(options)),
      norm1(make_norm(options)),
      norm2(make_norm(options)),
      norm3(make_norm(options)),
      dropout(options.dropout),
      norm_first(options.norm_first) {}

template <class SelfAttention, class CrossAttention>
Tensor TransformerDecoderLayer::sublayers(const Tensor& input, const SelfAttention& attend, const CrossAttention& look) const {
    const ModuleScope scope(*this);
    Tensor x = sublayer(input, norm1, dropout, norm_first, attend);
    x = sublayer(x, norm2, dropout, norm_first, look);
    return sublayer(x, norm3, dropout, norm_first, feed_forward);
}

Tensor TransformerDecoderLayer::forward(const Tensor& x, const Tensor& memory, const AttentionMask& self_mask,
                                        const AttentionMask& memory_mask) const {
    return sublayers(
        x, [&](const Tensor& h) { return self_attention(h, self_mask); },
        [&](const Tensor& h) { return cross_attention(h, memory, memory, memory_mask); });
}

DecoderLayerResult TransformerDecoderLayer::forward_with_weights(const Tensor& x, const Tensor& memory,
                                                                 const AttentionMask& self_mask,
                                                                 const AttentionMask& memory_mask) const {
    DecoderLayerResult result;
    const auto keep = [](const AttentionResult& attended, Tensor& weights) {
        weights = attended.weights;
        return attended.output;
    };
    result.output = sublayers(
        x, [&](const Tensor& h) { return keep(self_attention.forward_with_weights(h, h, h, self_mask), result.self_weights); },
        [&](const Tensor& h) {
            return keep(cross_attention.forward_with_weights(h, memory, memory, memory_mask), result.memory_weights);
        });
    return result;
}

DecoderLayerCache TransformerDecoderLayer::make_cache(const Tensor& memory, Index capacity) const {
    return {self_attention.make_cache(memory.size(0), capacity), cross_attention.make_cache(memory, memory)};
}

Tensor TransformerDecoderLayer::forward(const Tensor& x, DecoderLayerCache& cache, const AttentionMask& self_mask,
                                        const AttentionMask& memory_mask) const {
    const Rollback unless_done(cache.self);
    return sublayers(
        x, [&](const Tensor& h) { return self_attention.forward(h, cache.self, self_mask); },
        [&](const Tensor& h) { return cross_attention.forward_to(h, cache.memory, memory_mask); });
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
    : layers(make_layers<TransformerEncoderLayer>(checked(options).num_encoder_layers, options)),
      norm(make_final_norm(options)) {}

Tensor TransformerEncoder::forward(const Tensor& input, const AttentionMask& mask) const {
    const ModuleScope scope(*this);
    Tensor x = input;
    for (const TransformerEncoderLayer& layer : layers) x = layer(x, mask);
    return norm ? (*norm)(x) : x;
}

std::vector<KeyValueCache> TransformerEncoder::make_cache(Index batch, Index capacity) const {
    std::vector<KeyValueCache> caches;
    for (const TransformerEncoderLayer& layer : layers) caches.push_back(layer.self_attention.make_cache(batch, capacity));
    return caches;
}

Tensor TransformerEncoder::forward(const Tensor& input, std::vector<KeyValueCache>& caches, const AttentionMask& mask) const {
    const ModuleScope scope(*this);
    check_caches("TransformerEncoder", caches.size(), layers.size());
    std::list<Rollback> unless_done;
    Tensor x = input;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        unless_done.emplace_back(caches[i]);
        x = layers[i].forward(x, caches[i], mask);
    }
    return norm ? (*norm)(x) : x;
}

void TransformerEncoder::visit(Visitor& v) {
    v("layers", layers);
    v("norm", norm);
}

TransformerDecoder::TransformerDecoder(const TransformerOptions& options)
    : layers(make_layers<TransformerDecoderLayer>(checked(options).num_decoder_layers, options)),
      norm(make_final_norm(options)) {}

Tensor TransformerDecoder::forward(const Tensor& input, const Tensor& memory, const AttentionMask& self_mask,
                                   const AttentionMask& memory_mask) const {
    const ModuleScope scope(*this);
    Tensor x = input;
    for (const TransformerDecoderLayer& layer : layers) x = layer(x, memory, self_mask, memory_mask);
    return norm ? (*norm)(x) : x;
}

DecoderResult TransformerDecoder::forward_with_weights(const Tensor& input, const Tensor& memory,
                                                       const AttentionMask& self_mask, const AttentionMask& memory_mask) const {
    const ModuleScope scope(*this);
    DecoderResult result{.output = input, .self_weights = {}, .memory_weights = {}};
    for (const TransformerDecoderLayer& layer : layers) {
        const DecoderLayerResult step = layer.forward_with_weights(result.output, memory, self_mask, memory_mask);
        result.output = step.output;
        result.self_weights.push_back(step.self_weights);
        result.memory_weights.push_back(step.memory_weights);
    }
    if (norm) result.output = (*norm)(result.output);
    return result;
}

std::vector<DecoderLayerCache> TransformerDecoder::make_cache(const Tensor& memory, Index capacity) const {
    std::vector<DecoderLayerCache> caches;
    for (const TransformerDecoderLayer& layer : layers) caches.push_back(layer.make_cache(memory, capacity));
    return caches;
}

Tensor TransformerDecoder::forward(const Tensor& input, std::vector<DecoderLayerCache>& caches, const AttentionMask& self_mask,
                                   const AttentionMask& memory_mask) const {
    const ModuleScope scope(*this);
    check_caches("TransformerDecoder", caches.size(), layers.size());
    std::list<Rollback> unless_done;
    Tensor x = input;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        unless_done.emplace_back(caches[i].self);
        x = layers[i].forward(x, caches[i], self_mask, memory_mask);
    }
    return norm ? (*norm)(x) : x;
}

void TransformerDecoder::visit(Visitor& v) {
    v("layers", layers);
    v("norm", norm);
}

void reorder(std::vector<KeyValueCache>& caches, const Ids& rows) {
    for (const KeyValueCache& cache : caches) cache.check_rows(rows);
    for (KeyValueCache& cache : caches) cache.reorder(rows);
}

void reorder(std::vector<DecoderLayerCache>& caches, const Ids& rows) {
    for (const DecoderLayerCache& cache : caches) {
        cache.self.check_rows(rows);
        cache.memory.check_rows(rows);
    }
    for (DecoderLayerCache& cache : caches) {
        cache.self.reorder(rows);
        cache.memory.reorder(rows);
    }
}

Transformer::Transformer(const TransformerOptions& options) : encoder(checked(options)), decoder(options) {
    for (const Tensor& parameter : parameters())
        if (parameter.dim() > 1) init::xavier_uniform_(parameter);
}

Tensor Transformer::forward(const Tensor& source, const Tensor& target, const TransformerMasks& masks) const {
    const ModuleScope scope(*this);
    return decoder(target, encoder(source, masks.source), masks.target, masks.memory);
}

void Transformer::visit(Visitor& v) {
    v("encoder", encoder);
    v("decoder", decoder);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
