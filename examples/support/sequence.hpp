// Sequences of ids: their type, pairs of them to learn from, and the ids that every vocabulary begins with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

using Sequence = std::vector<std::int64_t>;

struct SequencePair {
    Sequence source, target;
    auto operator<=>(const SequencePair&) const = default;
};

inline constexpr std::int64_t pad_id = 0, bos_id = 1, eos_id = 2, num_special = 3;  // padding, begin and end; symbols follow

/// Their names, for a tokenizer to begin with.
inline const std::vector<std::string> special_tokens = {"<pad>", "<s>", "</s>"};

/// What to show for a special id.
constexpr std::string_view special_label(std::int64_t id) { return id == pad_id ? "_" : id == bos_id ? "<" : "end"; }

}  // namespace examples
