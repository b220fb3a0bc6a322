// The default random stream, and draws repeated; see random.hpp.
#include <tapehead/autograd/random.hpp>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Generator& default_generator() {
    static Generator generator;
    return generator;
}

kernels::PhiloxKey Generator::advance(Index n) {
    check<ValueError>(n >= 0, "Generator: expected at least 0 numbers, got {}", n);
    return {seed_, position_.fetch_add(kernels::philox_positions(n))};
}

detail::Draws* detail::Draws::install() { return std::exchange(draws, this); }

detail::Draws::~Draws() { draws = before_; }

kernels::PhiloxKey detail::Draws::take(Generator& generator, Index n) {
    if (repeats_) {
        check<GradError>(next_ < keys_.size(), "checkpoint: expected f to draw random numbers {} times again, got more",
                         keys_.size());
        return keys_[next_++];
    }
    keys_.push_back(before_ ? before_->take(generator, n) : generator.advance(n));
    return keys_.back();
}

void manual_seed(std::uint64_t seed) { default_generator().manual_seed(seed); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR
