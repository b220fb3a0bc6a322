// Softmax and its logarithm along one axis.
#pragma once

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = eˣ / Σ eˣ along an axis, without overflow; where all are −∞, y is 0 with gradient 0. A scalar has axis 0.
///
/// Throws IndexError for an axis out of range.
Tensor softmax(const Tensor& x, Index axis = -1);

/// y = x − log Σ eˣ along an axis, without overflow. Throws as softmax.
Tensor log_softmax(const Tensor& x, Index axis = -1);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
