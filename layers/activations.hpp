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
    Tensor forward(const Tensor& x) const override { return f(x); }
    void visit(Visitor&) override {}
};

struct ReLU : Elementwise<relu> {};
struct GELU : Elementwise<gelu> {};
struct GELUTanh : Elementwise<gelu_tanh> {};
struct SiLU : Elementwise<silu> {};
struct Tanh : Elementwise<tanh> {};
struct Sigmoid : Elementwise<sigmoid> {};
struct Softplus : Elementwise<softplus> {};

/// x where x > 0, else slope x.
struct LeakyReLU : Layer {
    Real slope;
    explicit LeakyReLU(Real negative_slope = 0.01) : slope(negative_slope) {}
    Tensor forward(const Tensor& x) const override { return leaky_relu(x, slope); }
    void visit(Visitor&) override {}
};

/// x where x > 0, else α (eˣ − 1).
struct ELU : Layer {
    Real alpha;
    explicit ELU(Real scale = 1) : alpha(scale) {}
    Tensor forward(const Tensor& x) const override { return elu(x, alpha); }
    void visit(Visitor&) override {}
};

/// eˣ / Σ eˣ along an axis.
struct Softmax : Layer {
    Index axis;
    explicit Softmax(Index along = -1) : axis(along) {}
    Tensor forward(const Tensor& x) const override { return softmax(x, axis); }
    void visit(Visitor&) override {}
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
