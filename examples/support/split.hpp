// The part of the data that an example belongs to, decided by a hash of what must not be in two parts.
//
// So a part does not depend on the order or the number of the other examples, and is the same on every machine.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

namespace examples {

enum class Part { training, validation, test };

struct SplitOptions {
    double validation = 0.05, test = 0.05;  ///< shares; the rest is for training
    std::uint64_t seed = 0;
};

/// The finalizer of SplitMix64: every bit of the result depends on every bit of x.
constexpr std::uint64_t mix_bits(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

inline constexpr std::uint64_t golden_gamma = 0x9E3779B97F4A7C15u;  // 2^64 / φ: the step of SplitMix64

/// A number in [0, 1) that a text and a seed decide: FNV-1a over the bytes, mixed with the seed.
constexpr double unit_hash(std::string_view text, std::uint64_t seed) {
    std::uint64_t hash = 0xCBF29CE484222325u;
    for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
    return static_cast<double>(mix_bits(hash ^ mix_bits(seed + golden_gamma)) >> 11) * 0x1p-53;
}

/// The part of everything that has this key.
constexpr Part part_of(std::string_view key, const SplitOptions& options = {}) {
    const double place = unit_hash(key, options.seed);
    if (place < options.test) return Part::test;
    return place < options.test + options.validation ? Part::validation : Part::training;
}

/// Throws std::invalid_argument unless the shares are at least 0 and sum to less than 1.
inline void check_shares(const SplitOptions& o) {
    if (!(o.validation >= 0 && o.test >= 0 && o.validation + o.test < 1))
        throw std::invalid_argument(
            fmt::format("split: expected shares of at least 0 that sum to less than 1, got {} and {}", o.validation, o.test));
}

}  // namespace examples
