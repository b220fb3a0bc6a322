// Adam and AdamW; see adam.hpp.
#include <tapehead/optim/adam.hpp>

#include <cmath>

#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

template <class Rule>
void visit_adam(Rule& rule, const HyperparameterVisitor& v) {
    v("lr", rule.lr);
    v("beta1", rule.betas[0], {.below = 1});
    v("beta2", rule.betas[1], {.below = 1});
    v("eps", rule.eps);
    v("weight_decay", rule.weight_decay);
}

std::vector<std::string> moments() { return {"exp_avg", "exp_avg_sq"}; }

/// The step of both: p = shrink p − lr m̂ / (√v̂ + ε), with `l2` p added to the gradient.
template <class Rule>
void adam_step(const Rule& rule, Trained& trained, const Tensor& gradient, Real lr, Real shrink, Real l2) {
    const auto [beta1, beta2] = rule.betas;
    const auto t = static_cast<Real>(trained.steps);
    const kernels::AdamStep step{.step_size = static_cast<Scalar>(lr / (1 - std::pow(beta1, t))),
                                 .beta1 = static_cast<Scalar>(beta1),
                                 .beta2 = static_cast<Scalar>(beta2),
                                 .rest1 = static_cast<Scalar>(1 - beta1),
                                 .rest2 = static_cast<Scalar>(1 - beta2),
                                 .eps = static_cast<Scalar>(rule.eps),
                                 .root_bias2 = static_cast<Scalar>(std::sqrt(1 - std::pow(beta2, t))),
                                 .shrink = static_cast<Scalar>(shrink),
                                 .l2 = static_cast<Scalar>(l2)};
    kernels::simd().adam(step, gradient.data(), trained.parameter.mutable_data(), trained.state[0].mutable_data(),
                         trained.state[1].mutable_data(), gradient.numel());
}

}  // namespace

void AdamRule::visit(const HyperparameterVisitor& v) { visit_adam(*this, v); }
void AdamWRule::visit(const HyperparameterVisitor& v) { visit_adam(*this, v); }

std::vector<std::string> AdamRule::state_names() const { return moments(); }
std::vector<std::string> AdamWRule::state_names() const { return moments(); }

void AdamRule::update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept {
    adam_step(*this, trained, gradient, step_lr, 1, weight_decay);
}

void AdamWRule::update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept {
    adam_step(*this, trained, gradient, step_lr, 1 - step_lr * weight_decay, 0);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
