// AttentionMask: who may attend to whom, said by named constructors and combined with `&`.
//
// A bare array is never a mask: true always means "may attend", and what the axes are is in the name.
#pragma once

#include <optional>
#include <vector>

#include <tapehead/autograd/condition.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The shape of attention scores: batch, heads, queries, keys.
struct AttentionShape {
    Index batch, heads, queries, keys;                                ///< B, H, Tq, Tk
    operator Shape() const { return {batch, heads, queries, keys}; }  ///< [B, H, Tq, Tk]
};

/// Which keys each query may attend to, and what is added to their scores; by default all, and nothing.
class AttentionMask {
public:
    /// Every query may attend to every key.
    AttentionMask() = default;

    /// Query i sees key j if j ≤ i + Tk − Tq: aligned to the last key, so that a decoding step with cached keys sees all before it.
    static AttentionMask causal() { return window(-1, 0); }
    /// Query i sees key j if j ≤ i + offset.
    static AttentionMask causal(Index offset);
    /// With i' = i + Tk − Tq, query i sees keys i' − left to i' + right; −1 means no bound on that side.
    static AttentionMask window(Index left, Index right);
    /// [Tq, Tk], or [B, H, Tq, Tk] with 1 for an axis that it does not depend on: true = may attend.
    static AttentionMask allow(const Condition& allowed);
    /// [B, Tk]: true = a real key, false = padding.
    static AttentionMask keys(const Condition& valid);
    /// Keys 0 to lengths[b] − 1 of sequence b are real: [B] numbers.
    static AttentionMask lengths(const std::vector<Index>& lengths);
    /// Added to the scores, differentiable: [Tq, Tk], or [B, H, Tq, Tk] with 1 for an axis that it does not depend on.
    static AttentionMask bias(const Tensor& bias);

    /// −m |i' − j|, i' = i + Tk − Tq, added to the scores of each head, with the slopes m = 2^(−8/H), 2^(−16/H), ... (Press et al.
    /// 2022, section 3; for an H that is no power of two those of the next smaller one, then every second of the next larger one).
    static AttentionMask alibi();
    /// The same with slopes of one's own, one for each head. Throws ValueError for one that is not finite.
    static AttentionMask alibi(const std::vector<Real>& slopes);

    /// @{
    /// Arrays of numbers are no flags, and flags are no numbers to be added.
    template <class E>
    requires(!std::same_as<typename E::value_type, bool>) static AttentionMask
        allow(const xt::xexpression<E>& numbers) = delete;
    template <class E>
    requires(!std::same_as<typename E::value_type, bool>) static AttentionMask keys(const xt::xexpression<E>& numbers) = delete;
    template <class E>
    requires std::same_as<typename E::value_type, bool>
    static AttentionMask bias(const xt::xexpression<E>& flags) = delete;
    /// @}

    /// Both masks: a query may attend where both let it; biases add up.
    friend AttentionMask operator&(AttentionMask a, const AttentionMask& b);

    /// Whether every query may attend to every key, with nothing added.
    bool empty() const {
        return bands_.empty() && allowed_.empty() && keys_.empty() && lengths_.empty() && biases_.empty() && slopes_.empty();
    }

    /// What a mask comes down to for scores of a shape: the parts hold together, and what is added adds up.
    struct Parts {
        Index first, last;                 ///< query i may attend to keys i + first to i + last
        std::vector<Index> lengths;        ///< key j of sequence b is real if j < lengths[b]; empty where all are
        std::optional<Condition> allowed;  ///< broadcasts to the scores; nothing where all may
        Tensor bias;                       ///< broadcasts to the scores; undefined for none
        std::vector<Scalar> slopes;        ///< of each head; empty for none

        /// Whether there may be pairs that do not meet.
        bool excludes() const { return first > -unbounded || last < unbounded || !lengths.empty() || allowed; }
        /// Beyond any distance between a query and a key; bounds are cut to it.
        static constexpr Index unbounded = Index{1} << 40;
    };
    /// The mask for scores of a shape. Throws ShapeError for parts that do not fit it, ValueError for lengths beyond the keys.
    Parts parts(const AttentionShape& shape) const;
    /// Where a query may attend to a key, broadcasting to `shape`; nothing if everywhere. Throws as parts.
    std::optional<Condition> allowed(const AttentionShape& shape) const;
    /// What alibi adds to the scores, [1, H, Tq, Tk]; undefined if nothing. Throws as parts.
    Tensor alibi_bias(const AttentionShape& shape) const;

private:
    /// Keys between bounds relative to a query's own place.
    struct Band {
        std::optional<Index> first, last;
        std::optional<Index> offset;  // of the query's own place among the keys; Tk − Tq where not given
    };

    std::vector<Band> bands_;
    std::vector<Condition> allowed_, keys_;
    std::vector<std::vector<Index>> lengths_;
    std::vector<Tensor> biases_;
    std::vector<std::vector<Real>> slopes_;  // an empty list stands for the paper's
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
