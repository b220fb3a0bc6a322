// How many threads the library uses.
#pragma once

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Sets how many threads the library uses, from the next operation on. Its BLAS runs within these. Throws ValueError for n < 1.
void set_num_threads(int n);

/// The number of threads in use; at first what OpenMP finds (OMP_NUM_THREADS or the number of cores).
int num_threads();

}  // namespace tapehead::inline TAPEHEAD_SCALAR
