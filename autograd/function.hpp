// Functions of tensors, to be differentiated or checked.
#pragma once

#include <functional>
#include <vector>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// A function of some tensors.
using Function = std::function<Tensor(const std::vector<Tensor>&)>;

/// A function of one tensor.
using UnaryFunction = std::function<Tensor(const Tensor&)>;

namespace detail {
/// A function of one tensor as one of a list of that length.
inline Function of_list(const UnaryFunction& f) {
    return [f](const std::vector<Tensor>& xs) { return f(xs.front()); };
}
}  // namespace detail

}  // namespace tapehead::inline TAPEHEAD_SCALAR
