// Philox 4×32-10 written out from its paper (Salmon et al. 2011), the reference for every random number of the library.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <tapehead/autograd/config.hpp>

namespace testing {

inline constexpr bool two_numbers_a_position = sizeof(tapehead::Scalar) == 8;  // of 53 bits, else four of 24

using PhiloxWords = std::array<std::uint32_t, 4>;

/// Ten rounds of two multiplications, the key raised by two constants of Weyl between them.
inline PhiloxWords philox(PhiloxWords x, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53} * x[0], b = std::uint64_t{0xCD9E8D57} * x[2];
        x = {static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ key[0], static_cast<std::uint32_t>(b),
             static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ key[1], static_cast<std::uint32_t>(a)};
        key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
    }
    return x;
}

inline PhiloxWords philox_at(std::uint64_t seed, std::uint64_t position, std::uint32_t lane = 0) {
    return philox({static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), lane, 0},
                  {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

/// The first n numbers in [0, 1) of a stream from a position on.
inline std::vector<double> uniform_numbers(std::uint64_t seed, std::uint64_t position, std::size_t n) {
    std::vector<double> u;
    for (; u.size() < n; ++position) {
        const PhiloxWords w = philox_at(seed, position);
        if (two_numbers_a_position)
            for (const std::size_t i : {0, 2})
                u.push_back(std::ldexp(static_cast<double>((std::uint64_t{w[i]} << 32 | w[i + 1]) >> 11), -53));
        else
            for (const std::uint32_t word : w) u.push_back(std::ldexp(static_cast<double>(word >> 8), -24));
    }
    u.resize(n);
    return u;
}

/// Standard normal numbers from pairs of those, by Box and Muller.
inline std::vector<double> normal_numbers(std::uint64_t seed, std::uint64_t position, std::size_t n) {
    std::vector<double> z = uniform_numbers(seed, position, n + (two_numbers_a_position ? n % 2 : (4 - n % 4) % 4));
    for (std::size_t i = 0; i + 1 < z.size(); i += 2) {
        const double radius = std::sqrt(-2 * std::log(1 - z[i])), angle = 2 * M_PI * z[i + 1];
        z[i] = radius * std::cos(angle);
        z[i + 1] = radius * std::sin(angle);
    }
    z.resize(n);
    return z;
}

}  // namespace testing
