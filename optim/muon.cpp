// Muon; see muon.hpp.
#include <tapehead/optim/muon.hpp>

#include <algorithm>
#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/matmul.hpp>
#include <tapehead/autograd/ops/reduce.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Tensor newton_schulz(const Tensor& g, Index steps) {
    check<ShapeError>(g.dim() == 2, "newton_schulz: expected a matrix, got shape {}", g.shape());
    check<ValueError>(steps >= 0, "newton_schulz: expected a number of steps of at least 0, got {}", steps);
    constexpr Real a = 3.4445, b = -4.7750, c = 2.0315;
    const bool is_wide = g.size(0) <= g.size(1);  // else XᵀX is the smaller product, and stands on the right
    Tensor x = g / (norm(g) + 1e-7);
    for (Index i = 0; i < steps; ++i) {
        const Tensor product = gemm(x, !is_wide, x, is_wide);  // [min(n, m), min(n, m)]
        const Tensor polynomial = b * product + c * matmul(product, product);
        x = a * x + (is_wide ? matmul(polynomial, x) : matmul(x, polynomial));
    }
    return x;
}

void MuonRule::visit(const HyperparameterVisitor& v) {
    v("lr", lr);
    v("momentum", momentum, {.below = 1});
    v("nesterov", nesterov);
    v("weight_decay", weight_decay);
    v("steps", steps, {.low = 1});
}

void MuonRule::check_parameter(const NamedTensor& parameter) const {
    check<ValueError>(parameter.tensor && parameter.tensor.dim() == 2,
                      "Muon: expected matrices, got '{}' of shape {}; give it to AdamW", parameter.name,
                      parameter.tensor ? parameter.tensor.shape() : Shape());
}

std::vector<std::string> MuonRule::state_names() const { return {"momentum_buffer"}; }

void MuonRule::update(Trained& trained, const Tensor& gradient, Real step_lr) const {
    Tensor &p = trained.parameter, &buffer = trained.state[0];
    buffer.mul_(momentum).add_(gradient);
    const Tensor direction = newton_schulz(nesterov ? gradient + momentum * buffer : buffer, steps);
    const Real ratio = static_cast<Real>(p.size(0)) / static_cast<Real>(p.size(1));
    if (weight_decay != 0) p.mul_(1 - step_lr * weight_decay);
    p.add_(direction, -step_lr * std::sqrt(std::max<Real>(1, ratio)));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
