// Seeded random streams. The same seed gives the same integers and uniform numbers on any thread count and machine, and the same
// normal ones to the rounding of the C library (Philox, kernels/philox.hpp).
#pragma once

#include <atomic>
#include <utility>
#include <vector>

#include <tapehead/autograd/kernels/philox.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

class Generator;

namespace detail {

/// Stands between a thread and its generators while it lives, so that a computation can run again with the same random numbers.
class Draws {
public:
    /// Writes down the keys that are drawn.
    Draws() = default;
    /// Gives out these keys, in order, whatever generator is asked; the generators stay where they are.
    explicit Draws(std::vector<kernels::PhiloxKey> keys) : keys_(std::move(keys)), repeats_(true) {}
    ~Draws();
    Draws(const Draws&) = delete;
    Draws& operator=(const Draws&) = delete;

    /// Throws GradError where a repetition asks for more than was drawn.
    kernels::PhiloxKey take(Generator& generator, Index n);
    const std::vector<kernels::PhiloxKey>& keys() const { return keys_; }

private:
    std::vector<kernels::PhiloxKey> keys_;
    bool repeats_ = false;
    std::size_t next_ = 0;
    Draws* const before_ = install();
    Draws* install();
};

/// What this thread draws through, null for nothing.
inline constinit thread_local Draws* draws = nullptr;

}  // namespace detail

/// A random stream: a seed, and how far it has been used.
///
/// An operation that fails, out of memory say, may have drawn its numbers already: who takes a training step again with the same ones
/// notes seed() and position() before it, and puts them back with set_state.
class Generator {
public:
    /// The stream of a seed, from its beginning.
    explicit Generator(std::uint64_t seed = 0) : seed_(seed) {}
    /// Starts the stream of a seed from its beginning.
    void manual_seed(std::uint64_t seed) {
        seed_ = seed;
        position_ = 0;
    }
    /// The key of the next n numbers, which are then used up. Throws ValueError for n < 0.
    kernels::PhiloxKey take(Index n) { return detail::draws ? detail::draws->take(*this, n) : advance(n); }

    std::uint64_t seed() const { return seed_; }          ///< of the stream
    std::uint64_t position() const { return position_; }  ///< how far it has been used, in blocks of four 32-bit words
    /// Puts the stream where another one was.
    void set_state(std::uint64_t seed, std::uint64_t position) {
        seed_ = seed;
        position_ = position;
    }

private:
    friend class detail::Draws;
    kernels::PhiloxKey advance(Index n);

    std::atomic<std::uint64_t> seed_;
    std::atomic<std::uint64_t> position_{0};
};

/// The stream that is used where none is given; its seed is 0 until manual_seed.
Generator& default_generator();

/// Seeds the default stream.
void manual_seed(std::uint64_t seed);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
