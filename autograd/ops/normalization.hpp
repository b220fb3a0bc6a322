// Normalisation over the trailing axes.
#pragma once

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = (x − mean) / √(var + ε) · w + b over the last axes, those of `shape`; biased variance.
///
/// weight and bias have the shape `shape`, or are undefined. Throws ShapeError. (Ba et al. 2016)
Tensor layer_norm(const Tensor& x, const Shape& shape, const Tensor& weight = {}, const Tensor& bias = {}, Real eps = 1e-5);

/// y = x / √(mean(x²) + ε) · w over the last axes, those of `shape`. Throws ShapeError. (Zhang and Sennrich 2019)
Tensor rms_norm(const Tensor& x, const Shape& shape, const Tensor& weight = {}, Real eps = 1e-5);

/// @{
/// The same written in plain operations: what the fused ones are differentiated through, and tested against. Throw as they do.
Tensor layer_norm_composite(const Tensor& x, const Shape& shape, const Tensor& weight, const Tensor& bias, Real eps);
Tensor rms_norm_composite(const Tensor& x, const Shape& shape, const Tensor& weight, Real eps);
/// @}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
