// Attention captured and made anew; see attention_capture.hpp.
#include <tapehead/study/attention_capture.hpp>

#include <algorithm>
#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/io/npy.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

/// [B, T, H, D] ↔ [B, H, T, D]
Tensor swap_heads(const Tensor& x) { return permute(x, {0, 2, 1, 3}); }

/// One sequence and one head of x [B, H, T, D], as [1, 1, T, D].
Tensor part(const Tensor& x, Index sequence, Index head) {
    return slice(slice(x, 0, sequence, sequence + 1), 1, head, head + 1);
}

/// The same as a matrix.
Tensor matrix(const Tensor& x, Index sequence, Index head) { return select(select(x, 0, sequence), 0, head); }

/// What one head of one sequence sees of a mask.
AttentionMask mask_of_head(const AttentionMask& mask, const AttentionShape& shape, Index sequence, Index head) {
    AttentionMask result;
    const Shape full = shape;
    if (const auto allowed = mask.allowed(shape)) {
        const Shape strides = broadcast_strides(allowed->shape(), full);
        Condition own(Shape{shape.queries, shape.keys});
        const bool* from = allowed->data() + sequence * strides[0] + head * strides[1];
        for (Index i = 0; i < shape.queries; ++i)
            for (Index j = 0; j < shape.keys; ++j) own.raw()[i * shape.keys + j] = from[i * strides[2] + j * strides[3]];
        result = AttentionMask::allow(own);
    }
    const AttentionMask::Parts parts = mask.parts(shape);
    if (parts.bias) result = result & AttentionMask::bias(matrix(expand(parts.bias.detach(), full), sequence, head));
    if (!parts.slopes.empty()) {
        const auto slope = static_cast<Real>(parts.slopes[static_cast<std::size_t>(head)]);
        result = result & AttentionMask::alibi(std::vector<Real>{slope});
    }
    return result;
}

Tensor leaf(const Tensor& x) { return clone(x.detach()).requires_grad_(); }

}  // namespace

CapturedAttention::CapturedAttention(std::string in_scope, const AttentionCall& call)
    : scope(std::move(in_scope)),
      scale(call.options.scale.value_or(1 / std::sqrt(static_cast<Real>(call.q.size(3))))),
      softcap(call.options.softcap),
      dropout(call.options.training ? call.options.dropout : 0),
      output(call.output),
      options_(call.options),
      stream_(call.dropout),
      time_first_(call.options.time_first) {
    const no_grad off;
    const auto heads_first = [&](const Tensor& x) { return time_first_ ? swap_heads(x.detach()) : x.detach(); };
    q_ = heads_first(call.q);
    k_ = heads_first(call.k);
    v_ = heads_first(call.v);
    options_.time_first = false;
    batch = q_.size(0);
    heads = q_.size(1);
    kv_heads = k_.size(1);
    queries = q_.size(2);
    keys = k_.size(2);
    head_dim = q_.size(3);
}

CapturedAttention::Run CapturedAttention::run(Index sequence, Index head) const {
    check<IndexError>(0 <= sequence && sequence < batch && 0 <= head && head < heads,
                      "CapturedAttention: expected a sequence below {} and a head below {}, got {} and {}", batch, heads,
                      sequence, head);
    const detail::Unobserved unobserved;
    const enable_grad on;
    Generator replay;
    replay.set_state(stream_.seed, stream_.position);
    AttentionOptions options = options_;
    options.generator = &replay;
    const Index kv_head = head / (heads / kv_heads);
    AttentionHead leaves;
    if (dropout > 0) {  // a weight's number is found by its place among all
        leaves.q = leaf(q_);
        leaves.k = leaf(k_);
        leaves.v = leaf(v_);
    } else {
        leaves.q = leaf(part(q_, sequence, head));
        leaves.k = leaf(part(k_, sequence, kv_head));
        leaves.v = leaf(part(v_, sequence, kv_head));
        options.mask = mask_of_head(options.mask, {batch, heads, queries, keys}, sequence, head);
        sequence = head = 0;
    }
    return {leaves, scaled_dot_product_attention_steps(leaves.q, leaves.k, leaves.v, options), sequence, head};
}

