// The numbers of a tensor as a person looks at them: statistics, a histogram, and a matrix that fits a screen.
#pragma once

#include <array>
#include <vector>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// A summary of a tensor. Statistics are over the finite elements, 0 if there are none.
struct Summary {
    Shape shape;                               ///< of the tensor
    Real min = 0, max = 0, mean = 0, std = 0;  ///< the least, the greatest, their mean and standard deviation
    Real norm = 0;                             ///< √ Σ x²
    Index zeros = 0, nonfinite = 0;            ///< how many are 0, and how many NaN or infinite
    std::array<Index, 16> histogram = {};      ///< counts in equal parts of [min, max]

    Index rows = 1, columns = 1;  ///< of the matrix shown: the last axis across, all others down; a larger one in blocks
    bool is_exact = true;         ///< whether `values` are the elements, or the means of blocks
    std::vector<Real> values;     ///< [rows, columns]
};

/// `max_values`: up to how many elements are shown as they are; beyond that the means over at most 24 × 24 blocks.
Summary summarize(const Tensor& x, Index max_values = 1024);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
