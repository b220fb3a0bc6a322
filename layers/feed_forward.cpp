// FeedForward; see feed_forward.hpp.
#include <tapehead/layers/feed_forward.hpp>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// The width of the input. Checks all that is asked for before anything is made.
Index checked_width(Index embed_dim, Index hidden_dim, Real dropout, Activation f) {
    check<ValueError>(embed_dim > 0 && hidden_dim > 0, "FeedForward: expected extents of at least 1, got {} and {}", embed_dim,
                      hidden_dim);
    check<ValueError>(0 <= dropout && dropout <= 1, "FeedForward: expected a dropout in [0, 1], got {}", dropout);
    check<ValueError>(f != nullptr, "FeedForward: expected an activation, got none");
    return embed_dim;
}

}  // namespace

FeedForward::FeedForward(Index embed_dim, Index hidden_dim, Real dropout_p, Activation f)
    : linear1(checked_width(embed_dim, hidden_dim, dropout_p, f), hidden_dim),
      linear2(hidden_dim, embed_dim),
      dropout(dropout_p),
      activation(f) {}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
