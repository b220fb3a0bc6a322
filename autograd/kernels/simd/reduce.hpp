// Reductions over the middle axis of x[outer, n, inner] → y[outer, inner].
//
// Rows (inner = 1) run along memory in batches, columns side by side in strips. Both add short partial sums in Scalar and
// those in Real, in an order that only the shape decides: the result is accurate in float and the same on any number of threads.
#pragma once

#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>
#include <tapehead/autograd/kernels/strips.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

// What a reduction is: where it starts, how it takes in an element and how it joins two partial results. `rows` is how many
// elements a partial result in Scalar may take in before it is joined in Real.
struct SumOf {
    static constexpr Scalar start = 0;
    static constexpr Index rows = 16;
    template <class T>
    static T take(T r, T x) {
        return r + x;
    }
    static Real join(Real a, Real b) { return a + b; }
};

struct SquaresOf {
    static constexpr Scalar start = 0;
    static constexpr Index rows = 16;
    template <class T>
    static T take(T r, T x) {
        return r + x * x;
    }
    static Real join(Real a, Real b) { return a + b; }
};

struct MaxOf {
    static constexpr Scalar start = -infinity;
    static constexpr Index rows = 1 << 20;
    static Vec take(Vec r, Vec x) { return maximum(r, x); }
    static Scalar take(Scalar r, Scalar x) { return r > x || r != r ? r : x; }
    static Real join(Real a, Real b) { return a > b || a != a ? a : b; }
};

struct MinOf {
    static constexpr Scalar start = infinity;
    static constexpr Index rows = 1 << 20;
    static Vec take(Vec r, Vec x) { return minimum(r, x); }
    static Scalar take(Scalar r, Scalar x) { return r < x || r != r ? r : x; }
    static Real join(Real a, Real b) { return a < b || a != a ? a : b; }
};

/// A sum of f(i, part) over the batches of [0, n): four running batches, joined in Real every 1024 elements.
template <class F>
inline Real row_sum(Index n, const F& f) {
    constexpr Index block = 1024;
    Real total = 0;
    for (Index at = 0; at < n; at += block) {
        const Index end = n - at < block ? n : at + block;
        Vec r0(Scalar{0}), r1(Scalar{0}), r2(Scalar{0}), r3(Scalar{0});
        Index i = at;
        for (; i + 4 * lanes <= end; i += 4 * lanes) {
            r0 += f(i, Full{});
            r1 += f(i + lanes, Full{});
            r2 += f(i + 2 * lanes, Full{});
            r3 += f(i + 3 * lanes, Full{});
        }
        blocks(i, end, [&](Index j, auto part) { r0 += f(j, part); });
        total += sum_of_lanes((r0 + r1) + (r2 + r3));
    }
    return total;
}

/// The reduction of one row x[n], on the caller's thread.
template <class R>
inline Real reduce_run(const Scalar* x, Index n) {
    constexpr Index block = 1024;
    const Vec start(R::start);
    Real total = R::start;
    for (Index at = 0; at < n; at += block) {
        const Index end = n - at < block ? n : at + block;
        Vec r0 = start, r1 = start, r2 = start, r3 = start;
        Index i = at;
        for (; i + 4 * lanes <= end; i += 4 * lanes) {
            r0 = R::take(r0, load(x + i, Full{}));
            r1 = R::take(r1, load(x + i + lanes, Full{}));
            r2 = R::take(r2, load(x + i + 2 * lanes, Full{}));
            r3 = R::take(r3, load(x + i + 3 * lanes, Full{}));
        }
        blocks(i, end, [&](Index j, auto part) { r1 = R::take(r1, load(x + j, part, R::start)); });
        for (const Vec r : {r0, r1, r2, r3}) total = R::join(total, fold(r, R::join));
    }
    return total;
}

/// The reduction of one row; a long one is cut into parts that depend on its length alone, for several threads.
template <class R>
inline Real reduce_row(const Scalar* x, Index n) {
    constexpr Index least = 65536, most = 64;
    const Index parts = n / least < most ? n / least : most;
    if (parts < 2) return reduce_run<R>(x, n);
    Real partial[most];
    parallel_for(parts, 1, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) {
            const Index from = n * k / parts, to = n * (k + 1) / parts;
            partial[k] = reduce_run<R>(x + from, to - from);
        }
    });
    Real total = R::start;
    for (Index k = 0; k < parts; ++k) total = R::join(total, partial[k]);
    return total;
}

