// Operations that are wrong on purpose, for the test that this tester finds them.
#pragma once

#include <reliability/program.hpp>

namespace random_programs {

/// A wrong derivative, a wrong second one, a wrong value in a corner, a missing check, and a tensor that is never freed.
std::vector<Operation> wrong_operations();

/// Forgets what the last of them keeps.
void forget_leaked();

}  // namespace random_programs
