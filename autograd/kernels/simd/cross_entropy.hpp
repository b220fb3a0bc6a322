// Cross entropy of the rows x[rows, n] against one target class each, forward beside backward.
//
// With q_c = w_c ((1 − ε) [c = target] + ε / n), the loss of a row is Σ_c q_c (L − (x_c − m)), m = max x, L = log Σ exp(x − m).
// m and L are kept apart for the backward pass: their sum would cost digits where m is large.
#pragma once

#include <tapehead/autograd/kernels/simd/reduce.hpp>
#include <tapehead/autograd/kernels/simd/softmax.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

/// Σ_c w_c (L − (x_c − m)), where a weight of 0 counts nothing, whatever x_c is.
inline Real cross_entropy_spread(const Scalar* x, const Scalar* weight, Scalar shift, Scalar log_sum, Index n) {
    const Vec m(shift), log_s(log_sum), zero(Scalar{0});
    return row_sum(n, [&](Index i, auto part) {
        const Vec term = log_s - (load(x + i, part) - m);
        if (!weight) return only(term, part);
        const Vec w = load(weight + i, part);
        return xsimd::select(w == zero, zero, w * term);
    });
}

inline void cross_entropy_row(const Scalar* x, Id target, const Scalar* weight, Real smoothing, Scalar& loss, Scalar& shift,
                              Scalar& log_sum, Index n) {
    loss = shift = log_sum = 0;
    if (target < 0) return;
    shift = exp_shift(row_max(x, n));
    const Vec m(shift);
    const Real log_s = std::log(row_sum(n, [&](Index i, auto part) { return exp_flush(load(x + i, part, -infinity) - m); }));
    log_sum = static_cast<Scalar>(log_s);
    const Real w = weight ? static_cast<Real>(weight[target]) : 1;
    const Real own = w == 0 || smoothing == 1 ? 0 : (1 - smoothing) * w * (log_s - static_cast<Real>(x[target] - shift));
    Real even = 0;
    if (smoothing != 0) even = smoothing / static_cast<Real>(n) * cross_entropy_spread(x, weight, shift, log_sum, n);
    loss = static_cast<Scalar>(own + even);
}

inline void cross_entropy(const Scalar* x, const Id* target, const Scalar* weight, Real smoothing, Scalar* loss, Scalar* shift,
                          Scalar* log_sum, Index rows, Index n) {
    each_row(rows, n, 16384,
             [&](Index r) { cross_entropy_row(x + r * n, target[r], weight, smoothing, loss[r], shift[r], log_sum[r], n); });
}

/// dx = dy (exp(x − m − L) Σ_c q_c − q)
inline void cross_entropy_backward(const Scalar* x, const Id* target, const Scalar* weight, Real smoothing, const Scalar* shift,
                                   const Scalar* log_sum, const Scalar* dy, Scalar* dx, Index rows, Index n) {
    const Real even = smoothing == 0 ? 0 : smoothing / static_cast<Real>(n);
    const Real all = even == 0 ? 0 : even * (weight ? reduce_run<SumOf>(weight, n) : static_cast<Real>(n));
    each_row(rows, n, 16384, [&](Index r) {
        const Scalar* row = x + r * n;
        Scalar* to = dx + r * n;
        const Real g = static_cast<Real>(dy[r]);
        if (target[r] < 0 || g == 0) {
            const Vec zero(Scalar{0});
            return blocks(0, n, [&](Index i, auto part) { store(to + i, part, zero); });
        }
        const Real own = (1 - smoothing) * (weight ? static_cast<Real>(weight[target[r]]) : 1);
        const Vec m(shift[r]), log_s(log_sum[r]), scale(static_cast<Scalar>(g * (own + all)));
        const Vec spread(static_cast<Scalar>(g * even));
        blocks(0, n, [&](Index i, auto part) {
            Vec d = scale * exp_flush((load(row + i, part) - m) - log_s);
            if (even != 0) d = d - (weight ? spread * load(weight + i, part) : spread);
            store(to + i, part, d);
        });
        to[target[r]] -= static_cast<Scalar>(g * own);
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
