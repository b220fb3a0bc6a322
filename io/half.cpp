// Numbers of 16 bits; see half.hpp.
#include <tapehead/io/half.hpp>

#include <algorithm>
#include <bit>
#include <limits>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

static_assert(std::numeric_limits<Real>::is_iec559 && std::numeric_limits<float>::is_iec559);

/// A double in fewer bits: 1 sign, then exponent, then fraction.
template <int exponent_bits, int fraction_bits>
std::uint16_t narrow(Real value) {
    constexpr int bias = (1 << (exponent_bits - 1)) - 1;
    constexpr std::uint64_t infinity = ((1U << exponent_bits) - 1U) << fraction_bits, quiet = 1U << (fraction_bits - 1);
    constexpr std::uint64_t one = std::uint64_t{1} << 52;  // the leading digit, which a double does not store
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t sign = bits >> 63 << 15, fraction = bits & (one - 1);
    const int exponent = static_cast<int>(bits >> 52 & 0x7FF) - 1023;
    const auto with_sign = [&](std::uint64_t magnitude) { return static_cast<std::uint16_t>(sign | magnitude); };
    if (exponent == 1024) return with_sign(fraction ? infinity | quiet | fraction >> (52 - fraction_bits) : infinity);

    const int below = std::max(0, 1 - bias - exponent);  // how far under the smallest exponent, where digits are lost
    const int shift = 52 - fraction_bits + below;
    if (shift > 53) return with_sign(0);  // less than half of the smallest number
    const std::uint64_t unit = std::uint64_t{1} << shift, half = unit / 2;
    const std::uint64_t digits = fraction | one, rest = digits & (unit - 1);
    std::uint64_t rounded = digits >> shift;
    rounded += rest > half || (rest == half && (rounded & 1)) ? 1 : 0;
    // The leading digit of `rounded`, where there is one, adds 1 to the exponent, and so does a carry.
    const auto scale = static_cast<std::uint64_t>(std::max(exponent + bias, 1) - 1);
    return with_sign(std::min((scale << fraction_bits) + rounded, infinity));
}

}  // namespace

std::uint16_t to_f16(Real value) { return narrow<5, 10>(value); }
std::uint16_t to_bf16(Real value) { return narrow<8, 7>(value); }

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

float from_f16(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000U) << 16, magnitude = bits & 0x7FFFU;
    constexpr std::uint32_t smallest_normal = 0x400, infinity = 0x7C00;
    if (magnitude < smallest_normal)
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24F));
    if (magnitude >= infinity) return std::bit_cast<float>(sign | 0x7F800000U | (magnitude & 0x3FFU) << 13);
    return std::bit_cast<float>(sign | ((magnitude << 13) + (std::uint32_t{127 - 15} << 23)));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
