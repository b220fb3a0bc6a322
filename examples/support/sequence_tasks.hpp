// Tasks that turn one sequence of symbols into another: copying, reversing and sorting random ones, and addition, "817+95=" to
// "912".
//
// A pair follows from a random number; batches.hpp draws those. Knows nothing of tensors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <support/sequence.hpp>
#include <support/split.hpp>

namespace examples {

enum class Task { copy, reverse, sort, add };

/// The task with this name. Throws std::invalid_argument.
Task task_named(std::string_view name);

struct SequenceTaskOptions {
    std::int64_t length = 12;  ///< symbols in the longest sequence to copy, reverse or sort; the shortest has min(4, length)
    std::int64_t vocabulary = 20;  ///< different symbols of those
    std::int64_t digits = 3;       ///< of the largest number to add, at most 6; numbers are drawn evenly from 0 on
    SplitOptions split = {.validation = 0.02, .test = 0.1};
};

/// What is to be learned, and what is held out.
///
/// A pair belongs to the part that its key decides (split.hpp). The key is the target: no tested target was one in training, so
/// that no tested source was one either, and no sequence to sort was one in another order. For addition it is the unordered pair
/// of numbers: if 817+95 is held out, so is 95+817.
class SequenceTask {
public:
    /// Throws std::invalid_argument for options that make no sense.
    explicit SequenceTask(Task task, const SequenceTaskOptions& options = {});

    /// How many ids there are, the special ones among them.
    std::int64_t vocabulary() const;
    /// The length of the longest source and target.
    std::int64_t longest_source() const, longest_target() const;

    /// The pair of a part that follows from a random number. Throws std::runtime_error if the part seems to have none.
    SequencePair pair(Part part, std::uint64_t number) const;
    /// The part of a pair of this task.
    Part part_of(const SequencePair& pair) const;

    /// A symbol as a digit, + or =, as a letter, or as a number where the letters do not suffice.
    std::string label(std::int64_t id) const;
    /// The labels of a sequence, with spaces between letters.
    std::string text(const Sequence& sequence) const;

private:
    Task task_;
    SequenceTaskOptions options_;
};

/// A sequence as the answer of a task other than addition.
Sequence answer(Task task, Sequence source);

/// The digits of a + b and an equals sign, and those of the sum. Throws std::invalid_argument for negative numbers.
SequencePair addition(std::int64_t a, std::int64_t b);

}  // namespace examples
