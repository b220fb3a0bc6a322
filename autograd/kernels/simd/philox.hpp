// Philox 4×32-10 (Salmon et al. 2011) for several positions at once, with Random123's constants and the same words.
//
// A 32-bit word sits in each 64-bit lane, where the product of two words has room; what a lane holds above its word is of no
// meaning. Random123's own function works on one position, and compilers find no vectors in it.
#pragma once

#include <Random123/philox.h>

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

using Words = xsimd::batch<std::uint64_t>;

/// The products of the lanes' low words.
inline Words multiply_words(Words a, Words b) {
#if defined(__AVX512F__)
    return Words(_mm512_mul_epu32(a, b));
#elif defined(__AVX2__)
    return Words(_mm256_mul_epu32(a, b));
#elif defined(__SSE2__)
    return Words(_mm_mul_epu32(a, b));
#else
    const Words low(std::uint64_t{0xFFFFFFFF});
    return (a & low) * (b & low);
#endif
}

/// The words of the positions from `position` on, four each, as (a, b, c, d) of the last round; lane 0 of the stream.
inline void philox(std::uint64_t seed, std::uint64_t position, std::uint32_t* words, Index positions) {
    constexpr Index together = Words::size;
    const Words first(std::uint64_t{PHILOX_M4x32_0}), second(std::uint64_t{PHILOX_M4x32_1});
    for (Index at = 0; at < positions; at += together) {
        alignas(Words) std::uint64_t lane[4][together];
        for (Index i = 0; i < together; ++i) lane[0][i] = position + static_cast<std::uint64_t>(at + i);
        Words a = Words::load_aligned(lane[0]), b = a >> 32, c(std::uint64_t{0}), d = c;
        auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
        for (int round = 0; round < 10; ++round) {
            const Words p = multiply_words(first, a), q = multiply_words(second, c);
            a = (q >> 32) ^ b ^ Words(std::uint64_t{key0});
            c = (p >> 32) ^ d ^ Words(std::uint64_t{key1});
            b = q;
            d = p;
            key0 += PHILOX_W32_0;
            key1 += PHILOX_W32_1;
        }
        a.store_aligned(lane[0]);
        b.store_aligned(lane[1]);
        c.store_aligned(lane[2]);
        d.store_aligned(lane[3]);
        const Index count = positions - at < together ? positions - at : together;
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j < 4; ++j) words[4 * (at + i) + j] = static_cast<std::uint32_t>(lane[j][i]);
    }
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
