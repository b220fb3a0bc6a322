// Lion: steps of one size in every element, in the direction of the momentum's sign.
#pragma once

#include <array>

#include <tapehead/optim/optimizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// p = (1 − lr λ) p − lr sign(β₁ m + (1 − β₁) g);  m = β₂ m + (1 − β₂) g  (Chen et al. 2023)
///
/// Every step is as large as lr: choose it 3 to 10 times smaller than for AdamW, and λ as much larger.
struct LionRule {
    Real lr = 1e-4;                           ///< the learning rate
    std::array<Real, 2> betas = {0.9, 0.99};  ///< β₁ and β₂
    Real weight_decay = 0;                    ///< λ, decoupled from the gradient

    /// @{
    /// What UpdateRule asks for.
    static constexpr const char* kind = "Lion";
    void visit(const HyperparameterVisitor& v);
    std::vector<std::string> state_names() const;
    void update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept;
    /// @}
};

/// Lion: the optimizer of LionRule.
using Lion = OptimizerOf<LionRule>;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
