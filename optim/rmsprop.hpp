// RMSprop: steps divided by the gradient's running root mean square.
#pragma once

#include <tapehead/optim/optimizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// g' = g + λ p;  v = α v + (1 − α) g'²;  u = g' / (√v + ε);  p −= lr u, or with momentum b = μ b + u, p −= lr b
/// (Tieleman and Hinton 2012)
///
/// `centered` takes the variance v − m² for v, with m = α m + (1 − α) g' (Graves 2013).
struct RMSpropRule {
    Real lr = 1e-2;         ///< the learning rate
    Real alpha = 0.99;      ///< α
    Real eps = 1e-8;        ///< ε, outside the root
    Real momentum = 0;      ///< μ
    Real weight_decay = 0;  ///< λ, added to the gradient
    bool centered = false;  ///< whether v is made the variance

    /// @{
    /// What UpdateRule asks for.
    static constexpr const char* kind = "RMSprop";
    void visit(const HyperparameterVisitor& v);
    std::vector<std::string> state_names() const;
    void update(Trained& trained, const Tensor& gradient, Real step_lr) const noexcept;
    /// @}
};

/// RMSprop: the optimizer of RMSpropRule.
using RMSprop = OptimizerOf<RMSpropRule>;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
