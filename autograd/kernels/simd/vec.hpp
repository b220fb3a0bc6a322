// The words that the kernel families are written in: a batch of lanes, loads and stores, and the functions of a batch.
//
// Knows xsimd. A loop over n elements is `blocks(n, f)`, which calls f once per batch; the last, partial batch goes through a
// padded one, so that the value of an element never depends on its position. Where a function of xsimd 8.1 is inaccurate,
// it is mended here, with the reason.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>

#include <xsimd/xsimd.hpp>

#include <tapehead/autograd/config.hpp>
#if defined(__AVX512F__)
#include <tapehead/autograd/kernels/simd/avx512.hpp>
#endif

// Functions of one batch, whose constants a loop around them should keep in registers; compilers find them too long to inline.
#define TAPEHEAD_INLINE [[gnu::always_inline]] inline

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

using Vec = xsimd::batch<Scalar>;
using Mask = xsimd::batch_bool<Scalar>;
using Register = decltype(Vec::data);

inline constexpr Index lanes = Vec::size;
inline constexpr Scalar infinity = std::numeric_limits<Scalar>::infinity();
inline constexpr bool single = sizeof(Scalar) == 4;

/// A batch of which all lanes, or only the first few, lie in memory.
struct Full {};
struct Part {
    Index count;
};

inline Vec load(const Scalar* x, Full, Scalar = 0) { return Vec::load_unaligned(x); }
inline void store(Scalar* y, Full, Vec v) { v.store_unaligned(y); }

#if defined(__AVX512F__)
inline Vec load(const Scalar* x, Part part, Scalar pad = 0) { return load_masked(Vec(pad), (1u << part.count) - 1, x); }
inline void store(Scalar* y, Part part, Vec v) { store_masked(y, (1u << part.count) - 1, v); }
#else
inline Vec load(const Scalar* x, Part part, Scalar pad = 0) {
    alignas(Vec) Scalar buffer[lanes];
    for (Index i = 0; i < lanes; ++i) buffer[i] = i < part.count ? x[i] : pad;
    return Vec::load_aligned(buffer);
}

inline void store(Scalar* y, Part part, Vec v) {
    alignas(Vec) Scalar buffer[lanes];
    v.store_aligned(buffer);
    for (Index i = 0; i < part.count; ++i) y[i] = buffer[i];
}
#endif

/// 0, 1, 2, ...
inline Vec lane_numbers() {
    alignas(Vec) Scalar buffer[lanes];
    for (Index i = 0; i < lanes; ++i) buffer[i] = static_cast<Scalar>(i);
    return Vec::load_aligned(buffer);
}

/// v with zeros in the lanes that are not there, for sums of what the pad was turned into.
inline Vec only(Vec v, Full) { return v; }

inline Vec only(Vec v, Part part) {
    alignas(Vec) Scalar buffer[lanes];
    v.store_aligned(buffer);
    return load(buffer, part);
}

/// a b + c and c − a b, rounded once where the processor can. xsimd 8.1 has them for AVX2 and not for AVX-512, where it multiplies
/// and adds.
#if defined(__AVX512F__)
inline Vec fma(Vec a, Vec b, Vec c) { return multiply_add(Register(a), Register(b), Register(c)); }
inline Vec fnma(Vec a, Vec b, Vec c) { return subtract_product(Register(a), Register(b), Register(c)); }
#else
inline Vec fma(Vec a, Vec b, Vec c) { return xsimd::fma(a, b, c); }
inline Vec fnma(Vec a, Vec b, Vec c) { return xsimd::fnma(a, b, c); }
#endif

/// Calls f(i, Full{}) for each whole batch of [begin, end) and f(i, Part{…}) for what is left.
template <class F>
inline void blocks(Index begin, Index end, const F& f) {
    Index i = begin;
    for (; i + lanes <= end; i += lanes) f(i, Full{});
    if (i < end) f(i, Part{end - i});
}

/// The lanes of v joined in Real: each with the one half the batch away, until one is left.
template <class F>
TAPEHEAD_INLINE Real fold(Vec v, const F& join) {
    alignas(Vec) Scalar buffer[lanes];
    v.store_aligned(buffer);
    Real joined[lanes / 2];
    for (Index i = 0; i < lanes / 2; ++i)
        joined[i] = join(static_cast<Real>(buffer[i]), static_cast<Real>(buffer[i + lanes / 2]));
    for (Index width = lanes / 4; width > 0; width /= 2)
        for (Index i = 0; i < width; ++i) joined[i] = join(joined[i], joined[i + width]);
    return joined[0];
}

