// MultiHeadAttention, step by step; see attention.hpp.
#include <tapehead/layers/attention.hpp>

#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/layers/init.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// [B, T, E] → [B, T, H, D]
Tensor split_heads(const Tensor& x, Index heads) { return reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}); }

/// [B, T, H, D] → [B, T, E]
Tensor merge_heads(const Tensor& x) { return flatten(x, 2, 3); }

/// [B, T, H, D] ↔ [B, H, T, D]: a cache keeps the positions of a head together.
Tensor swap_heads(const Tensor& x) { return permute(x, {0, 2, 1, 3}); }

/// The width of the queries. Checks all that is asked for before anything is made.
Index checked_width(Index embed_dim, Index heads, const MultiHeadAttentionOptions& o) {
    check<ValueError>(
        embed_dim > 0 && o.kdim >= 0 && o.vdim >= 0,
        "MultiHeadAttention: expected an embed_dim of at least 1 and kdim and vdim of at least 0, got {}, {} and {}", embed_dim,
        o.kdim, o.vdim);
    const Index kv_heads = o.num_kv_heads;
    check<ValueError>(heads > 0 && embed_dim % heads == 0,
                      "MultiHeadAttention: expected heads that divide embed_dim {}, got {}", embed_dim, heads);
    check<ValueError>(kv_heads >= 0 && (kv_heads == 0 || heads % kv_heads == 0),
                      "MultiHeadAttention: expected key-value heads that divide {} heads, got {}", heads, kv_heads);
    check<ValueError>(0 <= o.dropout && o.dropout <= 1, "MultiHeadAttention: expected a dropout in [0, 1], got {}", o.dropout);
    check<ValueError>(o.softcap >= 0 && std::isfinite(o.softcap), "MultiHeadAttention: expected softcap >= 0, got {}",
                      o.softcap);
    check<ValueError>(!o.scale || std::isfinite(*o.scale), "MultiHeadAttention: expected a finite scale, got {}",
                      o.scale.value_or(0));
    AttentionMask::window(o.window_left, o.window_right);
    if (o.rotary) RotaryEmbedding(embed_dim / heads, *o.rotary, 0);
    return embed_dim;
}

/// The width of all key-value heads together.
Index kv_width(Index embed_dim, Index heads, Index kv_heads) { return embed_dim / heads * (kv_heads ? kv_heads : heads); }

void check_sequence(const char* what, const Tensor& x, const Linear& projection) {
    check<ShapeError>(x.dim() == 3 && x.size(2) == projection.weight.size(1),
                      "MultiHeadAttention: expected {} [B, T, {}], got {}", what, projection.weight.size(1), x.shape());
}

}  // namespace

Tensor detail::readable(const Tensor& x, const AttentionMask& mask, const AttentionShape& shape, Index first) {
    if (mask.empty() || all_finite(x)) return x;
    const std::optional<Condition> allowed = mask.allowed(shape);
    if (!allowed) return x;
    Tensor reached = as_tensor(*allowed);  // broadcasts to [B, H, Tq, Tk]
    while (reached.dim() < 4) reached = unsqueeze(reached, 0);
    reached = expand(amax(reached, {1, 2}), {shape.batch, shape.keys});                 // [B, Tk]
    return where(unsqueeze(slice(reached, 1, first, first + x.size(1)), 2) > 0, x, 0);  // [B, T, E]
}

MultiHeadAttention::MultiHeadAttention(Index embed_dim, Index heads, const MultiHeadAttentionOptions& o)
    : q_proj(checked_width(embed_dim, heads, o), embed_dim, o.bias),
      k_proj(o.kdim ? o.kdim : embed_dim, kv_width(embed_dim, heads, o.num_kv_heads), o.bias),
      v_proj(o.vdim ? o.vdim : embed_dim, kv_width(embed_dim, heads, o.num_kv_heads), o.bias),
      out_proj(embed_dim, embed_dim, o.bias),
      num_heads(heads),
      num_kv_heads(o.num_kv_heads ? o.num_kv_heads : heads),
      dropout(o.dropout),
      softcap(o.softcap),
      scale(o.scale) {
    if (o.rotary) rotary.emplace(embed_dim / heads, *o.rotary);
    if (o.window_left != -1 || o.window_right != -1) own_mask = AttentionMask::window(o.window_left, o.window_right);
    if (o.alibi) own_mask = own_mask & AttentionMask::alibi();
    for (Linear* projection : {&q_proj, &k_proj, &v_proj, &out_proj}) {
        init::xavier_uniform_(projection->weight);
        if (projection->bias) init::zeros_(projection->bias);
    }
}

/// Queries or keys with their positions, from `first` on.
Tensor MultiHeadAttention::turned(const Tensor& heads, Index first) const {
    return rotary ? rotary->forward(heads, first, 1) : heads;
}

