// Chooser: draws the parts of a line from what a program has so far: values, shapes, axes, numbers.
//
// It runs the reference along with the program, at the leaves, a little to both sides of them along one direction, and once more
// with noise, so that values, their derivatives and their conditioning stay tame: what is wild is taken back.
#pragma once

#include <random>

#include <reliability/program.hpp>

namespace random_programs {

/// Thrown by a proposal that finds nothing to work on.
struct NotNow {};

/// What an operation asks of its input.
enum class Domain { any, positive, unit };

class Chooser {
public:
    Chooser(Program& program, std::uint64_t seed, std::ptrdiff_t most_elements);

    std::ptrdiff_t below(std::ptrdiff_t n) { return static_cast<std::ptrdiff_t>(random_() % static_cast<std::uint64_t>(n)); }
    std::ptrdiff_t between(std::ptrdiff_t low, std::ptrdiff_t high) { return low + below(high - low + 1); }  // both included
    bool chance(double probability) { return real(0, 1) < probability; }
    double real(double low, double high);  // of few decimals, to be read
    template <class T>
    const T& one_of(const std::vector<T>& list) {
        return list[static_cast<std::size_t>(below(static_cast<std::ptrdiff_t>(list.size())))];
    }

    const Extents& shape(int value) const { return middle_[static_cast<std::size_t>(value)].shape; }
    std::ptrdiff_t rank(int value) const { return static_cast<std::ptrdiff_t>(shape(value).size()); }
    Extents any_shape(std::ptrdiff_t least_rank, std::ptrdiff_t most_rank);
    std::ptrdiff_t extent();

    /// A value that may be an input, newer ones rather; sometimes a new leaf.
    int any(std::ptrdiff_t least_rank = 0, std::ptrdiff_t most_rank = 5);
    /// One of this shape, an old one if there is any.
    int like(const Extents& shape);
    /// One whose shape broadcasts with this one.
    int broadcasting_with(const Extents& shape);
    /// A shape that broadcasts to this one.
    Extents broadcasting_to(Extents shape);
    int leaf(const Extents& shape);
    /// The value, or one made from it that is in the domain.
    int in(Domain domain, int value);

    std::ptrdiff_t axis(std::ptrdiff_t rank);  // may count from the end
    Integers axes(std::ptrdiff_t rank);        // some, none meaning all
    Integers flags(const Extents& shape, double probability);
    Integers positions(std::ptrdiff_t count, std::ptrdiff_t n, bool may_be_negative);

    /// Adds a line and what it makes; false, and nothing is added, if that is wild.
    bool add(Line line);
    /// Adds what an operation proposes; false if it cannot now.
    bool add(const Operation& operation);
    bool may_be_read(int value) const { return usable_[static_cast<std::size_t>(value)]; }
    std::vector<int> readable() const;

private:
    Program& program_;
    std::mt19937_64 random_;
    std::ptrdiff_t most_elements_;
    Plains middle_, above_, below_, noisy_;  // every value at the leaves, to both sides, and with noise
    std::vector<bool> usable_;

    void truncate(std::size_t lines);
    bool is_tame(const Plain& middle, const Plain& above, const Plain& below, const Plain& noisy) const;
    int number() const { return program_.values(); }
};

}  // namespace random_programs
