// Rotation of pairs of elements, for rotary position embedding.
//
// Plain loops: both layouts are permutations that compilers turn into shuffles.
#pragma once

#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

/// (a, b) → (a c − b s, a s + b c) for the pairs of one row: (x₂ᵢ, x₂ᵢ₊₁), or (xᵢ, xᵢ₊ₕ) if not adjacent.
inline void rotate_row(bool adjacent, const Scalar* x, const Scalar* c, const Scalar* s, Scalar* y, Index half) {
    if (adjacent) {
#pragma omp simd
        for (Index i = 0; i < half; ++i) {
            const Scalar a = x[2 * i], b = x[2 * i + 1];
            y[2 * i] = a * c[i] - b * s[i];
            y[2 * i + 1] = a * s[i] + b * c[i];
        }
        return;
    }
#pragma omp simd
    for (Index i = 0; i < half; ++i) {
        const Scalar a = x[i], b = x[half + i];
        y[i] = a * c[i] - b * s[i];
        y[half + i] = a * s[i] + b * c[i];
    }
}

inline void rotate(const Rotation& r, const Scalar* x, const Scalar* c, const Scalar* s, Scalar* y, Index rows) {
    parallel_for(rows, 32768 / (r.width + 1) + 1, [&](Index begin, Index end) {
        for (Index row = begin; row < end; ++row) {
            const Index at = row * r.width, angle = row / r.neighbours % r.angle_rows * r.half;
            rotate_row(r.adjacent, x + at, c + angle, s + angle, y + at, r.half);
            for (Index i = 2 * r.half; i < r.width; ++i) y[at + i] = x[at + i];
        }
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
