// Gradient clipping; see clip.hpp.
#include <tapehead/optim/clip.hpp>

#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/reduce.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

std::vector<Tensor> gradients(const Parameters& parameters) {
    std::vector<Tensor> result;
    for (const auto& [name, parameter] : parameters)
        if (const Tensor gradient = parameter.grad()) result.push_back(gradient);
    return result;
}

/// The norm of all elements: for p = 2 in one pass, unless the squares may have overflowed or vanished.
Scalar norm_of(const Tensor& x, Real p) {
    if (p == 2) {
        Scalar squares = 0;
        kernels::simd().reduce(kernels::Reduce::sum_of_squares, x.data(), &squares, 1, x.numel(), 1);
        if (squares > Scalar(1e-24) && std::isfinite(squares)) return std::sqrt(squares);
    }
    return norm(x, p).item();
}

/// The norm of the tensors' norms, which is that of all their elements.
Real total_norm(const std::vector<Tensor>& tensors, Real p) {
    if (tensors.empty()) return 0;
    std::vector<Scalar> norms;
    norms.reserve(tensors.size());
    for (const Tensor& tensor : tensors) norms.push_back(norm_of(tensor, p));
    return norm(Tensor::from_values(norms, {static_cast<Index>(norms.size())}), p).item();
}

}  // namespace

Real clip_grad_norm(const Parameters& parameters, Real max_norm, ClipOptions options) {
    check<ValueError>(max_norm >= 0, "clip_grad_norm: expected a max_norm that is not negative, got {}", max_norm);
    check<ValueError>(options.norm_type > 0, "clip_grad_norm: expected norm_type > 0, got {}", options.norm_type);
    detail::check_tensors("clip_grad_norm", parameters);
    const no_grad off;
    auto found = gradients(parameters);
    const Real total = total_norm(found, options.norm_type);
    check<GradError>(!options.error_if_nonfinite || std::isfinite(total), "clip_grad_norm: expected a finite norm, got {}",
                     total);
    const Real factor = max_norm / (total + 1e-6);
    if (std::isfinite(total) && factor < 1)
        for (Tensor& gradient : found) gradient.mul_(factor);
    return total;
}

void clip_grad_value(const Parameters& parameters, Real limit) {
    check<ValueError>(limit >= 0, "clip_grad_value: expected a limit that is not negative, got {}", limit);
    detail::check_tensors("clip_grad_value", parameters);
    const no_grad off;
    const auto bound = static_cast<Scalar>(limit);
    for (Tensor& gradient : gradients(parameters)) {
        Scalar* g = gradient.mutable_data();
        kernels::simd().unary(kernels::Unary::clamp, -bound, bound, g, g, gradient.numel());
    }
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
