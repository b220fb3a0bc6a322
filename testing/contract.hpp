// What every operation and every layer keeps to, as checks for those of other people; `<tapehead/testing/catch2.hpp>` makes tests of them.
//
// Knows autograd, layers and io; no test framework. A check returns what it found wrong, in words.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tapehead/autograd/gradcheck.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::testing {

/// What was found wrong, a sentence each; empty if all is well.
using Faults = std::vector<std::string>;

/// A function of one to three tensors, or of a list of them, as one of a list.
template <class F>
Function as_function(const F& f) {
    using T = const Tensor&;
    if constexpr (std::is_convertible_v<const F&, Function>) return f;
    else if constexpr (std::is_invocable_v<const F&, T>) return [f](const std::vector<Tensor>& in) { return f(in.at(0)); };
    else if constexpr (std::is_invocable_v<const F&, T, T>)
        return [f](const std::vector<Tensor>& in) { return f(in.at(0), in.at(1)); };
    else return [f](const std::vector<Tensor>& in) { return f(in.at(0), in.at(1), in.at(2)); };
}

/// What is asked of an operation.
struct OperationContract {
    bool second_order = true;      ///< whether it can be differentiated twice
    GradcheckOptions gradcheck{};  ///< of both orders
};

/// Checks a function of tensors.
///
/// - the same inputs give the same bits, and on another number of threads the same but for rounding; they are not changed
/// - nothing is recorded without an input that requires grad, nor under no_grad
/// - the gradient is right where an input is a leaf, the result of an operation, or given twice
/// - the gradient is the same whether it is recorded or not
/// - first and second derivatives agree with finite differences (in double alone; float is too coarse for them)
///
/// Inputs that do not require grad are held fixed. Throws GradError if none does, and whatever f throws.
Faults operation_faults(const Function& f, const std::vector<Tensor>& inputs, const OperationContract& contract = {});

/// What is asked of a layer.
struct LayerContract {
    bool is_random = false;              ///< draws random numbers in training, as dropout does
    bool rows_are_independent = true;    ///< what a row of a batch gives does not depend on the others
    bool second_order = true;            ///< whether it can be differentiated twice
    std::vector<std::string> idle = {};  ///< names of parameters whose gradient is 0, such as the bias of keys in attention
    GradcheckOptions gradcheck{};        ///< of both orders
};

/// Calls a module of type M.
template <class F, class M>
concept CallOf = requires(const F& f, M& module, const std::vector<Tensor>& inputs) {
    { f(module, inputs) } -> std::convertible_to<Tensor>;
};

/// A kind of layer, and how it is called.
struct LayerCase {
    std::function<std::unique_ptr<Module>()> make;                       ///< a new one, with the random numbers at hand
    std::function<Tensor(Module&, const std::vector<Tensor>&)> forward;  ///< calls it
    std::vector<Tensor> inputs;                                          ///< batch first
};

/// A Layer, of one tensor.
template <class Make>
LayerCase layer_case(Make make, const Tensor& x) {
    using L = std::invoke_result_t<Make&>;
    static_assert(std::is_base_of_v<Layer, L>, "for a Module that is no Layer, say how it is called");
    return {[make] { return std::make_unique<L>(make()); },
            [](Module& module, const std::vector<Tensor>& in) { return static_cast<L&>(module)(in[0]); },
            {x}};
}

/// A Module, with `forward(module, inputs)` that calls it.
template <class Make, CallOf<std::invoke_result_t<Make&>> Forward>
LayerCase layer_case(Make make, Forward forward, std::vector<Tensor> inputs) {
    using M = std::invoke_result_t<Make&>;
    return {[make] { return std::make_unique<M>(make()); },
            [forward](Module& module, const std::vector<Tensor>& in) { return forward(static_cast<M&>(module), in); },
            std::move(inputs)};
}

/// Checks a layer.
///
/// - the seed decides its first values; each instance has tensors of its own
/// - `visit` gives each name once, and names every tensor that requires grad
/// - every parameter gets a gradient that is not 0, but for the idle ones; zero_grad takes it away
/// - train and eval reach all modules inside; in evaluation it is deterministic and draws no random number, in training it does as
///   is_random says; on two threads it computes what it does on one, but for rounding
/// - what is saved by name or in a file and loaded into another instance computes the same
/// - a batch of one gives what the first row of a larger one does
/// - inputs that are views of other memory, or results of operations, give the same values and gradients
/// - first and second derivatives by inputs and parameters agree with finite differences (in double alone), in training too
///
/// Writes a file among the system's temporary ones. Throws whatever the layer throws.
Faults layer_faults(const LayerCase& layer, const LayerContract& contract = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR::testing
