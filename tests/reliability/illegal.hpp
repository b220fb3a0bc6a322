// Lines with a wrong input, axis, shape or position: the library must refuse what the reference does, with an Error.
#pragma once

#include <random>

#include <reliability/check.hpp>

namespace random_programs {

/// Thrown where library and reference do not agree on what is legal.
struct Refusal {
    std::string kind, message;
};

/// Changes some lines of a program at random, one at a time, and runs each alone.
void check_refusals(const Program& program, const Plains& middle, const Tensors& values, std::mt19937_64& random,
                    Figures& figures);

}  // namespace random_programs
