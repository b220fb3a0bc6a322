// Threads: one loop over ranges, on a pool of the library's own.
//
// Knows nothing but sizes. A kernel states its grain, the least work that is worth a thread; anything smaller runs on the
// caller's thread without touching the pool.
#pragma once

#include <tapehead/autograd/threads.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// How many ranges a loop over n items is cut into: at most one a thread, each of at least `grain` items.
Index range_count(Index n, Index grain);

/// Calls range(context, r) for each r in [0, ranges), on the caller's thread and any that are free to help; returns when all are
/// done, and throws what the first failing one threw.
void run_ranges(Index ranges, void (*range)(const void* context, Index r), const void* context);

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
    const auto one = [&](Index r) { f(n * r / ranges, n * (r + 1) / ranges); };
    run_ranges(
        ranges, [](const void* context, Index r) { (*static_cast<const decltype(one)*>(context))(r); }, &one);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
