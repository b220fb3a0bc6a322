// Matrix products: ours where both operands fit a core's cache or where BLAS is the slower one, OpenBLAS' for the rest.
//
// A large product is cut into one part for each thread, and each call of BLAS runs on the thread that makes it. Knows xtensor-blas'
// cxxblas::gemm, whose overloads choose sgemm or dgemm by type. xblas_config.hpp defines HAVE_CBLAS, without which cxxblas would
// run its own generic loops, a hundred times slower.
#include <tapehead/autograd/kernels/gemm.hpp>

#include <algorithm>
#include <complex>  // which cxxblas needs and does not include
#include <limits>
#include <string_view>

#include <xtensor-blas/xblas_config.hpp>
#include <omp.h>
#include <xflens/cxxblas/cxxblas.cxx>

#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/workspace.hpp>

// As in OpenBLAS' cblas.h, whose C99 types C++ compilers warn about.
extern "C" {
char* openblas_get_corename();
int openblas_get_num_threads();
void openblas_set_num_threads(int);
}

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace {

/// C = β C, all that is left of a product with k = 0; β = 0 writes zeros over whatever was there.
void scale(const Gemm& g, Scalar* c) {
    for (Index i = 0; i < g.m; ++i)
        for (Index j = 0; j < g.n; ++j) c[i * g.ldc + j] = g.beta == 0 ? Scalar{0} : g.beta * c[i * g.ldc + j];
}

/// Whether BLAS can be told all extents and distances: its integers are of 32 bits.
bool fits_blas(const Gemm& g) {
    return std::max({g.m, g.n, g.k, g.lda, g.ldb, g.ldc}) <= std::numeric_limits<xt::blas_index_t>::max();
}

xt::blas_index_t blas_size(Index extent) { return static_cast<xt::blas_index_t>(extent); }

/// The distance between rows as BLAS takes it: of a single row it may be anything, but BLAS insists on at least the row's length.
xt::blas_index_t blas_distance(Index distance, Index length) { return blas_size(std::max(distance, length)); }

void blas_gemm(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) {
    using cxxblas::NoTrans, cxxblas::Trans;
    if (g.k <= 0) return scale(g, c);
    cxxblas::gemm(cxxblas::RowMajor, g.transpose_a ? Trans : NoTrans, g.transpose_b ? Trans : NoTrans, blas_size(g.m),
                  blas_size(g.n), blas_size(g.k), g.alpha, a, blas_distance(g.lda, g.transpose_a ? g.m : g.k), b,
                  blas_distance(g.ldb, g.transpose_b ? g.k : g.n), g.beta, c, blas_distance(g.ldc, g.n));
}

/// C = α op(A) op(B) + C for a few rows of A: a product would first copy all of B, which takes as long as using it once.
void few_rows(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) {
    const Index rows = g.transpose_b ? g.n : g.k, columns = g.transpose_b ? g.k : g.n;  // of B as stored
    for (Index i = 0; i < g.m; ++i)
        cxxblas::gemv(cxxblas::RowMajor, g.transpose_b ? cxxblas::NoTrans : cxxblas::Trans, blas_size(rows), blas_size(columns),
                      g.alpha, b, blas_distance(g.ldb, columns), a + i * (g.transpose_a ? 1 : g.lda),
                      blas_size(g.transpose_a ? g.lda : 1), Scalar{1}, c + i * g.ldc, 1);
}

/// Calls f with OpenBLAS on the calling thread alone. It takes its number of threads from OpenMP, where it belongs to the caller;
/// always meeting the same number, it never moves its buffers about.
template <class F>
void on_one_thread(const F& f) {
    const int threads = omp_get_max_threads();
    if (threads != 1) omp_set_num_threads(1);
    f();
    if (threads != 1) omp_set_num_threads(threads);
}

/// Whether both operands fit a core's own cache, with room to spare: packing them, as BLAS does, costs more than it saves.
bool is_small(const Gemm& g) {
    constexpr Index fits = 128 * 128;
    return g.k * g.n <= fits && (!g.transpose_a || g.m * g.k <= fits);
}

/// Whether our registers are wider than those that BLAS uses: then our product is the faster one for large operands too. OpenBLAS
/// takes AVX2 kernels on processors that it does not know, and wherever OPENBLAS_CORETYPE says so.
bool outruns_blas() {
    static const bool wider = [] {
        const std::string_view core = openblas_get_corename();
        const bool wide_blas = core == "SkylakeX" || core == "Cooperlake" || core == "SapphireRapids";
        return simd().bytes == 64 && !wide_blas;
    }();
    return wider;
}

Product product_of(const Gemm& g, const Scalar* c) {
    Product p{.m = g.m,
              .n = g.n,
              .k = g.k,
              .a_row = g.transpose_a ? 1 : g.lda,
              .a_column = g.transpose_a ? g.lda : 1,
              .b_row = g.transpose_b ? 1 : g.ldb,
              .c_row = g.ldc,
              .alpha = g.alpha};
    if (g.beta == 1) {
        p.d = c;
        p.d_row = g.ldc;
    } else if (g.bias) {
        p.d = g.bias;
    }
    return p;
}

void small_gemm(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) {
    thread_local Workspace workspace;
    Product p = product_of(g, c);
    if (g.transpose_b) {
        Scalar* upright = workspace.of(g.k * g.n);
        simd().transpose(b, g.ldb, upright, g.n, g.n, g.k);
        b = upright;
        p.b_row = g.n;
    }
    simd().small_product(p, a, b, c);
}

void large_gemm(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) {
    thread_local Workspace workspace;
    simd().large_product(product_of(g, c), g.transpose_b ? g.ldb : 1, a, b, c, workspace.of(large_product_room));
}

/// Rows [row, row + m) and columns [column, column + n) of C.
struct Part {
    Index row, column, m, n;
};

/// One part of a product, in the fastest of the ways it can go.
void multiply(Gemm g, const Part& part, const Scalar* a, const Scalar* b, Scalar* c) {
    if (part.m <= 0 || part.n <= 0) return;
    a += part.row * (g.transpose_a ? 1 : g.lda);
    b += part.column * (g.transpose_b ? g.ldb : 1);
    c += part.row * g.ldc + part.column;
    g.m = part.m;
    g.n = part.n;
    if (g.bias) g.bias += part.column;
    const bool fits = fits_blas(g);
    if (!fits && g.beta != 0 && g.beta != 1) {
        scale(g, c);
        g.beta = 1;
    }
    const bool adds = g.k > 0 && (g.beta == 0 || g.beta == 1);  // at most, to C or a bias: what ours can do
    const bool few = adds && fits && g.m <= 4 && (g.transpose_b || !is_small(g));
    if (adds && !few && is_small(g)) return small_gemm(g, a, b, c);
    if (adds && !few && (!fits || outruns_blas())) return large_gemm(g, a, b, c);
    if (g.beta == 0 && (g.bias || few)) {  // the others add to what is there
        for (Index i = 0; i < g.m; ++i)
            for (Index j = 0; j < g.n; ++j) c[i * g.ldc + j] = g.bias ? g.bias[j] : Scalar{0};
        g.beta = 1;
    }
    on_one_thread([&] {
        if (few) few_rows(g, a, b, c);
        else blas_gemm(g, a, b, c);
    });
}

constexpr Index worth_a_thread = Index{1} << 19;  // multiplications

/// How many parts the rows and the columns of C are cut into.
struct Cut {
    Index rows = 1, columns = 1;
};

/// One part for each thread that is worth it, as square as can be, so that the operands are read as little as can be.
Cut cut(const Gemm& g) {
    const Index parts = range_count(g.m * g.n * g.k, worth_a_thread);
    Cut best{parts, 1};
    for (Index rows = 1; rows <= parts; ++rows)
        if (parts % rows == 0 && g.m / rows + g.n * rows / parts < g.m / best.rows + g.n / best.columns)
            best = {rows, parts / rows};
    return best;
}

/// Where part i of `parts` starts in n rows or columns: at multiples of what a kernel takes at once.
Index start_of(Index i, Index parts, Index n) {
    constexpr Index unit = 16;
    return i == parts ? n : n * i / parts / unit * unit;
}

}  // namespace

