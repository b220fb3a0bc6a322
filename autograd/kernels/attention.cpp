// Attention, tile by tile; see attention.hpp. What a thread writes, no other thread touches.
#include <tapehead/autograd/kernels/attention.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <tapehead/autograd/kernels/gemm.hpp>
#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/workspace.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace {

constexpr Index tile_rows = 64, tile_columns = 256;  // their scores fit the second-level cache
constexpr Index worth_a_thread = 1 << 18;            // multiplications

Index tiles(Index n, Index size) { return (n + size - 1) / size; }

/// Items that are worth a thread, if each takes this many multiplications.
Index grain_of(Index work) { return worth_a_thread / std::max<Index>(work, 1) + 1; }

/// Multiplications of some rows of scores; what else a row takes, its softmax above all, counts as so many more.
Index work_of(const AttentionPlan& a, Index rows) {
    constexpr Index of_a_row = 2048;
    return rows * (a.keys * (a.width + a.value_width) + of_a_row);
}

/// A range of queries or of keys.
struct Range {
    Index begin, end;
    Index size() const { return end - begin; }
    bool empty() const { return begin >= end; }
};

Range tile_of(Index index, Index size, Index n) { return {index * size, std::min(n, (index + 1) * size)}; }

Index keys_of(const AttentionPlan& a, Index b) { return a.lengths ? std::min(a.keys, a.lengths[b]) : a.keys; }

/// The keys that some query of the range may attend to, as far as band and length say.
Range keys_in_reach(const AttentionPlan& a, Index b, Range queries) {
    return {std::max<Index>(0, queries.begin + a.first), std::min(keys_of(a, b), queries.end + a.last)};
}

/// The queries that may attend to some key of the range.
Range queries_in_reach(const AttentionPlan& a, Range keys) {
    return {std::max<Index>(0, keys.begin - a.last), std::min(a.queries, keys.end - a.first)};
}

template <class T>
T* rows_at(T* x, const HeadStrides& s, Index b, Index h, Index t) {
    return x ? x + b * s.batch + h * s.head + t * s.row : nullptr;
}

ScoreTile score_tile(const AttentionPlan& a, Index b, Index h, Range queries, Range keys) {
    const Index shift = queries.begin - keys.begin;
    return {.rows = queries.size(),
            .columns = keys.size(),
            .stride = tiles(keys.size(), 16) * 16,
            .softcap = a.softcap,
            .first = a.first + shift,
            .last = a.last + shift,
            .allowed = a.allowed.at(b, h, queries.begin, keys.begin),
            .allowed_row = a.allowed.stride[2],
            .allowed_column = a.allowed.stride[3],
            .bias = a.bias.at(b, h, queries.begin, keys.begin),
            .bias_row = a.bias.stride[2],
            .bias_column = a.bias.stride[3],
            .slope = a.slopes ? a.slopes[h] : 0,
            .place = a.place + shift};
}

thread_local Workspace workspace;

/// keep[rows, stride]: what dropout multiplies the weights of a tile by.
void fill_keep(const AttentionPlan& a, Index b, Index h, Range queries, Range keys, Index stride, Scalar* keep) {
    for (Index i = queries.begin; i < queries.end; ++i, keep += stride) {
        const Index first = ((b * a.heads + h) * a.queries + i) * a.keys + keys.begin;
        dropout_factors(a.key, a.dropout, first, keep, keys.size());
    }
}

/// A = x[m, k] or, transposed, x[k, m], with rows at a distance of `row`.
struct Left {
    const Scalar* x;
    Index row;
    bool transposed = false;
};

/// C = α A B, or added to C; B[k, n] and C[m, n] with rows at a distance of b_row and c_row.
void multiply(Index m, Index n, Index k, Scalar alpha, Left a, const Scalar* b, Index b_row, bool add, Scalar* c, Index c_row) {
    simd().small_product({.m = m,
                          .n = n,
                          .k = k,
                          .a_row = a.transposed ? 1 : a.row,
                          .a_column = a.transposed ? a.row : 1,
                          .b_row = b_row,
                          .c_row = c_row,
                          .alpha = alpha,
                          .d = add ? c : nullptr,
                          .d_row = c_row},
                         a.x, b, c);
}

/// One head's keys or values with the transposed copy that scores are made from: panels [D, row] of up to tile_columns of them.
///
/// A copy is worth its making if enough queries read it; a few, as in a step of decoding, take the rows as they are.
class Panels {
public:
    static constexpr Index worth_a_copy = 8;  // queries
    static Index row_of(Index n) { return std::min(tiles(n, 16) * 16, tile_columns); }
    /// Room for n rows of the given width, and for what is read beyond the last one.
    static Index room(Index n, Index width) { return tiles(n, tile_columns) * row_of(n) * width + tile_columns; }

    Panels(const Scalar* x, Index x_row, Index width, Index n, Index queries, Scalar* copy)
        : x_(x), x_row_(x_row), width_(width), row_(row_of(n)), copy_(queries < worth_a_copy ? nullptr : copy) {
        for (Index begin = 0; copy_ && begin < n; begin += tile_columns)
            simd().transpose(x + begin * x_row, x_row, copy_ + begin / tile_columns * row_ * width, row_,
                             std::min(tile_columns, n - begin), width);
    }

    /// C[m, keys] = α A Xᵀ for rows of X within one tile; writes up to 15 columns more, of no meaning.
    void multiply_into(Index m, Scalar alpha, Left a, Range rows, Scalar* c, Index c_row) const {
        if (copy_) {
            const Index tile = rows.begin / tile_columns;
            return multiply(m, tiles(rows.size(), 16) * 16, width_, alpha, a,
                            copy_ + tile * row_ * width_ + rows.begin - tile * tile_columns, row_, false, c, c_row);
        }
        gemm_on_this_thread({.transpose_a = false,
                             .transpose_b = true,
                             .m = m,
                             .n = rows.size(),
                             .k = width_,
                             .lda = a.row,
                             .ldb = x_row_,
                             .ldc = c_row,
                             .alpha = alpha},
                            a.x, x_ + rows.begin * x_row_, c);
    }

private:
    const Scalar* x_;
    Index x_row_, width_, row_;
    Scalar* copy_;
};

/// The keys of one tile that lie in reach.
Range keys_of_tile(Index tile, Range reach) {
    return {std::max(reach.begin, tile * tile_columns), std::min(reach.end, (tile + 1) * tile_columns)};
}

/// The output of one tile of queries, gathered over tiles of keys; `room` holds two tiles and rows of values.
void attend(const AttentionPlan& a, const Scalar* q, const Panels& k, const Scalar* v, Scalar* o, Scalar* lse, Index b, Index h,
            Range queries, Scalar* room) {
    Scalar *scores = room, *keep = scores + tile_rows * tile_columns, *total = keep + tile_rows * tile_columns;
    Scalar max[tile_rows], rescale[tile_rows];
    Real sum[tile_rows];
    const Index rows = queries.size(), width = a.value_width, kv = h / (a.heads / a.kv_heads);
    std::fill_n(max, rows, -std::numeric_limits<Scalar>::infinity());
    std::fill_n(sum, rows, Real{0});
    const Left q_rows{rows_at(q, a.q, b, h, queries.begin), a.q.row};
    const Range reach = keys_in_reach(a, b, queries);
    if (reach.empty()) std::fill_n(total, rows * width, Scalar{0});
    bool first = true;
    for (Index j = reach.begin / tile_columns; j * tile_columns < reach.end; ++j, first = false) {
        const Range keys = keys_of_tile(j, reach);
        const ScoreTile t = score_tile(a, b, h, queries, keys);
        k.multiply_into(rows, a.scale, q_rows, keys, scores, t.stride);
        if (a.dropout > 0) fill_keep(a, b, h, queries, keys, t.stride, keep);
        simd().attention_tile(t, scores, a.dropout > 0 ? keep : nullptr, max, sum, rescale);
        for (Index r = 0; r < rows && !first; ++r)
            if (rescale[r] != 1)
                for (Index d = 0; d < width; ++d) total[r * width + d] *= rescale[r];
        multiply(rows, width, t.columns, 1, {scores, t.stride}, rows_at(v, a.v, b, kv, keys.begin), a.v.row, !first, total,
                 width);
    }
    Scalar log_sum[tile_rows];
    std::copy_n(sum, rows, log_sum);
    simd().unary(Unary::log, 0, 0, log_sum, log_sum, rows);
    for (Index r = 0; r < rows; ++r) {
        Scalar* row = rows_at(o, a.o, b, h, queries.begin + r);
        const Scalar scale = sum[r] == 0 ? 0 : static_cast<Scalar>(1 / sum[r]);
        for (Index d = 0; d < width; ++d) row[d] = scale * total[r * width + d];
        lse[(b * a.heads + h) * a.queries + queries.begin + r] = max[r] + log_sum[r];
    }
}

/// What the backward pass reads.
struct Backward {
    const AttentionPlan& a;
    const Scalar *q, *k, *v, *lse, *d_o, *dots;
};

/// Adds to the gradients what one tile gives them; `k` and `v` hold the head's keys and values from number `origin` on, `room`
/// has space for three tiles and a row.
void attend_backward(const Backward& in, const AttentionGradients& d, Index b, Index h, Range queries, Range keys,
                     const Panels& k, const Panels& v, Index origin, Scalar* room) {
    const AttentionPlan& a = in.a;
    const Index kv = h / (a.heads / a.kv_heads), row = (b * a.heads + h) * a.queries + queries.begin;
    const Index rows = queries.size(), columns = keys.size();
    Scalar *scores = room, *ds = scores + tile_rows * tile_columns, *keep = ds + tile_rows * tile_columns,
           *slope = keep + tile_rows * tile_columns;
    const ScoreTile t = score_tile(a, b, h, queries, keys);
    const Range held{keys.begin - origin, keys.end - origin};
    const Scalar *q = rows_at(in.q, a.q, b, h, queries.begin), *d_o = rows_at(in.d_o, a.o, b, h, queries.begin);
    k.multiply_into(rows, a.scale, {q, a.q.row}, held, scores, t.stride);
    v.multiply_into(rows, 1, {d_o, a.o.row}, held, ds, t.stride);
    if (a.dropout > 0) fill_keep(a, b, h, queries, keys, t.stride, keep);
    simd().attention_tile_backward(t, scores, ds, a.dropout > 0 ? keep : nullptr, in.lse + row, in.dots + row,
                                   OverScores<Scalar>{d.bias,
                                                      {a.bias.stride[0], a.bias.stride[1], a.bias.stride[2], a.bias.stride[3]}}
                                       .at(b, h, queries.begin, keys.begin),
                                   slope);
    if (d.v)
        multiply(columns, a.value_width, rows, 1, {scores, t.stride, true}, d_o, a.o.row, true,
                 rows_at(d.v, a.v, b, kv, keys.begin), a.v.row);
    if (d.q)
        multiply(rows, a.width, columns, a.scale, {ds, t.stride}, rows_at(in.k, a.k, b, kv, keys.begin), a.k.row, true,
                 rows_at(d.q, a.q, b, h, queries.begin), a.q.row);
    if (d.k)
        multiply(columns, a.width, rows, a.scale, {ds, t.stride, true}, q, a.q.row, true, rows_at(d.k, a.k, b, kv, keys.begin),
                 a.k.row);
}

constexpr Index backward_room = 3 * tile_rows * tile_columns + tile_columns;

/// Room for the backward pass over copies of up to n keys and as many values.
Index backward_room_with(const AttentionPlan& a, Index n) {
    return backward_room + Panels::room(n, a.width) + Panels::room(n, a.value_width);
}

/// x = 0 in a range of rows of one head; null is left alone.
void clear(Scalar* x, const HeadStrides& s, Index b, Index h, Range rows, Index width) {
    for (Index t = rows.begin; x && t < rows.end; ++t) std::fill_n(rows_at(x, s, b, h, t), width, Scalar{0});
}

/// dK and dV of one tile of keys, and dQ and the bias' part of the queries that see it, from all heads that share it.
void from_keys(const Backward& in, const AttentionGradients& d, Index b, Index kv, Range keys, Scalar* room) {
    const AttentionPlan& a = in.a;
    const Index group = a.heads / a.kv_heads;
    const Range reach = queries_in_reach(a, keys);
    if (reach.empty()) return;
    Scalar *k_copy = room + backward_room, *v_copy = k_copy + Panels::room(tile_columns, a.width);
    const Panels k(rows_at(in.k, a.k, b, kv, keys.begin), a.k.row, a.width, keys.size(), reach.size(), k_copy);
    const Panels v(rows_at(in.v, a.v, b, kv, keys.begin), a.v.row, a.value_width, keys.size(), reach.size(), v_copy);
    for (Index h = kv * group; h < (kv + 1) * group; ++h)
        for (Index i = reach.begin / tile_rows; i * tile_rows < reach.end; ++i)
            attend_backward(in, d, b, h, tile_of(i, tile_rows, a.queries), keys, k, v, keys.begin, room);
}

/// Everything in one pass over the tiles. A thread takes whole key-value heads, and all that share a part of the bias' gradient.
void backward_by_head(const Backward& in, const AttentionGradients& d, Index work) {
    const AttentionPlan& a = in.a;
    const Index owners_b = d.bias && a.bias.stride[0] == 0 ? 1 : a.batch;  // of parts of the bias' gradient
    const Index owners_h = d.bias && a.bias.stride[1] == 0 ? 1 : a.kv_heads;
    const Index owners = owners_b * owners_h, group = a.heads / a.kv_heads;  // no owner in a batch of nothing
    const Index heads_each = a.batch * a.kv_heads / std::max<Index>(1, owners);
    parallel_for(owners, grain_of(heads_each * work), [&](Index begin, Index end) {
        Scalar* room = workspace.of(backward_room_with(a, tile_columns));
        for (Index owner = begin; owner < end; ++owner)
            for (Index b = owner / owners_h; b < a.batch; b += owners_b)
                for (Index kv = owner % owners_h; kv < a.kv_heads; kv += owners_h) {
                    for (Index h = kv * group; h < (kv + 1) * group; ++h) clear(d.q, a.q, b, h, {0, a.queries}, a.width);
                    clear(d.k, a.k, b, kv, {0, a.keys}, a.width);
                    clear(d.v, a.v, b, kv, {0, a.keys}, a.value_width);
                    for (Index j = 0; j < tiles(keys_of(a, b), tile_columns); ++j)
                        from_keys(in, d, b, kv, tile_of(j, tile_columns, keys_of(a, b)), room);
                }
    });
}

/// Calls f(b, h, tile) for the tiles numbered begin to end of all heads, and before the first of each head start(b, h).
template <class Start, class F>
void each_tile(Index heads, Index tiles_each, Index begin, Index end, const Start& start, const F& f) {
    for (Index item = begin; item < end; ++item) {
        const Index b = item / tiles_each / heads, h = item / tiles_each % heads, tile = item % tiles_each;
        if (item == begin || tile == 0) start(b, h);
        f(b, h, tile);
    }
}

/// dQ by tiles of queries, then dK and dV by tiles of keys: more work, for more threads than there are heads.
void backward_by_tile(const Backward& in, const AttentionGradients& d, Index work) {
    const AttentionPlan& a = in.a;
    const Index query_tiles = tiles(a.queries, tile_rows), key_tiles = tiles(a.keys, tile_columns);
    if (d.q)
        parallel_for(a.batch * a.heads * query_tiles, grain_of(work / std::max<Index>(1, query_tiles)),
                     [&](Index begin, Index end) {
                         Scalar* room = workspace.of(backward_room_with(a, a.keys));
                         Scalar *k_copy = room + backward_room, *v_copy = k_copy + Panels::room(a.keys, a.width);
                         std::optional<Panels> k, v;
                         const auto start = [&](Index b, Index h) {
                             const Index kv = h / (a.heads / a.kv_heads), keys = keys_of(a, b);
                             k.emplace(rows_at(in.k, a.k, b, kv, 0), a.k.row, a.width, keys, a.queries, k_copy);
                             v.emplace(rows_at(in.v, a.v, b, kv, 0), a.v.row, a.value_width, keys, a.queries, v_copy);
                         };
                         each_tile(a.heads, query_tiles, begin, end, start, [&](Index b, Index h, Index tile) {
                             const Range queries = tile_of(tile, tile_rows, a.queries), reach = keys_in_reach(a, b, queries);
                             clear(d.q, a.q, b, h, queries, a.width);
                             for (Index j = reach.begin / tile_columns; j * tile_columns < reach.end; ++j)
                                 attend_backward(in, {d.q, nullptr, nullptr, nullptr}, b, h, queries, keys_of_tile(j, reach),
                                                 *k, *v, 0, room);
                         });
                     });
    if (d.k || d.v)
        parallel_for(
            a.batch * a.kv_heads * key_tiles, grain_of(work / std::max<Index>(1, key_tiles)), [&](Index begin, Index end) {
                Scalar* room = workspace.of(backward_room_with(a, tile_columns));
                const auto start = [](Index, Index) {};
                each_tile(a.kv_heads, key_tiles, begin, end, start, [&](Index b, Index kv, Index tile) {
                    const Range all = tile_of(tile, tile_columns, a.keys), keys{all.begin, std::min(all.end, keys_of(a, b))};
                    clear(d.k, a.k, b, kv, all, a.width);
                    clear(d.v, a.v, b, kv, all, a.value_width);
                    if (!keys.empty()) from_keys(in, {nullptr, d.k, d.v, nullptr}, b, kv, keys, room);
                });
            });
}

/// Σ dO ∘ O over each row, [B, H, Tq].
void fill_dots(const AttentionPlan& a, const Scalar* o, const Scalar* d_o, Scalar* dots) {
    parallel_for(a.batch * a.heads, grain_of(a.queries * a.value_width), [&](Index begin, Index end) {
        for (Index item = begin; item < end; ++item) {
            const Index b = item / a.heads, h = item % a.heads;
            simd().row_dots(rows_at(o, a.o, b, h, 0), a.o.row, rows_at(d_o, a.o, b, h, 0), a.o.row, dots + item * a.queries,
                            a.queries, a.value_width);
        }
    });
}

}  // namespace

void attention(const AttentionPlan& a, const Scalar* q, const Scalar* k, const Scalar* v, Scalar* o, Scalar* lse) {
    settle_blas();
    const Index query_tiles = tiles(a.queries, tile_rows);
    const Index work = work_of(a, std::min(a.queries, tile_rows));
    parallel_for(a.batch * a.heads * query_tiles, grain_of(work), [&](Index begin, Index end) {
        const Index own_room = 2 * tile_rows * tile_columns + tile_rows * a.value_width;
        Scalar* room = workspace.of(own_room + Panels::room(a.keys, a.width));
        std::optional<Panels> keys;
        Index held = -1;  // the key-value head whose panels they are
        const auto start = [&](Index b, Index h) {
            const Index kv = h / (a.heads / a.kv_heads);
            if (std::exchange(held, b * a.kv_heads + kv) != held)
                keys.emplace(rows_at(k, a.k, b, kv, 0), a.k.row, a.width, keys_of(a, b), a.queries, room + own_room);
        };
        each_tile(a.heads, query_tiles, begin, end, start, [&](Index b, Index h, Index tile) {
            attend(a, q, *keys, v, o, lse, b, h, tile_of(tile, tile_rows, a.queries), room);
        });
    });
}

void attention_backward(const AttentionPlan& a, const Scalar* q, const Scalar* k, const Scalar* v, const Scalar* o,
                        const Scalar* lse, const Scalar* d_o, Scalar* dots, const AttentionGradients& d) {
    constexpr Index enough_heads = 4;  // for the threads of a small machine; the choice is the shape's, so that sums are too
    settle_blas();
    fill_dots(a, o, d_o, dots);
    const Backward in{a, q, k, v, lse, d_o, dots};
    const Index work = 2 * work_of(a, a.queries);
    if (d.bias || a.batch * a.kv_heads >= enough_heads) backward_by_head(in, d, work * (a.heads / a.kv_heads));
    else backward_by_tile(in, d, work);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
