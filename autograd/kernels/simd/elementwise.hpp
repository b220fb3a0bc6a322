// Elementwise kernels: y = f(x), y = f(a, b) with broadcasting, and what needs no more than one pass over memory.
//
// Each function of a batch is a lambda; `map` and `walk` run it over the elements, on as many threads as are worth it.
#pragma once

#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

// Elements worth a thread: of one operation at the speed of memory, and of a function like exp.
inline constexpr Index cheap = 65536, costly = 8192;

/// y = f(x…)
template <class F, class... Xs>
inline void map(Index grain, Index n, Scalar* y, const F& f, const Xs*... x) {
    parallel_for(n, grain, [&](Index begin, Index end) {
        blocks(begin, end, [&](Index i, auto part) { store(y + i, part, f(load(x + i, part)...)); });
    });
}

/// xᵖ for one p: the usual exponents by arithmetic.
inline void power(Scalar p, const Scalar* x, Scalar* y, Index n) {
    const Vec one(Scalar{1}), zero(Scalar{0});
    if (p == 1)
        return map(
            cheap, n, y, [](Vec v) { return v; }, x);
    if (p == 2)
        return map(
            cheap, n, y, [](Vec v) { return v * v; }, x);
    if (p == 3)
        return map(
            cheap, n, y, [](Vec v) { return v * v * v; }, x);
    if (p == -1)
        return map(
            cheap, n, y, [=](Vec v) { return one / v; }, x);
    if (p == Scalar{0.5})  // √−0 is −0 and √−∞ is NaN, where pow gives 0 and ∞
        return map(
            cheap, n, y, [=](Vec v) { return xsimd::sqrt(xsimd::select(v == Vec(-infinity), -v, v + zero)); }, x);
    map(
        costly / 4, n, y, [=](Vec v) { return pow(v, Vec(p)); }, x);
}

inline constexpr Scalar gelu_cubic = static_cast<Scalar>(0.044715);
inline constexpr Scalar gelu_scale = 2 * std::numbers::sqrt2_v<Scalar> * std::numbers::inv_sqrtpi_v<Scalar>;  // 2 √(2/π)

/// x/2 (1 + tanh u) = x σ(2u), u = √(2/π) (x + 0.044715 x³): σ keeps its digits where tanh is near −1.
inline Vec gelu_tanh_argument(Vec x) { return Vec(gelu_scale) * (x + Vec(gelu_cubic) * x * x * x); }

inline Vec gelu_tanh(Vec x) { return x * sigmoid(gelu_tanh_argument(x)); }

/// d/dx of that: σ(2u) + x σ'(2u) 2u'
inline Vec gelu_tanh_slope(Vec x) {
    const Vec u = gelu_tanh_argument(x), du = Vec(gelu_scale) * (Vec(Scalar{1}) + Vec(3 * gelu_cubic) * x * x);
    return sigmoid(u) + x * sigmoid_slope(u) * du;
}

