// What xsimd 8.1 lacks on AVX-512: masked loads and stores, fused multiply-add, and the sum and the largest of a register.
//
// One overload for each type of register, and so for each type of number; vec.hpp gives them the names of a batch.
#pragma once

#include <immintrin.h>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

// Under a mask the processor leaves the rest of memory alone.
inline __m512 load_masked(__m512 pad, unsigned mask, const void* x) {
    return _mm512_mask_loadu_ps(pad, static_cast<__mmask16>(mask), x);
}
inline __m512d load_masked(__m512d pad, unsigned mask, const void* x) {
    return _mm512_mask_loadu_pd(pad, static_cast<__mmask8>(mask), x);
}
inline void store_masked(void* y, unsigned mask, __m512 v) { _mm512_mask_storeu_ps(y, static_cast<__mmask16>(mask), v); }
inline void store_masked(void* y, unsigned mask, __m512d v) { _mm512_mask_storeu_pd(y, static_cast<__mmask8>(mask), v); }

// a b + c
inline __m512 multiply_add(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
inline __m512d multiply_add(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }

// c − a b
inline __m512 subtract_product(__m512 a, __m512 b, __m512 c) { return _mm512_fnmadd_ps(a, b, c); }
inline __m512d subtract_product(__m512d a, __m512d b, __m512d c) { return _mm512_fnmadd_pd(a, b, c); }

inline Real sum_in_register(__m512d v) { return _mm512_reduce_add_pd(v); }
inline Real sum_in_register(__m512 v) {
    const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v)), high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
    return _mm512_reduce_add_pd(_mm512_add_pd(low, high));
}

inline Scalar largest_in_register(__m512 v) { return static_cast<Scalar>(_mm512_reduce_max_ps(v)); }
inline Scalar largest_in_register(__m512d v) { return static_cast<Scalar>(_mm512_reduce_max_pd(v)); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
