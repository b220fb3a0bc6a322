// Threads over columns: how kernels walk x[outer, n, inner] along its middle axis.
//
// A strip is a run of neighbouring columns of one outer position, short enough for a thread to keep its running values in
// local arrays. A strip walks all of n, so that no result depends on where the cuts fall.
#pragma once

#include <tapehead/autograd/kernels/parallel.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// The most columns of a strip.
inline constexpr Index strip_width = 512;

/// Calls f(o, begin, end) for strips of columns that cover outer × inner; a column costs about n steps.
template <class F>
void for_strips(Index outer, Index n, Index inner, const F& f) {
    constexpr Index unit = 64;               // columns that threads never split: a few cache lines
    constexpr Index worth_a_thread = 65536;  // elements
    const Index units = (inner + unit - 1) / unit;
    const Index columns = inner < unit ? inner : unit;
    const Index grain = worth_a_thread / ((n > 0 ? n : 1) * (columns > 0 ? columns : 1)) + 1;
    parallel_for(outer * units, grain, [&](Index first, Index last) {
        while (first < last) {
            const Index o = first / units, begin = (first % units) * unit;
            Index end = begin + (last - first) * unit;
            if (end > inner) end = inner;
            if (end - begin > strip_width) end = begin + strip_width;
            f(o, begin, end);
            first += (end - begin + unit - 1) / unit;
        }
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
