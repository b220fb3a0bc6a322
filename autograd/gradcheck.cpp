// Gradients checked against finite differences; see gradcheck.hpp.
#include <tapehead/autograd/gradcheck.hpp>

#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/sweep.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

std::vector<Tensor> requiring_grad(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> wanted;
    for (const Tensor& input : inputs)
        if (input.requires_grad()) wanted.push_back(input);
    return wanted;
}

void check_request(const char* operation, const Function& f, const GradcheckOptions& options) {
    detail::check_function(operation, f);
    check<ValueError>(options.step > 0 && std::isfinite(options.step), "{}: expected a step above 0, got {}", operation,
                      options.step);
    check<ValueError>(options.absolute >= 0 && options.relative >= 0, "{}: expected tolerances of at least 0, got {} and {}",
                      operation, options.absolute, options.relative);
}

/// Σ w y with random w, which sees every element of y.
Tensor weighted_sum(const Tensor& y, std::uint64_t seed) {
    Generator generator(seed);
    return sum(y * (randn(y.shape(), generator) + 0.5));
}

Shape position_of(Index offset, const Shape& shape) {
    Shape position = shape;
    for (Index axis = shape.rank() - 1; axis >= 0; --axis) {
        position[axis] = offset % shape[axis];
        offset /= shape[axis];
    }
    return position;
}

std::string name_of(std::size_t input, const GradcheckOptions& options) {
    return input < options.names.size() ? options.names[input] : fmt::format("input {}", input);
}

/// Gives an element its value back at the end of a scope, however that is left.
struct PutBack {
    Tensor x;
    Index element;
    Scalar before;
    ~PutBack() {
        const no_grad off;
        x.mutable_data()[element] = before;
    }
};

/// (value(x + h) − value(x − h)) / 2h for one element, which is put back.
Real central_difference(const std::function<Tensor()>& value, Tensor x, Index element, Real step) {
    const auto evaluate = [&](Real at) {
        {
            const no_grad off;
            x.mutable_data()[element] = static_cast<Scalar>(at);
        }
        return static_cast<Real>(value().item());
    };
    const Scalar before = x.data()[element];
    const PutBack guard{x, element, before};
    const Real up = evaluate(static_cast<Real>(before) + step), down = evaluate(static_cast<Real>(before) - step);
    return (up - down) / (2 * step);
}

}  // namespace

std::string GradcheckReport::message() const {
    if (entries == 0) return "gradcheck: no entries to compare";
    return fmt::format(
        "gradcheck: {} of {} entries; worst: {} at {}: analytic {:.9g}, numerical {:.9g}, {:.3g} times the "
        "tolerance",
        passed ? "passed, all" : "FAILED, some", entries, name, position, analytic, numerical, error);
}

GradcheckReport gradcheck(const Function& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
    check_request("gradcheck", f, options);
    const enable_grad on;
    const std::vector<Tensor> wanted = requiring_grad(inputs);
    check<GradError>(!wanted.empty(), "gradcheck: expected an input that requires grad, got none");
    const auto value = [&] { return weighted_sum(f(inputs), options.seed); };
    const std::vector<Tensor> gradients = grad(value(), wanted);

    GradcheckReport report;
    for (std::size_t i = 0, next = 0; i < inputs.size(); ++i) {
        if (!inputs[i].requires_grad()) continue;
        const Tensor& analytic = gradients[next++];
        for (Index element = 0; element < inputs[i].numel(); ++element) {
            const Real numerical = central_difference(value, inputs[i], element, options.step);
            const auto found = static_cast<Real>(analytic.data()[element]);
            const Real error = std::abs(found - numerical) / (options.absolute + options.relative * std::abs(numerical));
            ++report.entries;
            if (error <= report.error && report.input >= 0) continue;
            const bool passed = report.passed && error <= 1;  // false for NaN
            report = {.passed = passed,
                      .entries = report.entries,
                      .input = static_cast<Index>(i),
                      .name = name_of(i, options),
                      .position = position_of(element, inputs[i].shape()),
                      .analytic = found,
                      .numerical = numerical,
                      .error = error};
            if (std::isnan(error)) return report;
        }
    }
    return report;
}

GradcheckReport gradgradcheck(const Function& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
    check_request("gradgradcheck", f, options);
    const auto gradient = [&](const std::vector<Tensor>& xs) {
        Tensor total = 0;
        const Tensor value = weighted_sum(f(xs), options.seed + 1);
        std::uint64_t seed = options.seed + 2;
        for (const Tensor& g : grad(value, requiring_grad(xs), {.create_graph = true})) total += weighted_sum(g, seed++);
        return total;
    };
    return gradcheck(gradient, inputs, options);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
