// Streams of random numbers, a block of four words at a time.
//
// Knows Random123. The block at a position is Philox of (position, lane) under the key `seed`; lane 0 is the stream, and
// lane 1 holds further words for integers, which take 64 bits each.
#include <tapehead/autograd/kernels/philox.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <Random123/philox.h>

#include <tapehead/autograd/kernels/parallel.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace {

/// Numbers a position holds: 4 of 24 bits or 2 of 53 bits.
constexpr Index per_position = sizeof(Scalar) == 4 ? 4 : 2;

/// Positions worth a thread.
constexpr Index grain = 4096;

using Words = r123::Philox4x32::ctr_type;

Words words(PhiloxKey key, Index offset, std::uint32_t lane = 0) {
    const std::uint64_t at = key.position + static_cast<std::uint64_t>(offset);
    const Words counter = {{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at >> 32), lane, 0}};
    const r123::Philox4x32::key_type seed = {
        {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)}};
    return r123::Philox4x32{}(counter, seed);
}

/// The per_position uniform numbers at a position.
void uniforms(PhiloxKey key, Index offset, Scalar* u) {
    const Words w = words(key, offset);
    for (unsigned j = 0; j < per_position; ++j)
        u[j] = per_position == 4 ? unit_interval(w[j], 0) : unit_interval(w[2 * j % 4], w[(2 * j + 1) % 4]);
}

/// Calls f(offset, i, count) for each position of a stream of n numbers: the numbers i … i + count − 1 come from there.
template <class F>
void each_position(Index n, const F& f) {
    parallel_for(static_cast<Index>(philox_positions(n)), grain, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) f(k, k * per_position, std::min(per_position, n - k * per_position));
    });
}

/// ⌊r range / 2⁶⁴⌋: an integer in [0, range)
std::uint64_t scale_to(std::uint64_t range, std::uint64_t r) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<Wide>(r) * range >> 64);
}

}  // namespace

Scalar unit_interval(std::uint32_t high, [[maybe_unused]] std::uint32_t low) {
    if constexpr (per_position == 4) return static_cast<Scalar>(high >> 8) * static_cast<Scalar>(0x1p-24);
    else return static_cast<Scalar>((std::uint64_t{high} << 32 | low) >> 11) * static_cast<Scalar>(0x1p-53);
}

void box_muller(Scalar u, Scalar v, Scalar& first, Scalar& second) {
    const Scalar radius = std::sqrt(Scalar{-2} * std::log(u)), angle = 2 * std::numbers::pi_v<Scalar> * v;
    first = radius * std::cos(angle);
    second = radius * std::sin(angle);
}

std::uint64_t philox_positions(Index n) { return static_cast<std::uint64_t>((n + per_position - 1) / per_position); }

void fill_uniform(PhiloxKey key, Scalar low, Scalar high, Scalar* y, Index n) {
    const Scalar width = high - low, top = std::nextafter(high, low);  // rounding up must not reach `high`
    each_position(n, [&](Index offset, Index i, Index count) {
        Scalar u[per_position];
        uniforms(key, offset, u);
        for (Index j = 0; j < count; ++j) y[i + j] = std::min(low + width * u[j], top);
    });
}

void fill_normal(PhiloxKey key, Scalar mean, Scalar std, Scalar* y, Index n) {
    each_position(n, [&](Index offset, Index i, Index count) {
        Scalar z[per_position];
        uniforms(key, offset, z);
        for (Index j = 0; j < per_position; j += 2) box_muller(1 - z[j], z[j + 1], z[j], z[j + 1]);
        for (Index j = 0; j < count; ++j) y[i + j] = mean + std * z[j];
    });
}

void fill_integers(PhiloxKey key, Id low, Id high, Id* y, Index n) {
    const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    each_position(n, [&](Index offset, Index i, Index count) {
        for (Index j = 0; j < count; j += 2) {
            const Words w = words(key, offset, static_cast<std::uint32_t>(j / 2));
            for (Index k = j; k < std::min(count, j + 2); ++k) {
                const auto at = static_cast<unsigned>(2 * (k - j));
                const std::uint64_t r = std::uint64_t{w[at]} << 32 | w[at + 1];
                y[i + k] = static_cast<Id>(static_cast<std::uint64_t>(low) + scale_to(range, r));
            }
        }
    });
}

void dropout(PhiloxKey key, Real p, const Scalar* x, Scalar* y, Index n) {
    constexpr Index chunk = 16;  // positions whose numbers are drawn before they are used, so that neither waits for the other
    const Scalar scale = p < 1 ? static_cast<Scalar>(1 / (1 - p)) : Scalar{0};
    parallel_for(static_cast<Index>(philox_positions(n)), grain, [&](Index begin, Index end) {
        for (; begin < end; begin += chunk) {
            Scalar u[chunk * per_position];
            const Index stop = std::min(end, begin + chunk), first = begin * per_position;
            for (Index k = begin; k < stop; ++k) uniforms(key, k, u + (k - begin) * per_position);
            const Index count = std::min(stop * per_position, n) - first;
#pragma omp simd
            for (Index j = 0; j < count; ++j) {
                const Scalar kept = x[first + j] * scale;
                y[first + j] = u[j] >= p ? kept : Scalar{0};
            }
        }
    });
}

void dropout_factors(PhiloxKey key, Real p, Index first, Scalar* z, Index n) {
    const Scalar scale = p < 1 ? static_cast<Scalar>(1 / (1 - p)) : Scalar{0};
    Scalar u[per_position];
    for (Index i = 0; i < n; ++i) {
        const Index at = (first + i) % per_position;
        if (i == 0 || at == 0) uniforms(key, (first + i) / per_position, u);
        z[i] = u[at] >= p ? scale : Scalar{0};
    }
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
