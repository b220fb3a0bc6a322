// Matrix products on the calling thread: of small operands where they lie, of large ones in blocks that fit the caches.
//
// A block of rows × two batches of columns stays in registers while k runs; the left operand is read an element at a time, so
// that it may be transposed, the right one by rows. Large operands are first copied, a block at a time, into the order in which
// they are read (Goto and van de Geijn 2008). Every sum goes from k = 0 up, whatever the blocks.
#pragma once

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

/// Rows of a block: its sums, the batches of B and the element of A fill the registers.
inline constexpr int block_rows = lanes * sizeof(Scalar) == 64 ? 8 : 4;

/// C[R, batches] at c, from A at a, B at b and D, unless null, at d. The last batch of columns is `last`.
template <int R, int batches, class Last>
inline void product_block(const Product& p, const Scalar* a, const Scalar* b, const Scalar* d, Scalar* c, Last last) {
    Vec sum[R][batches];
    for (int r = 0; r < R; ++r)
        for (int j = 0; j < batches; ++j) sum[r][j] = Vec(Scalar{0});
    for (Index k = 0; k < p.k; ++k, a += p.a_column, b += p.b_row) {
        Vec row[batches];
        if constexpr (batches == 2) row[0] = load(b, Full{});
        row[batches - 1] = load(b + (batches - 1) * lanes, last);
        for (int r = 0; r < R; ++r) {
            const Vec element(a[r * p.a_row]);
            for (int j = 0; j < batches; ++j) sum[r][j] = fma(element, row[j], sum[r][j]);
        }
    }
    const Vec alpha(p.alpha);
    for (int r = 0; r < R; ++r) {
        const auto put = [&](Index j, auto part, Vec s) {
            const Vec scaled = alpha * s;
            store(c + r * p.c_row + j, part, d ? scaled + load(d + r * p.d_row + j, part) : scaled);
        };
        if constexpr (batches == 2) put(0, Full{}, sum[r][0]);
        put((batches - 1) * lanes, last, sum[r][batches - 1]);
    }
}

/// R rows of C, all columns.
template <int R>
inline void product_rows(const Product& p, const Scalar* a, const Scalar* b, const Scalar* d, Scalar* c) {
    const auto at = [&](Index j) { return d ? d + j : nullptr; };
    Index j = 0;
    for (; j + 2 * lanes <= p.n; j += 2 * lanes) product_block<R, 2>(p, a, b + j, at(j), c + j, Full{});
    if (j + lanes < p.n) product_block<R, 2>(p, a, b + j, at(j), c + j, Part{p.n - j - lanes});
    else if (j + lanes == p.n) product_block<R, 1>(p, a, b + j, at(j), c + j, Full{});
    else if (j < p.n) product_block<R, 1>(p, a, b + j, at(j), c + j, Part{p.n - j});
}

/// C = α A B + D
inline void small_product(const Product& p, const Scalar* a, const Scalar* b, Scalar* c) {
    Index i = 0;
    const auto rows = [&]<int R>() {
        for (; i + R <= p.m; i += R) product_rows<R>(p, a + i * p.a_row, b, p.d ? p.d + i * p.d_row : nullptr, c + i * p.c_row);
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

inline constexpr Index panel = 2 * lanes;  // columns of B that are read together

/// B[k, n] in panels, [n / panel][k][panel], the last one filled up with zeros. Element (k, j) of B is at k b_row + j b_column.
inline void pack_panels(const Scalar* b, Index b_row, Index b_column, Index k, Index n, Scalar* packed) {
    for (Index j = 0; j < n; j += panel, packed += k * panel) {
        const Index width = n - j < panel ? n - j : panel;
        if (width < panel)
            for (Index i = 0; i < k * panel; ++i) packed[i] = 0;
        if (b_column != 1) {
            transpose(b + j * b_column, b_column, packed, panel, width, k);
            continue;
        }
        for (Index i = 0; i < k; ++i)
            blocks(0, width,
                   [&](Index l, auto part) { store(packed + i * panel + l, part, load(b + i * b_row + j + l, part)); });
    }
}

/// A[m, k] with neighbouring rows together, [m / block_rows][k][block_rows], where element (i, k) of A is at i + k a_column.
inline void pack_rows(const Scalar* a, Index a_column, Index m, Index k, Scalar* packed) {
    for (Index i = 0; i < m; i += block_rows, packed += k * block_rows) {
        const Index height = m - i < block_rows ? m - i : block_rows;
        for (Index l = 0; l < k; ++l)
            for (Index r = 0; r < height; ++r) packed[l * block_rows + r] = a[l * a_column + i + r];
    }
}

/// C = α A B + D for operands of any size. `room` holds `large_product_room` numbers.
inline void large_product(const Product& p, Index b_column, const Scalar* a, const Scalar* b, Scalar* c, Scalar* room) {
    constexpr Index height = 128, depth = 256, width = 512;  // of a block: height × depth of A, depth × width of B
    static_assert(depth * (height + width) <= large_product_room && height % block_rows == 0 && width % panel == 0);
    Scalar *a_packed = room, *b_packed = room + height * depth;
    const auto block = [](Index n, Index at, Index size) { return n - at < size ? n - at : size; };
    for (Index j = 0; j < p.n; j += width)
        for (Index l = 0; l < p.k; l += depth) {
            Product q = p;
            q.n = block(p.n, j, width);
            q.k = block(p.k, l, depth);
            q.b_row = panel;
            if (l > 0) q.d_row = p.c_row;
            const Scalar* d = l > 0 ? c : p.d;  // later blocks of k add to what the first have left
            pack_panels(b + l * p.b_row + j * b_column, p.b_row, b_column, q.k, q.n, b_packed);
            for (Index i = 0; i < p.m; i += height) {
                const Index rows = block(p.m, i, height);
                const Scalar* a_block = a + i * p.a_row + l * p.a_column;
                if (p.a_column != 1) {
                    pack_rows(a_block, p.a_column, rows, q.k, a_packed);
                    a_block = a_packed;
                    q.a_row = 1;
                    q.a_column = block_rows;
                }
                const Index block_step = p.a_column != 1 ? q.k * block_rows : block_rows * p.a_row;
                for (Index s = 0; s < q.n; s += panel)
                    for (Index r = 0; r < rows; r += block_rows) {
                        Product tile = q;
                        tile.m = block(rows, r, block_rows);
                        tile.n = block(q.n, s, panel);
                        tile.d = d ? d + (i + r) * q.d_row + j + s : nullptr;
                        small_product(tile, a_block + r / block_rows * block_step, b_packed + s * q.k,
                                      c + (i + r) * p.c_row + j + s);
                    }
            }
        }
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
