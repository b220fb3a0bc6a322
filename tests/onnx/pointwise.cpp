// ONNX's functions of one element, and its activations.
//
// https://onnx.ai/onnx/operators/ has a page for each operator.
#include <onnx/node.hpp>

namespace onnx {
namespace {

Operator pointwise(Tensor (*f)(const Tensor&)) {
    return [f](const Node& node) { return Outputs{f(node.tensor(0))}; };
}

/// x sigmoid(α x)
Tensor swish(const Tensor& x, Real alpha) { return alpha == 1 ? silu(x) : x * sigmoid(alpha * x); }

/// min(max(α x + β, 0), 1)
Tensor hard_sigmoid(const Tensor& x, Real alpha, Real beta) { return clamp(affine(x, alpha, beta), 0, 1); }

Tensor mish(const Tensor& x) { return x * tanh(softplus(x)); }
Tensor hard_swish(const Tensor& x) { return x * hard_sigmoid(x, 1. / 6, 0.5); }
Tensor softsign(const Tensor& x) { return x / (1 + abs(x)); }
Tensor tan(const Tensor& x) { return sin(x) / cos(x); }
Tensor sinh(const Tensor& x) { return (exp(x) - exp(-x)) / 2; }
Tensor cosh(const Tensor& x) { return (exp(x) + exp(-x)) / 2; }
/// sign(x) log(|x| + √(x² + 1)), exact near 0
Tensor asinh(const Tensor& x) {
    const Tensor root = sqrt(square(x) + 1);
    return sign(x) * log1p(abs(x) + square(x) / (1 + root));
}
Tensor acosh(const Tensor& x) { return log(x + sqrt(square(x) - 1)); }
Tensor atanh(const Tensor& x) { return (log1p(x) - log1p(-x)) / 2; }

Tensor gelu_of(const Node& node) {
    return node.text("approximate", "none") == "tanh" ? gelu_tanh(node.tensor(0)) : gelu(node.tensor(0));
}

/// Bounds are inputs, attributes before version 11, and may be absent; the upper one wins.
Tensor clip(const Node& node) {
    constexpr Real infinity = std::numeric_limits<Real>::infinity();
    const Real low = node.has(1) ? node.tensor(1).item() : node.real("min", -infinity);
    const Real high = node.has(2) ? node.tensor(2).item() : node.real("max", infinity);
    return clamp(node.tensor(0), low, high);
}

/// x + bias below −λ, x − bias above λ, else 0
Tensor shrink(const Node& node) {
    const Tensor x = node.tensor(0);
    const Real lambda = node.real("lambd", 0.5), bias = node.real("bias", 0);
    return where(x < -lambda, x + bias, where(x > lambda, x - bias, zeros_like(x)));
}

Tensor is_infinite(const Node& node) {
    const Tensor x = node.tensor(0);
    const Tensor infinity = std::numeric_limits<Scalar>::infinity();
    const auto is = [&](const char* wanted, const Tensor& value) {
        return node.integer(wanted, 1) != 0 ? as_tensor(x == value) : zeros_like(x);
    };
    return is("detect_positive", infinity) + is("detect_negative", -infinity);
}

void add_activations(Operators& operators) {
    operators["Relu"] = pointwise(relu);
    operators["Elu"] = [](const Node& n) { return Outputs{elu(n.tensor(0), n.real("alpha", 1))}; };
    operators["Selu"] = [](const Node& n) {
        return Outputs{n.real("gamma", 1.05070102214813232421875) *
                       elu(n.tensor(0), n.real("alpha", 1.67326319217681884765625))};
    };
    operators["Celu"] = [](const Node& n) {  // max(x, 0) + min(0, α (e^(x/α) − 1))
        const Real alpha = n.real("alpha", 1);
        return Outputs{alpha * elu(n.tensor(0) / alpha)};
    };
    operators["LeakyRelu"] = [](const Node& n) { return Outputs{leaky_relu(n.tensor(0), n.real("alpha", 0.01))}; };
    operators["PRelu"] = [](const Node& n) {
        const Tensor x = n.tensor(0);
        return Outputs{where(x < 0, n.tensor(1) * x, x)};
    };
    operators["ThresholdedRelu"] = [](const Node& n) {
        const Tensor x = n.tensor(0);
        return Outputs{where(x > n.real("alpha", 1), x, zeros_like(x))};
    };
    operators["Sigmoid"] = pointwise(sigmoid);
    operators["HardSigmoid"] = [](const Node& n) {
        return Outputs{hard_sigmoid(n.tensor(0), n.real("alpha", 0.2), n.real("beta", 0.5))};
    };
    operators["HardSwish"] = pointwise(hard_swish);
    operators["Softplus"] = pointwise(softplus);
    operators["Softsign"] = pointwise(softsign);
    operators["Mish"] = pointwise(mish);
    operators["Gelu"] = [](const Node& n) { return Outputs{gelu_of(n)}; };
    operators["Swish"] = [](const Node& n) { return Outputs{swish(n.tensor(0), n.real("alpha", 1))}; };
    operators["SwiGLU"] = [](const Node& n) { return Outputs{swish(n.tensor(0), n.real("alpha", 1)) * n.tensor(1)}; };
    operators["Clip"] = [](const Node& n) { return Outputs{clip(n)}; };
    operators["Shrink"] = [](const Node& n) { return Outputs{shrink(n)}; };
}

}  // namespace

void add_pointwise(Operators& operators) {
    operators["Identity"] = [](const Node& n) { return Outputs{n.tensor(0)}; };
    operators["Neg"] = pointwise(neg);
    operators["Abs"] = pointwise(tapehead::abs);
    operators["Sign"] = pointwise(sign);
    operators["Reciprocal"] = pointwise(reciprocal);
    operators["Sqrt"] = pointwise(tapehead::sqrt);
    operators["Exp"] = pointwise(tapehead::exp);
    operators["Log"] = pointwise(tapehead::log);
    operators["Erf"] = pointwise(tapehead::erf);
    operators["Sin"] = pointwise(tapehead::sin);
    operators["Cos"] = pointwise(tapehead::cos);
    operators["Tan"] = pointwise(tan);
    operators["Sinh"] = pointwise(sinh);
    operators["Cosh"] = pointwise(cosh);
    operators["Tanh"] = pointwise(tapehead::tanh);
    operators["Asinh"] = pointwise(asinh);
    operators["Acosh"] = pointwise(acosh);
    operators["Atanh"] = pointwise(atanh);
    operators["IsNaN"] = [](const Node& n) { return Outputs{as_tensor(n.tensor(0) != n.tensor(0))}; };
    operators["IsInf"] = [](const Node& n) { return Outputs{is_infinite(n)}; };
    add_activations(operators);
}

}  // namespace onnx
