// A tensor summed up; see numbers.hpp.
#include <tapehead/study/numbers.hpp>

#include <algorithm>
#include <cmath>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

constexpr Index most_blocks = 24;  // along each axis

void add_statistics(Summary& s, std::span<const Scalar> x) {
    Index finite = 0;
    Real sum = 0, squares = 0;
    for (const Scalar element : x) {
        if (!std::isfinite(element)) {
            ++s.nonfinite;
            continue;
        }
        const auto value = static_cast<Real>(element);
        s.min = finite ? std::min(s.min, value) : value;
        s.max = finite ? std::max(s.max, value) : value;
        sum += value;
        squares += value * value;
        s.zeros += value == 0;
        ++finite;
    }
    if (finite == 0) return;
    s.mean = sum / static_cast<Real>(finite);
    s.norm = std::sqrt(squares);
    Real deviations = 0;
    const Real width = (s.max - s.min) / static_cast<Real>(s.histogram.size());
    for (const Scalar element : x) {
        if (!std::isfinite(element)) continue;
        const auto value = static_cast<Real>(element);
        deviations += (value - s.mean) * (value - s.mean);
        const auto bin = width > 0 ? static_cast<std::size_t>((value - s.min) / width) : 0;
        ++s.histogram[std::min(bin, s.histogram.size() - 1)];
    }
    s.std = std::sqrt(deviations / static_cast<Real>(finite));
}

/// The mean of the finite elements in a block, or NaN if there are none.
Real block_mean(const Scalar* x, Index row_length, Index first_row, Index end_row, Index first, Index end) {
    Real sum = 0;
    Index count = 0;
    for (Index i = first_row; i < end_row; ++i)
        for (Index j = first; j < end; ++j)
            if (const Scalar value = x[i * row_length + j]; std::isfinite(value)) {
                sum += static_cast<Real>(value);
                ++count;
            }
    return count ? sum / static_cast<Real>(count) : std::nan("");
}

}  // namespace

Summary summarize(const Tensor& x, Index max_values) {
    Summary s;
    s.shape = x.shape();
    add_statistics(s, x.values());
    const Index columns = x.dim() ? x.size(-1) : 1;
    const Index rows = columns ? x.numel() / columns : 0;
    s.is_exact = x.numel() <= max_values;
    if (s.is_exact) {
        s.rows = rows;
        s.columns = columns;
        s.values.assign(x.values().begin(), x.values().end());
        return s;
    }
    s.rows = std::min(rows, most_blocks);
    s.columns = std::min(columns, most_blocks);
    for (Index i = 0; i < s.rows; ++i)
        for (Index j = 0; j < s.columns; ++j)
            s.values.push_back(block_mean(x.data(), columns, rows * i / s.rows, rows * (i + 1) / s.rows,
                                          columns * j / s.columns, columns * (j + 1) / s.columns));
    return s;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
