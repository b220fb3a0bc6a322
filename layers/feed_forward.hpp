// FeedForward: the position-wise network of the Transformer.
#pragma once

#include <tapehead/layers/activations.hpp>
#include <tapehead/layers/dropout.hpp>
#include <tapehead/layers/linear.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// FFN(x) = W₂ dropout(f(W₁ x + b₁)) + b₂: [..., E] → [..., E]  (Vaswani et al. 2017, section 3.3, with f = relu).
struct FeedForward : Layer {
    Linear linear1;         ///< E → hidden
    Linear linear2;         ///< hidden → E
    Dropout dropout;        ///< between them
    Activation activation;  ///< f, before the dropout

    /// Throws ValueError for extents below 1, a probability outside [0, 1] and no activation.
    FeedForward(Index embed_dim, Index hidden_dim, Real dropout_p = 0, Activation f = relu);
    Tensor forward(const Tensor& x) const override { return linear2(dropout(activation(linear1(x)))); }
    void visit(Visitor& v) override {
        v("linear1", linear1);
        v("linear2", linear2);
        v("dropout", dropout);
    }
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
