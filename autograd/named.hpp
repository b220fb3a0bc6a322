// Tensors with names: what a module hands to an optimizer, and what state is saved as.
#pragma once

#include <string>
#include <vector>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

struct NamedTensor {
    std::string name;
    Tensor tensor;
};

using NamedTensors = std::vector<NamedTensor>;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
