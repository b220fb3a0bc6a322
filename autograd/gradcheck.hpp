// Gradients checked against finite differences.
#pragma once

#include <string>
#include <vector>

#include <tapehead/autograd/function.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// How a check takes differences, and how near they must come.
struct GradcheckOptions {
    Real step = sizeof(Scalar) == 8 ? 1e-6 : 1e-2;      ///< distance of the central difference
    Real absolute = sizeof(Scalar) == 8 ? 1e-6 : 2e-2;  ///< tolerance: |difference| ≤ absolute + relative |numerical|
    Real relative = sizeof(Scalar) == 8 ? 1e-5 : 2e-2;  ///< the part of it that grows with the derivative
    std::uint64_t seed = 1;                             ///< of the random weights that make a scalar of f's result
    std::vector<std::string> names = {};  ///< of the inputs, for the message: "input 0" and so on where there are none
};

/// What a check found; true if it passed.
struct GradcheckReport {
    bool passed = true;                                ///< whether every derivative agreed
    Index entries = 0;                                 ///< how many derivatives were compared
    Index input = -1;                                  ///< where the worst one is: which input,
    std::string name;                                  ///< its name,
    Shape position;                                    ///< which element of it,
    Real analytic = 0;                                 ///< the derivative of the rules,
    Real numerical = 0;                                ///< and the one of finite differences
    Real error = 0;                                    ///< |analytic − numerical| in units of the tolerance; passes up to 1
    explicit operator bool() const { return passed; }  ///< whether it passed
    /// The report in words.
    std::string message() const;
};

/// Compares the gradients of Σ w f(inputs), w random, with central differences (f(x + h) − f(x − h)) / 2h at every element.
///
/// Inputs that do not require grad are held fixed. Values are changed and put back. Meant for f64. Throws GradError if no input
/// requires grad, ValueError for a step or tolerance that is none, and whatever f throws.
GradcheckReport gradcheck(const Function& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

/// The same for the second derivatives: checks the gradient of f as a function of its own.
GradcheckReport gradgradcheck(const Function& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR
