// Attention, tile by tile; see attention.hpp. What a thread writes, no other thread touches.
#include <tapehead/autograd/kernels/attention.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <tapehead/autograd/kernels/gemm.hpp>
#include <tapehead/autograd/kernels/parallel.hpp>
#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace {

constexpr Index tile_rows = 64, tile_columns = 256;  // their scores fit the second-level cache
constexpr Index worth_a_thread = 1 << 18;            // multiplications

Index tiles(Index n, Index size) { return (n + size - 1) / size; }

/// Items that are worth a thread, if each takes this many multiplications.
Index grain_of(Index work) { return worth_a_thread / std::max<Index>(work, 1) + 1; }

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

/// A thread's room for n numbers, kept from call to call.
Scalar* workspace(Index n) {
    thread_local std::vector<Scalar> room;
    if (room.size() < static_cast<std::size_t>(n)) room.resize(static_cast<std::size_t>(n));
    return room.data();
}

/// keep[rows, stride]: what dropout multiplies the weights of a tile by.
void fill_keep(const AttentionPlan& a, Index b, Index h, Range queries, Range keys, Index stride, Scalar* keep) {
    for (Index i = queries.begin; i < queries.end; ++i, keep += stride) {
        const Index first = ((b * a.heads + h) * a.queries + i) * a.keys + keys.begin;
        dropout_factors(a.key, a.dropout, first, keep, keys.size());
    }
}

/// One matrix product within the tiles of attention: op(A) op(B), added to C if so said.
void multiply(bool transpose_a, bool transpose_b, Index m, Index n, Index k, Scalar alpha, const Scalar* a, Index lda,
              const Scalar* b, Index ldb, bool add, Scalar* c, Index ldc) {
    gemm_on_this_thread({.transpose_a = transpose_a,
                         .transpose_b = transpose_b,
                         .m = m,
                         .n = n,
                         .k = k,
                         .lda = lda,
                         .ldb = ldb,
                         .ldc = ldc,
                         .alpha = alpha,
                         .beta = static_cast<Scalar>(add)},
                        a, b, c);
}

/// The output of one tile of queries, gathered over tiles of keys; `room` holds two tiles and rows of values.
void attend(const AttentionPlan& a, const Scalar* q, const Scalar* k, const Scalar* v, Scalar* o, Scalar* lse, Index b, Index h,
            Range queries, Scalar* room) {
    Scalar *scores = room, *keep = scores + tile_rows * tile_columns, *total = keep + tile_rows * tile_columns;
    Scalar max[tile_rows], rescale[tile_rows];
    Real sum[tile_rows];
    const Index rows = queries.size(), width = a.value_width, kv = h / (a.heads / a.kv_heads);
    std::fill_n(max, rows, -std::numeric_limits<Scalar>::infinity());
    std::fill_n(sum, rows, Real{0});
    std::fill_n(total, rows * width, Scalar{0});
    const Scalar* q_rows = rows_at(q, a.q, b, h, queries.begin);
    const Range reach = keys_in_reach(a, b, queries);
    for (Index begin = reach.begin; begin < reach.end; begin += tile_columns) {
        const Range keys{begin, std::min(reach.end, begin + tile_columns)};
        const ScoreTile t = score_tile(a, b, h, queries, keys);
        multiply(false, true, rows, t.columns, a.width, a.scale, q_rows, a.q.row, rows_at(k, a.k, b, kv, begin), a.k.row, false,
                 scores, t.stride);
        if (a.dropout > 0) fill_keep(a, b, h, queries, keys, t.stride, keep);
        simd().attention_tile(t, scores, a.dropout > 0 ? keep : nullptr, max, sum, rescale);
        for (Index r = 0; r < rows; ++r)
            if (rescale[r] != 1)
                for (Index d = 0; d < width; ++d) total[r * width + d] *= rescale[r];
        multiply(false, false, rows, width, t.columns, 1, scores, t.stride, rows_at(v, a.v, b, kv, begin), a.v.row, true, total,
                 width);
    }
    for (Index r = 0; r < rows; ++r) {
        Scalar* row = rows_at(o, a.o, b, h, queries.begin + r);
        const Scalar scale = sum[r] == 0 ? 0 : static_cast<Scalar>(1 / sum[r]);
        for (Index d = 0; d < width; ++d) row[d] = scale * total[r * width + d];
        lse[(b * a.heads + h) * a.queries + queries.begin + r] = static_cast<Scalar>(max[r] + std::log(sum[r]));
    }
}

/// What the backward pass reads.
struct Backward {
    const AttentionPlan& a;
    const Scalar *q, *k, *v, *lse, *d_o, *dots;
};

/// Adds to the gradients what one tile gives them; `room` holds three tiles and a row.
void attend_backward(const Backward& in, const AttentionGradients& d, Index b, Index h, Range queries, Range keys,
                     Scalar* room) {
    const AttentionPlan& a = in.a;
    const Index kv = h / (a.heads / a.kv_heads), row = (b * a.heads + h) * a.queries + queries.begin;
    const Index rows = queries.size(), columns = keys.size();
    Scalar *scores = room, *ds = scores + tile_rows * tile_columns, *keep = ds + tile_rows * tile_columns,
           *slope = keep + tile_rows * tile_columns;
    const ScoreTile t = score_tile(a, b, h, queries, keys);
    const Scalar *q = rows_at(in.q, a.q, b, h, queries.begin), *k = rows_at(in.k, a.k, b, kv, keys.begin);
    const Scalar *v = rows_at(in.v, a.v, b, kv, keys.begin), *d_o = rows_at(in.d_o, a.o, b, h, queries.begin);
    multiply(false, true, rows, columns, a.width, a.scale, q, a.q.row, k, a.k.row, false, scores, t.stride);
    multiply(false, true, rows, columns, a.value_width, 1, d_o, a.o.row, v, a.v.row, false, ds, t.stride);
    if (a.dropout > 0) fill_keep(a, b, h, queries, keys, t.stride, keep);
    simd().attention_tile_backward(t, scores, ds, a.dropout > 0 ? keep : nullptr, in.lse + row, in.dots + row,
                                   OverScores<Scalar>{d.bias,
                                                      {a.bias.stride[0], a.bias.stride[1], a.bias.stride[2], a.bias.stride[3]}}
                                       .at(b, h, queries.begin, keys.begin),
                                   slope);
    if (d.v)
        multiply(true, false, columns, a.value_width, rows, 1, scores, t.stride, d_o, a.o.row, true,
                 rows_at(d.v, a.v, b, kv, keys.begin), a.v.row);
    if (d.q)
        multiply(false, false, rows, a.width, columns, a.scale, ds, t.stride, k, a.k.row, true,
                 rows_at(d.q, a.q, b, h, queries.begin), a.q.row);
    if (d.k)
        multiply(true, false, columns, a.width, rows, a.scale, ds, t.stride, q, a.q.row, true,
                 rows_at(d.k, a.k, b, kv, keys.begin), a.k.row);
}

constexpr Index backward_room = 3 * tile_rows * tile_columns + tile_columns;

/// dK and dV of one tile of keys, and dQ and the bias' part of the queries that see it, from all heads that share it.
void from_keys(const Backward& in, const AttentionGradients& d, Index b, Index kv, Range keys, Scalar* room) {
    const Index group = in.a.heads / in.a.kv_heads;
    const Range reach = queries_in_reach(in.a, keys);
    for (Index h = kv * group; h < (kv + 1) * group; ++h)
        for (Index i = reach.begin / tile_rows; i * tile_rows < reach.end; ++i)
            attend_backward(in, d, b, h, tile_of(i, tile_rows, in.a.queries), keys, room);
}

/// Everything in one pass over the tiles. A thread takes whole key-value heads, and all that share a part of the bias' gradient.
void backward_by_head(const Backward& in, const AttentionGradients& d, Index work) {
    const AttentionPlan& a = in.a;
    const Index owners_b = d.bias && a.bias.stride[0] == 0 ? 1 : a.batch;  // of parts of the bias' gradient
    const Index owners_h = d.bias && a.bias.stride[1] == 0 ? 1 : a.kv_heads;
    const Index heads_each = a.batch * a.kv_heads / (owners_b * owners_h);
    parallel_for(owners_b * owners_h, grain_of(heads_each * work), [&](Index begin, Index end) {
        Scalar* room = workspace(backward_room);
        for (Index owner = begin; owner < end; ++owner)
            for (Index b = owner / owners_h; b < a.batch; b += owners_b)
                for (Index kv = owner % owners_h; kv < a.kv_heads; kv += owners_h)
                    for (Index j = 0; j < tiles(keys_of(a, b), tile_columns); ++j)
                        from_keys(in, d, b, kv, tile_of(j, tile_columns, keys_of(a, b)), room);
    });
}

