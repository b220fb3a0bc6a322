// Derivatives of the reference by finite differences, with estimates of their own errors.
#pragma once

#include <optional>

#include <reliability/program.hpp>

namespace random_programs {

/// A derivative of the loss, and what it may be off by: `error` on its own, `conditioning` times the relative error of every result.
struct Difference {
    double value = 0, error = 0, conditioning = 0;
};

/// d/dt loss(leaves + t d); nothing where a kink is too near.
std::optional<Difference> directional_derivative(const Program& program, const Plains& middle, const Plains& direction);
/// d²/ds dt loss(leaves + s d + t e)
std::optional<Difference> second_derivative(const Program& program, const Plains& middle, const Plains& d, const Plains& e);

/// By how much more than their own relative error each value changes.
Numbers amplifications(const Program& program, const Plains& middle);

}  // namespace random_programs
