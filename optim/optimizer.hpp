// Optimizer: what all update rules share. Groups of parameters, the learning rate, skipping, counting, state in and out.
//
// Knows tensors and their gradients, nothing of layers. What differs is a rule (sgd.hpp, adam.hpp ...): a plain struct with the
// hyperparameters as members, a `visit` that names each of them once, and `update`, one step of one parameter.
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <tapehead/autograd/shape.hpp>
#include <tapehead/optim/parameters.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The values that a hyperparameter may have: low ≤ x < below.
struct HyperparameterRange {
    Real low = 0;                                        ///< the least value
    Real below = std::numeric_limits<Real>::infinity();  ///< the first that is too large
};

/// A walk over the hyperparameters of an optimizer: checking, saving and loading are each one.
class HyperparameterVisitor {
public:
    /// Is called with each hyperparameter; may change it.
    using Function = std::function<void(const char* name, Real& value, HyperparameterRange range)>;

    /// A walk that calls `f`.
    explicit HyperparameterVisitor(Function f) : f_(std::move(f)) {}

    /// A number; whole numbers and flags are handed on as numbers.
    void operator()(const char* name, Real& value, HyperparameterRange range = {}) const { f_(name, value, range); }
    /// A whole number, below 2⁵³.
    void operator()(const char* name, Index& value, HyperparameterRange range = {}) const {
        Real number = static_cast<Real>(value);
        f_(name, number, {range.low, std::min(range.below, 0x1p53)});
        value = whole(name, number);
    }
    /// A flag.
    void operator()(const char* name, bool& value) const {
        Real number = value;
        f_(name, number, {0, 2});
        value = number != 0;
    }

private:
    /// The number as an Index. Throws ValueError for one that is not whole.
    static Index whole(const char* name, Real number);

    Function f_;
};

/// One parameter in an optimizer, and what is remembered for it.
struct Trained {
    std::string name;           ///< full, of the parameter
    Tensor parameter;           ///< to be changed in place
    Index group = 0;            ///< which group it is in
    Index steps = 0;            ///< updates so far; in `update`, this one included
    std::vector<Tensor> state;  ///< what the rule's state_names name, of the parameter's shape; 0 at the first step
};

/// All that an optimizer remembers: plain data, to be saved and put back.
struct OptimizerState {
    /// A hyperparameter of a group.
    struct Hyperparameter {
        std::string name;  ///< "weight_decay"
        Real value = 0;    ///< flags are 0 or 1
    };
    /// What is remembered for a parameter.
    struct Parameter {
        std::string name;  ///< full
        Shape shape;       ///< of the parameter
        Index steps = 0;   ///< updates so far: fewer than the optimizer's steps where it had no gradient in some
        /// Momentum and the like, of the parameter's shape; none before its first step. Undefined where another process keeps them.
        NamedTensors tensors;
    };
    /// A group of parameters.
    struct Group {
        std::vector<Hyperparameter> hyperparameters;  ///< in the order of the rule's `visit`
        std::vector<Parameter> parameters;            ///< in the order of the group
    };

    std::string kind;           ///< "Adam"
    Index step_count = 0;       ///< how often `step` was called
    Real lr = 0;                ///< the current one of the first group; the groups' hyperparameters have those they began with
    std::vector<Group> groups;  ///< in the order of the constructor
};

/// Several processes that share the work of an optimizer: each parameter is updated, and what is remembered for it kept, on one of them.
/// distributed/ has the one on MPI. All but the questions are collective: all processes call them alike.
struct UpdateSharing {
    virtual ~UpdateSharing() = default;
    /// Whether this process updates a parameter, by its number among those of the optimizer.
    virtual bool is_own(std::size_t parameter) const = 0;
    /// Whether this process is the one that `gather` gives the tensors of all.
    virtual bool gathers() const = 0;
    /// Throws unless all processes are about to update the same parameters.
    virtual void check_same(const std::vector<std::size_t>& parameters) const = 0;
    /// What belongs to a parameter: itself, or what is remembered for it.
    struct Shared {
        std::size_t parameter;  ///< its number among those of the optimizer
        Tensor tensor;          ///< with the values of this process
    };
    /// Gives each tensor the values that it has where its parameter is updated.
    virtual void share(std::vector<Shared> tensors) = 0;
    /// The same on the process that gathers alone; the others need only have what is their own.
    virtual void gather(std::vector<Shared> tensors) = 0;
};

/// Changes parameters so that a loss falls, by the gradients that `backward` left in them.
///
///     AdamW optimizer(model.named_parameters(), {.lr = 3e-4});
///     optimizer.zero_grad();
///     loss.backward();
///     optimizer.step();
///
/// Learning rates: each group begins with the `lr` of its options. The optimizer's `lr()` is that of its first group;
/// `set_lr`, which schedules call, gives the first group the new one and changes every other group's by the same factor, so
/// that a group with a tenth of the first group's rate keeps a tenth of it.
class Optimizer {
public:
    virtual ~Optimizer() = default;
    Optimizer(const Optimizer&) = delete;  // schedules refer to it
    Optimizer& operator=(const Optimizer&) = delete;

