// Functions of one element: the value from a kernel, the slope written out.
//
// The activations also have a one-pass backward kernel. It runs when nobody will differentiate the gradient; when somebody will,
// the written-out slope is used, which is made of differentiable operations.
#include <tapehead/autograd/ops/pointwise.hpp>

#include <numbers>

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using kernels::simd;
using kernels::Unary;

Tensor map(Unary f, const Tensor& x, Real p = 0, Real q = 0) {
    Tensor y = Tensor::empty(x.shape());
    simd().unary(f, static_cast<Scalar>(p), static_cast<Scalar>(q), x.data(), y.raw(), x.numel());
    return y;
}

/// y = f(x), dx = dy · slope(x), by the backward kernel of f where the gradient is not recorded.
template <class Slope>
Tensor activation(const Operation& operation, Unary f, const Tensor& x, Slope slope, Real p = 0) {
    return record(operation, map(f, x, p), wrt(x, [=](const Tensor& dy) {
                      if (grad_enabled()) return chain(dy, slope(x));
                      Tensor dx = Tensor::empty(x.shape());
                      simd().unary_backward(f, static_cast<Scalar>(p), 0, x.data(), dy.data(), dx.raw(), x.numel());
                      return dx;
                  }));
}

/// 1 where x > 0, else 0; constant almost everywhere, and so not recorded.
Tensor step(const Tensor& x) { return map(Unary::step, x); }

}  // namespace

Tensor neg(const Tensor& x) { return -x; }

Tensor exp(const Tensor& x) {
    return record({"exp", "y = eˣ;  dx = dy y"}, map(Unary::exp, x),
                  wrt(x, [](const Tensor& dy, const Tensor& y) { return chain(dy, y); }));
}

Tensor log(const Tensor& x) {
    return record({"log", "y = log x;  dx = dy / x"}, map(Unary::log, x),
                  wrt(x, [x](const Tensor& dy) { return chain(dy, reciprocal(x)); }));
}

Tensor log1p(const Tensor& x) {
    return record({"log1p", "y = log(1 + x);  dx = dy / (1 + x)"}, map(Unary::log1p, x),
                  wrt(x, [x](const Tensor& dy) { return chain(dy, reciprocal(x + 1)); }));
}

Tensor expm1(const Tensor& x) {
    return record({"expm1", "y = eˣ − 1;  dx = dy (y + 1)"}, map(Unary::expm1, x),
                  wrt(x, [](const Tensor& dy, const Tensor& y) { return chain(dy, y + 1); }));
}

Tensor sqrt(const Tensor& x) {
    return record({"sqrt", "y = √x;  dx = dy / (2 y)"}, map(Unary::sqrt, x),
                  wrt(x, [](const Tensor& dy, const Tensor& y) { return chain(dy, 0.5 / y); }));
}

Tensor rsqrt(const Tensor& x) {
    return record({"rsqrt", "y = 1 / √x;  dx = −dy y³ / 2"}, map(Unary::rsqrt, x),
                  wrt(x, [](const Tensor& dy, const Tensor& y) { return chain(dy, -0.5 * y * square(y)); }));
}

Tensor square(const Tensor& x) {
    return record({"square", "y = x²;  dx = 2 dy x"}, map(Unary::square, x),
                  wrt(x, [x](const Tensor& dy) { return chain(dy, 2 * x); }));
}

Tensor reciprocal(const Tensor& x) {
    return record({"reciprocal", "y = 1 / x;  dx = −dy y²"}, map(Unary::reciprocal, x),
                  wrt(x, [](const Tensor& dy, const Tensor& y) { return chain(dy, -square(y)); }));
}

Tensor abs(const Tensor& x) {
    return record({"abs", "y = |x|;  dx = dy sign(x)"}, map(Unary::abs, x),
                  wrt(x, [x](const Tensor& dy) { return chain(dy, sign(x)); }));
}

/// Constant almost everywhere, and so not recorded.
Tensor sign(const Tensor& x) { return map(Unary::sign, x); }

Tensor sin(const Tensor& x) {
    return record({"sin", "y = sin x;  dx = dy cos x"}, map(Unary::sin, x),
                  wrt(x, [x](const Tensor& dy) { return chain(dy, cos(x)); }));
}

