// Random programs from seeds.
#pragma once

#include <reliability/program.hpp>

namespace random_programs {

/// Bounds within which programs stay, so that tolerances can be small: at the leaves, in one direction of leaves.
inline constexpr double largest_value = 10, largest_slope = 100, largest_curvature = 1e4, least_margin = 2e-3;
/// By how much more than its own size a relative error of 1 in every earlier result may change one.
inline constexpr double largest_amplification = 1e3;

/// The program of a seed, from these operations.
Program generate(std::uint64_t seed, const std::vector<const Operation*>& from);

/// Seeds for some values that are used by nobody, or others.
std::vector<Seeded> random_outputs(const Program& program, const std::vector<int>& readable, const std::vector<Extents>& shapes,
                                   std::uint64_t seed);

}  // namespace random_programs
