// Functions of tensors, to be differentiated or checked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// A function of some tensors.
using Function = std::function<Tensor(const std::vector<Tensor>&)>;

/// A function of one tensor.
using UnaryFunction = std::function<Tensor(const Tensor&)>;

namespace detail {
/// Throws ValueError naming `operation` where there is no function to call.
template <class F>
void check_function(const char* operation, const std::function<F>& f) {
    if (!f) throw ValueError(std::string(operation) + ": expected a function, got none");
}

/// A function of one tensor as one of a list of that length.
inline Function of_list(const UnaryFunction& f) {
    if (!f) return {};
    return [f](const std::vector<Tensor>& xs) { return f(xs.front()); };
}
}  // namespace detail

}  // namespace tapehead::inline TAPEHEAD_SCALAR