/// Columns [begin, end) of x[n, inner] → y, the row of results.
template <class R>
inline void reduce_strip(const Scalar* x, Scalar* y, Index n, Index inner, Index begin, Index end) {
    Scalar partial[strip_width];
    Real total[strip_width];
    const Index width = end - begin;
    for (Index i = 0; i < width; ++i) total[i] = R::start;
    for (Index at = 0; at < n; at += R::rows) {
        const Index stop = n - at < R::rows ? n : at + R::rows;
        for (Index i = 0; i < width; ++i) partial[i] = R::start;
        for (Index j = at; j < stop; ++j) {
            const Scalar* row = x + j * inner + begin;
#pragma omp simd
            for (Index i = 0; i < width; ++i) partial[i] = R::take(partial[i], row[i]);
        }
#pragma omp simd
        for (Index i = 0; i < width; ++i) total[i] = R::join(total[i], static_cast<Real>(partial[i]));
    }
    for (Index i = 0; i < width; ++i) y[begin + i] = static_cast<Scalar>(total[i]);
}

template <class R>
inline void reduce_all(const Scalar* x, Scalar* y, Index outer, Index n, Index inner) {
    if (inner == 1)
        return parallel_for(outer, 65536 / (n + 1) + 1, [&](Index begin, Index end) {
            for (Index o = begin; o < end; ++o) y[o] = static_cast<Scalar>(reduce_row<R>(x + o * n, n));
        });
    for_strips(outer, n, inner, [&](Index o, Index begin, Index end) {
        reduce_strip<R>(x + o * n * inner, y + o * inner, n, inner, begin, end);
    });
}

inline void reduce(Reduce f, const Scalar* x, Scalar* y, Index outer, Index n, Index inner) {
    switch (f) {
        case Reduce::sum: return reduce_all<SumOf>(x, y, outer, n, inner);
        case Reduce::max: return reduce_all<MaxOf>(x, y, outer, n, inner);
        case Reduce::min: return reduce_all<MinOf>(x, y, outer, n, inner);
        case Reduce::sum_of_squares: return reduce_all<SquaresOf>(x, y, outer, n, inner);
    }
}

/// The largest of a row whose NaN, if any, will show in a sum of its exponentials: here it is passed over.
inline Scalar row_max(const Scalar* x, Index n) {
    Vec r0(-infinity), r1 = r0, r2 = r0, r3 = r0;
    Index i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
        r0 = xsimd::max(load(x + i, Full{}), r0);  // of a NaN and a number, the processor's max takes the second
        r1 = xsimd::max(load(x + i + lanes, Full{}), r1);
        r2 = xsimd::max(load(x + i + 2 * lanes, Full{}), r2);
        r3 = xsimd::max(load(x + i + 3 * lanes, Full{}), r3);
    }
    blocks(i, n, [&](Index j, auto part) { r0 = xsimd::max(load(x + j, part, -infinity), r0); });
    const Vec r = xsimd::max(xsimd::max(r0, r1), xsimd::max(r2, r3));
    return largest_of_lanes(r);
}

/// What to subtract before exp: the maximum m, or 0 where m is infinite and speaks for itself.
inline Scalar exp_shift(Scalar m) { return m - m == 0 ? m : Scalar{0}; }

/// Columns of logsumexp: m = max x, then m + log Σ exp(x − m).
inline void logsumexp_strip(const Scalar* x, Scalar* y, Index n, Index inner, Index begin, Index end) {
    Scalar shift[strip_width], term[strip_width];
    Real total[strip_width] = {};
    const Index width = end - begin;
    reduce_strip<MaxOf>(x, y, n, inner, begin, end);
    for (Index i = 0; i < width; ++i) shift[i] = exp_shift(y[begin + i]);
    for (Index j = 0; j < n; ++j) {
        const Scalar* row = x + j * inner + begin;
        blocks(0, width, [&](Index i, auto part) { store(term + i, part, exp(load(row + i, part) - load(shift + i, part))); });
#pragma omp simd
        for (Index i = 0; i < width; ++i) total[i] += static_cast<Real>(term[i]);
    }
    for (Index i = 0; i < width; ++i) y[begin + i] = static_cast<Scalar>(shift[i] + std::log(total[i]));
}

inline void logsumexp(const Scalar* x, Scalar* y, Index outer, Index n, Index inner) {
    if (inner != 1)
        return for_strips(outer, 8 * n, inner, [&](Index o, Index begin, Index end) {
            logsumexp_strip(x + o * n * inner, y + o * inner, n, inner, begin, end);
        });
    parallel_for(outer, 16384 / (n + 1) + 1, [&](Index begin, Index end) {
        for (Index o = begin; o < end; ++o) {
            const Scalar* row = x + o * n;
            const Scalar shift = exp_shift(row_max(row, n));
            const Vec m(shift);
            const Real sum = row_sum(n, [&](Index i, auto part) { return exp(load(row + i, part, -infinity) - m); });
            y[o] = static_cast<Scalar>(shift + std::log(sum));
        }
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
