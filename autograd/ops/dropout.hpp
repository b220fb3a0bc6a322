// Dropout.
#pragma once

#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = x / (1 − p) with probability 1 − p, else 0; x itself when not training, without drawing a number.
///
/// The gradient replays the mask from its key. Throws ValueError unless 0 ≤ p ≤ 1. (Srivastava et al. 2014)
Tensor dropout(const Tensor& x, Real p, bool training, Generator& generator = default_generator());

}  // namespace tapehead::inline TAPEHEAD_SCALAR
