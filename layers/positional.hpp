// Positions: what tells a Transformer the order of its tokens.
#pragma once

#include <tapehead/autograd/ops/rotary.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// PE(pos, 2i) = sin(pos / 10000^(2i/E)), PE(pos, 2i + 1) = cos(same), pos = first, first + 1, ...: [T, E]
/// (Vaswani et al. 2017, section 3.5). An odd E ends with a sine. Throws ValueError for negative arguments.
Tensor sinusoidal_positions(Index length, Index embed_dim, Index first = 0);

/// y = x + PE: [B, T, E] → [B, T, E], with positions that count from `first`.
struct SinusoidalPositionalEncoding : Layer {
    Tensor table;  ///< PE [max_length, E], not a parameter

    /// Positions up to max_length are computed once; later ones when they are needed.
    explicit SinusoidalPositionalEncoding(Index embed_dim, Index max_length = 1024);
    Tensor forward(const Tensor& x) const override { return forward(x, 0); }
    /// Throws ShapeError unless x is [B, T, E].
    Tensor forward(const Tensor& x, Index first) const;
    using Layer::operator();
    /// The same as forward, as a scope of its own.
    Tensor operator()(const Tensor& x, Index first) const {
        const ModuleScope scope(*this);
        return forward(x, first);
    }
    void visit(Visitor&) override {}
};

/// y = x + W[first : first + T]: [B, T, E] → [B, T, E], with a learned vector for each position, started as N(0, 0.02²).
struct LearnedPositionalEncoding : Layer {
    Tensor weight;  ///< W [max_length, E]

    /// Throws ValueError for extents below 1.
    LearnedPositionalEncoding(Index embed_dim, Index max_length);
    Tensor forward(const Tensor& x) const override { return forward(x, 0); }
    /// Throws ShapeError unless x is [B, T, E], IndexError for positions from max_length on.
    Tensor forward(const Tensor& x, Index first) const;
    using Layer::operator();
    /// The same as forward, as a scope of its own.
    Tensor operator()(const Tensor& x, Index first) const {
        const ModuleScope scope(*this);
        return forward(x, first);
    }
    void visit(Visitor& v) override { v("weight", weight); }
};

/// Which elements turn, and how fast.
struct RotaryOptions {
    Index dim = 0;                                 ///< how many elements of a head turn, an even number; 0 for all
    Real base = 10000;                             ///< the slowest pair turns by about 1/base a position
    Real scaling = 1;                              ///< positions are divided by it, to stretch a model over longer texts
    RotaryLayout layout = RotaryLayout::adjacent;  ///< which elements turn together
};

/// Pair i of the elements of a query or key turns by pos / scaling · base^(−2i/R), pos = first, first + 1, ...: [B, H, T, D] →
/// [B, H, T, D], so that scores depend on distances alone (Su et al. 2021; scaling: Chen et al. 2023).
struct RotaryEmbedding : Layer {
    Tensor cos, sin;        ///< of the angles [max_length, R/2], not parameters
    RotaryOptions options;  ///< as they were given

    /// Positions up to max_length are computed once; later ones when they are needed. Throws ValueError unless the elements that
    /// turn are an even number of at most head_dim, and for a base or a scaling that is not above 0.
    explicit RotaryEmbedding(Index head_dim, const RotaryOptions& options = {}, Index max_length = 1024);
    Tensor forward(const Tensor& x) const override { return forward(x, 0); }
    /// x [..., T, D], or with T at another axis than the last but one. Throws ShapeError unless D is at least R, IndexError for a
    /// negative position or an axis that x has not before D.
    Tensor forward(const Tensor& x, Index first, Index time_axis = -2) const;
    using Layer::operator();
    /// The same as forward, as a scope of its own.
    Tensor operator()(const Tensor& x, Index first) const {
        const ModuleScope scope(*this);
        return forward(x, first);
    }
    void visit(Visitor&) override {}
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