/// dQ by tiles of queries, then dK and dV by tiles of keys: more work, for more threads than there are heads.
void backward_by_tile(const Backward& in, const AttentionGradients& d, Index work) {
    const AttentionPlan& a = in.a;
    const Index query_tiles = tiles(a.queries, tile_rows), key_tiles = tiles(a.keys, tile_columns);
    if (d.q)
        parallel_for(a.batch * a.heads * query_tiles, grain_of(work / std::max<Index>(1, query_tiles)),
                     [&](Index begin, Index end) {
                         Scalar* room = workspace(backward_room);
                         for (Index item = begin; item < end; ++item) {
                             const Index b = item / query_tiles / a.heads, h = item / query_tiles % a.heads;
                             const Range queries = tile_of(item % query_tiles, tile_rows, a.queries),
                                         reach = keys_in_reach(a, b, queries);
                             for (Index j = reach.begin; j < reach.end; j += tile_columns)
                                 attend_backward(in, {d.q, nullptr, nullptr, nullptr}, b, h, queries,
                                                 {j, std::min(reach.end, j + tile_columns)}, room);
                         }
                     });
    if (d.k || d.v)
        parallel_for(a.batch * a.kv_heads * key_tiles, grain_of(work / std::max<Index>(1, key_tiles)),
                     [&](Index begin, Index end) {
                         Scalar* room = workspace(backward_room);
                         for (Index item = begin; item < end; ++item) {
                             const Index b = item / key_tiles / a.kv_heads, kv = item / key_tiles % a.kv_heads;
                             const Range keys = tile_of(item % key_tiles, tile_columns, keys_of(a, b));
                             if (!keys.empty()) from_keys(in, {nullptr, d.k, d.v, nullptr}, b, kv, keys, room);
                         }
                     });
}

/// Σ dO ∘ O over each row, [B, H, Tq].
void fill_dots(const AttentionPlan& a, const Scalar* o, const Scalar* d_o, Scalar* dots) {
    parallel_for(a.batch * a.heads * a.queries, grain_of(a.value_width), [&](Index begin, Index end) {
        for (Index item = begin; item < end; ++item) {
            const Index b = item / a.queries / a.heads, h = item / a.queries % a.heads, i = item % a.queries;
            const Scalar *x = rows_at(o, a.o, b, h, i), *y = rows_at(d_o, a.o, b, h, i);
            Real dot = 0;
            for (Index d = 0; d < a.value_width; ++d) dot += static_cast<Real>(x[d]) * static_cast<Real>(y[d]);
            dots[item] = static_cast<Scalar>(dot);
        }
    });
}

/// x = 0 for all heads [B, H, T, D]; null is left alone.
void clear(Scalar* x, const HeadStrides& s, Index batch, Index heads, Index rows, Index width) {
    for (Index b = 0; x && b < batch; ++b)
        for (Index h = 0; h < heads; ++h)
            for (Index t = 0; t < rows; ++t) std::fill_n(rows_at(x, s, b, h, t), width, Scalar{0});
}

}  // namespace

void attention(const AttentionPlan& a, const Scalar* q, const Scalar* k, const Scalar* v, Scalar* o, Scalar* lse) {
    const Index query_tiles = tiles(a.queries, tile_rows), work = tile_rows * a.keys * (a.width + a.value_width);
    parallel_for(a.batch * a.heads * query_tiles, grain_of(work), [&](Index begin, Index end) {
        Scalar* room = workspace(2 * tile_rows * tile_columns + tile_rows * a.value_width);
        for (Index item = begin; item < end; ++item)
            attend(a, q, k, v, o, lse, item / query_tiles / a.heads, item / query_tiles % a.heads,
                   tile_of(item % query_tiles, tile_rows, a.queries), room);
    });
}

void attention_backward(const AttentionPlan& a, const Scalar* q, const Scalar* k, const Scalar* v, const Scalar* o,
                        const Scalar* lse, const Scalar* d_o, Scalar* dots, const AttentionGradients& d) {
    constexpr Index enough_heads = 4;  // for the threads of a small machine; the choice is the shape's, so that sums are too
    clear(d.q, a.q, a.batch, a.heads, a.queries, a.width);
    clear(d.k, a.k, a.batch, a.kv_heads, a.keys, a.width);
    clear(d.v, a.v, a.batch, a.kv_heads, a.keys, a.value_width);
    if (a.batch * a.heads * a.queries == 0) return;
    fill_dots(a, o, d_o, dots);
    const Backward in{a, q, k, v, lse, d_o, dots};
    const Index work = a.queries * a.keys * (a.width + a.value_width) * 2;
    if (d.bias || a.batch * a.kv_heads >= enough_heads) backward_by_head(in, d, work * (a.heads / a.kv_heads));
    else backward_by_tile(in, d, work);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
