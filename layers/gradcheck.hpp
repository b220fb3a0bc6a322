// The gradients of a layer checked against finite differences: of its inputs and of every parameter, by name.
#pragma once

#include <functional>
#include <vector>

#include <tapehead/autograd/gradcheck.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Checks the gradients of layer(x) by x and by every parameter; a failure's message names the parameter.
///
///     const GradcheckReport report = gradcheck(layer, x);
///     if (!report) std::cerr << report.message();
///
/// Reads x as input "x", whether or not it requires grad. Dropout draws the same numbers each time, so that a layer may be checked in
/// training. Options and errors are those of gradcheck for functions, but for the names.
GradcheckReport gradcheck(Layer& layer, const Tensor& x, const GradcheckOptions& options = {});

/// The same for a module whose `forward` takes other arguments: `run` calls it.
///
///     gradcheck(module, [&] { return module.forward(a, b, mask); }, {a, b});
///
/// `inputs` are among the tensors that `run` reads, in options.names if they have names; those that do not require grad do while the
/// check runs. Results of recorded operations are no inputs: GradError.
GradcheckReport gradcheck(Module& module, const std::function<Tensor()>& run, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {});

/// @{
/// The same for the second derivatives.
GradcheckReport gradgradcheck(Layer& layer, const Tensor& x, const GradcheckOptions& options = {});
GradcheckReport gradgradcheck(Module& module, const std::function<Tensor()>& run, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options = {});
/// @}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
