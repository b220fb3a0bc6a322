// Adagrad; see adagrad.hpp.
#include <tapehead/optim/adagrad.hpp>

#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

void AdagradRule::visit(const HyperparameterVisitor& v) {
    v("lr", lr);
    v("lr_decay", lr_decay);
    v("weight_decay", weight_decay);
    v("initial_accumulator_value", initial_accumulator_value);
    v("eps", eps);
}

std::vector<std::string> AdagradRule::state_names() const { return {"sum"}; }

void AdagradRule::update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept {
    Tensor& sum = trained.state[0];
    if (trained.steps == 1) sum.fill_(initial_accumulator_value);
    const auto decayed_lr = step_lr / (1 + static_cast<Real>(trained.steps - 1) * lr_decay);
    const kernels::AdagradStep step{.lr = static_cast<Scalar>(decayed_lr),
                                    .eps = static_cast<Scalar>(eps),
                                    .l2 = static_cast<Scalar>(weight_decay)};
    kernels::simd().adagrad(step, gradient.data(), trained.parameter.mutable_data(), sum.mutable_data(), gradient.numel());
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
