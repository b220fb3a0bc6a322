// Linear: the affine map.
#pragma once

#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = x Wᵀ + b: [..., in] → [..., out]; W and b start as U(±1/√in).
struct Linear : Layer {
    Tensor weight;  ///< W [out, in]
    Tensor bias;    ///< b [out], or undefined

    /// Throws ValueError for extents below 1.
    Linear(Index in, Index out, bool with_bias = true);
    Tensor forward(const Tensor& x) const override;
    void visit(Visitor& v) override;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
