// Scaled dot-product attention: a fused kernel, and the same written out step by step as in the paper.
//
// The steps are what a reader wants to see, what the kernel is tested against and what is differentiated for higher orders.
#include <tapehead/autograd/ops/attention.hpp>

#include <array>
#include <cmath>
#include <limits>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/attention.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/observer.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/dropout.hpp>
#include <tapehead/autograd/ops/matmul.hpp>
#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/ops/softmax.hpp>
#include <tapehead/autograd/sweep.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

constexpr Real infinity = std::numeric_limits<Real>::infinity();

constexpr const char* attention_formula =
    "S = cap(Q Kᵀ scale) + bias, P = softmax(S), O = P V;  D = Σ dO ∘ O over each row, dV = Pᵀ dO, dS = P ∘ (dO Vᵀ − D) = "
    "dbias, "
    "dQ = scale (dS ∘ cap') K, dK = scale (dS ∘ cap')ᵀ Q";

/// Where heads and time are among the axes.
struct HeadAxes {
    Index heads, time;
    explicit HeadAxes(const AttentionOptions& options) : heads(options.time_first ? 2 : 1), time(3 - heads) {}
};

AttentionShape shape_of(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
    const HeadAxes axis(options);
    return {q.size(0), q.size(axis.heads), q.size(axis.time), k.size(axis.time)};
}

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
    check<ShapeError>(q.dim() == 4 && k.dim() == 4 && v.dim() == 4,
                      "scaled_dot_product_attention: expected q, k and v with 4 axes {}, got {}, {} and {}",
                      options.time_first ? "[B, T, H, D]" : "[B, H, T, D]", q.shape(), k.shape(), v.shape());
    const HeadAxes axis(options);
    check<ShapeError>(q.size(0) == k.size(0) && q.size(3) == k.size(3) && k.shape().slice(0, 3) == v.shape().slice(0, 3),
                      "scaled_dot_product_attention: expected {}, got {}, {} and {}",
                      options.time_first ? "q [B, Tq, H, D], k [B, Tk, Hkv, D] and v [B, Tk, Hkv, Dv]"
                                         : "q [B, H, Tq, D], k [B, Hkv, Tk, D] and v [B, Hkv, Tk, Dv]",
                      q.shape(), k.shape(), v.shape());
    check<ShapeError>(k.size(axis.heads) > 0 && q.size(axis.heads) % k.size(axis.heads) == 0,
                      "scaled_dot_product_attention: expected a number of heads that {} key-value heads divide, got {}",
                      k.size(axis.heads), q.size(axis.heads));
    check<ValueError>(0 <= options.dropout && options.dropout <= 1,
                      "scaled_dot_product_attention: expected a dropout in [0, 1], got {}", options.dropout);
    check<ValueError>(options.softcap >= 0 && std::isfinite(options.softcap),
                      "scaled_dot_product_attention: expected softcap >= 0, got {}", options.softcap);
    check<ValueError>(!options.scale || std::isfinite(*options.scale),
                      "scaled_dot_product_attention: expected a finite scale, got {}", options.scale.value_or(0));
    check<ValueError>(options.generator != nullptr, "scaled_dot_product_attention: expected a generator, got none");
}

/// Time before heads or after: [B, T, H, D] ↔ [B, H, T, D].
Tensor swap_heads(const Tensor& x) { return permute(x, {0, 2, 1, 3}); }

/// Key-value heads, each repeated for the query heads that it serves: [B, Hkv, T, D] → [B, H, T, D].
Tensor repeat_heads(const Tensor& x, Index heads) {
    if (x.size(1) == heads) return x;
    const Index batch = x.size(0), shared = x.size(1), time = x.size(2), width = x.size(3);
    const Tensor repeated = expand(unsqueeze(x, 2), {batch, shared, heads / shared, time, width});
    return reshape(repeated, {batch, heads, time, width});
}

