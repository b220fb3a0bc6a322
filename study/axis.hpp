// The axis of a chart: its range, its ticks at round numbers, and where a number stands on it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// How distances on an axis grow.
enum class Scale {
    linear,  ///< with the differences of numbers
    log      ///< with those of their logarithms; decades are equally long; numbers that are not above 0 have no place
};

/// An axis from `low()` to `high()`. Ticks are at multiples of 1, 2 or 5 times a power of ten.
class Axis {
public:
    /// Shows the least to the greatest of the numbers that have a place, and about `most_ticks` ticks at the most. `is_extended` makes
    /// it end at ticks. If no number has a place the range is 0 to 1, or 1 to 10; a single one stands in the middle.
    Axis(Scale scale, std::span<const Real> numbers, int most_ticks, bool is_extended);

    Real low() const { return low_; }                          ///< the number at its beginning
    Real high() const { return high_; }                        ///< the number at its end
    const std::vector<Real>& ticks() const { return ticks_; }  ///< the numbers at its ticks, ascending
    /// The ticks as text, "0.002", "250", "3e6".
    const std::vector<std::string>& labels() const { return labels_; }

    /// Whether a number has a place on the axis: it is finite, and above 0 on a logarithmic one.
    bool has_place(Real x) const;
    /// 0 at `low()` to 1 at `high()`; outside for numbers beyond them.
    Real place(Real x) const;

private:
    void set_linear(int most_ticks, bool is_extended);
    void set_log(int most_ticks, bool is_extended);
    void add_decades(int digits, int stride);

    Scale scale_;
    Real low_, high_;
    std::vector<Real> ticks_;
    std::vector<std::string> labels_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
