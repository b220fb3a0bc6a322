// Norms of values, gradients and updates; see gradient_flow.hpp.
#include <tapehead/study/gradient_flow.hpp>

#include <algorithm>
#include <cmath>
#include <ostream>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

/// √ Σ (x − y)², in Real; of x alone without y.
Real norm_of(const Tensor& x, const Tensor& y = {}) {
    Real sum = 0;
    for (Index i = 0; i < x.numel(); ++i) {
        const Real difference = static_cast<Real>(x.data()[i]) - (y ? static_cast<Real>(y.data()[i]) : 0);
        sum += difference * difference;
    }
    return std::sqrt(sum);
}

}  // namespace

GradientFlowTable gradient_flow(Module& model) {
    GradientFlowTable table;
    for (const auto& [name, parameter] : model.named_parameters()) {
        ParameterFlow& row = table.emplace_back();
        row.name = name;
        row.shape = parameter.shape();
        row.value_norm = norm_of(parameter);
        if (const Tensor gradient = parameter.grad()) row.gradient_norm = norm_of(gradient);
    }
    return table;
}

void GradientFlow::before_update(const UpdateEvent& event) { before_ = clone(event.parameter.detach()); }

void GradientFlow::after_update(const UpdateEvent& event) {
    const Real size = norm_of(before_), change = norm_of(event.parameter, before_);
    updates_[event.parameter.identity()] = {norm_of(event.gradient), size > 0 ? change / size : 0};
    before_ = {};
}

GradientFlowTable GradientFlow::table() const {
    GradientFlowTable table = gradient_flow(model_);
    const NamedTensors parameters = model_.named_parameters();
    for (std::size_t i = 0; i < table.size(); ++i)
        if (const auto update = updates_.find(parameters[i].tensor.identity()); update != updates_.end()) {
            table[i].gradient_norm = update->second.gradient_norm;
            table[i].update_ratio = update->second.ratio;
        }
    return table;
}

std::ostream& operator<<(std::ostream& out, const GradientFlowTable& table) {
    std::size_t name = 9, shape = 5;
    for (const ParameterFlow& row : table) {
        name = std::max(name, row.name.size());
        shape = std::max(shape, to_string(row.shape).size());
    }
    const auto number = [](const std::optional<Real>& x) { return x ? fmt::format("{:.3g}", *x) : "-"; };
    out << fmt::format("{:{}}  {:{}}  {:>10}  {:>10}  {:>12}\n", "parameter", name, "shape", shape, "value", "gradient",
                       "update ratio");
    for (const ParameterFlow& row : table)
        out << fmt::format("{:{}}  {:{}}  {:>10}  {:>10}  {:>12}\n", row.name, name, to_string(row.shape), shape,
                           number(row.value_norm), number(row.gradient_norm), number(row.update_ratio));
    return out;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
