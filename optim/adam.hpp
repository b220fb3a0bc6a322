// Adam and AdamW: steps in units of the gradient's running root mean square.
#pragma once

#include <array>

#include <tapehead/optim/optimizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// g' = g + λ p;  m = β₁ m + (1 − β₁) g';  v = β₂ v + (1 − β₂) g'²;
/// p −= lr m̂ / (√v̂ + ε), with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)  (Kingma and Ba 2015)
struct AdamRule {
    Real lr = 1e-3;                            ///< the learning rate
    std::array<Real, 2> betas = {0.9, 0.999};  ///< β₁ and β₂
    Real eps = 1e-8;                           ///< ε, outside the root
    Real weight_decay = 0;                     ///< λ, added to the gradient

    /// @{
    /// What UpdateRule asks for.
    static constexpr const char* kind = "Adam";
    void visit(const HyperparameterVisitor& v);
    std::vector<std::string> state_names() const;
    void update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept;
    /// @}
};

/// p = (1 − lr λ) p, then Adam's step by the gradient alone  (Loshchilov and Hutter 2019)
struct AdamWRule {
    Real lr = 1e-3;                            ///< the learning rate
    std::array<Real, 2> betas = {0.9, 0.999};  ///< β₁ and β₂
    Real eps = 1e-8;                           ///< ε, outside the root
    Real weight_decay = 0.01;                  ///< λ, decoupled from the gradient

    /// @{
    /// What UpdateRule asks for.
    static constexpr const char* kind = "AdamW";
    void visit(const HyperparameterVisitor& v);
    std::vector<std::string> state_names() const;
    void update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept;
    /// @}
};

/// Adam: the optimizer of AdamRule.
using Adam = OptimizerOf<AdamRule>;
/// AdamW: the optimizer of AdamWRule.
using AdamW = OptimizerOf<AdamWRule>;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
