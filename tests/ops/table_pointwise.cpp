// The rows of autograd/ops/pointwise.hpp, against the C library's functions.
#include "table.hpp"

namespace testing {
namespace {

/// Shapes of every kind: several axes, one number, extents of 1 and 0, longer than any vector register, shared by threads.
const std::vector<Shape> shapes = {{2, 3}, {}, {1}, {0}, {2, 0, 3}, {2, 1, 3}, {3, 29}, {70, 1000}};

template <class F, class R>
Row unary(std::string name, F f, R reference, Tensor (*fill)(const Shape&, double, double, unsigned), double low, double high) {
    Row row{.name = std::move(name),
            .f = [=](const std::vector<Tensor>& in) { return f(in[0]); },
            .reference =
                [=](const std::vector<Values>& in) {
                    return each(in[0].shape, [&](const Shape& p) { return reference(in[0].at(p)); });
                },
            .inputs = {}};
    for (const Shape& shape : shapes) row.inputs.push_back({fill(shape, low, high, 1)});
    return row;
}

double cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double tanh_gelu_of(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

}  // namespace

std::vector<Row> pointwise_rows() {
    using R = double;
    std::vector<Row> rows;
    const auto add = [&](std::string name, auto f, auto reference, auto fill, double low, double high) {
        rows.push_back(unary(std::move(name), f, reference, fill, low, high));
    };
    add(
        "neg", tapehead::neg, [](R x) { return -x; }, spread, -2, 2);
    add(
        "exp", tapehead::exp, [](R x) { return std::exp(x); }, spread, -3, 2);
    add(
        "log", tapehead::log, [](R x) { return std::log(x); }, spread, 0.2, 5);
    add(
        "log1p", tapehead::log1p, [](R x) { return std::log1p(x); }, spread, -0.7, 3);
    add(
        "expm1", tapehead::expm1, [](R x) { return std::expm1(x); }, spread, -2, 2);
    add(
        "sqrt", tapehead::sqrt, [](R x) { return std::sqrt(x); }, spread, 0.3, 4);
    add(
        "rsqrt", tapehead::rsqrt, [](R x) { return 1 / std::sqrt(x); }, spread, 0.4, 4);
    add(
        "square", tapehead::square, [](R x) { return x * x; }, spread, -2, 2);
    add(
        "reciprocal", tapehead::reciprocal, [](R x) { return 1 / x; }, both_signs, 0.5, 3);
    add(
        "abs", tapehead::abs, [](R x) { return std::fabs(x); }, both_signs, 0.1, 2);
    add(
        "sign", tapehead::sign, [](R x) { return x > 0   ? 1.0
                                                 : x < 0 ? -1.0
                                                         : 0.0; }, both_signs, 0.1, 2);
    rows.back().differentiable = false;
    rows.back().inputs.push_back({Tensor{0, -0.0, 3, -4}});
    add(
        "sin", tapehead::sin, [](R x) { return std::sin(x); }, spread, -4, 4);
    add(
        "cos", tapehead::cos, [](R x) { return std::cos(x); }, spread, -4, 4);
    add(
        "erf", tapehead::erf, [](R x) { return std::erf(x); }, spread, -2, 2);
    add(
        "tanh", tapehead::tanh, [](R x) { return std::tanh(x); }, spread, -2.5, 2.5);
    add("sigmoid", tapehead::sigmoid, sigmoid_of, spread, -5, 5);
    add(
        "softplus", tapehead::softplus, [](R x) { return std::log1p(std::exp(x)); }, spread, -5, 5);
    add(
        "relu", tapehead::relu, [](R x) { return x > 0 ? x : 0; }, both_signs, 0.1, 2);
    add(
        "silu", tapehead::silu, [](R x) { return x * sigmoid_of(x); }, spread, -5, 5);
    const auto leaky = [](R slope) { return [=](R x) { return x > 0 ? x : slope * x; }; };
    add(
        "leaky_relu", [](const Tensor& x) { return leaky_relu(x); }, leaky(0.01), both_signs, 0.1, 2);
    add(
        "leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.3); }, leaky(0.3), both_signs, 0.1, 2);
    const auto elu_of = [](R alpha) { return [=](R x) { return x > 0 ? x : alpha * std::expm1(x); }; };
    add(
        "elu", [](const Tensor& x) { return elu(x); }, elu_of(1), both_signs, 0.1, 2);
    add(
        "elu", [](const Tensor& x) { return elu(x, 0.7); }, elu_of(0.7), both_signs, 0.1, 2);
    add(
        "gelu", tapehead::gelu, [](R x) { return x * cdf(x); }, spread, -3, 3);
    add("gelu_tanh", tapehead::gelu_tanh, tanh_gelu_of, spread, -3, 3);
    const auto clamp_of = [](R low, R high) { return [=](R x) { return x < low ? low : x > high ? high : x; }; };
    add(
        "clamp", [](const Tensor& x) { return clamp(x, -0.9012, 1.1034); }, clamp_of(-0.9012, 1.1034), spread, -2, 2);
    add(
        "clamp", [](const Tensor& x) { return clamp(x, 0); }, clamp_of(0, INFINITY), both_signs, 0.1, 2);
    return rows;
}

}  // namespace testing
