// Embedding; see embedding.hpp.
#include <tapehead/layers/embedding.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/layers/init.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Embedding::Embedding(Index num_embeddings, Index embed_dim, Id padding) : padding_idx(padding) {
    check<ValueError>(num_embeddings > 0 && embed_dim > 0, "Embedding: expected extents of at least 1, got {} and {}",
                      num_embeddings, embed_dim);
    check<ValueError>(padding == no_id || (0 <= padding && padding < num_embeddings),
                      "Embedding: expected a padding id in [0, {}), got {}", num_embeddings, padding);
    weight = init::normal_(make_parameter({num_embeddings, embed_dim}));
    if (padding == no_id) return;
    const no_grad off;
    std::fill_n(weight.mutable_data() + padding * embed_dim, embed_dim, Scalar{0});
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
