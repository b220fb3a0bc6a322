// Axes; see axis.hpp.
#include <tapehead/study/axis.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

constexpr Real slack = 1e-9;  // of rounding, in ticks

/// digit · 10^exponent times n, as exact as its decimal text.
Real multiple(Real n, int digit, int exponent) {
    return exponent < 0 ? n * digit / std::pow(Real{10}, -exponent) : n * digit * std::pow(Real{10}, exponent);
}

int decade(Real x) { return static_cast<int>(std::floor(std::log10(x) + slack)); }

/// The tick with a unit in the last place of 10^exponent.
std::string label(Real tick, int exponent) {
    if (tick == 0) return "0";
    const Real size = std::abs(tick);
    if (size < 1e6 && size >= 1e-4) return fmt::format("{:.{}f}", tick, std::max(0, -exponent));
    std::string text = fmt::format("{:.{}e}", tick, std::max(0, decade(size) - exponent));  // 3e+06
    const std::size_t e = text.find('e');
    const int power = std::stoi(text.substr(e + 1));
    return fmt::format("{}e{}", text.substr(0, e), power);
}

}  // namespace

Axis::Axis(Scale scale, std::span<const Real> numbers, int most_ticks, bool is_extended)
    : scale_(scale), low_(scale == Scale::log ? 1 : 0), high_(scale == Scale::log ? 10 : 1) {
    bool is_first = true;
    for (const Real x : numbers) {
        if (!has_place(x)) continue;
        low_ = is_first ? x : std::min(low_, x);
        high_ = is_first ? x : std::max(high_, x);
        is_first = false;
    }
    if (scale == Scale::log) set_log(std::max(most_ticks, 2), is_extended);
    else set_linear(std::max(most_ticks, 2), is_extended);
}

void Axis::set_linear(int most_ticks, bool is_extended) {
    constexpr Real largest = 1e300;  // beyond, a difference could overflow
    low_ = std::clamp(low_, -largest, largest);
    high_ = std::clamp(high_, -largest, largest);
    const Real size = std::max(std::abs(low_), std::abs(high_));
    if (high_ - low_ <= 1e-9 * size || high_ - low_ < 1e-300) {  // one number
        const Real around = size >= 1e-290 ? size / 2 : 1;
        low_ -= around;
        high_ += around;
    }
    const Real least_step = (high_ - low_) / most_ticks;
    int exponent = static_cast<int>(std::floor(std::log10(least_step))), digit = 1;
    const Real lead = least_step / std::pow(Real{10}, exponent);  // in [1, 10)
    digit = lead <= 1 + slack ? 1 : lead <= 2 + slack ? 2 : lead <= 5 + slack ? 5 : 10;
    if (digit == 10) {
        digit = 1;
        ++exponent;
    }
    const Real step = multiple(1, digit, exponent);
    Real first = std::ceil(low_ / step - slack), last = std::floor(high_ / step + slack);
    if (is_extended) {
        first = std::floor(low_ / step + slack);
        last = std::ceil(high_ / step - slack);
        low_ = multiple(first, digit, exponent);
        high_ = multiple(last, digit, exponent);
    }
    for (Index i = 0; i <= static_cast<Index>(last - first); ++i) {
        ticks_.push_back(multiple(first + static_cast<Real>(i), digit, exponent));
        labels_.push_back(label(ticks_.back(), exponent));
    }
}

void Axis::set_log(int most_ticks, bool is_extended) {
    constexpr Real least = 1e-300, largest = 1e300;  // so that doubling stays in range
    low_ = std::clamp(low_, least, largest);
    high_ = std::clamp(high_, least, largest);
    if (high_ <= low_ * (1 + slack)) {  // one number
        low_ /= 2;
        high_ *= 2;
    }
    if (is_extended) {
        const int first = decade(low_), last = decade(high_);
        const Real low = low_, high = high_;
        for (const int digit : {1, 2, 5})
            if (multiple(1, digit, first) <= low * (1 + slack)) low_ = multiple(1, digit, first);
        for (const int digit : {10, 5, 2, 1})
            if (multiple(1, digit, last) >= high * (1 - slack)) high_ = multiple(1, digit, last);
    }
    // 1, 2 and 5 of every decade, or 1 alone, or 1 of every second, every third ...
    add_decades(3, 1);
    for (int stride = 1; static_cast<int>(ticks_.size()) > most_ticks; ++stride) {
        ticks_.clear();
        labels_.clear();
        add_decades(1, stride);
    }
}

void Axis::add_decades(int digits, int stride) {
    static constexpr int all_digits[] = {1, 2, 5};
    for (int exponent = decade(low_); exponent <= decade(high_); ++exponent)
        for (int i = 0; i < digits && exponent % stride == 0; ++i) {
            const Real tick = multiple(1, all_digits[i], exponent);
            if (tick < low_ * (1 - slack) || tick > high_ * (1 + slack)) continue;
            ticks_.push_back(tick);
            labels_.push_back(label(tick, exponent));
        }
}

bool Axis::has_place(Real x) const { return std::isfinite(x) && (scale_ == Scale::linear || x > 0); }

Real Axis::place(Real x) const {
    if (scale_ == Scale::linear) return (x - low_) / (high_ - low_);
    return (std::log(x) - std::log(low_)) / (std::log(high_) - std::log(low_));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
