// Scaled dot-product attention in memory that grows with T: tiles of the scores, made, used and forgotten.
//
// Knows raw memory, strides and what a mask comes down to: a band of keys around each query's place, lengths, and arrays that
// broadcast to the scores [B, H, Tq, Tk]. The products of a tile are those of simd/product.hpp; what happens between them is
// simd/attention.hpp.
#pragma once

#include <tapehead/autograd/kernels/philox.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// Element (b, h, t, d) of an array lies at b batch + h head + t row + d.
struct HeadStrides {
    Index batch, head, row;
};

/// An array that broadcasts to the scores, with a stride for each of [B, H, Tq, Tk]; null for none.
template <class T>
struct OverScores {
    T* data = nullptr;
    Index stride[4] = {};

    T* at(Index b, Index h, Index i, Index j) const {
        return data ? data + b * stride[0] + h * stride[1] + i * stride[2] + j * stride[3] : nullptr;
    }
};

/// Sizes, layout and options of one attention. The key-value head of query head h is h / (heads / kv_heads).
struct AttentionPlan {
    Index batch, heads, kv_heads, queries, keys, width, value_width;
    HeadStrides q, k, v, o;
    Scalar scale = 1, softcap = 0;        // the scores are scale Q Kᵀ, then c tanh(score / c) if the cap is above 0
    Index first, last;                    // query i may attend to keys i + first … i + last
    const Index* lengths = nullptr;       // of the keys, [B]
    OverScores<const bool> allowed = {};  // true = may attend
    OverScores<const Scalar> bias = {};   // added to the scores
    const Scalar* slopes = nullptr;       // [H]: slope |i + place − j| is subtracted from the scores
    Index place = 0;                      // of query 0 among the keys
    PhiloxKey key = {};                   // of the dropout, numbers in the order of the scores
    Real dropout = 0;
};

/// Where the gradients go; null where none is wanted. Those of q, k, v lie as q, k, v do and are written over, those of the bias
/// lie as the bias does and are added to.
struct AttentionGradients {
    Scalar *q, *k, *v, *bias;
};

/// o = softmax(scores) V, lse[B, H, Tq] = log Σ exp(scores), −∞ and o = 0 where a query may attend to nothing.
void attention(const AttentionPlan& a, const Scalar* q, const Scalar* k, const Scalar* v, Scalar* o, Scalar* lse);

/// P = exp(scores − lse), D = Σ dO ∘ O over each row:  dV = Pᵀ dO,  dS = P ∘ (dO Vᵀ − D),  dQ = scale dS K,  dK = scale dSᵀ Q
///
/// `dots` [B, H, Tq] is room for D. Each gradient is summed by one thread in one order, whatever the number of threads.
void attention_backward(const AttentionPlan& a, const Scalar* q, const Scalar* k, const Scalar* v, const Scalar* o,
                        const Scalar* lse, const Scalar* d_o, Scalar* dots, const AttentionGradients& d);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
