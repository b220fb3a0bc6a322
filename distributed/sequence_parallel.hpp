// Attention over sequences that are spread over several processes, each with a piece of every one.
#pragma once

#include <tapehead/distributed/communicator.hpp>
#include <tapehead/layers/attention.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {

/// Cuts x along one axis into a part for each process, and joins the parts that come from them along another.
///
/// [..., S, ..., J, ...] → [..., S / n, ..., J n, ...] on n processes; process r gets part r of all, in their order. The gradient goes the same
/// way back. Collective, and so is a sweep over it. Throws IndexError for an axis that is not there, ValueError for one axis twice, and
/// ShapeError where n does not divide the first or the shapes are not the same on all processes.
Tensor all_to_all(const Communicator& processes, const Tensor& x, Index split_axis, Index join_axis);

/// MultiHeadAttention within sequences of which each process has a piece, T/n positions of T on n processes, in the order of their
/// numbers: exact, forward and back (Jacobs et al. 2023, DeepSpeed Ulysses).
///
///     mpi::SequenceParallelAttention attention(processes, MultiHeadAttention(512, 8));
///     const Tensor y = attention(x, AttentionMask::causal());         // [B, T/n, E] → [B, T/n, E]
///
/// In between each process has all positions of H/n of the heads, and the same kernel as on one process. The mask is that of the
/// whole sequences, [B, T] or [T, T], and the same for all heads. Dropout acts on heads, with the numbers of each process.
struct SequenceParallelAttention : Module {
    MultiHeadAttention attention;  ///< what one process would compute
    Communicator processes;        ///< those that have the pieces

    /// Shares the tensors of `layer`. Throws ValueError where n does not divide its heads and its key-value heads, and for ALiBi, whose
    /// slopes are those of all heads.
    SequenceParallelAttention(const Communicator& group, const MultiHeadAttention& layer);

    /// y [B, T/n, E] of x [B, T/n, E]. Collective, and so is a sweep over it. Throws ShapeError, and ValueError for a mask with ALiBi.
    Tensor forward(const Tensor& x, const AttentionMask& mask = {}) const;
    /// The same as forward.
    Tensor operator()(const Tensor& x, const AttentionMask& mask = {}) const { return forward(x, mask); }
    void visit(Visitor& v) override { attention.visit(v); }
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
