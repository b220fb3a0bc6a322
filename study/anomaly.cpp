// Values and gradients looked through for what is not finite; see anomaly.hpp.
#include <tapehead/study/anomaly.hpp>

#include <algorithm>
#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/reduce.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

bool is_finite(const Tensor& x) { return !x || all_finite(x); }

bool has_nan(const Tensor& x) {
    return x && std::ranges::any_of(x.values(), [](Scalar value) { return std::isnan(value); });
}

/// "NaN in 3 of 12 elements, first at [0, 2]"
std::string what_is_wrong(const Tensor& x) {
    Index count = 0, first = -1;
    for (Index i = 0; i < x.numel(); ++i)
        if (!std::isfinite(x.data()[i])) {
            ++count;
            if (first < 0) first = i;
        }
    Shape position = x.shape();
    const Scalar value = x.data()[first];
    for (Index axis = x.dim() - 1; axis >= 0; --axis) {
        position[axis] = first % x.size(axis);
        first /= x.size(axis);
    }
    return fmt::format("{} in {} of {} elements, first at {}",
                       std::isnan(value) ? "NaN"
                       : value > 0       ? "infinity"
                                         : "-infinity",
                       count, x.numel(), position);
}

/// Throws unless x is finite; where() says where it was found.
template <class Where>
void check_finite(const Tensor& x, const char* what, const Where& where) {
    if (!is_finite(x))
        throw AnomalyError(fmt::format("detect_anomaly: expected finite {}, got {} {}", what, what_is_wrong(x), where()));
}

}  // namespace

std::string detect_anomaly::described(const Operation& operation, const std::string& scope) const {
    return fmt::format("'{}' in {} ({})", operation.name, scope.empty() ? "the outermost scope" : "'" + scope + "'",
                       to_string(operation.place));
}

std::string detect_anomaly::described(std::span<const Tensor> inputs) const {
    std::string text;
    for (const Tensor& input : inputs) {
        if (!input) continue;
        const std::string name = name_of(input);
        text += fmt::format("{}{}{}{}", text.empty() ? "" : ", ", name, name.empty() ? "" : " ", input.shape());
    }
    return text;
}

void detect_anomaly::on_record(const RecordEvent& event) {
    if (event.result.node()) scope_of_node_[event.result.node()->id] = scope();
    if (event.in_sweep) return;  // on_pull tells more
    for (std::size_t i = 0; i < event.inputs.size(); ++i) {
        const Tensor& input = event.inputs[i];
        if (!input || !input.is_leaf()) continue;  // what an operation made was looked at when it did
        const bool is_wrong = input.requires_grad() ? !is_finite(input) : has_nan(input);  // a bias of a mask may be −∞
        if (is_wrong)
            throw AnomalyError(fmt::format("detect_anomaly: expected finite numbers, got {} in input {}, {}, of {}",
                                           what_is_wrong(input), i, described({&input, 1}),
                                           described(event.operation, scope_name())));
    }
    if (is_finite(event.result)) return;
    const bool came_in = std::ranges::any_of(event.inputs, [](const Tensor& input) { return !is_finite(input); });
    if (came_in && !has_nan(event.result)) return;
    throw AnomalyError(fmt::format("detect_anomaly: expected finite numbers, got {} from {}, {} of inputs {}",
                                   what_is_wrong(event.result), described(event.operation, scope_name()),
                                   came_in ? "with infinities among those" : "made", described(event.inputs)));
}

void detect_anomaly::on_pull(const PullEvent& event) {
    const auto scope_at = scope_of_node_.find(event.node.id);
    const std::string where =
        event.node.is_leaf()
            ? fmt::format("the leaf '{}'", name_of(event.node))
            : described(event.node.operation, scope_at != scope_of_node_.end() ? scopes()[scope_at->second].name : "");
    if (scope_at != scope_of_node_.end()) scope_of_node_.erase(scope_at);
    check_finite(event.dy, "gradients", [&] { return "arriving at " + where; });
    for (std::size_t i = 0; i < event.dx.size(); ++i)
        check_finite(event.dx[i], "gradients", [&] {
            return fmt::format("from the backward pass of {}, in the gradient of input {} {}", where, i, event.dx[i].shape());
        });
}

void detect_anomaly::before_update(const UpdateEvent& event) {
    check_finite(event.gradient, "gradients",
                 [&] { return fmt::format("in that of '{}' for {}", event.name, event.optimizer); });
}

void detect_anomaly::after_update(const UpdateEvent& event) {
    check_finite(event.parameter, "numbers",
                 [&] { return fmt::format("in '{}' after an update of {}", event.name, event.optimizer); });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
