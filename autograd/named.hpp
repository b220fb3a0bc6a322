// Tensors with names: what a module hands to an optimizer, and what state is saved as.
#pragma once

#include <string>
#include <vector>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// A tensor and its name.
struct NamedTensor {
    std::string name;  ///< full, "encoder.layers.0.norm1.weight"
    Tensor tensor;     ///< a handle, no copy of the value
};

/// Tensors with names, in an order.
using NamedTensors = std::vector<NamedTensor>;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
