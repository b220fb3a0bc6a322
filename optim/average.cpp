// Averages of weights; see average.hpp.
#include <tapehead/optim/average.hpp>

#include <algorithm>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

ExponentialMovingAverage::ExponentialMovingAverage(const Parameters& parameters, AverageOptions options)
    : parameters_(parameters), options_(options) {
    check<ValueError>(0 <= options.decay && options.decay < 1, "ExponentialMovingAverage: expected decay in [0, 1), got {}",
                      options.decay);
    detail::check_parameters("ExponentialMovingAverage", parameters);
    for (const auto& [name, parameter] : parameters_) averages_.push_back({name, clone(parameter.detach())});
}

void ExponentialMovingAverage::check_not_swapped(const char* operation) const {
    check<StateError>(!is_swapped_, "{}: expected the parameters' own values in place, got the averages; swap() back first",
                      operation);
}

void ExponentialMovingAverage::update() {
    check_not_swapped("update");
    const no_grad off;
    ++updates_;
    const auto n = static_cast<Real>(updates_);
    const Real decay = options_.warmup ? std::min(options_.decay, (1 + n) / (10 + n)) : options_.decay;
    for (std::size_t i = 0; i < averages_.size(); ++i) averages_[i].tensor.mul_(decay).add_(parameters_[i].tensor, 1 - decay);
}

void ExponentialMovingAverage::swap() {
    const no_grad off;
    for (std::size_t i = 0; i < averages_.size(); ++i) {
        Tensor &average = averages_[i].tensor, &parameter = parameters_[i].tensor;
        std::swap_ranges(average.mutable_data(), average.mutable_data() + average.numel(), parameter.mutable_data());
    }
    is_swapped_ = !is_swapped_;
}

ExponentialMovingAverage::Applied::Applied(ExponentialMovingAverage& average) : average_(average) {
    average_.check_not_swapped("apply");
    average_.swap();
}

ExponentialMovingAverage::Applied ExponentialMovingAverage::apply() { return Applied(*this); }

AverageState ExponentialMovingAverage::state_view() const {
    check_not_swapped("state_dict");
    return {updates_, averages_};
}

AverageState ExponentialMovingAverage::state_dict() const {
    AverageState result = state_view();
    for (auto& [name, average] : result.averages) average = clone(average);
    return result;
}

std::function<void()> ExponentialMovingAverage::prepare_load(const AverageState& state) {
    check_not_swapped("load_state_dict");
    std::vector<std::string> differences;
    std::vector<const Tensor*> found;
    for (const NamedTensor& own : averages_) {
        const auto saved =
            std::find_if(state.averages.begin(), state.averages.end(), [&](const auto& a) { return a.name == own.name; });
        found.push_back(saved == state.averages.end() ? nullptr : &saved->tensor);
        if (!found.back()) differences.push_back(fmt::format("'{}' is missing", own.name));
        else if (!*found.back() || found.back()->shape() != own.tensor.shape())
            differences.push_back(fmt::format("'{}' has another shape than {}", own.name, own.tensor.shape()));
    }
    for (const auto& saved : state.averages)
        if (std::find(found.begin(), found.end(), &saved.tensor) == found.end())
            differences.push_back(fmt::format("'{}' is unexpected", saved.name));
    check<StateError>(differences.empty() && state.updates >= 0,
                      "load_state_dict: expected averages of these parameters, got {} updates of others: {}", state.updates,
                      fmt::join(differences, "; "));
    std::vector<Tensor> values;
    values.reserve(found.size());
    for (const Tensor* tensor : found) values.push_back(*tensor);
    return [this, values = std::move(values), updates = state.updates] {
        const no_grad off;
        for (std::size_t i = 0; i < averages_.size(); ++i) averages_[i].tensor.copy_(values[i]);
        updates_ = updates;
    };
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
