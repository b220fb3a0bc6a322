// Batches of ids; see batches.hpp.
#include <tapehead/data/batches.hpp>

#include <algorithm>
#include <numeric>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/create.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

std::vector<Ids> shuffled_batches(Index count, Index batch_size, const ShuffledBatchesOptions& options) {
    check<ValueError>(count >= 0 && batch_size >= 1,
                      "shuffled_batches: expected a count of at least 0 and a batch_size of at least 1, got {} and {}", count,
                      batch_size);
    check<ValueError>(options.generator != nullptr, "shuffled_batches: expected a generator, got none");
    const Ids keys = randint(0, Id{1} << 62, {count}, *options.generator);
    std::vector<Id> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), Id{0});
    std::ranges::stable_sort(order, {}, [&](Id i) { return keys(i); });
    std::vector<Ids> batches;
    for (Index first = 0; first < count; first += batch_size) {
        const Index size = std::min(batch_size, count - first);
        if (size < batch_size && options.drop_last) break;
        std::copy_n(order.begin() + first, size, batches.emplace_back(make_array<Id>({size})).begin());
    }
    return batches;
}

AttentionMask PaddedSequences::mask() const {
    if (side == Side::right) return AttentionMask::lengths(lengths);
    const Shape shape = shape_of(ids);
    check<ShapeError>(shape.rank() == 2 && std::ssize(lengths) == shape[0],
                      "PaddedSequences: expected ids [B, T] with a length for each row, got {} with {}", shape, lengths.size());
    Condition valid(shape);
    for (Index b = 0; b < shape[0]; ++b)
        for (Index t = 0; t < shape[1]; ++t)
            valid.raw()[b * shape[1] + t] = t >= shape[1] - lengths[static_cast<std::size_t>(b)];
    return AttentionMask::keys(valid);
}

PaddedSequences pad_sequences(std::span<const std::vector<Id>> sequences, const PadOptions& options) {
    PaddedSequences padded{.ids = {}, .lengths = {}, .side = options.side};
    for (const std::vector<Id>& sequence : sequences) padded.lengths.push_back(std::ssize(sequence));
    const Index longest = padded.lengths.empty() ? 0 : std::ranges::max(padded.lengths);
    padded.ids = make_array<Id>({std::ssize(sequences), longest});
    padded.ids.fill(options.pad_id);
    auto row = padded.ids.begin();
    for (const std::vector<Id>& sequence : sequences) {
        std::ranges::copy(sequence, row + (options.side == Side::left ? longest - std::ssize(sequence) : 0));
        row += longest;
    }
    return padded;
}

TokenWindows token_windows(std::span<const Id> tokens, const Ids& starts, Index length) {
    check<ShapeError>(starts.dimension() == 1, "token_windows: expected starts of shape [B], got {}", shape_of(starts));
    check<ValueError>(length >= 1, "token_windows: expected a length of at least 1, got {}", length);
    const Index last = std::ssize(tokens) - length - 1;
    for (const Id start : starts)
        check<IndexError>(start >= 0 && start <= last, "token_windows: expected starts in [0, {}], got {}", last, start);
    const Shape shape{static_cast<Index>(starts.size()), length};
    TokenWindows windows{make_array<Id>(shape), make_array<Id>(shape)};
    auto input = windows.inputs.begin(), target = windows.targets.begin();
    for (const Id start : starts) {
        input = std::copy_n(tokens.begin() + start, length, input);
        target = std::copy_n(tokens.begin() + start + 1, length, target);
    }
    return windows;
}

TokenWindows random_windows(std::span<const Id> tokens, Index batch, Index length, Generator& generator) {
    check<ValueError>(batch >= 0 && length >= 1,
                      "random_windows: expected a batch of at least 0 and a length of at least 1, got {} and {}", batch,
                      length);
    check<ValueError>(std::ssize(tokens) > length, "random_windows: expected more than {} tokens, got {}", length,
                      tokens.size());
    return token_windows(tokens, randint(0, std::ssize(tokens) - length, {batch}, generator), length);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
