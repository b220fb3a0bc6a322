// Normalisation layers.
#pragma once

#include <tapehead/autograd/axes.hpp>
#include <tapehead/autograd/ops/normalization.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// y = (x − mean) / √(var + ε) · w + b over the last axes, biased variance; w starts as 1, b as 0. (Ba et al. 2016)
struct LayerNorm : Layer {
    Shape shape;          ///< of the axes it normalises
    Tensor weight, bias;  ///< w and b, of that shape, or undefined
    Real eps;             ///< ε

    /// `normalized_shape` is the extent of the last axis, or the last extents as Shape{...}. Throws ValueError for an extent below 1
    /// and for eps < 0.
    explicit LayerNorm(const Axes& normalized_shape, Real epsilon = 1e-5, bool affine = true, bool with_bias = true);
    Tensor forward(const Tensor& x) const override { return layer_norm(x, shape, weight, bias, eps); }
    void visit(Visitor& v) override;
};

/// y = x / √(mean(x²) + ε) · w over the last axes; w starts as 1. (Zhang and Sennrich 2019)
struct RMSNorm : Layer {
    Shape shape;    ///< of the axes it normalises
    Tensor weight;  ///< w, of that shape, or undefined
    Real eps;       ///< ε

    /// `normalized_shape` is the extent of the last axis, or the last extents as Shape{...}. Throws ValueError for an extent below 1
    /// and for eps < 0.
    explicit RMSNorm(const Axes& normalized_shape, Real epsilon = 1e-5, bool affine = true);
    Tensor forward(const Tensor& x) const override { return rms_norm(x, shape, weight, eps); }
    void visit(Visitor& v) override { v("weight", weight); }
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
