// ONNX's optimizers: one step of Tapehead's, which take up the state of each case as a saved one.
//
// Inputs are the learning rate R, the number T of steps before, and then for n tensors the values X1...Xn, the gradients G1...Gn
// and each kind of state in turn; outputs are the new values and states.
#include <onnx/node.hpp>

#include <cmath>

namespace onnx {
namespace {

/// The inputs of an optimizer with `kinds` kinds of state.
struct Step {
    Step(const Node& node, Index kinds) : lr(node.tensor(0).item()), before(node.integers(1).at(0)) {
        const Index n = (node.inputs() - 2) / (2 + kinds);
        values = node.tensors(2, 2 + n);
        gradients = node.tensors(2 + n, 2 + 2 * n);
        for (Index kind = 0; kind < kinds; ++kind) states.push_back(node.tensors(2 + (2 + kind) * n, 2 + (3 + kind) * n));
    }

    Real lr;
    Index before;
    std::vector<Tensor> values, gradients;
    std::vector<std::vector<Tensor>> states;
};

/// The optimizer's state with that of the case, `steps` steps after its start.
template <class Rule>
OptimizerState loaded_state(const OptimizerOf<Rule>& optimizer, const Rule& rule, const Step& step, Index steps) {
    OptimizerState state = optimizer.state_dict();
    state.step_count = steps;
    const auto names = rule.state_names();
    for (std::size_t i = 0; i < step.values.size(); ++i) {
        OptimizerState::Parameter& parameter = state.groups[0].parameters[i];
        parameter.steps = steps;
        parameter.tensors.clear();
        for (std::size_t kind = 0; kind < names.size(); ++kind)
            parameter.tensors.push_back({names[kind], step.states[kind][i]});
    }
    return state;
}

/// One step after `steps` others: the new values, then the new states, kind by kind.
template <class Rule>
Outputs after_step(const Rule& rule, const Step& step, Index steps) {
    std::vector<Tensor> parameters;
    for (std::size_t i = 0; i < step.values.size(); ++i) {
        parameters.push_back(clone(step.values[i]).requires_grad_());
        parameters[i].set_grad(step.gradients[i]);
    }
    OptimizerOf<Rule> optimizer(parameters, rule);
    optimizer.load_state_dict(loaded_state(optimizer, rule, step, steps));
    optimizer.step();

    Outputs outputs;
    for (const Tensor& parameter : parameters) outputs.push_back(parameter.detach());
    const OptimizerState state = optimizer.state_dict();
    for (std::size_t kind = 0; kind < step.states.size(); ++kind)
        for (const OptimizerState::Parameter& parameter : state.groups[0].parameters)
            outputs.push_back(parameter.tensors[kind].tensor);
    return outputs;
}

/// X − r V / (√H + ε) with V = α V + (1 − α) g and H = β H + (1 − β) g², g = G + λ X; r = R √(1 − βᵀ) / (1 − αᵀ), or R for T = 0.
///
/// Tapehead's ε is added to √Ĥ = √H / √(1 − βᵀ). Before its second step it has no state to take up; infinitely late it corrects
/// nothing, and the correction goes into the learning rate.
Outputs adam(const Node& node) {
    const Step step(node, 2);
    constexpr Index late = 1'000'000'000;
    const Real alpha = node.real("alpha", 0.9), beta = node.real("beta", 0.999), eps = node.real("epsilon", 1e-6);
    const auto t = static_cast<Real>(step.before);
    const Real correction1 = t > 0 ? 1 - std::pow(alpha, t) : 1, correction2 = t > 0 ? std::sqrt(1 - std::pow(beta, t)) : 1;
    const bool corrects = step.before > 1;
    const AdamRule rule{.lr = corrects ? step.lr : step.lr * correction2 / correction1,
                        .betas = {alpha, beta},
                        .eps = corrects ? eps / correction2 : eps,
                        .weight_decay = node.real("norm_coefficient", 0)};
    Outputs outputs = after_step(rule, step, corrects ? step.before - 1 : late);
    for (std::size_t i = 0; i < step.values.size(); ++i) outputs[i] = (1 - node.real("norm_coefficient_post", 0)) * outputs[i];
    return outputs;
}

/// X − R / (1 + T decay) · g / (√H + ε) with H = H + g², g = G + λ X
Outputs adagrad(const Node& node) {
    const Step step(node, 1);
    const AdagradRule rule{.lr = step.lr,
                           .lr_decay = step.before > 0 ? node.real("decay_factor", 0) : 0,
                           .weight_decay = node.real("norm_coefficient", 0),
                           .eps = node.real("epsilon", 1e-6)};
    return after_step(rule, step, std::max(step.before, Index{1}));  // a first step would start from a state of its own
}

/// X − R V, or X − R (g + α V) with mode nesterov, with V = α V + β g, g = G + λ X; β is 1 for T = 0.
///
/// Written out where SGD has no such step: without momentum it keeps no V, and with Nesterov's rule it refuses a β.
Outputs momentum(const Node& node) {
    const Step step(node, 1);
    const Real alpha = node.real("alpha"), beta = step.before > 0 ? node.real("beta") : 1;
    const Real decay = node.real("norm_coefficient");
    const bool is_nesterov = node.text("mode", "standard") == "nesterov";
    if (alpha > 0 && (!is_nesterov || beta == 1)) {
        const SgdRule rule{
            .lr = step.lr, .momentum = alpha, .dampening = 1 - beta, .weight_decay = decay, .nesterov = is_nesterov};
        return after_step(rule, step, std::max(step.before, Index{1}));  // a first step would not read the state
    }
    Outputs values, velocities;
    for (std::size_t i = 0; i < step.values.size(); ++i) {
        const Tensor x = step.values[i], g = step.gradients[i] + decay * x, v = alpha * step.states[0][i] + beta * g;
        values.push_back(x - step.lr * (is_nesterov ? g + alpha * v : v));
        velocities.push_back(v);
    }
    values.insert(values.end(), velocities.begin(), velocities.end());
    return values;
}

}  // namespace

void add_optimizers(Operators& operators) {
    operators["Adam"] = adam;
    operators["Adagrad"] = adagrad;
    operators["Momentum"] = momentum;
}

}  // namespace onnx
