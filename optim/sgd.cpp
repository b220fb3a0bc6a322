// Stochastic gradient descent; see sgd.hpp.
#include <tapehead/optim/sgd.hpp>

#include <limits>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

void SgdRule::visit(const HyperparameterVisitor& v) {
    v("lr", lr);
    v("momentum", momentum);
    v("dampening", dampening, {.low = std::numeric_limits<Real>::lowest()});
    v("weight_decay", weight_decay);
    v("nesterov", nesterov);
}

void SgdRule::validate() const {
    check<ValueError>(!nesterov || (momentum > 0 && dampening == 0),
                      "SGD: expected momentum > 0 and dampening 0 with nesterov, got {} and {}", momentum, dampening);
}

std::vector<std::string> SgdRule::state_names() const {
    if (momentum == 0) return {};
    return {"momentum_buffer"};
}

void SgdRule::update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept {
    const kernels::SgdStep step{.lr = static_cast<Scalar>(step_lr),
                                .momentum = static_cast<Scalar>(momentum),
                                .dampening = static_cast<Scalar>(dampening),
                                .l2 = static_cast<Scalar>(weight_decay),
                                .nesterov = nesterov,
                                .first = trained.steps == 1};
    Scalar* buffer = momentum == 0 ? nullptr : trained.state[0].mutable_data();
    kernels::simd().sgd(step, gradient.data(), trained.parameter.mutable_data(), buffer, gradient.numel());
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
