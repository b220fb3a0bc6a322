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
    const Vec step_size(s.step_size), beta1(s.beta1), beta2(s.beta2), rest1(s.rest1), rest2(s.rest2);
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

/// g' = g + λ p;  v = α v + (1 − α) g'²;  u = g' / (√v + ε), where centered with m = α m + (1 − α) g' and v − m² for v;
/// b = μ b + u;  p −= lr b
inline void rmsprop(const RmspropStep& s, const Scalar* g, Scalar* p, Scalar* v, Scalar* m, Scalar* buffer, Index n) {
    const Vec lr(s.lr), alpha(s.alpha), rest(s.rest), eps(s.eps), momentum(s.momentum), l2(s.l2), zero(Scalar{0});
    parallel_for(n, step_worth, [&](Index begin, Index end) {
        blocks(begin, end, [&](Index i, auto part) {
            const Vec value = load(p + i, part), d = load(g + i, part) + l2 * value;
            const Vec square = alpha * load(v + i, part) + rest * d * d;
            store(v + i, part, square);
            Vec variance = square;
            if (s.centered) {
                const Vec mean = alpha * load(m + i, part) + rest * d;
                store(m + i, part, mean);
                variance = maximum(square - mean * mean, zero);  // rounding may put it below 0
            }
            Vec u = d / (xsimd::sqrt(variance) + eps);
            if (s.momentum != 0) {
                u = momentum * load(buffer + i, part) + u;
                store(buffer + i, part, u);
            }
            store(p + i, part, value - lr * u);
        });
    });
}

/// g' = g + λ p;  s = s + g'²;  p −= lr g' / (√s + ε)
inline void adagrad(const AdagradStep& s, const Scalar* g, Scalar* p, Scalar* sum, Index n) {
    const Vec lr(s.lr), eps(s.eps), l2(s.l2);
    parallel_for(n, step_worth, [&](Index begin, Index end) {
        blocks(begin, end, [&](Index i, auto part) {
            const Vec value = load(p + i, part), d = load(g + i, part) + l2 * value;
            const Vec squares = load(sum + i, part) + d * d;
            store(sum + i, part, squares);
            store(p + i, part, value - lr * d / (xsimd::sqrt(squares) + eps));
        });
    });
}

/// p = shrink p − lr sign(β₁ m + (1 − β₁) g);  m = β₂ m + (1 − β₂) g
inline void lion(const LionStep& s, const Scalar* g, Scalar* p, Scalar* m, Index n) {
    const Vec lr(s.lr), beta1(s.beta1), beta2(s.beta2), rest1(s.rest1), rest2(s.rest2), shrink(s.shrink);
    parallel_for(n, step_worth, [&](Index begin, Index end) {
        blocks(begin, end, [&](Index i, auto part) {
            const Vec d = load(g + i, part), mean = load(m + i, part);
            store(p + i, part, shrink * load(p + i, part) - lr * sign(beta1 * mean + rest1 * d));
            store(m + i, part, beta2 * mean + rest2 * d);
        });
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