    /// Updates every parameter that has a gradient, in place; the others, and what is remembered for them, stay as they are.
    ///
    /// A whole step or none: where memory runs out, or a rule or an observer throws, parameters and what is remembered are as before. For
    /// this a step keeps copies while it is observed, and where the rule's `update` is not noexcept.
    void step();
    /// Clears the gradients.
    void zero_grad();

    /// The learning rate of a group, the first unless said otherwise. Throws IndexError.
    Real lr(Index group = 0) const;
    /// Changes the learning rate of the first group to `lr`, and those of the others in proportion. Throws ValueError unless
    /// 0 ≤ lr < ∞.
    void set_lr(Real lr);

    /// How often `step` was called.
    Index step_count() const { return step_count_; }
    /// The name of the rule: "Adam".
    const std::string& kind() const { return kind_; }

    /// The parameters, group by group, with what is remembered for them here.
    const std::vector<Trained>& trained() const { return trained_; }
    /// Whether this process updates a parameter, by its place in `trained()`, and keeps what is remembered for it: all of them, unless the
    /// work is shared. Throws IndexError.
    bool is_own(std::size_t parameter) const;
    /// From now on the work is shared with other processes, whose optimizers are the same; what is remembered of the parameters of others
    /// is dropped. `step`, which then throws unless the same parameters have a gradient on all, and what gives out the state become
    /// collective; a step whose exchange fails is not taken back. Observers see the updates of this process. Throws StateError the second
    /// time.
    void share(std::unique_ptr<UpdateSharing> sharing);

    /// A copy of all that the optimizer remembers. Where the work is shared, one process has all of it, and each other what it keeps.
    OptimizerState state_dict() const { return gather_state(true); }
    /// The same without copies, of tensors that the next step changes: for whoever is done with them before.
    OptimizerState state_view() const { return gather_state(false); }
    /// Takes over a copy of a state, hyperparameters and learning rate included; what belongs to a parameter is found by its name. What
    /// another process keeps need not be there.
    ///
    /// Throws StateError listing what differs (kind, groups, hyperparameters, names, shapes), ValueError for a hyperparameter
    /// out of range, and then changes nothing.
    void load_state_dict(const OptimizerState& state);
    /// Does of load_state_dict what can fail; what it returns takes over the state, once, with its very tensors, and neither throws nor
    /// asks for memory. Throws as load_state_dict.
    virtual std::function<void()> prepare_load(const OptimizerState& state) = 0;

protected:
    /// An optimizer without parameters yet; `kind` is the name of its rule.
    explicit Optimizer(const char* kind) : kind_(kind) {}

    /// Takes in the groups' parameters and learning rates. Throws ValueError or GradError.
    void set_groups(const std::vector<Parameters>& groups, std::vector<Real> lrs);

    /// Throws StateError unless kind, number of groups and names of hyperparameters are these.
    void check_groups(const OptimizerState& state) const;
    /// What takes over all but the hyperparameters. Throws StateError.
    std::function<void()> prepare_parameters(const OptimizerState& state,
                                             const std::vector<std::vector<std::string>>& state_names, std::vector<Real> lrs);

private:
    virtual std::vector<OptimizerState::Hyperparameter> hyperparameters(Index group) const = 0;
    virtual std::vector<std::string> state_names(Index group) const = 0;
    virtual void update(Trained& trained, const Tensor& gradient, Real lr) const = 0;
    virtual bool update_may_throw() const = 0;

    struct Change;
    std::vector<Change> prepare_step(bool may_fail);
    OptimizerState gather_state(bool copies) const;
    std::vector<UpdateSharing::Shared> prepare_sharing(const std::vector<Change>& changes) const;

    std::string kind_;
    std::vector<Trained> trained_;
    std::vector<Real> initial_lrs_;
    Real lr_ = 0;
    Index step_count_ = 0;
    std::unique_ptr<UpdateSharing> sharing_;  // null where all is done here
};

/// What a rule is: hyperparameters and one step of one parameter.
///
/// `kind` is the name of the optimizer; `visit` names the hyperparameters, `lr` among them, with their ranges; `state_names` says
/// how many tensors are remembered for a parameter, and `update` takes one step of one parameter, at the rate it is given. A rule
/// may also have `validate() const`, for hyperparameters that depend on each other, and `check_parameter(const NamedTensor&)
/// const`, for parameters it cannot train; both throw ValueError. An `update` that cannot throw says so (noexcept) and saves the step
/// copies of what it changes.
template <class Rule>
concept UpdateRule = requires(Rule rule, const Rule& constant, const HyperparameterVisitor& v, const Tensor& gradient,
                              Trained& t) {
    { Rule::kind } -> std::convertible_to<const char*>;
    { rule.lr } -> std::convertible_to<Real>;
    rule.visit(v);
    { constant.state_names() } -> std::same_as<std::vector<std::string>>;
    constant.update(t, gradient, Real{});
};

