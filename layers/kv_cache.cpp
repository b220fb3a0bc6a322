// Appending to and reordering a cache; see kv_cache.hpp.
#include <tapehead/layers/kv_cache.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/grad_mode.hpp>
#include <tapehead/autograd/kernels/copy.hpp>
#include <tapehead/autograd/ops/indexing.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// to[:, :, first : first + T, :] = x
void write_at(const Tensor& x, Tensor& to, Index first) {
    kernels::strided_copy(4, x.shape().data(), x.data(), row_major_strides(x.shape()).data(),
                          to.mutable_data() + first * to.size(3), row_major_strides(to.shape()).data());
}

bool is_identity(const Ids& rows, Index n) {
    if (static_cast<Index>(rows.size()) != n) return false;
    for (Index i = 0; i < n; ++i)
        if (rows(i) != i) return false;
    return true;
}

}  // namespace

KeyValueCache::KeyValueCache(Index batch, Index kv_heads, Index capacity, Index head_dim, Index value_dim) {
    for (const Index extent : {batch, kv_heads, capacity, head_dim, value_dim})
        check<ValueError>(extent >= 0, "KeyValueCache: expected extents of at least 0, got {}", extent);
    keys = Tensor::empty({batch, kv_heads, capacity, head_dim});
    values = Tensor::empty({batch, kv_heads, capacity, value_dim});
}

void KeyValueCache::append(const Tensor& k, const Tensor& v) {
    for (const auto& [x, room] : {std::pair{k, keys}, std::pair{v, values}})
        check<ShapeError>(x.dim() == 4 && x.shape().slice(0, 2) == room.shape().slice(0, 2) && x.size(3) == room.size(3) &&
                              x.size(2) == k.size(2),
                          "KeyValueCache: expected keys and values as in {}, but for the time, got {}", room.shape(),
                          x.shape());
    check<ValueError>(length + k.size(2) <= capacity(), "KeyValueCache: expected at most {} positions, got {} and {} more",
                      capacity(), length, k.size(2));
    check<GradError>(
        !grad_enabled() || (!k.requires_grad() && !v.requires_grad()),
        "KeyValueCache: expected keys and values without gradient, since it keeps none, got some that require it; decode under "
        "no_grad");
    write_at(k, keys, length);
    write_at(v, values, length);
    length += k.size(2);
}

void KeyValueCache::check_rows(const Ids& rows) const {
    check<ShapeError>(rows.dimension() == 1, "KeyValueCache: expected rows [n], got {}", shape_of(rows));
    for (const Id row : rows)
        check<IndexError>(-batch() <= row && row < batch(), "KeyValueCache: expected rows in [{}, {}), got {}", -batch(),
                          batch(), row);
}

void KeyValueCache::reorder(const Ids& rows) {
    check_rows(rows);
    if (is_identity(rows, batch())) return;
    const no_grad off;
    Tensor new_keys = index_select(keys, 0, rows), new_values = index_select(values, 0, rows);
    keys = std::move(new_keys);
    values = std::move(new_values);
}

void KeyValueCache::truncate(Index new_length) {
    check<IndexError>(0 <= new_length && new_length <= length, "KeyValueCache: expected a length in [0, {}], got {}", length,
                      new_length);
    length = new_length;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