MultiHeadAttention::Heads MultiHeadAttention::project(const Tensor& query, const Tensor& key, const Tensor& value,
                                                      const AttentionMask& mask) const {
    check_sequence("query", query, q_proj);
    check_sequence("key", key, k_proj);
    check_sequence("value", value, v_proj);
    check<ShapeError>(key.size(1) == value.size(1) && query.size(0) == key.size(0) && query.size(0) == value.size(0),
                      "MultiHeadAttention: expected one batch, and as many keys as values, got query {}, key {} and value {}",
                      query.shape(), key.shape(), value.shape());
    const AttentionShape shape{query.size(0), num_heads, query.size(1), key.size(1)};
    const Index ahead = key.size(1) - query.size(1);  // of the last query the last key, as masks have it
    const Tensor keys = detail::readable(key, mask, shape, 0);
    const Tensor values = value.is(key) ? keys : detail::readable(value, mask, shape, 0);
    return {turned(split_heads(q_proj(query), num_heads), std::max<Index>(0, ahead)),     // [B, Tq, H, D]
            turned(split_heads(k_proj(keys), num_kv_heads), std::max<Index>(0, -ahead)),  // [B, Tk, Hkv, D]
            split_heads(v_proj(values), num_kv_heads)};                                   // [B, Tk, Hkv, D]
}

AttentionOptions MultiHeadAttention::options(const AttentionMask& mask) const {
    return {.mask = mask, .scale = scale, .softcap = softcap, .dropout = dropout, .training = training, .time_first = true};
}

Tensor MultiHeadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const AttentionMask& call_mask) const {
    const ModuleScope scope(*this);
    const AttentionMask mask = call_mask & own_mask;
    const auto [q, k, v] = project(query, key, value, mask);                    // [B, Tq, H, D], [B, Tk, Hkv, D] twice
    const Tensor heads = scaled_dot_product_attention(q, k, v, options(mask));  // [B, Tq, H, D]
    return out_proj(merge_heads(heads));                                        // [B, Tq, E]
}

AttentionResult MultiHeadAttention::forward_with_weights(const Tensor& query, const Tensor& key, const Tensor& value,
                                                         const AttentionMask& call_mask, bool average) const {
    const ModuleScope scope(*this);
    const AttentionMask mask = call_mask & own_mask;
    const auto [q, k, v] = project(query, key, value, mask);  // [B, Tq, H, D], [B, Tk, Hkv, D] twice
    const auto [heads, weights] = scaled_dot_product_attention_with_weights(q, k, v, options(mask));
    return {out_proj(merge_heads(heads)), average ? mean(weights, 1) : weights};  // [B, Tq, E], [B, H, Tq, Tk]
}

void MultiHeadAttention::append(KeyValueCache& cache, const Tensor& key, const Tensor& value, Index first) const {
    cache.append(swap_heads(turned(split_heads(k_proj(key), num_kv_heads), first)),  // [B, Hkv, T, D]
                 swap_heads(split_heads(v_proj(value), num_kv_heads)));              // [B, Hkv, T, D]
}

KeyValueCache MultiHeadAttention::make_cache(Index batch, Index capacity) const {
    const Index width = k_proj.weight.size(0) / num_kv_heads;
    return {batch, num_kv_heads, capacity, width, width};
}

KeyValueCache MultiHeadAttention::make_cache(const Tensor& key, const Tensor& value) const {
    check_sequence("key", key, k_proj);
    check_sequence("value", value, v_proj);
    KeyValueCache cache = make_cache(key.size(0), key.size(1));
    append(cache, key, value, 0);
    return cache;
}

Tensor MultiHeadAttention::forward(const Tensor& x, KeyValueCache& cache, const AttentionMask& call_mask) const {
    const ModuleScope scope(*this);
    for (const Linear* projection : {&q_proj, &k_proj, &v_proj}) check_sequence("x", x, *projection);
    const AttentionMask mask = call_mask & own_mask;
    const Index first = cache.length;
    mask.parts({x.size(0), num_heads, x.size(1), first + x.size(1)});  // throws before the cache changes
    append(cache, x, x, first);
    return attend_to(cache, x, first, mask);
}

Tensor MultiHeadAttention::forward_to(const Tensor& query, const KeyValueCache& memory, const AttentionMask& mask) const {
    const ModuleScope scope(*this);
    check_sequence("query", query, q_proj);
    return attend_to(memory, query, std::max<Index>(0, memory.length - query.size(1)), mask & own_mask);
}

Tensor MultiHeadAttention::attend_to(const KeyValueCache& cache, const Tensor& x, Index first,
                                     const AttentionMask& mask) const {
    AttentionOptions as_cached = options(mask);
    as_cached.time_first = false;
    const Tensor q = swap_heads(turned(split_heads(q_proj(x), num_heads), first));  // [B, H, T, D]
    const Tensor heads =                                                            // [B, H, T, D]
        scaled_dot_product_attention_to_first(q, cache.keys, cache.values, cache.length, as_cached);
    return out_proj(merge_heads(swap_heads(heads)));  // [B, T, E]
}

void MultiHeadAttention::visit(Visitor& v) {
    v("q_proj", q_proj);
    v("k_proj", k_proj);
    v("v_proj", v_proj);
    v("out_proj", out_proj);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