namespace detail {

/// The rate. Throws ValueError, as set_lr, for one that is negative or not finite.
Real checked_lr(Real lr);

/// Throws ValueError for a hyperparameter out of range.
void check_in_range(const char* kind, const char* name, Real value, HyperparameterRange range);

template <class Rule>
void check_rule(Rule rule) {
    rule.visit(HyperparameterVisitor(
        [](const char* name, Real& value, HyperparameterRange range) { check_in_range(Rule::kind, name, value, range); }));
    if constexpr (requires { rule.validate(); }) rule.validate();
}

/// The rule with the hyperparameters of a state, in the order of `visit`. Throws ValueError.
template <class Rule>
Rule loaded_rule(Rule rule, const std::vector<OptimizerState::Hyperparameter>& saved) {
    auto next = saved.begin();
    rule.visit(HyperparameterVisitor([&](const char* name, Real& value, HyperparameterRange range) {
        check_in_range(Rule::kind, name, next->value, range);
        value = (next++)->value;
    }));
    check_rule(rule);
    return rule;
}

}  // namespace detail

/// The optimizer of a rule.
///
///     Adam one(parameters, {.lr = 1e-3, .betas = {0.9, 0.98}});
///     AdamW two({{matrices, {.weight_decay = 0.1}}, {others, {.weight_decay = 0}}});
///
/// The constructors throw ValueError for a hyperparameter out of range, an empty group, a name or tensor that comes twice, and
/// GradError for a parameter that is not a leaf that requires grad.
template <UpdateRule Rule>
class OptimizerOf final : public Optimizer {
public:
    /// Parameters with hyperparameters of their own.
    struct Group {
        Parameters parameters;  ///< which it trains
        Rule options;           ///< with which hyperparameters
    };

    /// All parameters in one group.
    explicit OptimizerOf(const Parameters& parameters, const Rule& options = {})
        : OptimizerOf(std::vector<Group>{{parameters, options}}) {}

    /// Several groups, each with its own hyperparameters.
    explicit OptimizerOf(const std::vector<Group>& groups) : Optimizer(Rule::kind) {
        std::vector<Parameters> parameters;
        for (const Group& group : groups) {
            detail::check_rule(group.options);
            if constexpr (requires(const NamedTensor& p) { group.options.check_parameter(p); })
                for (const NamedTensor& parameter : group.parameters) group.options.check_parameter(parameter);
            parameters.push_back(group.parameters);
            rules_.push_back(group.options);
        }
        set_groups(parameters, lrs(rules_));
    }

    std::function<void()> prepare_load(const OptimizerState& state) override {
        check_groups(state);
        std::vector<Rule> loaded;
        std::vector<std::vector<std::string>> names;
        for (std::size_t g = 0; g < rules_.size(); ++g) {
            loaded.push_back(detail::loaded_rule(rules_[g], state.groups[g].hyperparameters));
            names.push_back(loaded[g].state_names());
        }
        auto take_parameters = prepare_parameters(state, names, lrs(loaded));
        return [this, loaded = std::move(loaded), take_parameters = std::move(take_parameters)]() mutable {
            take_parameters();
            rules_.swap(loaded);
        };
    }

    /// The hyperparameters of a group as they were given or loaded; for the current learning rate see `lr`.
    const Rule& options(Index group = 0) const {
        static_cast<void>(lr(group));  // throws IndexError
        return rules_[static_cast<std::size_t>(group)];
    }

private:
    static std::vector<Real> lrs(const std::vector<Rule>& rules) {
        std::vector<Real> result;
        for (const Rule& rule : rules) result.push_back(rule.lr);
        return result;
    }

    std::vector<OptimizerState::Hyperparameter> hyperparameters(Index group) const override {
        std::vector<OptimizerState::Hyperparameter> result;
        Rule rule = options(group);
        rule.visit(HyperparameterVisitor([&](const char* name, Real& value, HyperparameterRange) {
            result.push_back({name, value});
        }));
        return result;
    }

    std::vector<std::string> state_names(Index group) const override { return options(group).state_names(); }

    void update(Trained& trained, const Tensor& gradient, Real lr) const override {
        options(trained.group).update(trained, gradient, lr);
    }
    bool update_may_throw() const override {
        return !noexcept(std::declval<const Rule&>().update(std::declval<Trained&>(), std::declval<const Tensor&>(), Real{}));
    }

    std::vector<Rule> rules_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
