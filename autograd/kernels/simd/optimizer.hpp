// Optimizer steps: one pass over a parameter, its gradient and its state.
#pragma once

#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

inline constexpr Index step_worth = 32768;  // elements worth a thread

/// d = g + λ p;  b = first ? d : μ b + (1 − dampening) d;  p −= lr (nesterov ? d + μ b : b). Without momentum p −= lr d.
inline void sgd(const SgdStep& s, const Scalar* g, Scalar* p, Scalar* buffer, Index n) {
    const Vec lr(s.lr), momentum(s.momentum), keep(1 - s.dampening), l2(s.l2);
    const bool has_momentum = s.momentum != 0;
    parallel_for(n, step_worth, [&](Index begin, Index end) {
        blocks(begin, end, [&](Index i, auto part) {
            const Vec value = load(p + i, part);
            Vec d = load(g + i, part) + l2 * value;
            if (has_momentum) {
                const Vec b = s.first ? d : momentum * load(buffer + i, part) + keep * d;
                store(buffer + i, part, b);
                d = s.nesterov ? d + momentum * b : b;
            }
            store(p + i, part, value - lr * d);
        });
    });
}

/// g' = g + λ p;  m = β₁ m + (1 − β₁) g';  v = β₂ v + (1 − β₂) g'²;  p = shrink p − step_size m / (√v / root_bias2 + ε)
inline void adam(const AdamStep& s, const Scalar* g, Scalar* p, Scalar* m, Scalar* v, Index n) {
    const Vec step_size(s.step_size), beta1(s.beta1), beta2(s.beta2), rest1(1 - s.beta1), rest2(1 - s.beta2);
    const Vec eps(s.eps), root_bias2(s.root_bias2), shrink(s.shrink), l2(s.l2);
    parallel_for(n, step_worth, [&](Index begin, Index end) {
        blocks(begin, end, [&](Index i, auto part) {
            const Vec value = load(p + i, part), d = load(g + i, part) + l2 * value;
            const Vec mean = beta1 * load(m + i, part) + rest1 * d;
            const Vec square = beta2 * load(v + i, part) + rest2 * d * d;
            store(m + i, part, mean);
            store(v + i, part, square);
            store(p + i, part, shrink * value - step_size * mean / (xsimd::sqrt(square) / root_bias2 + eps));
        });
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