/// Σ of the lanes, in Real, and the largest of lanes without NaN.
#if defined(__AVX512F__)
inline Real sum_of_lanes(Vec v) { return sum_in_register(Register(v)); }
inline Scalar largest_of_lanes(Vec v) { return largest_in_register(Register(v)); }
#else
inline Real sum_of_lanes(Vec v) {
    return fold(v, [](Real a, Real b) { return a + b; });
}
inline Scalar largest_of_lanes(Vec v) {
    return static_cast<Scalar>(fold(v, [](Real a, Real b) { return a > b ? a : b; }));
}
#endif

/// f of each lane, for functions that have no vector form.
template <class F>
inline Vec each_lane(Vec a, Vec b, const F& f) {
    alignas(Vec) Scalar x[lanes], y[lanes];
    a.store_aligned(x);
    b.store_aligned(y);
    for (Index i = 0; i < lanes; ++i) x[i] = f(x[i], y[i]);
    return Vec::load_aligned(x);
}

/// The larger, and NaN if either is one; the processor's max would take the second operand.
inline Vec maximum(Vec a, Vec b) { return xsimd::select((a > b) | xsimd::isnan(a), a, b); }
inline Vec minimum(Vec a, Vec b) { return xsimd::select((a < b) | xsimd::isnan(a), a, b); }

/// Adding `magic` to a small number rounds it to an integer, which then sits in the low bits of the sum.
inline constexpr int mantissa_bits = std::numeric_limits<Scalar>::digits - 1;
inline constexpr Scalar magic = static_cast<Scalar>(single ? 0x1.8p23 : 0x1.8p52);

/// 2ᵏ from t = k + magic, for an exponent k that the type has.
TAPEHEAD_INLINE Vec power_of_two(Vec t) {
    using Bits = xsimd::batch<xsimd::as_integer_t<Scalar>>;
    const Bits exponent = xsimd::bitwise_cast<Bits>(t) << mantissa_bits;
    return xsimd::bitwise_cast<Vec>(exponent + xsimd::bitwise_cast<Bits>(Vec(Scalar{1})));
}

/// eˣ = 2ᵏ eʳ, k = round(x / ln 2), r = x − k ln 2. xsimd's own exp is 0 or infinite too early, and slower.
struct Exponential {
    Vec t, k, series;  // t = k + magic; eʳ by its Taylor series, to the accuracy of the type for |r| ≤ ln(2)/2

    TAPEHEAD_INLINE explicit Exponential(Vec x) {
        constexpr Scalar ln2_high = static_cast<Scalar>(single ? 0x1.63p-1 : 0x1.62e42feep-1);  // k times this is exact
        constexpr Scalar ln2_low = static_cast<Scalar>(single ? -0x1.bd0105c610ca8p-13 : 0x1.a39ef35793c76p-33);
        t = fma(x, Vec(std::numbers::log2e_v<Scalar>), Vec(magic));
        k = t - Vec(magic);
        const Vec r = fnma(k, Vec(ln2_low), fnma(k, Vec(ln2_high), x));
        constexpr int terms = single ? 7 : 13;
        Real factorial = 1;
        for (int i = 2; i <= terms; ++i) factorial *= i;
        series = Vec(static_cast<Scalar>(1 / factorial));
        for (int i = terms; i > 0; --i) series = fma(series, r, Vec(static_cast<Scalar>(1 / (factorial /= i))));
    }
};

/// eˣ for x ≤ 0, where results below the smallest normal number are 0: for sums whose largest term is 1.
TAPEHEAD_INLINE Vec exp_flush(Vec x) {
    const Exponential e(x);
    return xsimd::select(x < Vec(Scalar{single ? -87 : -708}), Vec(Scalar{0}), e.series * power_of_two(e.t));
}

/// eˣ. The factor 2ᵏ comes in two halves, each within the range of the type where 2ᵏ may not be.
TAPEHEAD_INLINE Vec exp(Vec x) {
    const Vec low(Scalar{single ? -104 : -746}), high(Scalar{single ? 89 : 710});  // beyond, eˣ is 0 or infinite
    const Exponential e(xsimd::max(low, xsimd::min(high, x)));  // the processor's min and max take a NaN that is second
    const Vec half = fma(e.k, Vec(Scalar{0.5}), Vec(magic)), rest = e.t - (half - Vec(magic));
    return e.series * power_of_two(half) * power_of_two(rest);
}

/// ln x. xsimd's double version is wrong for denormal numbers: scale those up by 2⁵⁴.
inline Vec log(Vec x) {
    if constexpr (single) return xsimd::log(x);
    const Mask tiny = x < Vec(std::numeric_limits<Scalar>::min());
    const Vec scaled = xsimd::select(tiny, x * Vec(static_cast<Scalar>(0x1p54)), x);
    const Vec back = xsimd::select(tiny, Vec(54 * std::numbers::ln2_v<Scalar>), Vec(Scalar{0}));
    return xsimd::log(scaled) - back;
}

