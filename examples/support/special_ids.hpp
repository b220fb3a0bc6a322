// The ids that every vocabulary of sequences begins with, and the type of a sequence.
#pragma once

#include <cstdint>
#include <vector>

namespace examples {

using Sequence = std::vector<std::int64_t>;

inline constexpr std::int64_t pad_id = 0, bos_id = 1, eos_id = 2, num_special = 3;  // padding, begin and end; symbols follow

}  // namespace examples
