// Threads: one loop over ranges, on the OpenMP pool that OpenBLAS shares.
//
// Knows nothing but sizes. A kernel states its grain, the least work that is worth a thread; anything smaller runs on the
// caller's thread without touching the pool.
#pragma once

#include <tapehead/autograd/threads.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// How many ranges a loop over n items is cut into: at most one a thread, each of at least `grain` items.
Index range_count(Index n, Index grain);

/// Calls f(begin, end) for ranges that cover [0, n), in parallel where n is at least twice `grain`.
///
/// Results must not depend on where the cuts fall. Inside another parallel loop it runs on the caller's thread.
template <class F>
void parallel_for(Index n, Index grain, const F& f) {
    const Index ranges = range_count(n, grain);
    if (ranges <= 1) {
        if (n > 0) f(Index{0}, n);
        return;
    }
    [[maybe_unused]] const int threads = static_cast<int>(ranges);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (Index r = 0; r < ranges; ++r) f(n * r / ranges, n * (r + 1) / ranges);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
