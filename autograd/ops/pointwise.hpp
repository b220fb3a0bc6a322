// Functions of one element: y[i] = f(x[i]). Every result has the shape of x.
#pragma once

#include <limits>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Tensor neg(const Tensor& x);         ///< −x
Tensor exp(const Tensor& x);         ///< eˣ
Tensor log(const Tensor& x);         ///< ln x
Tensor log1p(const Tensor& x);       ///< ln(1 + x), exact near 0
Tensor expm1(const Tensor& x);       ///< eˣ − 1, exact near 0
Tensor sqrt(const Tensor& x);        ///< √x; the derivative at 0 is +∞
Tensor rsqrt(const Tensor& x);       ///< 1/√x
Tensor square(const Tensor& x);      ///< x²
Tensor reciprocal(const Tensor& x);  ///< 1/x
Tensor abs(const Tensor& x);         ///< |x|; the derivative at 0 is 0
Tensor sign(const Tensor& x);        ///< −1, 0 or 1; derivative 0
Tensor sin(const Tensor& x);         ///< sin x, x in radians
Tensor cos(const Tensor& x);         ///< cos x, x in radians
Tensor erf(const Tensor& x);         ///< the error function, 2/√π ∫₀ˣ e^−t² dt
Tensor tanh(const Tensor& x);        ///< the hyperbolic tangent
Tensor sigmoid(const Tensor& x);     ///< 1 / (1 + e⁻ˣ)
Tensor softplus(const Tensor& x);    ///< ln(1 + eˣ), without overflow
Tensor relu(const Tensor& x);        ///< max(x, 0); the derivative at 0 is 0
Tensor silu(const Tensor& x);        ///< x sigmoid(x), also called swish

/// x where x > 0, else slope x; the derivative at 0 is `slope`.
Tensor leaky_relu(const Tensor& x, Real slope = 0.01);
/// x where x > 0, else α (eˣ − 1)  (Clevert et al. 2015)
Tensor elu(const Tensor& x, Real alpha = 1);
/// x Φ(x), with the exact normal distribution function  (Hendrycks and Gimpel 2016)
Tensor gelu(const Tensor& x);
/// x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))), the approximation of gelu
Tensor gelu_tanh(const Tensor& x);
/// min(max(x, low), high); the derivative is 1 from bound to bound, both included, and 0 if low ≥ high.
Tensor clamp(const Tensor& x, Real low, Real high = std::numeric_limits<Real>::infinity());

}  // namespace tapehead::inline TAPEHEAD_SCALAR
