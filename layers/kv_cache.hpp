// KeyValueCache: the keys and values of positions that were already seen, for decoding one token after another.
#pragma once

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Room for `capacity` positions of B sequences, of which the first `length` are taken. Copies share their memory.
///
/// All rows are of one length: shorter prompts are padded at the front, and the padding masked with AttentionMask::keys.
struct KeyValueCache {
    Tensor keys;       ///< [B, Hkv, capacity, D]
    Tensor values;     ///< [B, Hkv, capacity, Dv]
    Index length = 0;  ///< how many positions are taken

    /// No cache: without memory, for a variable that gets one later.
    KeyValueCache() = default;
    /// Takes all the memory that it will need. Throws ValueError for negative extents.
    KeyValueCache(Index batch, Index kv_heads, Index capacity, Index head_dim, Index value_dim);

    Index batch() const { return keys.size(0); }     ///< B, how many sequences there are
    Index capacity() const { return keys.size(2); }  ///< how many positions there is room for

    /// Takes in k [B, Hkv, T, D] and v [B, Hkv, T, Dv] behind those that are there.
    ///
    /// Throws ShapeError, ValueError if there is no room for them, and GradError where a gradient would be lost: decode under
    /// `no_grad`. Nothing is changed then.
    void append(const Tensor& k, const Tensor& v);
    /// Throws what reorder would throw for these rows: ShapeError and IndexError.
    void check_rows(const Ids& rows) const;
    /// Row i becomes what row rows[i] was, for any number of rows: beams that go on, sequences that are done with. Throws
    /// IndexError, and then changes nothing.
    void reorder(const Ids& rows);
    /// Forgets all positions from `length` on. Throws IndexError for more than there are.
    void truncate(Index new_length);
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
