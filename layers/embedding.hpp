// Embedding: a table of vectors, read by token id.
#pragma once

#include <tapehead/autograd/ops/indexing.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// ids [...] → [..., E], the rows of a table [V, E] that starts as N(0, 1).
///
/// The row `padding_idx`, if there is one, starts as 0 and gets no gradient, so that optimizers leave it alone but for weight decay.
struct Embedding : Module {
    Tensor weight;   ///< [V, E]
    Id padding_idx;  ///< the row without gradient; no_id for none

    /// Throws ValueError for extents below 1 and a padding id outside [0, V).
    Embedding(Index num_embeddings, Index embed_dim, Id padding_idx = no_id);
    /// Throws IndexError for an id outside [0, V).
    Tensor forward(const Ids& ids) const { return embedding(ids, weight, padding_idx); }
    /// The same as forward, as a scope of its own.
    Tensor operator()(const Ids& ids) const {
        const ModuleScope scope(*this);
        return forward(ids);
    }
    void visit(Visitor& v) override { v("weight", weight); }
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
