// What attention does to a tile of scores between its matrix products: cap, bias, mask, online softmax, and back.
//
// Rows are padded to whole batches of lanes; the columns that are not there count as masked. A query's running maximum and sum
// live outside, one of each per row (Milakov and Gimelshein 2018; Dao et al. 2022).
#pragma once

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/simd/reduce.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

/// The columns of one row that lie in the band, [begin, end), and the length that is worked on.
struct Columns {
    Index begin, end, padded;

    Columns(const ScoreTile& t, Index row) : begin(row + t.first), end(row + t.last + 1) {
        if (begin < 0) begin = 0;
        if (end > t.columns) end = t.columns;
        padded = (t.columns + lanes - 1) / lanes * lanes;
    }
    bool empty() const { return begin >= end; }
};

template <class F>
inline void each_batch(Index n, const F& f) {
    for (Index i = 0; i < n; i += lanes) f(i);
}

/// s = c tanh(s / c); slope = 1 − tanh²(s / c) unless null.
inline void cap_row(Scalar c, Scalar* s, Scalar* slope, Index padded) {
    const Vec cap(c), inverse(1 / c), one(Scalar{1});
    each_batch(padded, [&](Index i) {
        const Vec t = tanh(load(s + i, Full{}) * inverse);
        store(s + i, Full{}, cap * t);
        if (slope) store(slope + i, Full{}, one - t * t);
    });
}

/// Adds what is added to the scores of a row, and makes −∞ of those that are masked.
inline void mask_row(const ScoreTile& t, Index row, const Columns& c, Scalar* s) {
    if (t.bias) {
        const Scalar* bias = t.bias + row * t.bias_row;
#pragma omp simd
        for (Index j = c.begin; j < c.end; ++j) s[j] += bias[j * t.bias_column];
    }
    if (t.slope != 0)
        for (Index j = c.begin; j < c.end; ++j) {
            const Index distance = row + t.place - j;
            s[j] -= t.slope * static_cast<Scalar>(distance < 0 ? -distance : distance);
        }
    if (t.allowed != nullptr) {
        const bool* allowed = t.allowed + row * t.allowed_row;
        for (Index j = c.begin; j < c.end; ++j) s[j] = allowed[j * t.allowed_column] ? s[j] : -infinity;
    }
    const auto keep = [&](Index j, auto in_band) {
        store(s + j, Full{},
              xsimd::select(in_band(Vec(static_cast<Scalar>(j)) + lane_numbers()), load(s + j, Full{}), Vec(-infinity)));
    };
    const Vec begin(static_cast<Scalar>(c.begin)), end(static_cast<Scalar>(c.end));
    for (Index j = 0; j < c.begin; j += lanes) keep(j, [&](Vec column) { return column >= begin; });
    for (Index j = c.end / lanes * lanes; j < c.padded; j += lanes) keep(j, [&](Vec column) { return column < end; });
}

/// s [rows, stride]: scores → exp(s − max), times keep; max and sum take the tile in, and what was summed before is to be
/// multiplied by rescale. keep may be null.
inline void attention_tile(const ScoreTile& t, Scalar* s, const Scalar* keep, Scalar* max, Real* sum, Scalar* rescale) {
    for (Index r = 0; r < t.rows; ++r, s += t.stride) {
        const Columns c(t, r);
        rescale[r] = 1;
        if (c.empty()) {
            for (Index j = 0; j < t.columns; ++j) s[j] = 0;
            continue;
        }
        if (t.softcap > 0) cap_row(t.softcap, s, nullptr, c.padded);
        mask_row(t, r, c, s);
        const Scalar largest = row_max(s, c.padded), before = max[r];
        if (largest > before) {
            max[r] = largest;
            rescale[r] = before == -infinity ? Scalar{0} : std::exp(before - largest);
        }
        const Vec shift(exp_shift(max[r]));
        Vec total(Scalar{0});
        each_batch(c.padded, [&](Index j) {
            const Vec e = exp_flush(load(s + j, Full{}) - shift);
            total += e;
            store(s + j, Full{}, e);
        });
        sum[r] = sum[r] * static_cast<Real>(rescale[r]) + sum_of_lanes(total);
        if (!keep) continue;
        const Scalar* kept = keep + r * t.stride;
        each_batch(c.padded, [&](Index j) { store(s + j, Full{}, load(s + j, Full{}) * load(kept + j, Full{})); });
    }
}

inline void row_dots(const Scalar* x, Index x_row, const Scalar* y, Index y_row, Scalar* dots, Index rows, Index n) {
    for (Index r = 0; r < rows; ++r, x += x_row, y += y_row)
        dots[r] = static_cast<Scalar>(row_sum(n, [&](Index i, auto part) { return load(x + i, part) * load(y + i, part); }));
}

/// s [rows, stride]: scores → weights times keep, as dV needs them; ds [rows, stride]: dO Vᵀ → the gradient of the scores before
/// the cap. dbias is that after the cap, added to; it and keep may be null. `slope` [stride] is room for a row.
inline void attention_tile_backward(const ScoreTile& t, Scalar* s, Scalar* ds, const Scalar* keep, const Scalar* lse,
                                    const Scalar* dots, Scalar* dbias, Scalar* slope) {
    const Vec zero(Scalar{0});
    for (Index r = 0; r < t.rows; ++r, s += t.stride, ds += t.stride) {
        const Columns c(t, r);
        if (c.empty()) {
            for (Index j = 0; j < t.columns; ++j) s[j] = ds[j] = 0;
            continue;
        }
        if (t.softcap > 0) cap_row(t.softcap, s, slope, c.padded);
        mask_row(t, r, c, s);
        const Vec shift(exp_shift(lse[r])), dot(dots[r]);
        const Scalar* kept = keep ? keep + r * t.stride : nullptr;
        each_batch(c.padded, [&](Index j) {
            const Vec p = exp_flush(load(s + j, Full{}) - shift);
            Vec weight = p, dp = load(ds + j, Full{});
            if (kept) {
                const Vec k = load(kept + j, Full{});
                weight = xsimd::select(p == zero, zero, p * k);
                dp = dp * k;
            }
            store(s + j, Full{}, weight);
            store(ds + j, Full{}, xsimd::select(p == zero, zero, p * (dp - dot)));
        });
        if (dbias)
            for (Index j = c.begin; j < c.end; ++j) dbias[r * t.bias_row + j * t.bias_column] += ds[j];
        if (t.softcap > 0)
            each_batch(c.padded, [&](Index j) {
                const Vec d = load(ds + j, Full{});
                store(ds + j, Full{}, xsimd::select(d == zero, zero, d * load(slope + j, Full{})));
            });
    }
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