/// The two products of attention, Q Kᵀ and W V, over the pairs of query and key that may meet.
///
/// As long as all numbers are finite, matrix products do, since a weight of 0 silences a key. A NaN or infinity it would not:
/// then the products are taken pair by pair, and what may not be read is replaced by 0 before it is.
class Products {
public:
    Products(const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Condition>& allowed) {
        if (!allowed || (all_finite(q) && all_finite(k) && all_finite(v))) return;
        Shape pairs = allowed->shape();
        while (pairs.rank() < 4) pairs.insert(0, 1);
        pairs.push_back(1);
        may_meet_ = allowed->reshape(pairs);  // [B, H, Tq, Tk, 1]
    }

    Tensor scores(const Tensor& q, const Tensor& k) const {
        if (!may_meet_) return gemm(q, false, k, true);                // [B, H, Tq, Tk]
        const Tensor queries = where(*may_meet_, unsqueeze(q, 3), 0);  // [B, H, Tq, Tk, D]
        const Tensor keys = where(*may_meet_, unsqueeze(k, 2), 0);     // [B, H, Tq, Tk, D]
        return sum(queries * keys, -1);                                // [B, H, Tq, Tk]
    }

    Tensor output(const Tensor& weights, const Tensor& v) const {
        if (!may_meet_) return gemm(weights, false, v, false);        // [B, H, Tq, Dv]
        const Tensor values = where(*may_meet_, unsqueeze(v, 2), 0);  // [B, H, Tq, Tk, Dv]
        return sum(unsqueeze(weights, 4) * values, 3);                // [B, H, Tq, Dv]
    }

private:
    std::optional<Condition> may_meet_;
};

/// 1/√D unless given; for D = 0, where every score is a sum of nothing, any finite number.
Real scale_of(const Tensor& q, const AttentionOptions& options) {
    return options.scale.value_or(1 / std::sqrt(static_cast<Real>(std::max<Index>(1, q.size(3)))));
}

/// softmax(cap(Q Kᵀ scale) + bias) V, the bias given beside the mask.
AttentionSteps written_out(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& bias,
                           const AttentionOptions& options) {
    const auto heads_first = [&](const Tensor& x) { return options.time_first ? swap_heads(x) : x; };
    const AttentionShape shape = shape_of(query, key, options);
    const std::optional<Condition> allowed = options.mask.allowed(shape);
    const Tensor alibi = options.mask.alibi_bias(shape);
    const Tensor q = heads_first(query);                             // [B, H, Tq, D]
    const Tensor k = repeat_heads(heads_first(key), shape.heads);    // [B, H, Tk, D]
    const Tensor v = repeat_heads(heads_first(value), shape.heads);  // [B, H, Tk, Dv]
    const Products products(q, k, v, allowed);

    const Tensor scores = products.scores(q, k) * scale_of(q, options);
    const Tensor capped = options.softcap > 0 ? options.softcap * tanh(scores / options.softcap) : scores;
    const Tensor biased = bias ? capped + bias : capped;
    const Tensor sloped = alibi ? biased + alibi : biased;
    const Tensor masked = allowed ? where(*allowed, sloped, -infinity) : sloped;
    const Tensor weights = softmax(masked);  // [B, H, Tq, Tk], as all of these
    const Tensor kept = dropout(weights, options.dropout, options.training, *options.generator);
    const Tensor output = products.output(kept, v);  // [B, H, Tq, Dv]
    return {scores, capped, masked, weights, options.time_first ? swap_heads(output) : output};
}

/// Of x [B, H, T, D] or [B, T, H, D], of whose rows of T only the first may be meant.
kernels::HeadStrides strides_of(const Shape& x, const HeadAxes& axis) {
    const Shape strides = row_major_strides(x);
    return {strides[0], strides[axis.heads], strides[axis.time]};
}

/// The shape of the output.
Shape output_shape(const Tensor& q, const Tensor& v) {
    Shape shape = q.shape();
    shape[-1] = v.size(-1);
    return shape;
}

template <class T, class Array>
kernels::OverScores<const T> over_scores(const Array& array, const AttentionShape& shape) {
    kernels::OverScores<const T> result{.data = array.data()};
    const Shape strides = broadcast_strides(array.shape(), shape);
    std::copy(strides.begin(), strides.end(), result.stride);
    return result;
}

