// Positions: what tells a Transformer the order of its tokens.
#pragma once

#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// PE(pos, 2i) = sin(pos / 10000^(2i/E)), PE(pos, 2i + 1) = cos(same), pos = first, first + 1, ...: [T, E]
/// (Vaswani et al. 2017, section 3.5). An odd E ends with a sine. Throws ValueError for negative arguments.
Tensor sinusoidal_positions(Index length, Index embed_dim, Index first = 0);

/// y = x + PE: [B, T, E] → [B, T, E], with positions that count from `first`.
struct SinusoidalPositionalEncoding : Layer {
    Tensor table;  // [max_length, E], not a parameter

    /// Positions up to max_length are computed once; later ones when they are needed.
    explicit SinusoidalPositionalEncoding(Index embed_dim, Index max_length = 1024);
    Tensor forward(const Tensor& x) const override { return forward(x, 0); }
    /// Throws ShapeError unless x is [B, T, E].
    Tensor forward(const Tensor& x, Index first) const;
    using Layer::operator();
    Tensor operator()(const Tensor& x, Index first) const { return forward(x, first); }
    void visit(Visitor&) override {}
};

/// y = x + W[first : first + T]: [B, T, E] → [B, T, E], with a learned vector for each position, started as N(0, 0.02²).
struct LearnedPositionalEncoding : Layer {
    Tensor weight;  // [max_length, E]

    LearnedPositionalEncoding(Index embed_dim, Index max_length);
    Tensor forward(const Tensor& x) const override { return forward(x, 0); }
    /// Throws ShapeError unless x is [B, T, E], IndexError for positions from max_length on.
    Tensor forward(const Tensor& x, Index first) const;
    using Layer::operator();
    Tensor operator()(const Tensor& x, Index first) const { return forward(x, first); }
    void visit(Visitor& v) override { v("weight", weight); }
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
