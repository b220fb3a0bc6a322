// Layer norm and RMS norm of the rows x[rows, n], forward beside backward.
//
// dx is a matter of one row; dw and db add up all rows, so threads share out the columns and each walks every row in order.
// Those come first, because dx may take the place of dy.
#pragma once

#include <tapehead/autograd/kernels/simd/reduce.hpp>
#include <tapehead/autograd/kernels/simd/softmax.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>
#include <tapehead/autograd/kernels/strips.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

inline constexpr Index norm_worth = 32768;  // elements worth a thread

/// One row of layer norm. Values and their mean m are taken relative to x₀, so that a mean far from 0 costs no digits and a constant
/// row has x̂ = 0 exactly: m = mean(x − x₀), variance = mean((x − x₀ − m)²).
inline void layer_norm_row(const Scalar* x, const Scalar* w, const Scalar* b, Scalar* y, Scalar& mean, Scalar& rstd, Index n,
                           Scalar eps) {
    const Scalar first = x[0];  // kept, because y may be x
    const Vec x0(first);
    const Real offset = row_sum(n, [&](Index i, auto part) { return load(x + i, part, first) - x0; }) / static_cast<Real>(n);
    const Vec m(static_cast<Scalar>(offset));
    const Real variance = row_sum(n,
                                  [&](Index i, auto part) {
                                      const Vec d = only((load(x + i, part) - x0) - m, part);
                                      return d * d;
                                  }) /
                          static_cast<Real>(n);
    mean = static_cast<Scalar>(offset);
    rstd = static_cast<Scalar>(1 / std::sqrt(variance + static_cast<Real>(eps)));
    const Vec scale(rstd);
    blocks(0, n, [&](Index i, auto part) {
        Vec v = ((load(x + i, part) - x0) - m) * scale;
        if (w) v = v * load(w + i, part);
        if (b) v = v + load(b + i, part);
        store(y + i, part, v);
    });
}

inline void layer_norm(const Scalar* x, const Scalar* w, const Scalar* b, Scalar* y, Scalar* mean, Scalar* rstd, Index rows,
                       Index n, Scalar eps) {
    if (n == 0) return;
    each_row(rows, n, norm_worth, [&](Index r) { layer_norm_row(x + r * n, w, b, y + r * n, mean[r], rstd[r], n, eps); });
}

/// One strip of columns of dw = Σ dy x̂ and db = Σ dy, x̂ = (x − x₀ − mean) rstd. Without `mean` it and x₀ are 0.
inline void norm_weights_strip(const Scalar* x, const Scalar* mean, const Scalar* rstd, const Scalar* dy, Scalar* dw,
                               Scalar* db, Index rows, Index n, Index begin, Index end) {
    constexpr Index block = 32;  // rows of a partial sum in Scalar
    Scalar dw_part[strip_width], db_part[strip_width];
    Real dw_sum[strip_width] = {}, db_sum[strip_width] = {};
    const Index width = end - begin;
    for (Index at = 0; at < rows; at += block) {
        const Index stop = rows - at < block ? rows : at + block;
        for (Index i = 0; i < width; ++i) dw_part[i] = db_part[i] = 0;
        for (Index r = at; r < stop; ++r) {
            const Scalar *px = x + r * n + begin, *pdy = dy + r * n + begin;
            const Scalar x0 = mean ? x[r * n] : Scalar{0}, m = mean ? mean[r] : Scalar{0}, scale = rstd[r];
#pragma omp simd
            for (Index i = 0; i < width; ++i) {
                dw_part[i] += pdy[i] * (((px[i] - x0) - m) * scale);
                db_part[i] += pdy[i];
            }
        }
#pragma omp simd
        for (Index i = 0; i < width; ++i) {
            dw_sum[i] += static_cast<Real>(dw_part[i]);
            db_sum[i] += static_cast<Real>(db_part[i]);
        }
    }
    for (Index i = 0; dw && i < width; ++i) dw[begin + i] = static_cast<Scalar>(dw_sum[i]);
    for (Index i = 0; db && i < width; ++i) db[begin + i] = static_cast<Scalar>(db_sum[i]);
}

/// dx of one row: g = dy w; rstd (g − mean(g) − x̂ mean(g x̂)), of RMS norm (no `mean`) without the term mean(g).
inline void norm_dx_row(const Scalar* x, const Scalar* w, const Scalar* mean, Scalar rstd, const Scalar* dy, Scalar* dx,
                        Index n) {
    const Vec x0(mean ? x[0] : Scalar{0}), m(mean ? *mean : Scalar{0}), scale(rstd);
    const auto normal = [&](Index i, auto part) { return ((load(x + i, part) - x0) - m) * scale; };
    const auto g = [&](Index i, auto part) {
        const Vec d = load(dy + i, part);
        return w ? d * load(w + i, part) : d;
    };
    const Real count = static_cast<Real>(n);
    const Real g_sum = mean ? row_sum(n, g) : Real{0};
    const Real gx_sum = row_sum(n, [&](Index i, auto part) { return g(i, part) * normal(i, part); });
    const Vec g_mean(static_cast<Scalar>(g_sum / count)), gx_mean(static_cast<Scalar>(gx_sum / count));
    blocks(0, n, [&](Index i, auto part) { store(dx + i, part, scale * (g(i, part) - g_mean - normal(i, part) * gx_mean)); });
}

inline void layer_norm_backward(const Scalar* x, const Scalar* w, const Scalar* mean, const Scalar* rstd, const Scalar* dy,
                                Scalar* dx, Scalar* dw, Scalar* db, Index rows, Index n) {
    if (dw || db)
        for_strips(1, rows, n,
                   [&](Index, Index begin, Index end) { norm_weights_strip(x, mean, rstd, dy, dw, db, rows, n, begin, end); });
    if (dx)
        each_row(rows, n, norm_worth,
                 [&](Index r) { norm_dx_row(x + r * n, w, mean + r, rstd[r], dy + r * n, dx + r * n, n); });
}

inline void rms_norm(const Scalar* x, const Scalar* w, Scalar* y, Scalar* rstd, Index rows, Index n, Scalar eps) {
    each_row(rows, n, norm_worth, [&](Index r) {
        const Scalar* row = x + r * n;
        Scalar* to = y + r * n;
        const Real squares = reduce_run<SquaresOf>(row, n);
        rstd[r] = static_cast<Scalar>(1 / std::sqrt(squares / static_cast<Real>(n) + static_cast<Real>(eps)));
        const Vec scale(rstd[r]);
        blocks(0, n, [&](Index i, auto part) {
            const Vec v = load(row + i, part) * scale;
            store(to + i, part, w ? v * load(w + i, part) : v);
        });
    });
}

inline void rms_norm_backward(const Scalar* x, const Scalar* w, const Scalar* rstd, const Scalar* dy, Scalar* dx, Scalar* dw,
                              Index rows, Index n) {
    if (dw)
        for_strips(1, rows, n, [&](Index, Index begin, Index end) {
            norm_weights_strip(x, nullptr, rstd, dy, dw, nullptr, rows, n, begin, end);
        });
    if (dx)
        each_row(rows, n, norm_worth, [&](Index r) { norm_dx_row(x + r * n, w, nullptr, rstd[r], dy + r * n, dx + r * n, n); });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
