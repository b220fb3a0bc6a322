// A program run by the reference and by the library.
#pragma once

#include <functional>

#include <reliability/program.hpp>

namespace random_programs {

/// How the reference runs a program.
struct ReferenceRun {
    const Plains* middle = nullptr;  // what lines that stop gradients give, in runs to the side of it
    double noise = 0;                // times the largest of its inputs and itself is added to every result, or taken from it
    bool is_even = false;            // whether it is always added: errors of one row often go one way
};

/// What a line makes, by the reference; noise as above.
Plains reference_line(const Line& line, const Plains& values, const ReferenceRun& run);
/// Every value, with the leaves that are given, in their order.
Plains run_reference(const Program& program, const Plains& leaves, const ReferenceRun& run = {});
/// The values of the leaves that a program has.
Plains leaves_of(const Program& program);
/// Σ seed · output
double loss_of(const Program& program, const Plains& values);

Tensors inputs_of(const Line& line, const Tensors& values);
/// Every value, by the library.
Tensors run_library(const Program& program, const Tensors& leaves);
Tensor loss_of(const Program& program, const Tensors& values);

}  // namespace random_programs
