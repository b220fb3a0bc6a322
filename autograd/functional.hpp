// Derivatives of functions: products with vectors, whole matrices, and one gradient for each sample.
//
// All leave every `.grad` alone and record what they need even where grad mode is off. The points xs need not require grad.
// Results are plain values, unless create_graph asks for ones that can be differentiated again: by what the function captured
// and by those xs that require grad.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <tapehead/autograd/function.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// How derivatives of functions are returned.
struct DerivativeOptions {
    bool create_graph = false;  ///< record the derivatives, so that they can be differentiated
};

/// A vector-Jacobian product: y = f(x) and vᵀ ∂y/∂x, of x's shape.
///
///     const auto [y, dx] = vjp(f, x, v);
///
/// v has y's shape and may be left out where y has one element. Throws GradError where it may not; ShapeError for a wrong v.
std::pair<Tensor, Tensor> vjp(const UnaryFunction& f, const Tensor& x, const Tensor& v = {},
                              const DerivativeOptions& options = {});
/// The same at several xs: y and vᵀ ∂y/∂xᵢ for each.
std::pair<Tensor, std::vector<Tensor>> vjp(const Function& f, const std::vector<Tensor>& xs, const Tensor& v = {},
                                           const DerivativeOptions& options = {});

/// A Jacobian-vector product, the derivative of f along a tangent of x's shape: y = f(x) and ∂y/∂x · t, of y's shape.
///
///     const auto [y, dy] = jvp(f, x, t);
///
/// By two sweeps back: u ↦ uᵀ ∂y/∂x is linear in u, and the gradient of ⟨uᵀ ∂y/∂x, t⟩ by u is ∂y/∂x · t. Throws ShapeError for a
/// wrong tangent.
std::pair<Tensor, Tensor> jvp(const UnaryFunction& f, const Tensor& x, const Tensor& tangent,
                              const DerivativeOptions& options = {});
/// The same with several xs: y and Σ ∂y/∂xᵢ · tᵢ. Throws ValueError for another number of tangents than xs.
std::pair<Tensor, Tensor> jvp(const Function& f, const std::vector<Tensor>& xs, const std::vector<Tensor>& tangents,
                              const DerivativeOptions& options = {});

/// A Hessian-vector product: y = f(x), one element, and ∂²y/∂x² · v, of x's shape.
///
///     const auto [y, hv] = hvp(f, x, v);
///
/// The gradient of ⟨∂y/∂x, v⟩, which needs no Hessian. Throws GradError if y has several elements; ShapeError for a wrong v.
std::pair<Tensor, Tensor> hvp(const UnaryFunction& f, const Tensor& x, const Tensor& v, const DerivativeOptions& options = {});
/// The same with several xs: y and Σⱼ ∂²y/∂xᵢ∂xⱼ · vⱼ for each. Throws ValueError for another number of vs than xs.
std::pair<Tensor, std::vector<Tensor>> hvp(const Function& f, const std::vector<Tensor>& xs, const std::vector<Tensor>& vs,
                                           const DerivativeOptions& options = {});

/// All derivatives ∂yᵢ/∂xⱼ of y = f(x): [y.shape..., x.shape...].
///
/// One sweep for each element of y. Throws ShapeError if y and x have more than max_rank axes together.
Tensor jacobian(const UnaryFunction& f, const Tensor& x, const DerivativeOptions& options = {});
/// The same at several xs: one Jacobian for each.
std::vector<Tensor> jacobian(const Function& f, const std::vector<Tensor>& xs, const DerivativeOptions& options = {});

/// All second derivatives ∂²y/∂xᵢ∂xⱼ of y = f(x), one element: [x.shape..., x.shape...].
///
/// One sweep for each element of x. Throws GradError if y has several elements; ShapeError if x has more than max_rank / 2 axes.
Tensor hessian(const UnaryFunction& f, const Tensor& x, const DerivativeOptions& options = {});
/// The same with several xs: blocks [i][j] of shape [xᵢ.shape..., xⱼ.shape...].
std::vector<std::vector<Tensor>> hessian(const Function& f, const std::vector<Tensor>& xs,
                                         const DerivativeOptions& options = {});

/// The gradients of `samples` losses, each on its own: [samples, shape...] for every parameter.
///
///     const auto loss = [&](Index i) { return mse_loss(net(slice(x, 0, i, i + 1)), slice(y, 0, i, i + 1)); };
///     const std::vector<Tensor> g = per_sample_grads(loss, x.size(0), net.parameters());
///
/// Summed over the first axis they are the gradients of the sum of the losses. `loss` is called with 0 to samples − 1; what the
/// samples have in common may be computed before, as losses[B] of which it selects one. Throws
/// GradError for a parameter that requires no grad or a loss of several elements; ValueError for a negative number of samples.
std::vector<Tensor> per_sample_grads(const std::function<Tensor(Index sample)>& loss, Index samples,
                                     const std::vector<Tensor>& parameters, const DerivativeOptions& options = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR
