// What all update rules share; see optimizer.hpp.
#include <tapehead/optim/optimizer.hpp>

#include <algorithm>
#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/observer.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/shaping.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// What in the names and shapes of a saved parameter does not fit the own one, appended to a list. Tensors may be missing unless kept here.
void compare(const Trained& own, bool is_kept, const OptimizerState::Parameter& saved,
             const std::vector<std::string>& state_names, std::vector<std::string>& differences) {
    if (saved.shape != own.parameter.shape())
        differences.push_back(fmt::format("'{}' has shape {} instead of {}", own.name, saved.shape, own.parameter.shape()));
    if (saved.steps < 0) differences.push_back(fmt::format("'{}' has {} steps", own.name, saved.steps));
    const std::size_t expected = saved.steps > 0 ? state_names.size() : 0;
    if (saved.tensors.size() != expected)
        differences.push_back(fmt::format("'{}' has {} state tensors instead of {}", own.name, saved.tensors.size(), expected));
    for (std::size_t i = 0; i < std::min(expected, saved.tensors.size()); ++i) {
        const auto& [name, tensor] = saved.tensors[i];
        if (name != state_names[i])
            differences.push_back(fmt::format("'{}' has state '{}' instead of '{}'", own.name, name, state_names[i]));
        else if (!tensor && is_kept) differences.push_back(fmt::format("'{}' lacks '{}'", own.name, name));
        else if (tensor && tensor.shape() != own.parameter.shape())
            differences.push_back(fmt::format("'{}' has '{}' of shape {}", own.name, name, tensor.shape()));
    }
}

}  // namespace

Index HyperparameterVisitor::whole(const char* name, Real number) {
    check<ValueError>(number == std::floor(number) && std::abs(number) < 0x1p63, "{}: expected a whole number, got {}", name,
                      number);
    return static_cast<Index>(number);
}

Real detail::checked_lr(Real lr) {
    check<ValueError>(0 <= lr && std::isfinite(lr), "set_lr: expected a finite lr that is not negative, got {}", lr);
    return lr;
}

void detail::check_in_range(const char* kind, const char* name, Real value, HyperparameterRange range) {
    check<ValueError>(range.low <= value && value < range.below, "{}: expected {} in [{}, {}), got {}", kind, name, range.low,
                      range.below, value);
}

void Optimizer::set_groups(const std::vector<Parameters>& groups, std::vector<Real> lrs) {
    check<ValueError>(!groups.empty(), "{}: expected groups of parameters, got none", kind_);
    check<ValueError>(groups.size() == 1 || lrs[0] > 0,
                      "{}: expected lr > 0 in the first of several groups, which the others are in proportion to, got 0",
                      kind_);
    Parameters all;
    for (const Parameters& group : groups) {
        check<ValueError>(!group.empty(), "{}: expected parameters in each group, got none", kind_);
        all.insert(all.end(), group.begin(), group.end());
    }
    detail::check_parameters(kind_.c_str(), all);
    for (const auto& [name, tensor] : all)
        check<GradError>(tensor.requires_grad() && tensor.is_leaf(),
                         "{}: expected leaves that require grad, got '{}', which {}", kind_, name,
                         tensor.requires_grad() ? "is the result of an operation" : "requires none");
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (const auto& [name, tensor] : groups[g]) trained_.push_back({name, tensor, static_cast<Index>(g), 0, {}});
    initial_lrs_ = std::move(lrs);
    lr_ = initial_lrs_[0];
}

/// A parameter that a step is to change, with what it takes to put it back.
struct Optimizer::Change {
    std::size_t parameter;  ///< its place in trained_
    Trained* trained;
    Tensor gradient, before;    ///< the parameter's value, where it may have to be put back
    std::vector<Tensor> state;  ///< of the rule: the new one until the step begins, the old one from then on
    bool has_state;             ///< or the rule goes on with the one that is there
    Index steps;

    void swap_state() noexcept {
        if (has_state) trained->state.swap(state);
    }
    void undo() {
        swap_state();
        trained->steps = steps;
        if (before) trained->parameter.copy_(before);
    }
};

/// All that the step needs memory for, but for what rules and observers do in between.
std::vector<Optimizer::Change> Optimizer::prepare_step(bool may_fail) {
    const detail::Unobserved pause;  // copies are no part of what the program computes
    std::vector<Change> changes;
    changes.reserve(trained_.size());
    for (std::size_t p = 0; p < trained_.size(); ++p) {
        Trained& trained = trained_[p];
        const Tensor gradient = trained.parameter.grad();
        if (!gradient) continue;
        const bool is_first = trained.steps == 0, has_state = is_own(p) && (is_first || may_fail);
        Change& change = changes.emplace_back(Change{p, &trained, gradient, {}, {}, has_state, trained.steps});
        if (!is_own(p)) continue;
        if (is_first) {
            const std::size_t n = state_names(trained.group).size();
            for (std::size_t i = 0; i < n; ++i) change.state.push_back(zeros(trained.parameter.shape()));
        } else if (may_fail) {
            for (const Tensor& tensor : trained.state) change.state.push_back(clone(tensor));
        }
        if (may_fail) change.before = clone(trained.parameter.detach());
    }
    return changes;
}

void Optimizer::step() {
    const no_grad off;
    const bool observed = detail::is_observed();
    std::vector<Change> changes = prepare_step(observed || update_may_throw());
    std::vector<UpdateSharing::Shared> shared = prepare_sharing(changes);
    for (Change& change : changes) change.swap_state();
    try {
        for (const Change& change : changes) {
            Trained* const trained = change.trained;
            const Tensor& gradient = change.gradient;
            ++trained->steps;
            if (!is_own(change.parameter)) continue;
            const UpdateEvent event{kind_, trained->name, trained->parameter, gradient};
            if (observed) [[unlikely]]
                detail::observe_before(event);
            update(*trained, gradient, lr(trained->group));
            if (observed) [[unlikely]]
                detail::observe_after(event);
        }
    } catch (...) {
        for (Change& change : changes) change.undo();
        throw;
    }
    ++step_count_;
    if (sharing_) sharing_->share(std::move(shared));  // nothing takes back what other processes have
}

bool Optimizer::is_own(std::size_t parameter) const {
    check<IndexError>(parameter < trained_.size(), "is_own: expected a parameter below {}, got {}", trained_.size(), parameter);
    return !sharing_ || sharing_->is_own(parameter);
}

/// What goes from process to process after a step. Throws where the others are about to take another step.
std::vector<UpdateSharing::Shared> Optimizer::prepare_sharing(const std::vector<Change>& changes) const {
    if (!sharing_) return {};
    std::vector<UpdateSharing::Shared> shared;
    std::vector<std::size_t> parameters;
    for (const Change& change : changes) {
        shared.push_back({change.parameter, change.trained->parameter});
        parameters.push_back(change.parameter);
    }
    sharing_->check_same(parameters);
    return shared;
}

void Optimizer::share(std::unique_ptr<UpdateSharing> sharing) {
    check<StateError>(!sharing_, "{}: expected to be shared once, got a second time", kind_);
    sharing_ = std::move(sharing);
    for (std::size_t p = 0; p < trained_.size(); ++p)
        if (!is_own(p)) trained_[p].state.clear();
}

void Optimizer::zero_grad() {
    for (Trained& trained : trained_) trained.parameter.zero_grad();
}

Real Optimizer::lr(Index group) const {
    const auto n = static_cast<Index>(initial_lrs_.size());
    check<IndexError>(0 <= group && group < n, "lr: expected a group below {}, got {}", n, group);
    return group == 0 ? lr_ : initial_lrs_[static_cast<std::size_t>(group)] * (lr_ / initial_lrs_[0]);
}

void Optimizer::set_lr(Real lr) { lr_ = detail::checked_lr(lr); }

OptimizerState Optimizer::gather_state(bool copies) const {
    OptimizerState result{kind_, step_count_, lr_, {}};
    for (std::size_t g = 0; g < initial_lrs_.size(); ++g) result.groups.push_back({hyperparameters(static_cast<Index>(g)), {}});
    const bool gathers = sharing_ && sharing_->gathers();
    std::vector<UpdateSharing::Shared> shared;
    for (std::size_t p = 0; p < trained_.size(); ++p) {
        const Trained& trained = trained_[p];
        OptimizerState::Parameter saved{trained.name, trained.parameter.shape(), trained.steps, {}};
        const auto names = trained.steps > 0 ? state_names(trained.group) : std::vector<std::string>();
        for (std::size_t i = 0; i < names.size(); ++i) {
            Tensor tensor;
            if (is_own(p)) tensor = copies ? clone(trained.state[i]) : trained.state[i];
            else if (gathers) tensor = zeros(saved.shape);
            if (sharing_ && tensor) shared.push_back({p, tensor});
            saved.tensors.push_back({names[i], std::move(tensor)});
        }
        result.groups[static_cast<std::size_t>(trained.group)].parameters.push_back(std::move(saved));
    }
    if (sharing_) sharing_->gather(std::move(shared));
    return result;
}

void Optimizer::load_state_dict(const OptimizerState& state) {
    OptimizerState copy = state;
    for (OptimizerState::Group& group : copy.groups)
        for (OptimizerState::Parameter& parameter : group.parameters) {
            const auto own = std::ranges::find(trained_, parameter.name, &Trained::name);
            if (own == trained_.end() || !is_own(static_cast<std::size_t>(own - trained_.begin()))) continue;
            for (auto& [name, tensor] : parameter.tensors)
                if (tensor) tensor = clone(tensor.detach());
        }
    prepare_load(copy)();
}

void Optimizer::check_groups(const OptimizerState& state) const {
    check<StateError>(state.kind == kind_, "load_state_dict: expected the state of {}, got that of '{}'", kind_, state.kind);
    check<StateError>(state.groups.size() == initial_lrs_.size(), "load_state_dict: expected {} groups of parameters, got {}",
                      initial_lrs_.size(), state.groups.size());
    for (std::size_t g = 0; g < state.groups.size(); ++g) {
        std::vector<std::string> own, saved;
        for (const auto& [name, value] : hyperparameters(static_cast<Index>(g))) own.push_back(name);
        for (const auto& [name, value] : state.groups[g].hyperparameters) saved.push_back(name);
        check<StateError>(own == saved, "load_state_dict: expected the hyperparameters {}, got {}", fmt::join(own, ", "),
                          fmt::join(saved, ", "));
    }
}

std::function<void()> Optimizer::prepare_parameters(const OptimizerState& state,
                                                    const std::vector<std::vector<std::string>>& state_names,
                                                    std::vector<Real> lrs) {
    std::vector<std::string> differences;
    std::vector<const OptimizerState::Parameter*> found;  // of each own parameter
    for (std::size_t p = 0; p < trained_.size(); ++p) {
        const Trained& own = trained_[p];
        const auto g = static_cast<std::size_t>(own.group);
        const auto& saved = state.groups[g].parameters;
        const auto entry = std::ranges::find(saved, own.name, &OptimizerState::Parameter::name);
        found.push_back(entry == saved.end() ? nullptr : &*entry);
        if (found.back()) compare(own, is_own(p), *found.back(), state_names[g], differences);
        else differences.push_back(fmt::format("'{}' is missing in group {}", own.name, g));
    }
    for (std::size_t g = 0; g < state.groups.size(); ++g)
        for (const auto& saved : state.groups[g].parameters)
            if (std::find(found.begin(), found.end(), &saved) == found.end())
                differences.push_back(fmt::format("'{}' in group {} is unexpected", saved.name, g));
    check<StateError>(differences.empty(), "load_state_dict: expected the parameters of this {}, got others: {}", kind_,
                      fmt::join(differences, "; "));
    check<StateError>(state.step_count >= 0 && 0 <= state.lr && std::isfinite(state.lr) && (lrs.size() == 1 || lrs[0] > 0),
                      "load_state_dict: expected a step count and learning rates, got {} and {}", state.step_count, state.lr);

    std::vector<Trained> loaded = trained_;
    for (std::size_t i = 0; i < loaded.size(); ++i) {
        loaded[i].steps = found[i]->steps;
        loaded[i].state.clear();
        if (!is_own(i)) continue;
        for (const NamedTensor& saved : found[i]->tensors) loaded[i].state.push_back(saved.tensor);
    }
    return [this, loaded = std::move(loaded), lrs = std::move(lrs), lr = state.lr, step_count = state.step_count]() mutable {
        trained_.swap(loaded);
        initial_lrs_.swap(lrs);
        lr_ = lr;
        step_count_ = step_count;
    };
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
