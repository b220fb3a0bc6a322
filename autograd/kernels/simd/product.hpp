// Small matrix products within a tile: operands that lie in cache, on the calling thread, without the packing of a GEMM.
//
// A block of rows × two batches of columns stays in registers while k runs; the left operand is read an element at a time, so
// that it may be transposed, the right one by rows. Every sum goes from k = 0 up, whatever the block.
#pragma once

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

/// Rows of a block: its sums, the batches of B and the element of A fill the registers.
inline constexpr int block_rows = lanes * sizeof(Scalar) == 64 ? 8 : 4;

/// C[R, batches] at c, from A at a and B at b. The last batch of columns is `last`.
template <int R, int batches, class Last>
inline void product_block(const SmallProduct& p, const Scalar* a, const Scalar* b, Scalar* c, Last last) {
    Vec sum[R][batches];
    for (int r = 0; r < R; ++r)
        for (int j = 0; j < batches; ++j) sum[r][j] = Vec(Scalar{0});
    for (Index k = 0; k < p.k; ++k, a += p.a_column, b += p.b_row) {
        Vec row[batches];
        if constexpr (batches == 2) row[0] = load(b, Full{});
        row[batches - 1] = load(b + (batches - 1) * lanes, last);
        for (int r = 0; r < R; ++r) {
            const Vec element(a[r * p.a_row]);
            for (int j = 0; j < batches; ++j) sum[r][j] = xsimd::fma(element, row[j], sum[r][j]);
        }
    }
    const Vec alpha(p.alpha);
    for (int r = 0; r < R; ++r, c += p.c_row) {
        const auto put = [&](Scalar* to, auto part, Vec s) {
            store(to, part, p.add ? xsimd::fma(alpha, s, load(to, part)) : alpha * s);
        };
        if constexpr (batches == 2) put(c, Full{}, sum[r][0]);
        put(c + (batches - 1) * lanes, last, sum[r][batches - 1]);
    }
}

/// R rows of C, all columns.
template <int R>
inline void product_rows(const SmallProduct& p, const Scalar* a, const Scalar* b, Scalar* c) {
    Index j = 0;
    for (; j + 2 * lanes <= p.n; j += 2 * lanes) product_block<R, 2>(p, a, b + j, c + j, Full{});
    if (j + lanes < p.n) product_block<R, 2>(p, a, b + j, c + j, Part{p.n - j - lanes});
    else if (j + lanes == p.n) product_block<R, 1>(p, a, b + j, c + j, Full{});
    else if (j < p.n) product_block<R, 1>(p, a, b + j, c + j, Part{p.n - j});
}

/// C = α A B, or α A B added to C.
inline void small_product(const SmallProduct& p, const Scalar* a, const Scalar* b, Scalar* c) {
    Index i = 0;
    const auto rows = [&]<int R>() {
        for (; i + R <= p.m; i += R) product_rows<R>(p, a + i * p.a_row, b, c + i * p.c_row);
    };
    rows.template operator()<block_rows>();
    if constexpr (block_rows == 8) rows.template operator()<4>();
    rows.template operator()<2>();
    rows.template operator()<1>();
}

/// y[column, row] = x[row, column], rows of x and of y at a distance of x_row and y_row.
inline void transpose(const Scalar* x, Index x_row, Scalar* y, Index y_row, Index rows, Index columns) {
    constexpr Index block = 8;  // columns of y that are written together
    Index i = 0;
    for (; i + block <= rows; i += block)
        for (Index j = 0; j < columns; ++j) {
            const Scalar* from = x + i * x_row + j;
            Scalar* to = y + j * y_row + i;
            for (Index r = 0; r < block; ++r) to[r] = from[r * x_row];
        }
    for (; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) y[j * y_row + i] = x[i * x_row + j];
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
