// Plain arrays of doubles and the loops over them that the reference is written with.
//
// Slow and obviously right: positions are lists, every element is looked up. Knows nothing of the library.
#pragma once

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace random_programs {

using Extents = std::vector<std::ptrdiff_t>;
using Position = std::vector<std::ptrdiff_t>;
using Integers = std::vector<std::ptrdiff_t>;
using Numbers = std::vector<double>;

/// A number that is not below 0, as the place of an element.
inline std::size_t at(std::ptrdiff_t i) { return static_cast<std::size_t>(i); }

/// What the reference throws for arguments that an operation must refuse.
struct Illegal : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// Legal, but too large to be tried.
struct TooLarge : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline void require(bool is_legal, const char* what) {
    if (!is_legal) throw Illegal(what);
}

/// Which way each kink and comparison went, and how near the nearest of them was to going the other way.
///
/// A finite difference counts only where the points on both sides went the same ways.
struct Branches {
    std::size_t ways = 0;
    double margin = 1e300;
};
inline Branches branches;  // of the evaluation that runs now

/// A choice by the sign of `distance`, which is better far from 0.
void kink(double distance);

std::ptrdiff_t elements(const Extents& shape);

/// Row-major numbers with a shape.
struct Plain {
    Extents shape;
    Numbers v;

    Plain() = default;
    explicit Plain(Extents extents, double value = 0);
    std::ptrdiff_t rank() const { return static_cast<std::ptrdiff_t>(shape.size()); }
    double& at(const Position& position);
    double at(const Position& position) const { return const_cast<Plain*>(this)->at(position); }
};

/// Row-major, like an odometer.
void for_each_position(const Extents& shape, const std::function<void(const Position&)>& f);

std::ptrdiff_t checked_axis(std::ptrdiff_t axis, std::ptrdiff_t rank);
/// Which axes are named; all if none are.
std::vector<bool> checked_axes(const Integers& axes, std::ptrdiff_t rank);

Extents broadcast(const Extents& a, const Extents& b);
bool broadcasts(const Extents& from, const Extents& to);
/// The position in an array of shape `from` that broadcasting reads for a position of the result.
Position source(const Extents& from, const Position& position);
/// What broadcasting reads there.
double read(const Plain& x, const Position& position);

Plain map(const Plain& x, const std::function<double(double)>& f);
Plain zip(const Plain& a, const Plain& b, const std::function<double(double, double)>& f);
/// y of a shape with y[p] = f(p).
Plain build(const Extents& shape, const std::function<double(const Position&)>& f);
/// f of the elements over some axes.
Plain reduce(const Plain& x, const Integers& axes, bool keepdim, const std::function<double(const Numbers&)>& f);
/// f of each line along an axis in its place; lines may change their length.
Plain along(const Plain& x, std::ptrdiff_t axis, const std::function<Numbers(const Numbers&)>& f);
Plain reshaped(const Plain& x, const Extents& shape);

}  // namespace random_programs
