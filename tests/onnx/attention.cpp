// ONNX's attention (versions 23 to 25) and rotary position embedding.
//
// A query's place among the keys is its number plus an offset: the length of the past where there is one, else such that the last
// query is at the last of nonpad_kv_seqlen keys, else 0. Causality and windows are relative to that place.
#include <onnx/node.hpp>

namespace onnx {
namespace {

enum Input : Index { query, key, value, attention_mask, past_key, past_value, key_lengths };

/// [B, T, H D] → [B, H, T, D]; an input of four axes is there already.
Tensor split_heads(const Tensor& x, Index heads) {
    return permute(reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), {0, 2, 1, 3});
}

/// [B, H, T, D] → [B, T, H D]
Tensor merge_heads(const Tensor& x) { return reshape(permute(x, {0, 2, 1, 3}), {x.size(0), x.size(2), x.size(1) * x.size(3)}); }

/// For each sequence, how far into the keys its first query is.
std::vector<Index> query_offsets(const Node& node, const AttentionShape& scores) {
    std::vector<Index> offsets(static_cast<std::size_t>(scores.batch), node.has(past_key) ? node.shape(past_key)[2] : 0);
    if (node.has(key_lengths) && !node.has(past_key)) {
        offsets = node.integers(key_lengths);
        for (Index& offset : offsets) offset -= scores.queries;
    }
    return offsets;
}

/// Query i at place p = i + offset sees keys p − left to p + right, −1 for no bound.
AttentionMask band(const std::vector<Index>& offsets, Index left, Index right, const AttentionShape& scores) {
    if (left < 0 && right < 0) return {};
    const auto all_are = [&](Index offset) {
        return std::all_of(offsets.begin(), offsets.end(), [=](Index o) { return o == offset; });
    };
    if (all_are(scores.keys - scores.queries)) return AttentionMask::window(left, right);
    if (left < 0 && all_are(offsets[0])) return AttentionMask::causal(offsets[0] + right);
    Condition allowed(Shape{scores.batch, 1, scores.queries, scores.keys});
    bool* next = allowed.raw();
    for (const Index offset : offsets)
        for (Index i = 0; i < scores.queries; ++i)
            for (Index j = 0; j < scores.keys; ++j) {
                const Index distance = j - (i + offset);
                *next++ = (left < 0 || distance >= -left) && (right < 0 || distance <= right);
            }
    return AttentionMask::allow(allowed);
}

/// Its axes count from the last; what it lacks of the keys is masked. Flags say who may attend, numbers are added.
AttentionMask given_mask(const Node& node, const AttentionShape& scores) {
    if (!node.has(attention_mask)) return {};
    Tensor mask = node.tensor(attention_mask);
    Shape shape = mask.shape();
    while (shape.rank() < 4) shape.insert(0, 1);
    const bool is_condition = node.is_condition(attention_mask);
    const Real masked = is_condition ? 0 : -std::numeric_limits<Real>::infinity();
    mask = pad(reshape(mask, shape), {{0, scores.keys - shape[-1]}}, masked);
    return is_condition ? AttentionMask::allow(mask != 0) : AttentionMask::bias(mask);
}

AttentionMask whole_mask(const Node& node, const AttentionShape& scores) {
    const Index left = node.integer("left_window_size", -1), right = node.integer("right_window_size", -1);
    const bool is_causal = node.integer("is_causal", 0) != 0;
    AttentionMask mask = band(query_offsets(node, scores), left, is_causal ? 0 : right, scores) & given_mask(node, scores);
    return node.has(key_lengths) ? mask & AttentionMask::lengths(node.integers(key_lengths)) : mask;
}

/// Y, the keys and values with the past before them, and one of the steps in between.
Outputs attention(const Node& node) {
    Tensor q = node.tensor(query), k = node.tensor(key), v = node.tensor(value);
    const bool has_merged_heads = q.dim() == 3;
    if (has_merged_heads) {
        const Index kv_heads = node.integer("kv_num_heads");
        q = split_heads(q, node.integer("q_num_heads"));
        k = split_heads(k, kv_heads);
        v = split_heads(v, kv_heads);
    }
    if (node.has(past_key)) k = concat({node.tensor(past_key), k}, 2);
    if (node.has(past_value)) v = concat({node.tensor(past_value), v}, 2);

    AttentionOptions options{.mask = whole_mask(node, {q.size(0), q.size(1), q.size(2), k.size(2)}),
                             .softcap = node.real("softcap", 0)};
    if (node.has_attribute("scale")) options.scale = node.real("scale");
    const Tensor y = scaled_dot_product_attention(q, k, v, options);
    Outputs outputs{has_merged_heads ? merge_heads(y) : y, k, v};
    if (node.wants(3)) {
        const AttentionSteps steps = scaled_dot_product_attention_steps(q, k, v, options);
        const std::vector<Tensor> modes{steps.scores, steps.capped_scores, steps.masked_scores, steps.weights};
        outputs.push_back(modes.at(static_cast<std::size_t>(node.integer("qk_matmul_output_mode", 0))));
    }
    return outputs;
}

/// x [B, H, T, D], or [B, T, H D] with `num_heads`; caches [B, T, R/2], or [positions, R/2] with position ids [B, T].
Tensor rotary(const Node& node) {
    const Tensor x = node.tensor(0);
    const bool has_merged_heads = x.dim() == 3;
    const auto angles = [&](Index input) {
        const Tensor cache = node.tensor(input);
        return unsqueeze(node.has(3) ? embedding(node.ids(3), cache) : cache, 1);  // [B, 1, T, R/2]
    };
    const bool is_interleaved = node.integer("interleaved", 0) != 0;
    const Tensor y = rotary_embedding(has_merged_heads ? split_heads(x, node.integer("num_heads")) : x, angles(1), angles(2),
                                      is_interleaved ? RotaryLayout::adjacent : RotaryLayout::half_split);
    return has_merged_heads ? merge_heads(y) : y;
}

}  // namespace

void add_attention(Operators& operators) {
    operators["Attention"] = attention;
    operators["RotaryEmbedding"] = [](const Node& n) { return Outputs{rotary(n)}; };
}

}  // namespace onnx
