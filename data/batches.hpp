// From sequences of ids to batches: shuffled, padded, or as windows of a long text.
#pragma once

#include <span>
#include <vector>

#include <tapehead/autograd/ops/attention_mask.hpp>
#include <tapehead/autograd/random.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// How a pass over data is cut and shuffled.
struct ShuffledBatchesOptions {
    bool drop_last = false;                       ///< leave out the last batch where it would be smaller than the others
    Generator* generator = &default_generator();  ///< of the order
};

/// The numbers 0 to count − 1, each once, in random order, as batches [B] of rows for index_select: one pass over some data.
///
///     for (const Ids& rows : shuffled_batches(x.size(0), 32)) train_step(index_select(x, 0, rows), ...);
///
/// Throws ValueError for a negative count or a batch_size below 1.
std::vector<Ids> shuffled_batches(Index count, Index batch_size, const ShuffledBatchesOptions& options = {});

/// An end of a sequence.
enum class Side {
    left,  ///< before its first id
    right  ///< behind its last
};

/// What sequences are filled up with, and where.
struct PadOptions {
    Id pad_id = 0;  ///< the id that fills up
    /// Where the padding goes; left, so that every sequence ends in the last column, to be gone on with.
    Side side = Side::right;
};

/// Sequences in one array, as long as the longest.
struct PaddedSequences {
    Ids ids;                     ///< [B, T]
    std::vector<Index> lengths;  ///< [B], without the padding
    Side side = Side::right;     ///< where the padding is

    /// True where ids are no padding: lengths(...) for padding on the right, else keys(...).
    AttentionMask mask() const;
};

/// Puts sequences one under another, and fills them up with pad_id.
PaddedSequences pad_sequences(std::span<const std::vector<Id>> sequences, const PadOptions& options = {});

/// Pieces of a long sequence, and at each place what comes next.
struct TokenWindows {
    Ids inputs, targets;  ///< [B, T]: targets[b, t] follows inputs[b, t]
};

/// The windows of `length` ids that begin at `starts` [B].
///
/// Throws ShapeError for starts that are not 1-D, ValueError for a length below 1, IndexError for a window that has not all of its
/// targets within the tokens.
TokenWindows token_windows(std::span<const Id> tokens, const Ids& starts, Index length);

/// The same with `batch` starts drawn evenly. Throws ValueError for fewer than length + 1 tokens, a batch below 0 or a length
/// below 1.
TokenWindows random_windows(std::span<const Id> tokens, Index batch, Index length, Generator& generator = default_generator());

}  // namespace tapehead::inline TAPEHEAD_SCALAR
