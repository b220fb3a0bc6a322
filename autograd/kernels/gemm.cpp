// Matrix products on OpenBLAS.
//
// Knows xtensor-blas' cxxblas::gemm, whose overloads choose sgemm or dgemm by type. xblas_config.hpp defines HAVE_CBLAS,
// without which cxxblas would run its own generic loops, a hundred times slower.
#include <tapehead/autograd/kernels/gemm.hpp>

#include <algorithm>
#include <complex>  // which cxxblas needs and does not include

#include <xtensor-blas/xblas_config.hpp>
#include <omp.h>
#include <xflens/cxxblas/cxxblas.cxx>

#include <tapehead/autograd/kernels/parallel.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace {

/// OpenBLAS takes its number of threads from OpenMP, where it belongs to the calling thread.
void match_threads() {
    if (omp_in_parallel()) return;  // OpenBLAS then runs on this thread alone
    if (omp_get_max_threads() != num_threads()) omp_set_num_threads(num_threads());
}

/// C = β C, all that is left of a product with k = 0 or α = 0; β = 0 writes zeros over whatever was there.
void scale(const Gemm& g, Scalar* c) {
    for (Index i = 0; i < g.m; ++i)
        for (Index j = 0; j < g.n; ++j) c[i * g.ldc + j] = g.beta == 0 ? Scalar{0} : g.beta * c[i * g.ldc + j];
}

void blas_gemm(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) {
    using cxxblas::NoTrans, cxxblas::Trans;
    if (g.m <= 0 || g.n <= 0) return;
    if (g.k <= 0) return scale(g, c);
    // A matrix of one row may come with any distance between rows, but BLAS insists on at least the row's length.
    const auto ld = [](Index distance, Index length) { return static_cast<xt::blas_index_t>(std::max(distance, length)); };
    const auto size = [](Index extent) { return static_cast<xt::blas_index_t>(extent); };
    cxxblas::gemm(cxxblas::RowMajor, g.transpose_a ? Trans : NoTrans, g.transpose_b ? Trans : NoTrans, size(g.m), size(g.n),
                  size(g.k), g.alpha, a, ld(g.lda, g.transpose_a ? g.m : g.k), b, ld(g.ldb, g.transpose_b ? g.k : g.n), g.beta,
                  c, ld(g.ldc, g.n));
}

}  // namespace

void gemm(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) {
    match_threads();
    blas_gemm(g, a, b, c);
}

void gemm_on_this_thread(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) {
    if (omp_in_parallel()) return blas_gemm(g, a, b, c);
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    blas_gemm(g, a, b, c);
    omp_set_num_threads(threads);
}

void gemm_batched(const Gemm& g, Index batch, const Scalar* a, const Index* a_offsets, const Scalar* b, const Index* b_offsets,
                  Scalar* c, Index c_stride) {
    constexpr Index worth_a_thread = 64 * 64 * 64, fills_all_threads = 512 * 512 * 512;  // multiplications
    match_threads();
    const Index work = std::max(g.m * g.n * g.k, Index{1});
    const bool side_by_side = work < fills_all_threads && batch >= num_threads();
    parallel_for(batch, side_by_side ? worth_a_thread / work + 1 : batch, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) blas_gemm(g, a + a_offsets[i], b + b_offsets[i], c + i * c_stride);
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
