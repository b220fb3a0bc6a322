// Softmax and its logarithm along one axis.
#pragma once

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = eˣ / Σ eˣ along an axis, without overflow; where all are −∞, y is 0 with gradient 0. Throws IndexError.
Tensor softmax(const Tensor& x, Index axis = -1);

/// y = x − log Σ eˣ along an axis, without overflow. Throws IndexError.
Tensor log_softmax(const Tensor& x, Index axis = -1);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
