// Adagrad: steps divided by the root of all squared gradients so far.
#pragma once

#include <tapehead/optim/optimizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// g' = g + λ p;  s = s + g'²;  p −= lr / (1 + (t − 1) lr_decay) · g' / (√s + ε)  (Duchi et al. 2011)
struct AdagradRule {
    Real lr = 1e-2;                      ///< the learning rate
    Real lr_decay = 0;                   ///< how fast lr falls with the steps t
    Real weight_decay = 0;               ///< λ, added to the gradient
    Real initial_accumulator_value = 0;  ///< s before the first step
    Real eps = 1e-10;                    ///< ε, outside the root

    /// @{
    /// What UpdateRule asks for.
    static constexpr const char* kind = "Adagrad";
    void visit(const HyperparameterVisitor& v);
    std::vector<std::string> state_names() const;
    void update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept;
    /// @}
};

/// Adagrad: the optimizer of AdagradRule.
using Adagrad = OptimizerOf<AdagradRule>;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
