// Attention masks as conditions and biases on the scores; see attention_mask.hpp.
#include <tapehead/autograd/ops/attention_mask.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// A mask over queries and keys must be [Tq, Tk] or have all four axes, each of the full extent or 1.
void check_fits(const char* what, const Shape& shape, const AttentionShape& scores) {
    const Shape full = scores;
    const bool fits = shape.rank() == 2 ? shape == full.slice(2, 4) : shape.rank() == 4 && broadcasts_to(shape, full);
    check<ShapeError>(fits, "AttentionMask::{}: expected {} or {} (or 1 in place of an extent), got {}", what, full.slice(2, 4),
                      full, shape);
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

AttentionMask AttentionMask::causal(Index offset) {
    AttentionMask mask;
    mask.bands_.push_back({.first = {}, .last = 0, .offset = offset});
    return mask;
}

AttentionMask AttentionMask::window(Index left, Index right) {
    check<ValueError>(left >= -1 && right >= -1,
                      "AttentionMask::window: expected bounds of at least 0, or -1 for none, got {} "
                      "and {}",
                      left, right);
    Band band;
    if (left >= 0) band.first = -left;
    if (right >= 0) band.last = right;
    AttentionMask mask;
    mask.bands_.push_back(band);
    return mask;
}

AttentionMask AttentionMask::allow(const Condition& allowed) {
    AttentionMask mask;
    mask.allowed_.push_back(allowed);
    return mask;
}

AttentionMask AttentionMask::keys(const Condition& valid) {
    check<ShapeError>(valid.shape().rank() == 2, "AttentionMask::keys: expected [B, Tk], got {}", valid.shape());
    AttentionMask mask;
    mask.keys_.push_back(valid);
    return mask;
}

AttentionMask AttentionMask::lengths(const std::vector<Index>& lengths) {
    for (const Index length : lengths)
        check<ValueError>(length >= 0, "AttentionMask::lengths: expected lengths of at least 0, got {}", length);
    AttentionMask mask;
    mask.lengths_.push_back(lengths);
    return mask;
}

AttentionMask AttentionMask::bias(const Tensor& bias) {
    AttentionMask mask;
    mask.biases_.push_back(bias);
    return mask;
}

AttentionMask operator&(AttentionMask a, const AttentionMask& b) {
    append(a.bands_, b.bands_);
    append(a.allowed_, b.allowed_);
    append(a.keys_, b.keys_);
    append(a.lengths_, b.lengths_);
    append(a.biases_, b.biases_);
    return a;
}

std::optional<Condition> AttentionMask::allowed(const AttentionShape& shape) const {
    std::optional<Condition> result;
    const auto also = [&](const Condition& part) { result = result ? *result & part : part; };
    if (!bands_.empty()) {
        Condition band(Shape{shape.queries, shape.keys});
        bool* next = band.raw();
        for (Index i = 0; i < shape.queries; ++i)
            for (Index j = 0; j < shape.keys; ++j)
                *next++ = std::all_of(bands_.begin(), bands_.end(), [&](const Band& b) {
                    const Index distance = j - (i + b.offset.value_or(shape.keys - shape.queries));
                    return distance >= b.first.value_or(distance) && distance <= b.last.value_or(distance);
                });
        also(band);
    }
    for (const Condition& part : allowed_) {
        check_fits("allow", part.shape(), shape);
        also(part);
    }
    for (const Condition& valid : keys_) {
        check<ShapeError>(valid.shape() == Shape{shape.batch, shape.keys}, "AttentionMask::keys: expected [{}, {}], got {}",
                          shape.batch, shape.keys, valid.shape());
        also(valid.reshape({shape.batch, 1, 1, shape.keys}));
    }
    for (const std::vector<Index>& lengths : lengths_) {
        check<ShapeError>(static_cast<Index>(lengths.size()) == shape.batch,
                          "AttentionMask::lengths: expected {} lengths, got {}", shape.batch, lengths.size());
        Condition valid(Shape{shape.batch, 1, 1, shape.keys});
        bool* next = valid.raw();
        for (const Index length : lengths) {
            check<ValueError>(length <= shape.keys, "AttentionMask::lengths: expected at most {} keys, got a length of {}",
                              shape.keys, length);
            for (Index j = 0; j < shape.keys; ++j) *next++ = j < length;
        }
        also(valid);
    }
    return result;
}

Tensor AttentionMask::total_bias(const AttentionShape& shape) const {
    Tensor total;
    for (const Tensor& bias : biases_) {
        check_fits("bias", bias.shape(), shape);
        total = total ? total + bias : bias;
    }
    return total;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
