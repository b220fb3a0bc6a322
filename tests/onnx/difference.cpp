// Comparing what an operator gives with what its case expects.
//
// A cast is part of an operator of integers or flags: numbers that are right to rounding become integers as in C++, and what does
// not fit becomes the nearest that does. A scalar may be stored with shape [1].
#include <onnx/node.hpp>

#include <cmath>

#include <fmt/format.h>

namespace onnx {
namespace {

struct Tolerance {
    double relative, absolute;
};

/// Expected values are float32 for the most part, computed in float32.
Tolerance tolerance_for(const Node& node) {
    if (node.is_double() && sizeof(Scalar) == 8) return {1e-9, 1e-12};
    return {1e-5, 1e-6};
}

bool is_scalar(const Shape& shape) { return shape.empty() || shape == Shape{1}; }

bool is_close(double actual, double expected, Tolerance tolerance) {
    if (actual == expected || (std::isnan(actual) && std::isnan(expected))) return true;
    return std::abs(actual - expected) <= tolerance.absolute + tolerance.relative * std::abs(expected);
}

/// The integer that a cast of the number gives, if the number were free of rounding errors.
double cast(double number, Dtype dtype) {
    const double nearest = std::nearbyint(number);
    const double whole = is_close(number, nearest, {1e-5, 1e-6}) ? nearest : std::trunc(number);
    if (dtype == Dtype::I32) return std::clamp<double>(whole, INT32_MIN, INT32_MAX);
    return std::clamp(whole, -0x1p63, 0x1p63);
}

/// Where an output differs, by what each element should be and a judgement of it.
template <class Expected, class IsRight>
std::string difference(const Tensor& actual, const Expected* expected, const IsRight& is_right) {
    Index wrong = 0;
    std::string first;
    for (Index i = 0; i < actual.numel(); ++i) {
        if (is_right(actual.data()[i], expected[i])) continue;
        if (wrong++ == 0)
            first = fmt::format("element {} is {:.9g}, expected {:.9g}", i, static_cast<double>(actual.data()[i]),
                                static_cast<double>(expected[i]));
    }
    return wrong == 0 ? "" : fmt::format("{} of {} differ; {}", wrong, actual.numel(), first);
}

std::string difference(const Node& node, Index output, const Tensor& actual) {
    const StoredTensor& expected = node.expected(output);
    if (!actual) return "nothing was computed";
    if (actual.shape() != expected.shape && !(is_scalar(actual.shape()) && is_scalar(expected.shape)))
        return fmt::format("shape {}, expected {}", to_string(actual.shape()), to_string(expected.shape));
    const Tolerance tolerance = tolerance_for(node);
    if (is_floating_point(expected.dtype))
        return difference(actual, node.expected_numbers(output).data(),
                          [=](double got, double want) { return is_close(got, want, tolerance); });
    return difference(actual, node.expected_integers(output).data(), [&](double got, Id want) {
        return (expected.dtype == Dtype::BOOL ? got : cast(got, expected.dtype)) == static_cast<double>(want);
    });
}

}  // namespace

std::string difference(const Node& node, const Outputs& outputs) {
    for (Index i = 0; i < node.outputs(); ++i) {
        if (!node.wants(i)) continue;
        const Tensor actual = static_cast<std::size_t>(i) < outputs.size() ? outputs[static_cast<std::size_t>(i)] : Tensor();
        const std::string found = difference(node, i, actual);
        if (!found.empty()) return fmt::format("output {}: {}", i, found);
    }
    return "";
}

}  // namespace onnx
