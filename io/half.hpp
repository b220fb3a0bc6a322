// Numbers of 16 bits, as files hold them: IEEE 754's half (F16) and the upper half of a float (BF16).
//
//     F16   1 bit sign   5 bits exponent  10 bits fraction
//     BF16  1 bit sign   8 bits exponent   7 bits fraction
#pragma once

#include <cstdint>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The nearest F16, of two the even one; beyond 65504 infinity, of NaN a NaN. From double at once: by way of float it would be
/// rounded twice.
std::uint16_t to_f16(Real value);
/// The nearest BF16, of two the even one; beyond the largest infinity, of NaN a NaN.
std::uint16_t to_bf16(Real value);

/// @{
/// The number, exactly.
float from_f16(std::uint16_t bits);
float from_bf16(std::uint16_t bits);
/// @}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
