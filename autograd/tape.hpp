// The tape: recorded operations in the order of their creation, each with its derivative rules.
//
// An operation is one function: it computes its value and calls `record` with one rule per input. Every node has a number from
// one growing clock, which is already a topological order: the sweep (sweep.cpp) takes the newest pending node first. This is
// the public way to write an operation outside the library too.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <tapehead/autograd/observer.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// What is kept with a node on request: the gradient of a leaf, hooks.
struct Keepsakes : memory::Cached {
    Tensor gradient;                                    ///< what was summed up; undefined for none yet
    std::string name;                                   ///< of a named tensor
    bool keeps_gradient = false;                        ///< a leaf, or asked to by retain_grad
    std::vector<std::pair<Index, GradientHook>> hooks;  ///< with their numbers, in the order in which they are called
    Index next_hook = 0;                                ///< the number of the next one
};

/// The node of a tensor that gathers a gradient and was made by no recorded operation.
struct Leaf final : Node {
    /// A leaf of a shape, which keeps its gradient.
    explicit Leaf(const Shape& output_shape) : Node("leaf", output_shape) { keepsakes().keeps_gradient = true; }
    bool is_leaf() const override { return true; }  ///< true
};

/// Some inputs of an operation and the rule that gives their gradients. Refers to the inputs: it is made where it is recorded.
template <std::size_t N, class F>
struct Rule {
    std::span<const Tensor, N> inputs;  ///< whose gradients the rule gives
    F f;                                ///< f(dy) or f(dy, y)
};

/// The rule of one input: f(dy) or f(dy, y) returns dx, built from differentiable operations.
///
/// A rule that takes y, the operation's result, must take it as an argument: capturing it would be a cycle. dx may have any
/// shape that sums to the input's over broadcast axes; an undefined dx counts as 0.
template <class F>
auto wrt(const Tensor& input, F f) {
    return Rule<1, F>{std::span<const Tensor, 1>(&input, 1), std::move(f)};
}

/// The joint rule of several inputs: f(dy) or f(dy, y) returns an array of their gradients, in order.
template <std::size_t N, class F>
auto wrt(const std::array<Tensor, N>& inputs, F f) {
    return Rule<N, F>{std::span<const Tensor, N>(inputs), std::move(f)};
}

/// The joint rule of a list of inputs: f(dy) or f(dy, y) returns a vector of their gradients, in order.
template <class F>
auto wrt(const std::vector<Tensor>& inputs, F f) {
    return Rule<std::dynamic_extent, F>{std::span<const Tensor>(inputs), std::move(f)};
}

namespace detail {

/// Throws GradError for a joint rule that returns another number of gradients than it has inputs.
[[noreturn]] void throw_wrong_count(std::size_t expected, std::size_t got);

/// How many handles some tensors have, to see which of them a copy of something holds too.
class HandleCounts {
public:
    explicit HandleCounts(std::span<const Tensor> tensors);
    void mark_risen(std::span<bool> risen) const;

private:
    std::span<const Tensor> tensors_;
    std::vector<int> counts_;
};

/// Tells the observers of an operation whose result has just got its node, or got none.
void observe_record(const Operation& operation, const Tensor& result, bool recorded,
                    std::span<const std::span<const Tensor>> inputs);

template <class F>
constexpr bool takes_output = !std::is_invocable_v<const F&, const Tensor&>;

/// A rule on the tape: the function, taken over if an input needs it.
template <class F>
struct RecordedRule {
    std::optional<F> f;

    template <std::size_t N>
    explicit RecordedRule(Rule<N, F>& rule) {
        for (const Tensor& input : rule.inputs)
            if (input.requires_grad()) {
                f.emplace(std::move(rule.f));
                return;
            }
    }

    /// A closure cannot be asked what it captured, but a copy of it captures the same.
    void mark_kept(std::span<const Tensor> tensors, std::span<bool> kept) const {
        if constexpr (std::is_copy_constructible_v<F>) {
            const HandleCounts before(tensors);
            [[maybe_unused]] const std::optional<F> copy = f;
            before.mark_risen(kept);
        }
    }

