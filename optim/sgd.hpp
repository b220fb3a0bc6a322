// SGD: stochastic gradient descent, with momentum.
#pragma once

#include <tapehead/optim/optimizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// d = g + λ p;  b = d at the first step, then μ b + (1 − dampening) d;  p −= lr b, or lr (d + μ b) with `nesterov`
/// (Sutskever et al. 2013). Without momentum, p −= lr d.
///
/// `nesterov` needs a momentum and no dampening, else ValueError.
struct SgdRule {
    Real lr = 1e-3;         ///< the learning rate
    Real momentum = 0;      ///< μ
    Real dampening = 0;     ///< of the gradients after the first
    Real weight_decay = 0;  ///< λ, added to the gradient
    bool nesterov = false;  ///< whether a step looks one gradient ahead

    /// @{
    /// What UpdateRule asks for.
    static constexpr const char* kind = "SGD";
    void visit(const HyperparameterVisitor& v);
    void validate() const;
    std::vector<std::string> state_names() const;
    void update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept;
    /// @}
};

/// Stochastic gradient descent: the optimizer of SgdRule.
using SGD = OptimizerOf<SgdRule>;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
