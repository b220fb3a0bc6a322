// Matrix products of any shape and layout, on all threads, on one or in batches. Its source is the only one that calls BLAS.
#pragma once

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// One matrix product of a batch: op(A)[m, k] op(B)[k, n] → C[m, n], where op transposes if its flag is set.
struct Gemm {
    bool transpose_a = false, transpose_b = false;
    Index m, n, k;
    Index lda, ldb, ldc;           // distance between the rows in memory, as stored
    Scalar alpha = 1, beta = 0;    // C = α op(A) op(B) + β C; with β = 0, C is only written
    const Scalar* bias = nullptr;  // [n], added to every row of the result where β = 0
};

/// C = α op(A) op(B) + β C, cut into one part for each thread where it is large.
void gemm(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c);

/// Lets BLAS put its buffers in order for calls on one thread each; before a loop whose threads call gemm_on_this_thread.
void settle_blas();

/// The same on the calling thread alone, for loops that share out the work themselves.
void gemm_on_this_thread(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c);

/// The same for `batch` products, whose operands start at a + a_offsets[i], b + b_offsets[i], c + i c_stride.
///
/// Runs side by side what gives every thread a product of its own, and the rest one after another on all threads.
void gemm_batched(const Gemm& g, Index batch, const Scalar* a, const Index* a_offsets, const Scalar* b, const Index* b_offsets,
                  Scalar* c, Index c_stride);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