void settle_blas() {
    if (openblas_get_num_threads() != 1) on_one_thread([] { openblas_set_num_threads(1); });
}

void gemm(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) {
    settle_blas();
    const Cut parts = cut(g);
    if (parts.rows * parts.columns == 1) return gemm_on_this_thread(g, a, b, c);
    parallel_for(parts.rows * parts.columns, 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
            const Index r = i / parts.columns, s = i % parts.columns;
            const Index row = start_of(r, parts.rows, g.m), column = start_of(s, parts.columns, g.n);
            multiply(g, {row, column, start_of(r + 1, parts.rows, g.m) - row, start_of(s + 1, parts.columns, g.n) - column}, a,
                     b, c);
        }
    });
}

void gemm_on_this_thread(const Gemm& g, const Scalar* a, const Scalar* b, Scalar* c) { multiply(g, {0, 0, g.m, g.n}, a, b, c); }

void gemm_batched(const Gemm& g, Index batch, const Scalar* a, const Index* a_offsets, const Scalar* b, const Index* b_offsets,
                  Scalar* c, Index c_stride) {
    if (batch < num_threads()) {
        for (Index i = 0; i < batch; ++i) gemm(g, a + a_offsets[i], b + b_offsets[i], c + i * c_stride);
        return;
    }
    settle_blas();
    const Index work = std::max(g.m * g.n * g.k, Index{1});
    parallel_for(batch, worth_a_thread / work + 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) gemm_on_this_thread(g, a + a_offsets[i], b + b_offsets[i], c + i * c_stride);
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
