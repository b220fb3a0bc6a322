// Lion; see lion.hpp.
#include <tapehead/optim/lion.hpp>

#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

void LionRule::visit(const HyperparameterVisitor& v) {
    v("lr", lr);
    v("beta1", betas[0], {.below = 1});
    v("beta2", betas[1], {.below = 1});
    v("weight_decay", weight_decay);
}

std::vector<std::string> LionRule::state_names() const { return {"exp_avg"}; }

void LionRule::update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept {
    const auto [beta1, beta2] = betas;
    const kernels::LionStep step{.lr = static_cast<Scalar>(step_lr),
                                 .beta1 = static_cast<Scalar>(beta1),
                                 .beta2 = static_cast<Scalar>(beta2),
                                 .rest1 = static_cast<Scalar>(1 - beta1),
                                 .rest2 = static_cast<Scalar>(1 - beta2),
                                 .shrink = static_cast<Scalar>(1 - step_lr * weight_decay)};
    kernels::simd().lion(step, gradient.data(), trained.parameter.mutable_data(), trained.state[0].mutable_data(),
                         gradient.numel());
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
