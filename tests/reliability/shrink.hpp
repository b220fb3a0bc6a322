// Smaller programs that fail in the same way.
#pragma once

#include <functional>

#include <reliability/program.hpp>

namespace random_programs {

/// The smallest program found by trying simpler ones for which `fails` still holds: fewer outputs and lines, leaves in place of
/// calls, smaller extents, simpler numbers.
Program shrink(Program program, const std::function<bool(const Program&)>& fails);

}  // namespace random_programs
