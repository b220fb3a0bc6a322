// Muon: momentum whose matrix is made nearly orthogonal, so that every direction of a weight moves alike.
#pragma once

#include <tapehead/optim/optimizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The nearest (semi-)orthogonal matrix to G, roughly: U S' Vᵀ for G = U S Vᵀ, with S' between about 0.7 and 1.2.
///
/// X = G / (‖G‖ + 1e-7), then `steps` times X = a X + (b A + c A²) X, A = X Xᵀ, with a, b, c = 3.4445, −4.7750, 2.0315: an odd
/// polynomial of the singular values, [n, m] → [n, m]. Throws ShapeError unless G is a matrix, ValueError for steps < 0.
Tensor newton_schulz(const Tensor& g, Index steps = 5);

/// b = μ b + g;  u = g + μ b with `nesterov`, else b;  p = (1 − lr λ) p − lr √max(1, rows / columns) newton_schulz(u)
/// (Jordan et al. 2024)
///
/// For the matrices inside a network; embeddings and the output layer, though matrices, are better left to AdamW as well. The
/// constructor throws ValueError for a parameter that is not a matrix.
struct MuonRule {
    Real lr = 0.02;         ///< the learning rate
    Real momentum = 0.95;   ///< μ
    bool nesterov = true;   ///< whether a step looks one gradient ahead
    Real weight_decay = 0;  ///< λ, decoupled from the gradient
    Index steps = 5;        ///< of Newton and Schulz' iteration

    /// @{
    /// What UpdateRule asks for.
    static constexpr const char* kind = "Muon";
    void visit(const HyperparameterVisitor& v);
    void check_parameter(const NamedTensor& parameter) const;
    std::vector<std::string> state_names() const;
    void update(Trained& trained, const Tensor& gradient, Real step_lr) const;
    /// @}
};

/// Muon: the optimizer of MuonRule.
using Muon = OptimizerOf<MuonRule>;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
