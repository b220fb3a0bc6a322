// Streams of random numbers, a block of four words at a time.
//
// Knows Random123. The block at a position is Philox of (position, lane) under the key `seed`; lane 0 is the stream, made many
// positions at a time by simd/philox.hpp, and lane 1 holds further words for integers, which take 64 bits each.
#include <tapehead/autograd/kernels/philox.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <type_traits>

#include <Random123/philox.h>

#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace {

/// Numbers a position holds: 4 of 24 bits or 2 of 53 bits.
constexpr Index per_position = sizeof(Scalar) == 4 ? 4 : 2;

/// Positions worth a thread.
constexpr Index grain = 4096;

using Words = r123::Philox4x32::ctr_type;

Words words(PhiloxKey key, Index offset, std::uint32_t lane) {
    const std::uint64_t at = key.position + static_cast<std::uint64_t>(offset);
    const Words counter = {{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at >> 32), lane, 0}};
    const r123::Philox4x32::key_type seed = {
        {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)}};
    return r123::Philox4x32{}(counter, seed);
}

constexpr Index chunk = 64;  // positions whose words are made together

/// Calls f(i, count, w) for runs of a stream's numbers `first` … first + n − 1: those from i on (of n) are made of the words w.
template <class F>
void each_run(PhiloxKey key, Index first, Index n, const F& f) {
    constexpr Index words_each = 4 / per_position;
    std::uint32_t w[4 * chunk];
    for (Index i = 0; i < n;) {
        const Index position = (first + i) / per_position, skipped = (first + i) % per_position;
        const Index count = std::min(n - i, chunk * per_position - skipped);
        const Index positions = (skipped + count + per_position - 1) / per_position;
        simd().philox(key.seed, key.position + static_cast<std::uint64_t>(position), w, positions);
        f(i, count, w + skipped * words_each);
        i += count;
    }
}

/// The same for a whole stream of n numbers, on as many threads as it is worth.
template <class F>
void each_run_of_all(PhiloxKey key, Index n, const F& f) {
    parallel_for(static_cast<Index>(philox_positions(n)), grain, [&](Index begin, Index end) {
        const Index first = begin * per_position;
        each_run(key, first, std::min(n, end * per_position) - first,
                 [&](Index i, Index count, const std::uint32_t* w) { f(first + i, count, w); });
    });
}

/// Uniform number j of a run.
Scalar uniform(const std::uint32_t* w, Index j) {
    if constexpr (per_position == 4) return unit_interval(w[j], 0);
    else return unit_interval(w[2 * j], w[2 * j + 1]);
}

/// What dropout asks of each number of a run: uniform(w, j) >= p, as a comparison of integers.
class Kept {
public:
    explicit Kept(Real p) : least_(static_cast<Bits>(std::ceil(p * (per_position == 4 ? 0x1p24 : 0x1p53)))) {}
    bool operator()(const std::uint32_t* w, Index j) const {
        if constexpr (per_position == 4) return static_cast<Bits>(w[j] >> 8) >= least_;
        else return static_cast<Bits>((std::uint64_t{w[2 * j]} << 32 | w[2 * j + 1]) >> 11) >= least_;
    }

private:
    using Bits = std::conditional_t<per_position == 4, std::int32_t, std::int64_t>;  // signed, as vectors compare
    Bits least_;
};

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
    each_run_of_all(key, n, [&](Index i, Index count, const std::uint32_t* w) {
        for (Index j = 0; j < count; ++j) y[i + j] = std::min(low + width * uniform(w, j), top);
    });
}

void fill_normal(PhiloxKey key, Scalar mean, Scalar std, Scalar* y, Index n) {
    each_run_of_all(key, n, [&](Index i, Index count, const std::uint32_t* w) {
        for (Index j = 0; j < count; j += 2) {
            Scalar first = 0, second = 0;
            box_muller(1 - uniform(w, j), uniform(w, j + 1), first, second);
            y[i + j] = mean + std * first;
            if (j + 1 < count) y[i + j + 1] = mean + std * second;
        }
    });
}

void fill_integers(PhiloxKey key, Id low, Id high, Id* y, Index n) {
    const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    parallel_for(static_cast<Index>(philox_positions(n)), grain, [&](Index begin, Index end) {
        for (Index i = begin * per_position; i < std::min(n, end * per_position); i += 2) {
            const auto lane = static_cast<std::uint32_t>(i % per_position / 2);
            const Words w = words(key, i / per_position, lane);
            const auto integer = [&](unsigned at) {
                const std::uint64_t r = std::uint64_t{w[at]} << 32 | w[at + 1];
                return static_cast<Id>(static_cast<std::uint64_t>(low) + scale_to(range, r));
            };
            y[i] = integer(0);
            if (i + 1 < n) y[i + 1] = integer(2);
        }
    });
}

void dropout(PhiloxKey key, Real p, const Scalar* x, Scalar* y, Index n) {
    const Scalar scale = p < 1 ? static_cast<Scalar>(1 / (1 - p)) : Scalar{0};
    const Kept kept(p);
    each_run_of_all(key, n, [&](Index i, Index count, const std::uint32_t* w) {
#pragma omp simd
        for (Index j = 0; j < count; ++j) {
            const Scalar scaled = x[i + j] * scale;
            y[i + j] = kept(w, j) ? scaled : Scalar{0};
        }
    });
}

void dropout_factors(PhiloxKey key, Real p, Index first, Scalar* z, Index n) {
    const Scalar scale = p < 1 ? static_cast<Scalar>(1 / (1 - p)) : Scalar{0};
    const Kept kept(p);
    each_run(key, first, n, [&](Index i, Index count, const std::uint32_t* w) {
#pragma omp simd
        for (Index j = 0; j < count; ++j) z[i + j] = kept(w, j) ? scale : Scalar{0};
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
