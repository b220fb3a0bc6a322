// The rows of autograd/ops/attention.hpp and rotary.hpp: the formula written as loops, with masks as rules on the places of query and key.
#include "table.hpp"

#include <optional>

namespace testing {
namespace {

/// Whether query i of batch element b and head h may attend to key j.
using Rule = std::function<bool(Index b, Index h, Index i, Index j)>;

struct Case {
    AttentionShape shape;
    Rule rule = [](Index, Index, Index, Index) { return true; };
    AttentionMask mask = {};         ///< the rule said to the library
    std::optional<Shape> bias = {};  ///< of the fourth input
    std::optional<double> scale = {};
    double softcap = 0;
    Index shared_heads = 0;  ///< key-value heads; 0 for as many as query heads
    Index width = 3, value_width = 2;
};

double score_of(const Case& c, const std::vector<Values>& in, const Shape& pair) {
    const Shape key{pair[0], pair[1] / (in[0].shape[1] / in[1].shape[1]), pair[3]};
    double dot = 0;
    for (Index d = 0; d < c.width; ++d) dot += in[0].at({pair[0], pair[1], pair[2], d}) * in[1].at({key[0], key[1], key[2], d});
    double score = dot * c.scale.value_or(1 / std::sqrt(static_cast<double>(c.width)));
    if (c.softcap > 0) score = c.softcap * std::tanh(score / c.softcap);
    return c.bias ? score + in[3].at(pair) : score;
}

/// exp(score) over its sum along the keys that the query may attend to: [B, H, Tq, Tk].
Values weights_of(const Case& c, const std::vector<Values>& in) {
    const Values e =
        each(c.shape, [&](const Shape& p) { return c.rule(p[0], p[1], p[2], p[3]) ? std::exp(score_of(c, in, p)) : 0; });
    const Values total =
        reduced(e, {3}, true, [](const std::vector<double>& row) { return std::accumulate(row.begin(), row.end(), 0.0); });
    return each(c.shape, [&](const Shape& p) { return total.at(p) == 0 ? 0 : e.at(p) / total.at(p); });
}

Values output_of(const Case& c, const std::vector<Values>& in) {
    const Values weights = weights_of(c, in);
    const Index group = c.shape.heads / in[2].shape[1];
    return each({c.shape.batch, c.shape.heads, c.shape.queries, c.value_width}, [&](const Shape& p) {
        double y = 0;
        for (Index j = 0; j < c.shape.keys; ++j)
            y += weights.at({p[0], p[1], p[2], j}) * in[2].at({p[0], p[1] / group, j, p[3]});
        return y;
    });
}

Row attention_row(const Case& c) {
    const auto [batch, heads, queries, keys] = c.shape;
    const Index kv = c.shared_heads ? c.shared_heads : heads;
    std::vector<Tensor> inputs = {spread({batch, heads, queries, c.width}, -2, 2, 1),
                                  spread({batch, kv, keys, c.width}, -2, 2, 2),
                                  spread({batch, kv, keys, c.value_width}, -1, 1, 3)};
    if (c.bias) inputs.push_back(spread(*c.bias, -1, 1, 4));
    return {.name = "scaled_dot_product_attention",
            .f =
                [=](const std::vector<Tensor>& in) {
                    const AttentionMask mask = c.bias ? c.mask & AttentionMask::bias(in[3]) : c.mask;
                    const AttentionOptions options{.mask = mask, .scale = c.scale, .softcap = c.softcap};
                    return scaled_dot_product_attention(in[0], in[1], in[2], options);
                },
            .reference = [=](const std::vector<Values>& in) { return output_of(c, in); },
            .inputs = {inputs},
            .slack = 20};
}

/// Key j is not after the query's own place among the keys, the last of which is the last query's.
Rule causal_rule(Index queries, Index keys) {
    return [=](Index, Index, Index i, Index j) { return j <= i + keys - queries; };
}

Case causal_case(const AttentionShape& shape) {
    return {.shape = shape, .rule = causal_rule(shape.queries, shape.keys), .mask = AttentionMask::causal()};
}

template <class F>
Condition flags(const Shape& shape, F f) {
    Condition c(shape);
    each_position(shape, [&, i = 0](const Shape& p) mutable { c.raw()[i++] = f(p); });
    return c;
}

std::vector<Case> masked_cases() {
    std::vector<Case> cases;
    for (const AttentionShape& shape : {AttentionShape{1, 2, 3, 3}, {1, 2, 2, 4}, {1, 2, 4, 2}, {2, 1, 1, 3}, {2, 4, 40, 50}})
        cases.push_back(causal_case(shape));  // with 4 queries and 2 keys the first two queries see nothing
    for (const Index offset : {0, -1, 2})
        cases.push_back({.shape = {1, 1, 3, 5},
                         .rule = [=](Index, Index, Index i, Index j) { return j <= i + offset; },
                         .mask = AttentionMask::causal(offset)});
    cases.push_back({.shape = {1, 2, 3, 4},
                     .rule = [](Index, Index, Index i, Index j) { return i <= j && j <= i + 2; },  // around i + 4 - 3
                     .mask = AttentionMask::window(1, 1)});
    const std::vector<Index> lengths = {3, 0, 1};
    const auto in_length = [=](Index b, Index, Index, Index j) { return j < lengths[static_cast<std::size_t>(b)]; };
    cases.push_back({.shape = {3, 1, 2, 4}, .rule = in_length, .mask = AttentionMask::lengths(lengths)});
    cases.push_back({.shape = {3, 1, 2, 4},
                     .rule = [](Index b, Index, Index, Index j) { return (b + j) % 2 == 0; },
                     .mask = AttentionMask::keys(flags({3, 4}, [](const Shape& p) { return (p[0] + p[1]) % 2 == 0; }))});
    cases.push_back(
        {.shape = {2, 2, 3, 4},
         .rule = [](Index b, Index, Index i, Index j) { return (b + i * 2 + j) % 3 > 0; },
         .mask = AttentionMask::allow(flags({2, 1, 3, 4}, [](const Shape& p) { return (p[0] + p[2] * 2 + p[3]) % 3 > 0; }))});
    cases.push_back({.shape = {3, 1, 2, 4},
                     .rule = [=](Index b, Index h, Index i, Index j) { return in_length(b, h, i, j) && j <= i + 2; },
                     .mask = AttentionMask::causal() & AttentionMask::lengths(lengths),
                     .bias = Shape{3, 1, 2, 4}});
    return cases;
}

std::vector<Case> other_cases() {
    std::vector<Case> cases;
    for (const AttentionShape& shape :
         {AttentionShape{2, 2, 3, 4}, {1, 1, 1, 1}, {0, 2, 3, 4}, {1, 2, 0, 3}, {1, 2, 3, 0}, {2, 3, 30, 40}})
        cases.push_back({.shape = shape});
    cases.push_back({.shape = {1, 2, 3, 2}, .width = 1, .value_width = 4});
    for (const Shape& bias : {Shape{3, 4}, Shape{2, 2, 3, 4}, Shape{1, 2, 1, 4}, Shape{2, 1, 3, 1}})
        cases.push_back({.shape = {2, 2, 3, 4}, .bias = bias, .width = 2});
    for (const double softcap : {0.0, 0.8}) cases.push_back({.shape = {1, 2, 3, 4}, .scale = 0.3, .softcap = softcap});
    cases.push_back({.shape = {1, 2, 3, 4}, .bias = Shape{3, 4}, .scale = -0.7, .softcap = 1.5});
    for (const Index shared : {1, 2}) {
        cases.push_back({.shape = {2, 4, 2, 3}, .shared_heads = shared, .width = 2});
        Case grouped = causal_case({1, 4, 2, 3});
        grouped.bias = Shape{1, 4, 2, 3};
        grouped.softcap = 2;
        grouped.shared_heads = shared;
        cases.push_back(grouped);
    }
    return cases;
}

}  // namespace

/// The same case, looking at the weights.
Row weights_row(const Case& c) {
    Row row = attention_row(c);
    row.name = "scaled_dot_product_attention_with_weights";
    row.f = [=](const std::vector<Tensor>& in) {
        const AttentionMask mask = c.bias ? c.mask & AttentionMask::bias(in[3]) : c.mask;
        const AttentionOptions options{.mask = mask, .scale = c.scale, .softcap = c.softcap};
        return scaled_dot_product_attention_with_weights(in[0], in[1], in[2], options).weights;
    };
    row.reference = [=](const std::vector<Values>& in) { return weights_of(c, in); };
    row.fixed = {2};  // the values have no part in them
    return row;
}

/// The same case, over the first rows of longer buffers.
Row to_first_row(const Case& c) {
    Row row = attention_row(c);
    row.name = "scaled_dot_product_attention_to_first";
    const auto longer = [](const Tensor& x) { return concat({x, spread({x.size(0), x.size(1), 2, x.size(3)}, -9, 9, 7)}, 2); };
    row.f = [=](const std::vector<Tensor>& in) {
        const AttentionMask mask = c.bias ? c.mask & AttentionMask::bias(in[3]) : c.mask;
        const AttentionOptions options{.mask = mask, .scale = c.scale, .softcap = c.softcap};
        return scaled_dot_product_attention_to_first(in[0], longer(in[1]), longer(in[2]), c.shape.keys, options);
    };
    return row;
}

/// The same case, looking at the scores after the cap.
Row steps_row(Case c) {
    Row row = attention_row(c);
    row.name = "scaled_dot_product_attention_steps";
    row.f = [=](const std::vector<Tensor>& in) {
        const AttentionOptions options{.mask = c.mask, .scale = c.scale, .softcap = c.softcap};
        return scaled_dot_product_attention_steps(in[0], in[1], in[2], options).capped_scores;
    };
    c.bias = {};
    row.reference = [=](const std::vector<Values>& in) {
        return each(c.shape, [&](const Shape& p) { return score_of(c, in, p); });
    };
    row.fixed = {2, 3};  // neither values nor bias have a part in them
    return row;
}

/// Pairs of the first R elements turned by angles whose cosine and sine are inputs of their own.
Row rotary_row(const Shape& x, const Shape& angles, RotaryLayout layout) {
    const Index half = angles[-1];
    return {.name = "rotary_embedding",
            .f = [=](const std::vector<Tensor>& in) { return rotary_embedding(in[0], in[1], in[2], layout); },
            .reference =
                [=](const std::vector<Values>& in) {
                    return each(x, [&](const Shape& p) {
                        const Index i = p[-1];
                        if (i >= 2 * half) return in[0].at(p);
                        const bool adjacent = layout == RotaryLayout::adjacent, first = adjacent ? i % 2 == 0 : i < half;
                        const Index other = adjacent ? i ^ 1 : first ? i + half : i - half;
                        Shape partner = p, angle = p;
                        partner[-1] = other;
                        angle[-1] = adjacent ? i / 2 : i % half;
                        const double cos = in[1].at(angle), sin = in[2].at(angle);
                        return in[0].at(p) * cos + in[0].at(partner) * (first ? -sin : sin);
                    });
                },
            .inputs = {{spread(x, -2, 2, 1), spread(angles, -1, 1, 2), spread(angles, -1, 1, 3)}}};
}

std::vector<Row> attention_rows() {
    std::vector<Row> rows;
    for (const RotaryLayout layout : {RotaryLayout::adjacent, RotaryLayout::half_split}) {
        for (const Shape& angles : {Shape{3, 2}, Shape{1, 1, 3, 2}, Shape{2, 1, 3, 2}, Shape{1, 2, 3, 1}, Shape{2},
                                    Shape{2, 2, 1, 2}, Shape{2, 1, 2}})
            rows.push_back(rotary_row({2, 2, 3, 5}, angles, layout));
        rows.push_back(rotary_row({3, 4}, {3, 2}, layout));
        rows.push_back(rotary_row({40, 6, 18}, {6, 9}, layout));
    }
    for (const Case& c : masked_cases()) rows.push_back(attention_row(c));
    for (const Case& c : other_cases()) rows.push_back(attention_row(c));
    for (const Case& c : masked_cases()) rows.push_back(to_first_row(c));
    for (const Case& c : other_cases()) rows.push_back(steps_row(c));
    for (const Case& c : masked_cases()) rows.push_back(weights_row(c));
    for (const Case& c : other_cases()) rows.push_back(weights_row(c));
    return rows;
}

}  // namespace testing
