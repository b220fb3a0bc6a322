// checkpoint: recompute instead of keep.
#pragma once

#include <vector>

#include <tapehead/autograd/function.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = f(x), of which the tape keeps x alone: the backward pass runs f again to differentiate it (Chen et al. 2016).
///
///     for (const auto& layer : layers) x = checkpoint([&](const Tensor& h) { return layer(h); }, x);
///
/// The parameters and other tensors that f captured get their gradients too. The second run draws the same random numbers, of any
/// generator, and moves none on. f is kept until then, must do the same again and may change nothing but its own tensors; hooks and
/// retain_grad inside it are not possible. Every order of derivative goes through; a recorded sweep (create_graph) keeps what it
/// ran again. Where grad mode is off this is f(x).
///
/// Throws what f throws; in the backward pass GradError if f returns another shape than before, reads other tensors that require
/// grad or draws more random numbers, and if what it reads was changed in place.
Tensor checkpoint(const UnaryFunction& f, const Tensor& x);

/// The same for several inputs, undefined ones among them.
Tensor checkpoint(const Function& f, const std::vector<Tensor>& xs);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
