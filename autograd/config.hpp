// The number type of the library, chosen when it is built.
//
// The same sources make two libraries: `tapehead` (float) and `tapehead_f64` (double). Everything the library defines lives
// in an inline namespace named after the choice, so that a program which mixes the two fails at link time and not at run
// time, and no signature carries a template parameter.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(TAPEHEAD_F64)
#define TAPEHEAD_SCALAR f64
#else
#define TAPEHEAD_SCALAR f32
#endif

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The type of every tensor element.
#if defined(TAPEHEAD_F64)
using Scalar = double;
#else
using Scalar = float;
#endif

/// The type of hyperparameters, probabilities and statistics: double in both libraries.
using Real = double;

/// The type of sizes, positions and strides; signed, so that negative ones can count from the end.
using Index = std::ptrdiff_t;

/// The type of token ids, class labels and other integers that come in arrays.
using Id = std::int64_t;

/// The most axes a tensor can have.
inline constexpr Index max_rank = 8;

}  // namespace tapehead::inline TAPEHEAD_SCALAR
