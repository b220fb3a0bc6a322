// Softmax: row kernels forward and backward; the written-out rules take over where the gradient is differentiated.
#include <tapehead/autograd/ops/softmax.hpp>

#include <algorithm>

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using kernels::simd;

/// Runs f over the last axis, whichever axis is meant; a scalar has the one of a vector of one element.
template <class F>
Tensor along(const char* operation, const Tensor& x, Index axis, F f) {
    axis = normalize_axis(operation, axis, std::max<Index>(1, x.dim()));
    if (x.dim() == 0) return reshape(f(reshape(x, {1})), {});
    return axis == x.dim() - 1 ? f(x) : transpose(f(transpose(x, axis, -1)), axis, -1);
}

Index rows(const Tensor& x) { return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1); }

/// dy p, 0 where either is 0, whatever the other.
Tensor product(const Tensor& dy, const Tensor& p) { return where(p == 0, 0, chain(dy, p)); }

Tensor softmax_rows(const Tensor& x) {
    Tensor y = Tensor::empty(x.shape());
    simd().softmax(x.data(), y.raw(), rows(x), x.size(-1));
    return record({"softmax", "y = eˣ / Σ eˣ;  dx = y (dy − Σ y dy)"}, y, wrt(x, [](const Tensor& dy, const Tensor& p) {
                      if (grad_enabled()) return product(dy - sum(product(dy, p), -1, true), p);
                      Tensor dx = Tensor::empty(p.shape());
                      simd().softmax_backward(p.data(), dy.data(), dx.raw(), rows(p), p.size(-1));
                      return dx;
                  }));
}

Tensor log_softmax_rows(const Tensor& x) {
    Tensor y = Tensor::empty(x.shape());
    simd().log_softmax(x.data(), y.raw(), rows(x), x.size(-1));
    return record({"log_softmax", "y = x − log Σ eˣ;  dx = dy − eʸ Σ dy"}, y, wrt(x, [](const Tensor& dy, const Tensor& log_p) {
                      if (grad_enabled()) return dy - exp(log_p) * sum(dy, -1, true);
                      Tensor dx = Tensor::empty(log_p.shape());
                      simd().log_softmax_backward(log_p.data(), dy.data(), dx.raw(), rows(log_p), log_p.size(-1));
                      return dx;
                  }));
}

}  // namespace

Tensor softmax(const Tensor& x, Index axis) { return along("softmax", x, axis, softmax_rows); }
Tensor log_softmax(const Tensor& x, Index axis) { return along("log_softmax", x, axis, log_softmax_rows); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR
