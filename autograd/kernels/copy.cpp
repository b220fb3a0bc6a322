// Moving elements: loops over memory, plain enough for any compiler to make them fast, but for the square of a transpose.
#include <tapehead/autograd/kernels/copy.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <xsimd/xsimd.hpp>

#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/strips.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace {

constexpr Index grain = 65536;  // elements worth a thread

/// The grain of a loop whose every step moves `elements`.
Index grain_of(Index elements) { return grain / std::max(elements, Index{1}) + 1; }

void copy_row(const Scalar* x, Scalar* y, Index n) { std::memcpy(y, x, static_cast<std::size_t>(n) * sizeof(Scalar)); }

/// One loop of a strided copy.
struct Axis {
    Index extent, x, y;  // x, y: the strides of the two sides
};

/// The loops of a strided copy, outermost first, ordered by the strides of y.
struct Loops {
    Index rank = 0;
    Axis axis[max_rank];

    Index size(Index axes) const {
        Index n = 1;
        for (Index i = 0; i < axes; ++i) n *= axis[i].extent;
        return n;
    }

    /// Where the step number `at` of the outermost `axes` loops starts in x and y.
    void locate(Index axes, Index at, const Scalar*& x, Scalar*& y) const {
        for (Index i = axes - 1; i >= 0; --i) {
            const Index k = at % axis[i].extent;
            at /= axis[i].extent;
            x += k * axis[i].x;
            y += k * axis[i].y;
        }
    }
};

/// Drops axes of extent 1, orders them and merges neighbours that both sides step through as one.
Loops make_loops(Index rank, const Index* extents, const Index* x_strides, const Index* y_strides) {
    Axis axes[max_rank];
    Index count = 0;
    for (Index i = 0; i < rank; ++i)
        if (extents[i] != 1) axes[count++] = {extents[i], x_strides[i], y_strides[i]};
    std::stable_sort(axes, axes + count, [](const Axis& a, const Axis& b) { return std::abs(a.y) > std::abs(b.y); });
    Loops loops;
    for (Index i = 0; i < count; ++i) {
        Axis& last = loops.axis[std::max(loops.rank - 1, Index{0})];
        if (loops.rank > 0 && last.x == axes[i].x * axes[i].extent && last.y == axes[i].y * axes[i].extent)
            last = {last.extent * axes[i].extent, axes[i].x, axes[i].y};
        else loops.axis[loops.rank++] = axes[i];
    }
    if (loops.rank == 0) loops.axis[loops.rank++] = {1, 1, 1};
    return loops;
}

/// The last loop alone is the fastest of both sides, or of x in no other way than a stride.
void copy_rows(const Loops& loops, const Scalar* x, Scalar* y) {
    const Index outer = loops.rank - 1;
    const Axis row = loops.axis[outer];
    if (outer == 0 && row.x == 1 && row.y == 1)
        return parallel_for(row.extent, grain, [&](Index begin, Index end) { copy_row(x + begin, y + begin, end - begin); });
    parallel_for(loops.size(outer), grain_of(row.extent), [&](Index begin, Index end) {
        for (Index at = begin; at < end; ++at) {
            const Scalar* from = x;
            Scalar* to = y;
            loops.locate(outer, at, from, to);
            if (row.x == 1 && row.y == 1) copy_row(from, to, row.extent);
            else
                for (Index i = 0; i < row.extent; ++i) to[i * row.y] = from[i * row.x];
        }
    });
}

constexpr Index tile = 64 / sizeof(Scalar);  // elements of a cache line
constexpr Index band = 4 * tile;             // lines read from a page of x before the next page

using Vec = xsimd::batch<Scalar>;    // of the smallest instruction set, which is all that a transpose needs
constexpr Index square = Vec::size;  // 4 or 2

/// y[i, j] = x[j, i] of a square, in registers: interleaving rows j and j + square/2 transposes in log₂(square) rounds.
void transpose_square(const Scalar* x, Index x_stride, Scalar* y, Index y_stride) {
    Vec rows[square], next[square];
    for (Index j = 0; j < square; ++j) rows[j] = Vec::load_unaligned(x + j * x_stride);
    for (Index round = 1; round < square; round *= 2) {
        for (Index j = 0; j < square / 2; ++j) {
            next[2 * j] = xsimd::zip_lo(rows[j], rows[j + square / 2]);
            next[2 * j + 1] = xsimd::zip_hi(rows[j], rows[j + square / 2]);
        }
        for (Index j = 0; j < square; ++j) rows[j] = next[j];
    }
    for (Index i = 0; i < square; ++i) rows[i].store_unaligned(y + i * y_stride);
}

/// y[r, c] = x[r, c] over rows × columns, where x runs fastest along r and y along c: whole squares where both steps are 1.
void copy_tile(Axis r, Axis c, Index rows, Index columns, const Scalar* x, Scalar* y) {
    const bool unit_steps = r.x == 1 && c.y == 1;
    const Index whole_rows = unit_steps ? rows / square * square : 0, whole_columns = columns / square * square;
    for (Index i = 0; i < whole_rows; i += square)
        for (Index j = 0; j < whole_columns; j += square) transpose_square(x + i + j * c.x, c.x, y + i * r.y + j, r.y);
    for (Index i = 0; i < rows; ++i)
        for (Index j = i < whole_rows ? whole_columns : 0; j < columns; ++j) y[i * r.y + j * c.y] = x[i * r.x + j * c.x];
}

/// The last loop is the fastest of y and loop `fast` that of x: tiles of these two, within all the others.
void copy_tiles(Loops loops, Index fast, const Scalar* x, Scalar* y) {
    const Axis r = loops.axis[fast], c = loops.axis[loops.rank - 1];
    std::rotate(loops.axis + fast, loops.axis + fast + 1, loops.axis + loops.rank - 1);
    const Index outer = loops.rank - 2, bands = (r.extent + band - 1) / band;
    parallel_for(loops.size(outer) * bands, grain_of(band * c.extent), [&](Index begin, Index end) {
        for (Index at = begin; at < end; ++at) {
            const Index i = at % bands * band, rows = std::min(band, r.extent - i);
            const Scalar* from = x + i * r.x;
            Scalar* to = y + i * r.y;
            loops.locate(outer, at / bands, from, to);
            for (Index j = 0; j < c.extent; j += tile)
                copy_tile(r, c, rows, std::min(tile, c.extent - j), from + j * c.x, to + j * c.y);
        }
    });
}

}  // namespace

void strided_copy(Index rank, const Index* extents, const Scalar* x, const Index* x_strides, Scalar* y,
                  const Index* y_strides) {
    const Loops loops = make_loops(rank, extents, x_strides, y_strides);
    if (loops.size(loops.rank) == 0) return;
    Index fast = loops.rank - 1;  // the loop along which x steps least; a repeated element is no step
    for (Index i = 0; i < loops.rank; ++i) {
        const Index step = std::abs(loops.axis[i].x);
        if (step != 0 && step < std::abs(loops.axis[fast].x)) fast = i;
    }
    if (fast == loops.rank - 1) copy_rows(loops, x, y);
    else copy_tiles(loops, fast, x, y);
}

void take(const Scalar* x, const Id* ids, Scalar* y, Index outer, Index n, Index count, Index inner) {
    parallel_for(outer * count, grain_of(inner), [&](Index begin, Index end) {
        for (Index at = begin; at < end; ++at) copy_row(x + (at / count * n + ids[at % count]) * inner, y + at * inner, inner);
    });
}

void take_backward(const Scalar* x, const Id* ids, Scalar* y, Index outer, Index n, Index count, Index inner) {
    for_strips(outer, count, inner, [&](Index o, Index begin, Index end) {
        for (Index j = 0; j < count; ++j) {
            const Scalar* from = x + (o * count + j) * inner;
            Scalar* to = y + (o * n + ids[j]) * inner;
            for (Index i = begin; i < end; ++i) to[i] += from[i];
        }
    });
}

void gather(const Scalar* x, const Id* ids, Scalar* y, Index outer, Index n, Index count, Index inner) {
    parallel_for(outer * count, grain_of(inner), [&](Index begin, Index end) {
        for (Index at = begin; at < end; ++at)
            for (Index i = 0; i < inner; ++i) y[at * inner + i] = x[(at / count * n + ids[at * inner + i]) * inner + i];
    });
}

void gather_backward(const Scalar* x, const Id* ids, Scalar* y, Index outer, Index n, Index count, Index inner) {
    for_strips(outer, count, inner, [&](Index o, Index begin, Index end) {
        for (Index j = 0; j < count; ++j) {
            const Index row = (o * count + j) * inner;
            for (Index i = begin; i < end; ++i) y[(o * n + ids[row + i]) * inner + i] += x[row + i];
        }
    });
}

void cumsum(const Scalar* x, Scalar* y, Index outer, Index n, Index inner, bool reverse, bool exclusive) {
    for_strips(outer, n, inner, [&](Index o, Index begin, Index end) {
        Real sum[strip_width] = {};
        for (Index j = 0; j < n; ++j) {
            const Index row = (o * n + (reverse ? n - 1 - j : j)) * inner;
            for (Index i = begin; i < end; ++i) {
                const Real before = sum[i - begin], after = before + x[row + i];
                sum[i - begin] = after;
                y[row + i] = static_cast<Scalar>(exclusive ? before : after);
            }
        }
    });
}

void argmax(const Scalar* x, Id* y, Index outer, Index n, Index inner, bool smallest) {
    const Scalar sign = smallest ? Scalar{-1} : Scalar{1};
    for_strips(outer, n, inner, [&](Index o, Index begin, Index end) {
        Scalar best[strip_width] = {};
        for (Index j = 0; j < n; ++j) {
            const Scalar* row = x + (o * n + j) * inner;
            for (Index i = begin; i < end; ++i) {
                const Scalar value = sign * row[i], sofar = best[i - begin];
                const bool wins = value > sofar || value != value;  // a NaN beats every number, and nothing beats a NaN
                if (j > 0 && (sofar != sofar || !wins)) continue;
                best[i - begin] = value;
                y[o * inner + i] = j;
            }
        }
    });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
