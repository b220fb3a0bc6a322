// The number of threads, one for the library and its BLAS.
//
// Knows OpenMP and OpenBLAS' thread call. OpenMP keeps its own number per calling thread, so the library holds one for all.
#include <tapehead/autograd/kernels/parallel.hpp>

#include <algorithm>
#include <atomic>
#include <string>

#include <omp.h>

#include <tapehead/autograd/error.hpp>

extern "C" void openblas_set_num_threads(int);  // as in OpenBLAS' cblas.h, whose C99 types C++ compilers warn about

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace {

std::atomic<int>& thread_setting() {
    static std::atomic<int> setting{omp_get_max_threads()};
    return setting;
}

}  // namespace

void set_num_threads(int n) {
    if (n < 1) throw ValueError("set_num_threads: expected at least 1 thread, got " + std::to_string(n));
    thread_setting().store(n, std::memory_order_relaxed);
    openblas_set_num_threads(n);
}

int num_threads() { return thread_setting().load(std::memory_order_relaxed); }

Index kernels::range_count(Index n, Index grain) {
    if (n < 2 * grain || omp_in_parallel()) return 1;
    return std::min(n / std::max(grain, Index{1}), Index{num_threads()});
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