Tensor cos(const Tensor& x) {
    return record({"cos", "y = cos x;  dx = −dy sin x"}, map(Unary::cos, x),
                  wrt(x, [x](const Tensor& dy) { return chain(dy, -sin(x)); }));
}

Tensor erf(const Tensor& x) {
    return record({"erf", "y = erf x;  dx = dy 2/√π e^(−x²)"}, map(Unary::erf, x),
                  wrt(x, [x](const Tensor& dy) { return chain(dy, 2 * std::numbers::inv_sqrtpi * exp(-square(x))); }));
}

Tensor tanh(const Tensor& x) {
    return activation({"tanh", "y = tanh x;  dx = dy (1 − tanh² x)"}, Unary::tanh, x,
                      [](const Tensor& v) { return 1 - square(tanh(v)); });
}

Tensor sigmoid(const Tensor& x) {
    return activation({"sigmoid", "y = σ(x) = 1 / (1 + e⁻ˣ);  dx = dy σ(x) σ(−x)"}, Unary::sigmoid, x,
                      [](const Tensor& v) { return sigmoid(v) * sigmoid(-v); });
}

Tensor softplus(const Tensor& x) {
    return activation({"softplus", "y = log(1 + eˣ);  dx = dy σ(x)"}, Unary::softplus, x,
                      [](const Tensor& v) { return sigmoid(v); });
}

Tensor relu(const Tensor& x) {
    return activation({"relu", "y = max(x, 0);  dx = dy (x > 0)"}, Unary::relu, x, [](const Tensor& v) { return step(v); });
}

Tensor leaky_relu(const Tensor& x, Real slope) {
    return activation(
        {"leaky_relu", "y = x > 0 ? x : slope x;  dx = dy (x > 0 ? 1 : slope)"}, Unary::leaky_relu, x,
        [=](const Tensor& v) { return affine(step(v), 1 - slope, slope); }, slope);
}

Tensor elu(const Tensor& x, Real alpha) {
    return activation(
        {"elu", "y = x > 0 ? x : α (eˣ − 1);  dx = dy (x > 0 ? 1 : α eˣ)"}, Unary::elu, x,
        [=](const Tensor& v) { return where(v > 0, 1, alpha * exp(v)); }, alpha);
}

Tensor gelu(const Tensor& x) {
    return activation({"gelu", "y = x Φ(x);  dx = dy (Φ(x) + x φ(x))"}, Unary::gelu, x, [](const Tensor& v) {
        const Tensor cdf = 0.5 * (1 + erf(v * (1 / std::numbers::sqrt2)));
        const Tensor pdf = std::numbers::inv_sqrtpi / std::numbers::sqrt2 * exp(-0.5 * square(v));
        return cdf + v * pdf;
    });
}

Tensor gelu_tanh(const Tensor& x) {
    return activation({"gelu_tanh",
                       "y = x/2 (1 + tanh u), u = √(2/π) (x + 0.044715 x³);  dx = dy/2 (1 + tanh u + x (1 − tanh² u) u')"},
                      Unary::gelu_tanh, x, [](const Tensor& v) {
                          constexpr Real c = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
                          const Tensor t = tanh(c * (v + 0.044715 * v * square(v)));
                          const Tensor du = c * (1 + 3 * 0.044715 * square(v));
                          return 0.5 * (1 + t + v * (1 - square(t)) * du);
                      });
}

Tensor silu(const Tensor& x) {
    return activation({"silu", "y = x σ(x);  dx = dy σ(x) (1 + x σ(−x))"}, Unary::silu, x,
                      [](const Tensor& v) { return sigmoid(v) * (1 + v * sigmoid(-v)); });
}

Tensor clamp(const Tensor& x, Real low, Real high) {
    return record({"clamp", "y = min(max(x, low), high);  dx = dy (low ≤ x ≤ high)"}, map(Unary::clamp, x, low, high),
                  wrt(x,
                      [=](const Tensor& dy) { return low < high ? chain(dy, map(Unary::inside, x, low, high)) : Tensor(); }));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
