// Activations as layers without parameters, for Sequential; each is the function of the same name in autograd/ops.
#pragma once

#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/ops/softmax.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// An activation as a plain function, such as `relu` or `gelu`.
using Activation = Tensor (*)(const Tensor&);

/// Any function of one tensor as a layer.
template <Activation f>
struct Elementwise : Layer {
    Tensor forward(const Tensor& x) const override { return f(x); }  ///< y = f(x), of x's shape
    void visit(Visitor&) override {}                                 ///< there are no parameters
};

struct ReLU : Elementwise<relu> {};           ///< max(x, 0)
struct GELU : Elementwise<gelu> {};           ///< x Φ(x)
struct GELUTanh : Elementwise<gelu_tanh> {};  ///< the approximation of x Φ(x) by tanh
struct SiLU : Elementwise<silu> {};           ///< x sigmoid(x)
struct Tanh : Elementwise<tanh> {};           ///< the hyperbolic tangent
struct Sigmoid : Elementwise<sigmoid> {};     ///< 1 / (1 + e⁻ˣ)
struct Softplus : Elementwise<softplus> {};   ///< ln(1 + eˣ)

/// x where x > 0, else slope x.
struct LeakyReLU : Layer {
    Real slope;                                                                ///< of the negative side
    explicit LeakyReLU(Real negative_slope = 0.01) : slope(negative_slope) {}  ///< with a slope
    Tensor forward(const Tensor& x) const override { return leaky_relu(x, slope); }
    void visit(Visitor&) override {}
};

/// x where x > 0, else α (eˣ − 1).
struct ELU : Layer {
    Real alpha;                                     ///< α
    explicit ELU(Real scale = 1) : alpha(scale) {}  ///< with an α
    Tensor forward(const Tensor& x) const override { return elu(x, alpha); }
    void visit(Visitor&) override {}
};

/// eˣ / Σ eˣ along an axis.
struct Softmax : Layer {
    Index axis;                                          ///< along which it sums to 1
    explicit Softmax(Index along = -1) : axis(along) {}  ///< along an axis, the last by default
    Tensor forward(const Tensor& x) const override { return softmax(x, axis); }
    void visit(Visitor&) override {}
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