/// Whether the first `rows` rows of time of x hold finite numbers alone.
bool first_are_finite(const Tensor& x, Index rows, const HeadAxes& axis) {
    const AxisView view(x.shape(), axis.time);
    for (Index i = 0; i < view.outer; ++i)
        if (!kernels::simd().all_finite(x.data() + i * view.n * view.inner, rows * view.inner)) return false;
    return true;
}

/// Whether the kernel may run: a masked pair is silenced by a weight of 0, which NaN and infinity survive.
bool may_multiply(const Tensor& q, const Tensor& k, const Tensor& v, Index keys, const AttentionMask::Parts& parts,
                  const AttentionOptions& options) {
    const HeadAxes axis(options);
    return !parts.excludes() || (all_finite(q) && first_are_finite(k, keys, axis) && first_are_finite(v, keys, axis));
}

/// What the kernel is told. Points into the parts, which must outlive it.
kernels::AttentionPlan plan_of(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                               const AttentionMask::Parts& parts, const AttentionOptions& options, kernels::PhiloxKey key) {
    const HeadAxes axis(options);
    kernels::AttentionPlan plan{.batch = shape.batch,
                                .heads = shape.heads,
                                .kv_heads = k.size(axis.heads),
                                .queries = shape.queries,
                                .keys = shape.keys,
                                .width = q.size(3),
                                .value_width = v.size(3),
                                .q = strides_of(q.shape(), axis),
                                .k = strides_of(k.shape(), axis),
                                .v = strides_of(v.shape(), axis),
                                .o = strides_of(output_shape(q, v), axis),
                                .scale = static_cast<Scalar>(scale_of(q, options)),
                                .softcap = static_cast<Scalar>(options.softcap),
                                .first = parts.first,
                                .last = parts.last,
                                .place = shape.keys - shape.queries,
                                .key = key,
                                .dropout = options.training ? options.dropout : 0};
    if (!parts.lengths.empty()) plan.lengths = parts.lengths.data();
    if (parts.allowed) plan.allowed = over_scores<bool>(*parts.allowed, shape);
    if (parts.bias) plan.bias = over_scores<Scalar>(parts.bias, shape);
    if (!parts.slopes.empty()) plan.slopes = parts.slopes.data();
    return plan;
}

/// The output of the kernel, laid out as q, and log Σ exp of each query's scores [B, H, Tq].
std::pair<Tensor, Tensor> run_kernel(const Tensor& q, const Tensor& k, const Tensor& v, const kernels::AttentionPlan& plan) {
    Tensor y = Tensor::empty(output_shape(q, v));
    Tensor lse = Tensor::empty({plan.batch, plan.heads, plan.queries});
    kernels::attention(plan, q.data(), k.data(), v.data(), y.raw(), lse.raw());
    return {y, lse};
}

/// What the rule of the fused operation keeps, the inputs aside.
struct Kept {
    AttentionShape shape;
    AttentionOptions options;
    AttentionMask::Parts parts;
    kernels::PhiloxKey key;
    Tensor lse;  // [B, H, Tq]
};

/// The gradients of q, k, v and the bias by the kernel.
std::array<Tensor, 4> backward(const std::array<Tensor, 4>& in, const Kept& kept, const Tensor& dy, const Tensor& y) {
    const auto& [q, k, v, bias] = in;
    std::array<Tensor, 4> d;
    for (std::size_t i = 0; i < 3; ++i)
        if (in[i].requires_grad()) d[i] = Tensor::empty(in[i].shape());
    if (bias.requires_grad()) d[3] = zeros(bias.shape());
    Tensor dots = Tensor::empty(kept.lse.shape());
    const auto raw = [](Tensor& x) { return x ? x.raw() : nullptr; };
    kernels::attention_backward(plan_of(q, k, v, kept.shape, kept.parts, kept.options, kept.key), q.data(), k.data(), v.data(),
                                y.data(), kept.lse.data(), dy.data(), dots.raw(), {raw(d[0]), raw(d[1]), raw(d[2]), raw(d[3])});
    return d;
}

