// Functions of one element.
#include <reliability/chooser.hpp>

#include <cmath>

namespace random_programs {
namespace {

using Function = double (*)(double);

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double normal_part(double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }
double side(double x) {
    kink(x);
    return x > 0 ? 1 : -1;
}

Operation unary(const char* name, Domain domain, Tensor (*f)(const Tensor&), Function reference) {
    return {name,
            std::string(name) + "($0)",
            "",
            [domain](Chooser& c) { return Line{.inputs = {c.in(domain, c.any())}}; },
            [f](const Line&, const Tensors& x) { return Tensors{f(x[0])}; },
            [reference](const Line&, const Plains& x) { return Plains{map(x[0], reference)}; }};
}

/// With one number, from low to high.
Operation with_number(const char* name, double low, double high, Tensor (*f)(const Tensor&, double),
                      double (*reference)(double, double)) {
    return {name,
            std::string(name) + "($0, $R0)",
            "",
            [=](Chooser& c) { return Line{.inputs = {c.any()}, .reals = {c.real(low, high)}}; },
            [f](const Line& l, const Tensors& x) { return Tensors{f(x[0], l.reals[0])}; },
            [reference](const Line& l, const Plains& x) {
                return Plains{map(x[0], [&](double e) { return reference(e, l.reals[0]); })};
            }};
}

double gelu_tanh(double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

Operation clamp_operation() {
    return {"clamp",
            "clamp($0, $R0, $R1)",
            "",
            [](Chooser& c) {
                const double low = c.real(-2, 1);
                return Line{.inputs = {c.any()}, .reals = {low, c.chance(0.2) ? INFINITY : low + c.real(-0.5, 2)}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{clamp(x[0], l.reals[0], l.reals[1])}; },
            [](const Line& l, const Plains& x) {
                return Plains{map(x[0], [&](double e) {
                    kink(e - l.reals[0]), kink(e - l.reals[1]);
                    return std::min(std::max(e, l.reals[0]), l.reals[1]);
                })};
            }};
}

}  // namespace

std::vector<Operation> pointwise_operations() {
    const auto any = Domain::any, positive = Domain::positive;
    return {
        unary("neg", any, tapehead::neg, [](double x) { return -x; }),
        unary("exp", any, tapehead::exp, [](double x) { return std::exp(x); }),
        unary("log", positive, tapehead::log, [](double x) { return std::log(x); }),
        unary("log1p", positive, tapehead::log1p, [](double x) { return std::log1p(x); }),
        unary("expm1", any, tapehead::expm1, [](double x) { return std::expm1(x); }),
        unary("sqrt", positive, tapehead::sqrt, [](double x) { return std::sqrt(x); }),
        unary("rsqrt", positive, tapehead::rsqrt, [](double x) { return 1 / std::sqrt(x); }),
        unary("square", any, tapehead::square, [](double x) { return x * x; }),
        unary("reciprocal", positive, tapehead::reciprocal, [](double x) { return 1 / x; }),
        unary("abs", any, tapehead::abs, [](double x) { return x * side(x); }),
        unary("sign", any, tapehead::sign, [](double x) { return side(x); }),
        unary("sin", any, tapehead::sin, [](double x) { return std::sin(x); }),
        unary("cos", any, tapehead::cos, [](double x) { return std::cos(x); }),
        unary("erf", any, tapehead::erf, [](double x) { return std::erf(x); }),
        unary("tanh", any, tapehead::tanh, [](double x) { return std::tanh(x); }),
        unary("sigmoid", any, tapehead::sigmoid, sigmoid),
        unary("softplus", any, tapehead::softplus, [](double x) { return std::log(1 + std::exp(x)); }),
        unary("relu", any, tapehead::relu, [](double x) { return side(x) > 0 ? x : 0; }),
        unary("silu", any, tapehead::silu, [](double x) { return x * sigmoid(x); }),
        unary("gelu", any, tapehead::gelu, [](double x) { return x * normal_part(x); }),
        unary("gelu_tanh", any, tapehead::gelu_tanh, gelu_tanh),
        with_number(
            "leaky_relu", -0.5, 0.5, [](const Tensor& x, double slope) { return leaky_relu(x, slope); },
            [](double x, double slope) { return side(x) > 0 ? x : slope * x; }),
        with_number(
            "elu", 0.25, 2, [](const Tensor& x, double alpha) { return elu(x, alpha); },
            [](double x, double alpha) { return side(x) > 0 ? x : alpha * (std::exp(x) - 1); }),
        clamp_operation(),
    };
}

}  // namespace random_programs
