// Random numbers from a counter: Random123's Philox 4×32-10.
//
// A number is a function of (seed, position) alone, so that any thread can make any part of a stream, on any machine, and
// dropout can replay its mask from two integers. Knows raw memory only.
#pragma once

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// A place in a random stream. One position holds four 32-bit words.
struct PhiloxKey {
    std::uint64_t seed = 0;
    std::uint64_t position = 0;
};

/// A float or double in [0, 1) with 24 or 53 random bits.
Scalar unit_interval(std::uint32_t high, std::uint32_t low);

/// A pair of independent standard normal numbers by Box and Muller, finite for all inputs; u in (0, 1], v in [0, 1).
void box_muller(Scalar u, Scalar v, Scalar& first, Scalar& second);

/// How many positions the fills below use for n numbers.
std::uint64_t philox_positions(Index n);

/// y ~ U[low, high)
void fill_uniform(PhiloxKey key, Scalar low, Scalar high, Scalar* y, Index n);

/// y ~ N(mean, std²)
void fill_normal(PhiloxKey key, Scalar mean, Scalar std, Scalar* y, Index n);

/// y ~ uniform integers in [low, high)
void fill_integers(PhiloxKey key, Id low, Id high, Id* y, Index n);

/// y = x / (1 − p) where the stream's number is ≥ p, else 0 (also where x is NaN or infinite)
void dropout(PhiloxKey key, Real p, const Scalar* x, Scalar* y, Index n);

/// z = 1 / (1 − p) or 0: what `dropout` multiplies numbers `first` … first + n − 1 of its stream by.
void dropout_factors(PhiloxKey key, Real p, Index first, Scalar* z, Index n);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
