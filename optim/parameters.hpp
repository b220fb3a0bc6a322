// Parameters: what optimizers, clipping and averaging work on, and ways to divide it.
//
// Knows tensors and their names, nothing of the module they come from.
#pragma once

#include <functional>
#include <initializer_list>
#include <vector>

#include <tapehead/autograd/named.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Tensors with names, as `model.named_parameters()` returns them; a plain list is named "0", "1", ...
///
/// State is saved and found again by these names.
struct Parameters : NamedTensors {
    Parameters() = default;                                                 ///< no parameter
    Parameters(NamedTensors tensors) : NamedTensors(std::move(tensors)) {}  ///< under their names
    /// @{
    /// Named "0", "1", ...
    Parameters(const std::vector<Tensor>& tensors);
    Parameters(std::initializer_list<Tensor> tensors) : Parameters(std::vector<Tensor>(tensors)) {}
    /// @}
};

/// Parameters in two parts, each in the order of the whole.
struct SplitParameters {
    Parameters chosen, rest;  ///< those that meet the condition, and the others
};

/// Divides parameters by a condition, for groups or optimizers of their own.
///
///     auto [matrices, others] = split_parameters(model.named_parameters(), [](const NamedTensor& p) { return p.tensor.dim() == 2; });
SplitParameters split_parameters(const Parameters& parameters, const std::function<bool(const NamedTensor&)>& is_chosen);

namespace detail {

/// Throws ValueError naming `operation` for an undefined tensor, a name or tensor that comes twice, and for no tensor at all.
void check_parameters(const char* operation, const Parameters& parameters);
/// The same for undefined tensors and those that come twice alone.
void check_tensors(const char* operation, const Parameters& parameters);

}  // namespace detail
}  // namespace tapehead::inline TAPEHEAD_SCALAR
