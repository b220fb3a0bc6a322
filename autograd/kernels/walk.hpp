// Broadcasting for kernels: nested loops over an output, with a stride for each input.
//
// Knows extents and strides only. A Walk is built once per call, with neighbouring axes merged wherever all inputs allow it,
// so that the usual shapes (equal, a scalar, a row, a column) end as one or two loops.
#pragma once

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// Loops over a row-major output with up to three broadcast inputs, outermost axis first.
///
/// An input's stride is 0 along an axis on which it is broadcast. The innermost stride of an input is 0 or 1. Rank is at
/// least 1. `size` is the number of output elements.
struct Walk {
    Index rank = 1;
    Index size = 1;
    Index extent[max_rank];  // not filled beyond the rank, for the sake of small operations
    Index stride[3][max_rank];
};

/// The extents of one operand, outermost first.
struct Extents {
    const Index* dims;
    Index rank;
};

/// The walk of an output over up to three contiguous inputs, whose extents broadcast to it.
Walk make_walk(Extents out, Extents a, Extents b = {nullptr, 0}, Extents c = {nullptr, 0});

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
