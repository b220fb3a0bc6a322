// Gradients as values: what a sweep over the tape returns instead of leaving it in `.grad`.
#pragma once

#include <vector>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// How `grad` begins its sweep, and what it leaves of the graph.
struct GradOptions {
    Tensor seed = {};           ///< dL/dy; may be left out where y has one element
    bool retain_graph = false;  ///< keep what the sweep passes, so that it can be swept again
    bool create_graph = false;  ///< record the sweep itself, so that the gradients can be differentiated; implies retain_graph
};

/// The gradients dy/dx of every x in `xs`, weighted by the seed; leaves all `.grad` alone.
///
///     Tensor g = grad(y, {x}, {.create_graph = true})[0];
///
/// An x that y does not depend on has gradient 0. Throws GradError for an x that does not require grad, for a y of several
/// elements without a seed and for a graph that is freed; ShapeError for a wrong seed.
std::vector<Tensor> grad(const Tensor& y, const std::vector<Tensor>& xs, const GradOptions& options = {});

/// The rule of a fused operation from its written-out twin: gradients of f(inputs) for the seed dy, themselves recorded if
/// grad mode is on.
///
/// f takes a vector of tensors and returns one. Inputs that require no gradient, undefined ones among them, have none.
template <class F>
std::vector<Tensor> gradients_of(const F& f, const std::vector<Tensor>& inputs, const Tensor& dy);

namespace detail {
/// A new result with the same value: where a nested sweep stops, and the outer tape goes on.
Tensor alias(const Tensor& x);
}  // namespace detail

template <class F>
std::vector<Tensor> gradients_of(const F& f, const std::vector<Tensor>& inputs, const Tensor& dy) {
    const bool create_graph = grad_enabled();
    const enable_grad on;
    std::vector<Tensor> aliases, wanted;
    for (const Tensor& input : inputs) {
        aliases.push_back(input.requires_grad() ? detail::alias(input) : input);
        if (input.requires_grad()) wanted.push_back(aliases.back());
    }
    std::vector<Tensor> found = grad(f(aliases), wanted, {.seed = dy, .create_graph = create_graph});
    std::vector<Tensor> gradients(inputs.size());
    for (std::size_t i = 0, next = 0; i < inputs.size(); ++i)
        if (inputs[i].requires_grad()) gradients[i] = std::move(found[next++]);
    return gradients;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