AttentionHead CapturedAttention::head(Index sequence, Index head) const {
    const Run made = run(sequence, head);
    const detail::Unobserved unobserved;
    const no_grad off;
    const auto at = [&](const Tensor& x) { return matrix(x.detach(), made.sequence, made.head); };
    const Index kv_head = head / (heads / kv_heads);
    const auto of_input = [&](const Tensor& x, Index h) { return matrix(x, sequence, h); };
    return {of_input(q_, head),           of_input(k_, kv_head),  of_input(v_, kv_head), at(made.steps.scores),
            at(made.steps.masked_scores), at(made.steps.weights), at(made.steps.output)};
}

AttentionHead CapturedAttention::gradients(Index sequence, Index head) const {
    check<GradError>(output_gradient.defined(), "CapturedAttention: expected a backward pass through '{}', got none yet",
                     scope);
    Run made = run(sequence, head);
    const detail::Unobserved unobserved;
    AttentionSteps& steps = made.steps;
    for (Tensor* step : {&steps.scores, &steps.masked_scores, &steps.weights}) step->retain_grad();
    const no_grad off;
    const Tensor from = time_first_ ? swap_heads(output_gradient) : output_gradient;  // [B, H, Tq, Dv]
    const Tensor own = matrix(from, sequence, head);
    Tensor seed = Tensor::empty(steps.output.shape());
    seed.zero_();
    const AxisView at(seed.shape(), 0, 2);  // [B H, Tq Dv]
    std::copy_n(own.data(), own.numel(), seed.mutable_data() + (made.sequence * seed.size(1) + made.head) * own.numel());
    steps.output.backward(seed);
    const auto gradient = [&](const Tensor& x, Index h) { return matrix(x.grad(), made.sequence, h); };
    const Index kv_head = dropout > 0 ? head / (heads / kv_heads) : 0;
    return {gradient(made.leaves.q, made.head),
            gradient(made.leaves.k, kv_head),
            gradient(made.leaves.v, kv_head),
            gradient(steps.scores, made.head),
            gradient(steps.masked_scores, made.head),
            gradient(steps.weights, made.head),
            own};
}

const CapturedAttention& AttentionCapture::call(const std::string& scope, std::size_t nth) const {
    std::size_t seen = 0;
    std::string all;
    for (const CapturedAttention& call : calls_) {
        if (call.scope == scope && seen++ == nth) return call;
        all += (all.empty() ? "'" : ", '") + call.scope + "'";
    }
    throw ValueError(fmt::format("AttentionCapture: expected a layer that attended {} times, got '{}'; there were calls of {}",
                                 nth + 1, scope, all.empty() ? "none" : all));
}

void AttentionCapture::on_attention(const AttentionCall& call) { calls_.emplace_back(scope_name(), call); }

void AttentionCapture::on_pull(const PullEvent& event) {
    for (CapturedAttention& call : calls_)
        if (call.output.node().get() == &event.node) call.output_gradient = event.dy;
}

void AttentionCapture::save(const std::string& path) const {
    const detail::Unobserved unobserved;
    const no_grad off;
    NamedTensors arrays;
    std::map<std::string, int> seen;
    for (const CapturedAttention& call : calls_) {
        const int n = seen[call.scope]++;
        const std::string name = (call.scope.empty() ? "attention" : call.scope) + (n ? fmt::format(".{}", n) : "");
        const auto add = [&](const std::string& suffix, const auto& make) {
            std::vector<AttentionHead> all;
            for (Index b = 0; b < call.batch; ++b)
                for (Index h = 0; h < call.heads; ++h) all.push_back(make(b, h));
            for (const auto& [step, member] : attention_head_steps) {
                std::vector<Tensor> parts;
                parts.reserve(all.size());
                for (const AttentionHead& head : all) parts.push_back(head.*member);
                const Tensor stacked = stack(parts);
                arrays.push_back({fmt::format("{}.{}{}", name, step, suffix),
                                  reshape(stacked, {call.batch, call.heads, stacked.size(1), stacked.size(2)})});
            }
        };
        add("", [&](Index b, Index h) { return call.head(b, h); });
        if (call.output_gradient) add(".grad", [&](Index b, Index h) { return call.gradients(b, h); });
    }
    save_npz(path, arrays);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
