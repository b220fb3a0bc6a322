// Rotary position embedding: pairs of elements turned by angles that grow with the position.
#pragma once

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Which elements of a vector of R turn together.
enum class RotaryLayout {
    adjacent,    ///< (x₀, x₁), (x₂, x₃), ...: the layout of the paper
    half_split,  ///< (x₀, x_R/2), (x₁, x_R/2+1), ...
};

/// Each pair (a, b) of the first R elements becomes (a cos θ − b sin θ, a sin θ + b cos θ) (Su et al. 2021, section 3.2).
///
/// x [..., T, D], cos and sin of the angles broadcasting to [..., T, R/2], R ≤ D → [..., T, D]; elements from R on stay. Throws
/// ShapeError.
Tensor rotary_embedding(const Tensor& x, const Tensor& cos, const Tensor& sin, RotaryLayout layout = RotaryLayout::adjacent);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
