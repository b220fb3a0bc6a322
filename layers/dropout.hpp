// Dropout as a layer.
#pragma once

#include <tapehead/autograd/ops/dropout.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = x / (1 − p) with probability 1 − p, else 0, in training; y = x in evaluation. (Srivastava et al. 2014)
struct Dropout : Layer {
    Real p;  ///< the probability of 0

    /// Throws ValueError unless 0 ≤ p ≤ 1.
    explicit Dropout(Real probability = 0.5);
    Tensor forward(const Tensor& x) const override { return dropout(x, p, training); }
    void visit(Visitor&) override {}
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