/// The same by the steps written out, as the tape differentiates them.
std::array<Tensor, 4> written_out_backward(const std::array<Tensor, 4>& in, const Kept& kept, const Tensor& dy) {
    Generator replay;
    replay.set_state(kept.key.seed, kept.key.position);
    AttentionOptions options = kept.options;
    options.generator = &replay;
    const std::vector<Tensor> d =
        gradients_of([&](const std::vector<Tensor>& x) { return written_out(x[0], x[1], x[2], x[3], options).output; },
                     {in[0], in[1], in[2], in[3]}, dy);
    return {d[0], d[1], d[2], d[3]};
}

/// Where the stream of the dropout stands.
kernels::PhiloxKey stream_of(const AttentionOptions& options) {
    return {options.generator->seed(), options.generator->position()};
}

void tell_observers(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                    kernels::PhiloxKey dropout, const Tensor& output) {
    if (detail::is_observed()) [[unlikely]]
        detail::observe(AttentionCall{q, k, v, options, dropout, output});
}

}  // namespace

AttentionSteps scaled_dot_product_attention_steps(const Tensor& q, const Tensor& k, const Tensor& v,
                                                  const AttentionOptions& options) {
    check_attention(q, k, v, options);
    const kernels::PhiloxKey stream = stream_of(options);
    AttentionSteps steps = written_out(q, k, v, options.mask.parts(shape_of(q, k, options)).bias, options);
    tell_observers(q, k, v, options, stream, steps.output);
    return steps;
}

AttentionResult scaled_dot_product_attention_with_weights(const Tensor& q, const Tensor& k, const Tensor& v,
                                                          const AttentionOptions& options) {
    const AttentionSteps steps = scaled_dot_product_attention_steps(q, k, v, options);
    return {steps.output, steps.weights};
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
    check_attention(q, k, v, options);
    const AttentionShape shape = shape_of(q, k, options);
    Kept kept{shape, options, options.mask.parts(shape), {}, {}};
    const AttentionMask::Parts& parts = kept.parts;
    if (!may_multiply(q, k, v, shape.keys, parts, options)) return scaled_dot_product_attention_steps(q, k, v, options).output;

    if (options.training && options.dropout > 0) kept.key = options.generator->take(Shape(shape).numel());
    const auto [y, lse] = run_kernel(q, k, v, plan_of(q, k, v, shape, parts, options, kept.key));
    kept.lse = lse;
    const std::array<Tensor, 4> in{q, k, v, parts.bias};
    Tensor result = record({"scaled_dot_product_attention", attention_formula}, y,
                           wrt(in, [in, kept](const Tensor& dy, const Tensor& output) {
                               return grad_enabled() ? written_out_backward(in, kept, dy) : backward(in, kept, dy, output);
                           }));
    tell_observers(q, k, v, options, kept.key, result);
    return result;
}

Tensor scaled_dot_product_attention_to_first(const Tensor& q, const Tensor& k, const Tensor& v, Index keys,
                                             const AttentionOptions& options) {
    check_attention(q, k, v, options);
    const HeadAxes axis(options);
    AttentionShape shape = shape_of(q, k, options);
    check<IndexError>(0 <= keys && keys <= shape.keys,
                      "scaled_dot_product_attention_to_first: expected a number of keys in [0, {}], got {}", shape.keys, keys);
    shape.keys = keys;
    const AttentionMask::Parts parts = options.mask.parts(shape);
    const bool recorded = grad_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad() ||
                                             (parts.bias && parts.bias.requires_grad()));
    const bool drops = options.training && options.dropout > 0;
    if (recorded || drops || detail::is_observed() || !may_multiply(q, k, v, keys, parts, options))
        return scaled_dot_product_attention(q, slice(k, axis.time, 0, keys), slice(v, axis.time, 0, keys), options);
    return run_kernel(q, k, v, plan_of(q, k, v, shape, parts, options, {})).first;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
