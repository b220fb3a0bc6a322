// RMSprop; see rmsprop.hpp.
#include <tapehead/optim/rmsprop.hpp>

#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

void RMSpropRule::visit(const HyperparameterVisitor& v) {
    v("lr", lr);
    v("alpha", alpha, {.below = 1});
    v("eps", eps);
    v("momentum", momentum);
    v("weight_decay", weight_decay);
    v("centered", centered);
}

std::vector<std::string> RMSpropRule::state_names() const {
    std::vector<std::string> names = {"square_avg"};
    if (centered) names.emplace_back("grad_avg");
    if (momentum != 0) names.emplace_back("momentum_buffer");
    return names;
}

void RMSpropRule::update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept {
    const kernels::RmspropStep step{.lr = static_cast<Scalar>(step_lr),
                                    .alpha = static_cast<Scalar>(alpha),
                                    .rest = static_cast<Scalar>(1 - alpha),
                                    .eps = static_cast<Scalar>(eps),
                                    .momentum = static_cast<Scalar>(momentum),
                                    .l2 = static_cast<Scalar>(weight_decay),
                                    .centered = centered};
    std::vector<Tensor>& state = trained.state;
    Scalar* mean = centered ? state[1].mutable_data() : nullptr;
    Scalar* buffer = momentum != 0 ? state.back().mutable_data() : nullptr;
    kernels::simd().rmsprop(step, gradient.data(), trained.parameter.mutable_data(), state[0].mutable_data(), mean, buffer,
                            gradient.numel());
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
