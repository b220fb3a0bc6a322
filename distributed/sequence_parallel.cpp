// Attention over spread sequences; see sequence_parallel.hpp.
#include <tapehead/distributed/sequence_parallel.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {
namespace {

Index checked_axis(const Tensor& x, Index axis) {
    check<IndexError>(-x.dim() <= axis && axis < x.dim(), "all_to_all: expected an axis in [{}, {}), got {}", -x.dim(), x.dim(),
                      axis);
    return axis < 0 ? axis + x.dim() : axis;
}

}  // namespace

Tensor all_to_all(const Communicator& processes, const Tensor& x, Index split_axis, Index join_axis) {
    const Index split_at = checked_axis(x, split_axis), join_at = checked_axis(x, join_axis), n = processes.size();
    check<ValueError>(split_at != join_at, "all_to_all: expected two axes, got {} twice", split_axis);
    check<ShapeError>(x.size(split_at) % n == 0, "all_to_all: expected an axis that {} processes divide, got {} in {}", n,
                      x.size(split_at), x.shape());
    const Tensor sent = stack(split(x.detach(), x.size(split_at) / n, split_at), 0);  // [n, part]
    processes.check_same_shapes("all_to_all", sent);
    Tensor received = Tensor::empty(sent.shape());
    processes.all_to_all(sent.data(), received.raw(), sent.numel() / n);
    std::vector<Tensor> parts;
    for (Index p = 0; p < n; ++p) parts.push_back(select(received, 0, p));
    return record({"all_to_all", "y = the parts of all processes, joined;  dx = their gradients, the same way back"},
                  concat(parts, join_at),
                  wrt(x, [=](const Tensor& dy) { return all_to_all(processes, dy, join_at, split_at); }));
}

SequenceParallelAttention::SequenceParallelAttention(const Communicator& group, const MultiHeadAttention& layer)
    : attention(layer), processes(group) {
    const Index n = group.size();
    check<ValueError>(layer.num_heads % n == 0 && layer.num_kv_heads % n == 0,
                      "SequenceParallelAttention: expected heads that {} processes divide, got {} and {} of keys and values", n,
                      layer.num_heads, layer.num_kv_heads);
    check<ValueError>(layer.own_mask.parts({1, layer.num_heads, 1, 1}).slopes.empty(),
                      "SequenceParallelAttention: expected attention without ALiBi, got one with it");
}

Tensor SequenceParallelAttention::forward(const Tensor& x, const AttentionMask& mask) const {
    const ModuleScope scope(*this);
    const MultiHeadAttention& layer = attention;
    check<ShapeError>(x.dim() == 3 && x.size(2) == layer.q_proj.weight.size(1),
                      "SequenceParallelAttention: expected x [B, T/n, {}], got {}", layer.q_proj.weight.size(1), x.shape());
    const Index length = x.size(1) * processes.size();
    const AttentionShape shape{x.size(0), layer.num_heads, length, length};
    const AttentionMask whole_mask = mask & layer.own_mask;
    check<ValueError>(whole_mask.parts(shape).slopes.empty(),
                      "SequenceParallelAttention: expected a mask without ALiBi, got one with it");
    const auto heads_of = [&](const Linear& projection, const Tensor& from, Index heads) {  // [B, T/n, E] → [B, T, H/n, D]
        return all_to_all(processes, reshape(projection(from), {from.size(0), from.size(1), heads, -1}), 2, 1);
    };
    const Tensor keys = detail::readable(x, whole_mask, shape, processes.rank() * x.size(1));  // [B, T/n, E]
    const auto turned = [&](const Tensor& t) { return layer.rotary ? layer.rotary->forward(t, 0, 1) : t; };
    const Tensor q = turned(heads_of(layer.q_proj, x, layer.num_heads));        // [B, T, H/n, D]
    const Tensor k = turned(heads_of(layer.k_proj, keys, layer.num_kv_heads));  // [B, T, Hkv/n, D]
    const Tensor v = heads_of(layer.v_proj, keys, layer.num_kv_heads);          // [B, T, Hkv/n, D]
    const Tensor y = scaled_dot_product_attention(q, k, v,                      // [B, T, H/n, D]
                                                  {.mask = whole_mask,
                                                   .scale = layer.scale,
                                                   .softcap = layer.softcap,
                                                   .dropout = layer.dropout,
                                                   .training = training,
                                                   .time_first = true});
    return layer.out_proj(flatten(all_to_all(processes, y, 1, 2), 2, 3));  // [B, T/n, E]
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
