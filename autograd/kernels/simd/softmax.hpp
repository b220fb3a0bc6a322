// Softmax and log-softmax of the rows x[rows, n], forward beside backward.
//
// Every row is shifted by its maximum, so that the largest term of the sum is 1.
#pragma once

#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd/reduce.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

/// Calls f(r) for each row, on threads where `worth` elements pay for one.
template <class F>
inline void each_row(Index rows, Index n, Index worth, const F& f) {
    parallel_for(rows, worth / (n + 1) + 1, [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) f(r);
    });
}

/// y = exp(x − m) / Σ exp(x − m), m = max x
inline void softmax_row(const Scalar* x, Scalar* y, Index n) {
    const Vec m(row_max(x, n));
    if (m.get(0) == -infinity)  // zeros, and NaN in the place of NaN
        return blocks(0, n, [&](Index i, auto part) { store(y + i, part, exp(load(x + i, part))); });
    const Real sum = row_sum(n, [&](Index i, auto part) {
        const Vec e = exp_flush(load(x + i, part, -infinity) - m);
        store(y + i, part, e);
        return e;
    });
    const Vec scale(static_cast<Scalar>(1 / sum));
    blocks(0, n, [&](Index i, auto part) { store(y + i, part, load(y + i, part) * scale); });
}

inline void softmax(const Scalar* x, Scalar* y, Index rows, Index n) {
    each_row(rows, n, 16384, [&](Index r) { softmax_row(x + r * n, y + r * n, n); });
}

/// dx = y (dy − Σ y dy). A product is 0 where one factor is, whatever the other: a masked position may have a gradient of NaN, and
/// a row of NaN that nobody uses a gradient of 0.
inline void softmax_backward(const Scalar* y, const Scalar* dy, Scalar* dx, Index rows, Index n) {
    const Vec zero(Scalar{0});
    each_row(rows, n, 32768, [&](Index r) {
        const Scalar *row = y + r * n, *drow = dy + r * n;
        Scalar* to = dx + r * n;
        const auto product = [&](Vec a, Vec b) { return xsimd::select((a == zero) | (b == zero), zero, a * b); };
        const Vec dot(static_cast<Scalar>(
            row_sum(n, [&](Index i, auto part) { return product(load(row + i, part), load(drow + i, part)); })));
        blocks(0, n,
               [&](Index i, auto part) { store(to + i, part, product(load(row + i, part), load(drow + i, part) - dot)); });
    });
}

/// y = (x − m) − log Σ exp(x − m)
inline void log_softmax(const Scalar* x, Scalar* y, Index rows, Index n) {
    each_row(rows, n, 16384, [&](Index r) {
        const Scalar* row = x + r * n;
        Scalar* to = y + r * n;
        const Vec m(exp_shift(row_max(row, n)));
        const Vec log_sum(static_cast<Scalar>(
            std::log(row_sum(n, [&](Index i, auto part) { return exp_flush(load(row + i, part, -infinity) - m); }))));
        blocks(0, n, [&](Index i, auto part) { store(to + i, part, (load(row + i, part) - m) - log_sum); });
    });
}

inline void log_softmax_backward(const Scalar* y, const Scalar* dy, Scalar* dx, Index rows, Index n) {
    each_row(rows, n, 16384, [&](Index r) {
        const Scalar *row = y + r * n, *drow = dy + r * n;
        Scalar* to = dx + r * n;
        const Vec sum(static_cast<Scalar>(row_sum(n, [&](Index i, auto part) { return load(drow + i, part); })));
        blocks(0, n,
               [&](Index i, auto part) { store(to + i, part, load(drow + i, part) - exp_flush(load(row + i, part)) * sum); });
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