// One case a line, which clang-format would break at every lambda.
// clang-format off
inline void unary(Unary f, Scalar p, Scalar q, const Scalar* x, Scalar* y, Index n) {
    const Vec zero(Scalar{0}), one(Scalar{1}), vp(p), vq(q);
    using xsimd::select;
    switch (f) {
        case Unary::neg: return map(cheap, n, y, [](Vec v) { return neg(v); }, x);
        case Unary::exp: return map(costly, n, y, [](Vec v) { return exp(v); }, x);
        case Unary::log: return map(costly, n, y, [](Vec v) { return log(v); }, x);
        case Unary::log1p: return map(costly, n, y, [](Vec v) { return log1p(v); }, x);
        case Unary::expm1: return map(costly, n, y, [](Vec v) { return expm1(v); }, x);
        case Unary::sqrt: return map(cheap, n, y, [](Vec v) { return xsimd::sqrt(v); }, x);
        case Unary::rsqrt: return map(cheap, n, y, [=](Vec v) { return one / xsimd::sqrt(v); }, x);
        case Unary::square: return map(cheap, n, y, [](Vec v) { return v * v; }, x);
        case Unary::reciprocal: return map(cheap, n, y, [=](Vec v) { return one / v; }, x);
        case Unary::abs: return map(cheap, n, y, [](Vec v) { return xsimd::abs(v); }, x);
        case Unary::sign: return map(cheap, n, y, [](Vec v) { return sign(v); }, x);
        case Unary::sin: return map(costly, n, y, [](Vec v) { return xsimd::sin(v); }, x);
        case Unary::cos: return map(costly, n, y, [](Vec v) { return xsimd::cos(v); }, x);
        case Unary::tanh: return map(costly, n, y, [](Vec v) { return tanh(v); }, x);
        case Unary::sigmoid: return map(costly, n, y, [](Vec v) { return sigmoid(v); }, x);
        case Unary::erf: return map(costly, n, y, [](Vec v) { return erf(v); }, x);
        case Unary::softplus: return map(costly, n, y, [](Vec v) { return softplus(v); }, x);
        case Unary::relu: return map(cheap, n, y, [=](Vec v) { return maximum(v, zero); }, x);
        case Unary::leaky_relu: return map(cheap, n, y, [=](Vec v) { return select(v > zero, v, vp * v); }, x);
        case Unary::elu: return map(costly, n, y, [=](Vec v) { return select(v > zero, v, vp * expm1(select(v > zero, zero, v))); }, x);
        case Unary::gelu: return map(costly, n, y, [](Vec v) { return v * Normal(v).cdf; }, x);
        case Unary::gelu_tanh: return map(costly, n, y, [](Vec v) { return gelu_tanh(v); }, x);
        case Unary::silu: return map(costly, n, y, [](Vec v) { return v * sigmoid(v); }, x);
        case Unary::clamp:
            return map(cheap, n, y, [=](Vec v) {
                const Vec low = select(v < vp, vp, v);
                return select(low > vq, vq, low);
            }, x);
        case Unary::step: return map(cheap, n, y, [=](Vec v) { return select(v > zero, one, zero); }, x);
        case Unary::inside: return map(cheap, n, y, [=](Vec v) { return select((v >= vp) & (v <= vq), one, zero); }, x);
        case Unary::affine: return map(cheap, n, y, [=](Vec v) { return vp * v + vq; }, x);
        case Unary::pow: return power(p, x, y, n);
    }
}

/// d · slope, but 0 wherever d is 0: a NaN or infinite slope of a result that was not taken is not sent back.
inline Vec chain(Vec d, Vec slope) { return xsimd::select(d == Vec(Scalar{0}), d, d * slope); }

inline void unary_backward(Unary f, Scalar p, Scalar, const Scalar* x, const Scalar* dy, Scalar* dx, Index n) {
    const Vec zero(Scalar{0}), one(Scalar{1}), two(Scalar{2}), four(Scalar{4}), vp(p);
    using xsimd::select;
    switch (f) {
        case Unary::tanh:  // 1 − tanh² x = 4 σ'(2x)
            return map(costly, n, dx, [=](Vec v, Vec d) { return chain(d, four * sigmoid_slope(two * v)); }, x, dy);
        case Unary::sigmoid: return map(costly, n, dx, [](Vec v, Vec d) { return chain(d, sigmoid_slope(v)); }, x, dy);
        case Unary::softplus: return map(costly, n, dx, [](Vec v, Vec d) { return chain(d, sigmoid(v)); }, x, dy);
        case Unary::relu: return map(cheap, n, dx, [=](Vec v, Vec d) { return select(v > zero, d, zero); }, x, dy);
        case Unary::leaky_relu: return map(cheap, n, dx, [=](Vec v, Vec d) { return select(v > zero, d, vp * d); }, x, dy);
        case Unary::elu:
            return map(costly, n, dx, [=](Vec v, Vec d) { return select(v > zero, d, chain(d, vp * exp(v))); }, x, dy);
        case Unary::gelu:  // Φ + x φ
            return map(costly, n, dx, [](Vec v, Vec d) {
                const Normal normal(v);
                return chain(d, normal.cdf + v * normal.pdf);
            }, x, dy);
        case Unary::gelu_tanh: return map(costly, n, dx, [](Vec v, Vec d) { return chain(d, gelu_tanh_slope(v)); }, x, dy);
        case Unary::silu:  // σ (1 + x (1 − σ)), 1 − σ(x) = σ(−x)
            return map(costly, n, dx, [=](Vec v, Vec d) { return chain(d, sigmoid(v) * (one + v * sigmoid(-v))); }, x, dy);
        default: return;
    }
}
// clang-format on

