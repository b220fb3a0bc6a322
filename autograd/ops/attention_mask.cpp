// Attention masks as conditions and biases on the scores; see attention_mask.hpp.
#include <tapehead/autograd/ops/attention_mask.hpp>

#include <cmath>
#include <cstdlib>

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

/// 2^(−8/H), 2^(−16/H), ...: for H = 2ᵏ; for others those of the largest 2ᵏ < H, then every second one for 2ᵏ⁺¹.
std::vector<Real> alibi_slopes(Index heads) {
    Index power = 1;
    while (2 * power <= heads) power *= 2;
    std::vector<Real> slopes;
    for (Index h = 1; h <= power; ++h) slopes.push_back(std::exp2(-8 * static_cast<Real>(h) / static_cast<Real>(power)));
    for (Index h = 1; static_cast<Index>(slopes.size()) < heads; h += 2)
        slopes.push_back(std::exp2(-4 * static_cast<Real>(h) / static_cast<Real>(power)));
    return slopes;
}

}  // namespace

AttentionMask AttentionMask::causal(Index offset) {
    AttentionMask mask;
    mask.bands_.push_back({.first = {}, .last = 0, .offset = std::clamp(offset, -Parts::unbounded, Parts::unbounded)});
    return mask;
}

AttentionMask AttentionMask::window(Index left, Index right) {
    check<ValueError>(left >= -1 && right >= -1,
                      "AttentionMask::window: expected bounds of at least 0, or -1 for none, got {} "
                      "and {}",
                      left, right);
    Band band;
    if (left >= 0) band.first = -std::min(left, Parts::unbounded);
    if (right >= 0) band.last = std::min(right, Parts::unbounded);
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
    check<ValueError>(bias.defined(), "AttentionMask::bias: expected a tensor, got an undefined one");
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
    append(a.slopes_, b.slopes_);
    return a;
}

AttentionMask AttentionMask::alibi() {
    AttentionMask mask;
    mask.slopes_.emplace_back();
    return mask;
}

AttentionMask AttentionMask::alibi(const std::vector<Real>& slopes) {
    for (const Real slope : slopes)
        check<ValueError>(std::isfinite(slope), "AttentionMask::alibi: expected finite slopes, got {}", slope);
    check<ShapeError>(!slopes.empty(), "AttentionMask::alibi: expected a slope for each head, got none");
    AttentionMask mask;
    mask.slopes_.push_back(slopes);
    return mask;
}

AttentionMask::Parts AttentionMask::parts(const AttentionShape& shape) const {
    const Shape extents = shape;
    check<ShapeError>(std::ranges::all_of(extents, [](Index extent) { return extent >= 0; }),
                      "AttentionMask: expected scores with extents of at least 0, got {}", extents);
    Parts parts{.first = -Parts::unbounded, .last = Parts::unbounded, .lengths = {}, .allowed = {}, .bias = {}, .slopes = {}};
    for (const Band& band : bands_) {
        const Index offset = band.offset.value_or(shape.keys - shape.queries);
        if (band.first) parts.first = std::max(parts.first, offset + *band.first);
        if (band.last) parts.last = std::min(parts.last, offset + *band.last);
    }
    // A band that reaches from every query to every key is none: a step of decoding, for one, sees all that came before.
    if (parts.first <= 1 - shape.queries) parts.first = -Parts::unbounded;
    if (parts.last >= shape.keys - 1) parts.last = Parts::unbounded;
    const auto also = [&](const Condition& part) { parts.allowed = parts.allowed ? *parts.allowed & part : part; };
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
        parts.lengths.resize(lengths.size(), shape.keys);
        for (std::size_t b = 0; b < lengths.size(); ++b) {
            check<ValueError>(lengths[b] <= shape.keys, "AttentionMask::lengths: expected at most {} keys, got a length of {}",
                              shape.keys, lengths[b]);
            parts.lengths[b] = std::min(parts.lengths[b], lengths[b]);
        }
    }
    for (const Tensor& bias : biases_) {
        check_fits("bias", bias.shape(), shape);
        parts.bias = parts.bias ? parts.bias + bias : bias;
    }
    for (const std::vector<Real>& given : slopes_) {
        const std::vector<Real> slopes = given.empty() ? alibi_slopes(shape.heads) : given;
        check<ShapeError>(static_cast<Index>(slopes.size()) == shape.heads, "AttentionMask::alibi: expected {} slopes, got {}",
                          shape.heads, slopes.size());
        parts.slopes.resize(slopes.size());
        for (std::size_t h = 0; h < slopes.size(); ++h) parts.slopes[h] += static_cast<Scalar>(slopes[h]);
    }
    return parts;
}

std::optional<Condition> AttentionMask::allowed(const AttentionShape& shape) const {
    const Parts parts = this->parts(shape);
    std::optional<Condition> result = parts.allowed;
    const auto also = [&](const Condition& part) { result = result ? *result & part : part; };
    if (parts.first > -Parts::unbounded || parts.last < Parts::unbounded) {
        Condition band(Shape{shape.queries, shape.keys});
        bool* next = band.raw();
        for (Index i = 0; i < shape.queries; ++i)
            for (Index j = 0; j < shape.keys; ++j) *next++ = parts.first <= j - i && j - i <= parts.last;
        also(band);
    }
    if (!parts.lengths.empty()) {
        Condition valid(Shape{shape.batch, 1, 1, shape.keys});
        bool* next = valid.raw();
        for (const Index length : parts.lengths)
            for (Index j = 0; j < shape.keys; ++j) *next++ = j < length;
        also(valid);
    }
    return result;
}

Tensor AttentionMask::alibi_bias(const AttentionShape& shape) const {
    const std::vector<Scalar> slopes = parts(shape).slopes;
    if (slopes.empty()) return {};
    Tensor bias = Tensor::empty({1, shape.heads, shape.queries, shape.keys});
    Scalar* next = bias.raw();
    for (const Scalar slope : slopes)
        for (Index i = 0; i < shape.queries; ++i)
            for (Index j = 0; j < shape.keys; ++j)
                *next++ = -slope * static_cast<Scalar>(std::abs(i + shape.keys - shape.queries - j));
    return bias;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
