// A number in [0, 1) that a text and a seed decide: what belongs to the training data and what is held out hangs on it.
//
// So the parts do not depend on the order or the number of the other texts, and are the same on every machine.
#pragma once

#include <cstdint>
#include <string_view>

namespace examples {

/// The finalizer of SplitMix64: every bit of the result depends on every bit of x.
constexpr std::uint64_t mix_bits(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/// FNV-1a over the bytes, mixed with the seed, as a fraction of 2^53.
constexpr double unit_hash(std::string_view text, std::uint64_t seed) {
    std::uint64_t hash = 0xCBF29CE484222325u;
    for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
    return static_cast<double>(mix_bits(hash ^ mix_bits(seed + 0x9E3779B97F4A7C15u)) >> 11) * 0x1p-53;
}

}  // namespace examples