/// The place of one run of a walk along its last axis: where it starts in the output and in the inputs.
struct Run {
    Index at, length, in[3];
};

/// Calls f(run) for the runs that make up the walk; each lies within one row of the innermost axis.
template <class F>
inline void walk(const Walk& w, const F& f) {
    const Index last = w.rank - 1, row = w.extent[last];
    if (w.size == 0) return;
    parallel_for(w.size, cheap, [&](Index begin, Index end) {
        while (begin < end) {
            const Index column = begin % row;
            Run run{begin, row - column < end - begin ? row - column : end - begin, {}};
            for (int i = 0; i < 3; ++i) run.in[i] = column * w.stride[i][last];
            Index at = begin / row;
            for (Index axis = last - 1; axis >= 0; --axis) {
                const Index k = at % w.extent[axis];
                at /= w.extent[axis];
                for (int i = 0; i < 3; ++i) run.in[i] += k * w.stride[i][axis];
            }
            f(run);
            begin += run.length;
        }
    });
}

/// y = f(a, b): along a run an input is a row or one number.
template <class F>
inline void walk_binary(const Walk& w, const Scalar* a, const Scalar* b, Scalar* y, const F& f) {
    const bool a_row = w.stride[0][w.rank - 1] != 0, b_row = w.stride[1][w.rank - 1] != 0;
    walk(w, [&](const Run& run) {
        const Scalar *pa = a + run.in[0], *pb = b + run.in[1];
        Scalar* to = y + run.at;
        const Vec va(*pa), vb(*pb);
        if (a_row && b_row)
            blocks(0, run.length, [&](Index i, auto part) { store(to + i, part, f(load(pa + i, part), load(pb + i, part))); });
        else if (a_row) blocks(0, run.length, [&](Index i, auto part) { store(to + i, part, f(load(pa + i, part), vb)); });
        else if (b_row) blocks(0, run.length, [&](Index i, auto part) { store(to + i, part, f(va, load(pb + i, part))); });
        else blocks(0, run.length, [&](Index i, auto part) { store(to + i, part, f(va, vb)); });
    });
}

inline void binary(Binary f, const Walk& w, const Scalar* a, const Scalar* b, Scalar* y) {
    const Vec zero(Scalar{0});
    switch (f) {
        case Binary::add: return walk_binary(w, a, b, y, [](Vec u, Vec v) { return u + v; });
        case Binary::sub: return walk_binary(w, a, b, y, [](Vec u, Vec v) { return u - v; });
        case Binary::mul: return walk_binary(w, a, b, y, [](Vec u, Vec v) { return u * v; });
        case Binary::div: return walk_binary(w, a, b, y, [](Vec u, Vec v) { return u / v; });
        case Binary::pow: return walk_binary(w, a, b, y, [](Vec u, Vec v) { return pow(u, v); });
        case Binary::maximum: return walk_binary(w, a, b, y, [](Vec u, Vec v) { return maximum(u, v); });
        case Binary::minimum: return walk_binary(w, a, b, y, [](Vec u, Vec v) { return minimum(u, v); });
        case Binary::chain: return walk_binary(w, a, b, y, [=](Vec u, Vec v) { return xsimd::select(u == zero, zero, u * v); });
    }
}