    void pull(const Tensor& dy, const Tensor& y, std::span<const bool> wanted, Tensor* dx) const {
        if (std::find(wanted.begin(), wanted.end(), true) == wanted.end()) return;
        auto store = [&](auto&& gradients) {
            if constexpr (std::is_same_v<std::decay_t<decltype(gradients)>, Tensor>)
                *dx = std::forward<decltype(gradients)>(gradients);
            else {
                if (gradients.size() != wanted.size()) throw_wrong_count(wanted.size(), gradients.size());
                for (std::size_t i = 0; i < wanted.size(); ++i) dx[i] = std::move(gradients[i]);
            }
        };
        if constexpr (takes_output<F>) store((*f)(dy, y));
        else store((*f)(dy));
    }
};

/// The nodes of all inputs, in place where their number is known.
template <std::size_t... N>
using InputNodes = std::conditional_t<((N == std::dynamic_extent) || ...), std::vector<Ref<Node>, memory::Allocator<Ref<Node>>>,
                                      std::array<Ref<Node>, ((N == std::dynamic_extent ? 0 : N) + ...)>>;

/// The node of one operation with its rules stored in place.
template <class... Rules>
class Recorded;

template <std::size_t... N, class... F>
class Recorded<Rule<N, F>...> final : public Node {
public:
    /// Takes over the functions of the rules.
    Recorded(const Operation& made_by, const Tensor& value, Rule<N, F>&... rules)
        : Node(made_by, value.shape()), counts_{rules.inputs.size()...}, rules_{} {
        if constexpr (((N == std::dynamic_extent) || ...)) inputs_.resize((rules.inputs.size() + ...));
        Ref<Node>* next = inputs_.data();
        const auto add_inputs = [&](std::span<const Tensor> inputs) {
            for (const Tensor& input : inputs) {
                if (input.defined()) *next = input.node();
                ++next;
            }
        };
        (add_inputs(rules.inputs), ...);
        rules_.emplace(RecordedRule<F>(rules)...);
        if (std::apply([](const auto&... rule) { return (needs_output(rule) || ...); }, *rules_)) output_ = value.storage();
    }

    std::span<const Ref<Node>> inputs() const override { return inputs_; }

    void pull(const Tensor& dy, const Tensor& y, std::span<const bool> wanted, std::span<Tensor> dx) override {
        std::size_t first = 0, which = 0;
        auto pull_one = [&](const auto& rule) {
            rule.pull(dy, y, wanted.subspan(first, counts_[which]), dx.data() + first);
            first += counts_[which++];
        };
        std::apply([&](const auto&... rule) { (pull_one(rule), ...); }, *rules_);
    }

    void mark_kept(std::span<const Tensor> tensors, std::span<bool> kept) const override {
        std::apply([&](const auto&... rule) { (rule.mark_kept(tensors, kept), ...); }, *rules_);
    }

    void release() override {
        released_ = true;
        rules_.reset();
        inputs_ = {};
        output_ = {};
    }

private:
    template <class G>
    static bool needs_output(const RecordedRule<G>& rule) {
        return takes_output<G> && rule.f.has_value();
    }

    InputNodes<N...> inputs_;
    std::array<std::size_t, sizeof...(N)> counts_;
    std::optional<std::tuple<RecordedRule<F>...>> rules_;
};

inline bool any_requires_grad(std::span<const Tensor> inputs) {
    for (const Tensor& input : inputs)
        if (input.requires_grad()) return true;
    return false;
}

}  // namespace detail

/// Puts an operation on the tape: returns `value` as the result of `operation` with the derivative rules given by `wrt`.
///
///     Tensor mul(const Tensor& a, const Tensor& b) {
///         return record({"mul", "y = a b;  da = dy b,  db = dy a"}, product(a, b),
///                       wrt(a, [=](const Tensor& dy) { return mul(dy, b); }),
///                       wrt(b, [=](const Tensor& dy) { return mul(dy, a); }));
///     }
///
/// The formula may be left out; it is what people are shown who look at the tape. Nothing is recorded while grad mode is off or if
/// no input requires a gradient; the rule of an input that requires none is dropped, with all it captured. A `value` that others
/// hold too stays as it is: the result is a tensor of its own that shares its memory.
template <class... Rules>
Tensor record(const Operation& operation, Tensor value, Rules... rules) {
    const bool recorded = grad_enabled() && (detail::any_requires_grad(rules.inputs) || ...);
    if (recorded) {
        if (!value.is_sole_handle() || value.node()) value = Tensor::over(value.storage(), value.shape());
        value.set_node(Ref<Node>(new detail::Recorded<Rules...>(operation, value, rules...)));
    }
    if (detail::is_observed()) [[unlikely]]
        detail::observe_record(operation, value, recorded,
                               std::array<std::span<const Tensor>, sizeof...(Rules)>{rules.inputs...});
    return value;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
