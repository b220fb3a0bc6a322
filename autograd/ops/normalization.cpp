// Normalisation: fused row kernels, their written-out twins beside them.
#include <tapehead/autograd/ops/normalization.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/sweep.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using kernels::simd;

const Scalar* data_or_null(const Tensor& x) { return x ? x.data() : nullptr; }
Scalar* raw_or_null(Tensor& x) { return x ? x.raw() : nullptr; }

/// An output of a joint rule, left out where the input needs no gradient.
Tensor gradient_like(const Tensor& input) { return input.requires_grad() ? Tensor::empty(input.shape()) : Tensor(); }

void check_norm(const char* operation, const Tensor& x, const Shape& shape, const Tensor& weight, const Tensor& bias) {
    check<ShapeError>(!shape.empty() && shape.rank() <= x.dim() && x.shape().slice(x.dim() - shape.rank(), x.dim()) == shape,
                      "{}: expected x [..., {}], got {}", operation, fmt::join(shape.begin(), shape.end(), ", "), x.shape());
    for (const Tensor& parameter : {weight, bias})
        check<ShapeError>(!parameter || parameter.shape() == shape, "{}: expected weight and bias {}, got {}", operation, shape,
                          parameter ? parameter.shape() : Shape());
}

/// The trailing axes as a list: −1, −2, ...
Axes trailing(const Shape& shape) {
    Axes axes;
    for (Index i = 1; i <= shape.rank(); ++i) axes.push_back(-i);
    return axes;
}

}  // namespace

Tensor layer_norm_composite(const Tensor& x, const Shape& shape, const Tensor& weight, const Tensor& bias, Real eps) {
    check_norm("layer_norm_composite", x, shape, weight, bias);
    const Axes axes = trailing(shape);
    const Tensor centred = x - mean(x, axes, true);
    const Tensor normal = centred * rsqrt(mean(square(centred), axes, true) + eps);
    const Tensor scaled = weight ? normal * weight : normal;
    return bias ? scaled + bias : scaled;
}

Tensor layer_norm(const Tensor& x, const Shape& shape, const Tensor& weight, const Tensor& bias, Real eps) {
    check_norm("layer_norm", x, shape, weight, bias);
    const Index n = shape.numel(), rows = n == 0 ? 0 : x.numel() / n;
    Tensor y = Tensor::empty(x.shape()), mean = Tensor::empty({rows}), rstd = Tensor::empty({rows});
    simd().layer_norm(x.data(), data_or_null(weight), data_or_null(bias), y.raw(), mean.raw(), rstd.raw(), rows, n,
                      static_cast<Scalar>(eps));
    return record({"layer_norm",
                   "y = n w + b, n = (x − mean x) / √(var x + ε);  dx = (dn − mean dn − n mean(n dn)) / √(var x + ε), dn = dy "
                   "w,  dw = Σ dy n,  db = Σ dy"},
                  y, wrt(std::array{x, weight, bias}, [=](const Tensor& dy) -> std::vector<Tensor> {
                      if (grad_enabled())
                          return gradients_of(
                              [&](const std::vector<Tensor>& in) {
                                  return layer_norm_composite(in[0], shape, in[1], in[2], eps);
                              },
                              {x, weight, bias}, dy);
                      Tensor dx = gradient_like(x), dw = gradient_like(weight), db = gradient_like(bias);
                      simd().layer_norm_backward(x.data(), data_or_null(weight), mean.data(), rstd.data(), dy.data(),
                                                 raw_or_null(dx), raw_or_null(dw), raw_or_null(db), rows, n);
                      return {dx, dw, db};
                  }));
}

Tensor rms_norm_composite(const Tensor& x, const Shape& shape, const Tensor& weight, Real eps) {
    check_norm("rms_norm_composite", x, shape, weight, {});
    const Tensor normal = x * rsqrt(mean(square(x), trailing(shape), true) + eps);
    return weight ? normal * weight : normal;
}

Tensor rms_norm(const Tensor& x, const Shape& shape, const Tensor& weight, Real eps) {
    check_norm("rms_norm", x, shape, weight, {});
    const Index n = shape.numel(), rows = n == 0 ? 0 : x.numel() / n;
    Tensor y = Tensor::empty(x.shape()), rstd = Tensor::empty({rows});
    simd().rms_norm(x.data(), data_or_null(weight), y.raw(), rstd.raw(), rows, n, static_cast<Scalar>(eps));
    return record(
        {"rms_norm", "y = n w, n = x / √(mean x² + ε);  dx = (dn − n mean(n dn)) / √(mean x² + ε), dn = dy w,  dw = Σ dy n"}, y,
        wrt(std::array{x, weight}, [=](const Tensor& dy) -> std::vector<Tensor> {
            if (grad_enabled())
                return gradients_of([&](const std::vector<Tensor>& in) { return rms_norm_composite(in[0], shape, in[1], eps); },
                                    {x, weight}, dy);
            Tensor dx = gradient_like(x), dw = gradient_like(weight);
            simd().rms_norm_backward(x.data(), data_or_null(weight), rstd.data(), dy.data(), raw_or_null(dx), raw_or_null(dw),
                                     rows, n);
            return {dx, dw};
        }));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