/// ln(1 + x). xsimd's loses the sign of −0.
inline Vec log1p(Vec x) { return xsimd::select(x == Vec(Scalar{0}), x, xsimd::log1p(x)); }

/// eˣ − 1. xsimd's is infinite too early, like its exp, where the 1 no longer counts; and it loses the sign of −0.
inline Vec expm1(Vec x) {
    constexpr Scalar edge = single ? 64 : 512;
    const Mask large = x > Vec(edge);
    const Vec y = xsimd::select(large, exp(x), xsimd::expm1(xsimd::select(large, Vec(edge), x)));
    return xsimd::select(x == Vec(Scalar{0}), x, y);
}

inline Vec tanh(Vec x) { return xsimd::tanh(x); }

/// erf x. xsimd's double version is up to 68 units in the last place off, and NaN where x² overflows.
inline Vec erf(Vec x) {
    if constexpr (single) return xsimd::erf(x);
    else return each_lane(x, x, [](Scalar a, Scalar) { return std::erf(a); });
}

/// −x; xsimd's is 0 − x on AVX-512, which loses the sign of 0.
inline Vec neg(Vec x) { return x ^ Vec(Scalar{-0.0}); }

/// −1, 0, 1 or NaN
inline Vec sign(Vec x) {
    const Vec zero(Scalar{0}), one(Scalar{1});
    return xsimd::select(x > zero, one, xsimd::select(x < zero, -one, x));
}

/// σ(x) = 1 / (1 + e⁻ˣ), by e^−|x|, so that neither end overflows or cancels.
TAPEHEAD_INLINE Vec sigmoid(Vec x) {
    const Vec one(Scalar{1}), e = exp(-xsimd::abs(x));
    return xsimd::select(x < Vec(Scalar{0}), e, one) / (one + e);
}

/// σ'(x) = σ(x) (1 − σ(x)) = e / (1 + e)², e = e^−|x|
TAPEHEAD_INLINE Vec sigmoid_slope(Vec x) {
    const Vec e = exp(-xsimd::abs(x)), sum = Vec(Scalar{1}) + e;
    return e / (sum * sum);
}

/// log(1 + eˣ) = max(x, 0) + log1p(e^−|x|)
inline Vec softplus(Vec x) { return maximum(x, Vec(Scalar{0})) + log1p(exp(-xsimd::abs(x))); }

/// Φ(x), the standard normal distribution, and its density φ(x), from one exponential.
struct Normal {
    Vec cdf, pdf;

    TAPEHEAD_INLINE explicit Normal(Vec x) {
        const Vec half(Scalar{0.5}), e = exp_flush(-half * x * x);
        pdf = e * Vec(std::numbers::inv_sqrtpi_v<Scalar> / std::numbers::sqrt2_v<Scalar>);
        if constexpr (single) {
            const Vec tail = e * tail_factor(xsimd::abs(x));
            cdf = xsimd::select(x < Vec(Scalar{0}), tail, Vec(Scalar{1}) - tail);
        } else {
            cdf = half + half * erf(x * Vec(1 / std::numbers::sqrt2_v<Scalar>));
        }
    }

private:
    /// Φ(−x) exp(x²/2) for x ≥ 0: t times a polynomial in t = 1 / (1 + x / √8), fitted over the range of the exponential to a
    /// relative error of 4e-8; rounding makes it 3.4e-7. Unlike 1 − erf it keeps its digits in the tail.
    TAPEHEAD_INLINE static Vec tail_factor(Vec x) {
        constexpr Scalar c[] = {Scalar(0.14104383805),  Scalar(0.14117674529),  Scalar(0.12163047451),
                                Scalar(0.10103505541),  Scalar(-0.01258922122), Scalar(0.13798969994),
                                Scalar(-0.24269245447), Scalar(0.14185129823),  Scalar(-0.02944545684)};
        const Vec t = Vec(Scalar{1}) / fma(x, Vec(Scalar{0.5} / std::numbers::sqrt2_v<Scalar>), Vec(Scalar{1}));
        Vec series(c[8]);
        for (int i = 7; i >= 0; --i) series = fma(series, t, Vec(c[i]));
        return series * t;
    }
};

/// xᵖ by the C library: xsimd's is wrong for negative or zero bases and loses up to 9 bits elsewhere.
inline Vec pow(Vec x, Vec p) {
    return each_lane(x, p, [](Scalar a, Scalar b) { return std::pow(a, b); });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