/// y = f(a, b), true or false: bytes, which the compiler packs better than batches could.
template <class F>
inline void walk_compare(const Walk& w, const Scalar* a, const Scalar* b, bool* y, const F& f) {
    const Index a_step = w.stride[0][w.rank - 1], b_step = w.stride[1][w.rank - 1];
    walk(w, [&](const Run& run) {
        const Scalar *pa = a + run.in[0], *pb = b + run.in[1];
        bool* to = y + run.at;
        if (a_step && b_step) {
#pragma omp simd
            for (Index i = 0; i < run.length; ++i) to[i] = f(pa[i], pb[i]);
        } else if (a_step) {
            const Scalar v = *pb;
#pragma omp simd
            for (Index i = 0; i < run.length; ++i) to[i] = f(pa[i], v);
        } else {
            const Scalar u = *pa;
#pragma omp simd
            for (Index i = 0; i < run.length; ++i) to[i] = f(u, pb[i * b_step]);
        }
    });
}

inline void compare(Compare f, const Walk& w, const Scalar* a, const Scalar* b, bool* y) {
    switch (f) {
        case Compare::eq: return walk_compare(w, a, b, y, [](Scalar u, Scalar v) { return u == v; });
        case Compare::ne: return walk_compare(w, a, b, y, [](Scalar u, Scalar v) { return u != v; });
        case Compare::lt: return walk_compare(w, a, b, y, [](Scalar u, Scalar v) { return u < v; });
        case Compare::le: return walk_compare(w, a, b, y, [](Scalar u, Scalar v) { return u <= v; });
        case Compare::gt: return walk_compare(w, a, b, y, [](Scalar u, Scalar v) { return u > v; });
        case Compare::ge: return walk_compare(w, a, b, y, [](Scalar u, Scalar v) { return u >= v; });
    }
}

inline void where(const Walk& w, const bool* c, const Scalar* a, const Scalar* b, Scalar* y) {
    const Index last = w.rank - 1;
    const Index c_step = w.stride[0][last], a_step = w.stride[1][last], b_step = w.stride[2][last];
    walk(w, [&](const Run& run) {
        const bool* pc = c + run.in[0];
        const Scalar *pa = a + run.in[1], *pb = b + run.in[2];
        Scalar* to = y + run.at;
        if (c_step && a_step && b_step) {
#pragma omp simd
            for (Index i = 0; i < run.length; ++i) {
                const Scalar u = pa[i], v = pb[i];
                to[i] = pc[i] ? u : v;
            }
        } else if (c_step && b_step) {
            const Scalar u = *pa;
#pragma omp simd
            for (Index i = 0; i < run.length; ++i) {
                const Scalar v = pb[i];
                to[i] = pc[i] ? u : v;
            }
        } else {
            for (Index i = 0; i < run.length; ++i) to[i] = pc[i * c_step] ? pa[i * a_step] : pb[i * b_step];
        }
    });
}

inline void axpy(Scalar alpha, const Scalar* x, Scalar* y, Index n) {
    const Vec a(alpha);
    map(
        cheap, n, y, [=](Vec u, Vec v) { return fma(a, u, v); }, x, static_cast<const Scalar*>(y));
}

inline void fill(Scalar value, Scalar* y, Index n) {
    const Vec v(value);
    map(cheap, n, y, [=] { return v; });
}

inline bool all_finite(const Scalar* x, Index n) {
    constexpr Index chunk = 4096;  // elements between looks at the sum
    int bad = 0;
    parallel_for(n, cheap, [&](Index begin, Index end) {
        for (; begin < end; begin += chunk) {
            Vec zero(Scalar{0});  // Σ x − x: NaN if an x is, or is infinite
            blocks(begin, end - begin < chunk ? end : begin + chunk, [&](Index i, auto part) {
                const Vec v = load(x + i, part);
                zero += v - v;
            });
            if (sum_of_lanes(zero) == 0) continue;
#pragma omp atomic write
            bad = 1;
            return;
        }
    });
    return bad == 0;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
