// MultiHeadAttention, step by step; see attention.hpp.
#include <tapehead/layers/attention.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/layers/init.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// [B, T, E] → [B, H, T, D]
Tensor split_heads(const Tensor& x, Index heads) {
    return permute(reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), {0, 2, 1, 3});
}

/// [B, H, T, D] → [B, T, E]
Tensor merge_heads(const Tensor& x) { return flatten(permute(x, {0, 2, 1, 3}), 2, 3); }

/// Keys or values [B, Tk, E] with those that no query may attend to replaced by 0 if a NaN or infinity is among the numbers, since
/// a projection would spread it into the gradient of its weights.
Tensor readable(const Tensor& x, const AttentionMask& mask, const AttentionShape& shape) {
    if (mask.empty() || all_finite(x)) return x;
    const std::optional<Condition> allowed = mask.allowed(shape);
    if (!allowed) return x;
    const Tensor reached = amax(expand(as_tensor(*allowed), shape), {1, 2});  // [B, Tk]
    return where(unsqueeze(reached, 2) > 0, x, 0);
}

void check_sequence(const char* what, const Tensor& x, const Linear& projection) {
    check<ShapeError>(x.dim() == 3 && x.size(2) == projection.weight.size(1),
                      "MultiHeadAttention: expected {} [B, T, {}], got {}", what, projection.weight.size(1), x.shape());
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(Index embed_dim, Index heads, MultiHeadAttentionOptions options)
    : q_proj(embed_dim, embed_dim, options.bias),
      k_proj(options.kdim ? options.kdim : embed_dim, embed_dim, options.bias),
      v_proj(options.vdim ? options.vdim : embed_dim, embed_dim, options.bias),
      out_proj(embed_dim, embed_dim, options.bias),
      num_heads(heads),
      dropout(options.dropout) {
    check<ValueError>(heads > 0 && embed_dim % heads == 0,
                      "MultiHeadAttention: expected heads that divide embed_dim {}, got {}", embed_dim, heads);
    check<ValueError>(0 <= dropout && dropout <= 1, "MultiHeadAttention: expected a dropout in [0, 1], got {}", dropout);
    for (Linear* projection : {&q_proj, &k_proj, &v_proj, &out_proj}) {
        init::xavier_uniform_(projection->weight);
        if (projection->bias) init::zeros_(projection->bias);
    }
}

AttentionResult MultiHeadAttention::forward_with_weights(const Tensor& query, const Tensor& key, const Tensor& value,
                                                         const AttentionMask& mask, bool average) const {
    check_sequence("query", query, q_proj);
    check_sequence("key", key, k_proj);
    check_sequence("value", value, v_proj);
    check<ShapeError>(key.size(1) == value.size(1) && query.size(0) == key.size(0) && query.size(0) == value.size(0),
                      "MultiHeadAttention: expected one batch, and as many keys as values, got query {}, key {} and value {}",
                      query.shape(), key.shape(), value.shape());
    const AttentionShape shape{query.size(0), num_heads, query.size(1), key.size(1)};
    const Tensor q = split_heads(q_proj(query), num_heads);                         // [B, H, Tq, D]
    const Tensor k = split_heads(k_proj(readable(key, mask, shape)), num_heads);    // [B, H, Tk, D]
    const Tensor v = split_heads(v_proj(readable(value, mask, shape)), num_heads);  // [B, H, Tk, D]
    AttentionResult heads = scaled_dot_product_attention_with_weights(              // [B, H, Tq, D], [B, H, Tq, Tk]
        q, k, v, {.mask = mask, .dropout = dropout, .training = training});
    heads.output = out_proj(merge_heads(heads.output));   // [B, Tq, E]
    if (average) heads.weights = mean(heads.weights, 1);  // [B, Tq, Tk]
    return heads;
}

Tensor MultiHeadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const AttentionMask& mask) const {
    return forward_with_weights(query, key, value, mask).output;
}

void MultiHeadAttention::visit(Visitor& v) {
    v("q_proj", q_proj);
    v("k_proj", k_proj);
    v("v_proj", v_proj);
    v("out_proj", out_proj);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
