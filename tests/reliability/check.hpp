// What must hold of a program, in the library and against the reference.
#pragma once

#include <map>
#include <optional>

#include <reliability/program.hpp>

namespace random_programs {

/// What did not hold: the kind, which shrinking keeps, and the numbers.
struct Failure {
    std::string kind, message;
};

/// What was done, and how far apart library and reference were at most.
///
/// Errors of values are relative to max(1, |value|), those of derivatives to max(1, Σ |gradient · direction|).
struct Figures {
    std::uint64_t programs = 0, lines = 0, values = 0, elements = 0, deepest = 0;
    std::uint64_t gradients = 0, second_derivatives = 0, directions = 0, not_compared = 0;
    std::uint64_t threads = 0, checkpoints = 0, recorded = 0, unrecorded = 0, refused = 0, accepted = 0;
    double worst_value = 0, worst_gradient = 0, worst_second = 0;
    double nearest_value = 0, nearest_gradient = 0, nearest_second = 0;  // to the tolerance, which is 1
    std::map<std::string, std::uint64_t> operations;
};

/// The first thing that does not hold, if any.
std::optional<Failure> check(const Program& program, Figures& figures);

}  // namespace random_programs
