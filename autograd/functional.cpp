// Derivatives of functions, each a few lines of `grad`; see functional.hpp.
#include <tapehead/autograd/functional.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/sweep.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// A recorded value of a function, at tensors by which it can be differentiated.
struct Recording {
    std::vector<Tensor> xs;
    Tensor y;

    /// The xs are leaves of their own; with create_graph those that require grad lead on to what they came from.
    Recording(const Function& f, const std::vector<Tensor>& points, const DerivativeOptions& options) {
        for (const Tensor& x : points)
            xs.push_back(options.create_graph && x.requires_grad() ? detail::alias(x) : x.detach().requires_grad_());
        y = f(xs);
    }

    Tensor value(const DerivativeOptions& options) const { return options.create_graph ? y : y.detach(); }
};

void check_one_element(const char* operation, const Tensor& y) {
    check<GradError>(y.numel() == 1, "{}: expected f to return one element, got shape {}", operation, y.shape());
}

void check_like(const char* operation, const char* what, const std::vector<Tensor>& vectors, const std::vector<Tensor>& xs) {
    check<ValueError>(vectors.size() == xs.size(), "{}: expected a {} for each of {} inputs, got {}", operation, what,
                      xs.size(), vectors.size());
    for (std::size_t i = 0; i < xs.size(); ++i)
        check<ShapeError>(vectors[i].shape() == xs[i].shape(), "{}: expected a {} of shape {}, got {}", operation, what,
                          xs[i].shape(), vectors[i].shape());
}

/// Σ ⟨aᵢ, bᵢ⟩
Tensor dot(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    Tensor total = 0;
    for (std::size_t i = 0; i < a.size(); ++i) total = total + sum(a[i] * b[i]);
    return total;
}

/// [a..., b...]
Shape joined(const char* operation, const Shape& a, const Shape& b) {
    check<ShapeError>(a.rank() + b.rank() <= max_rank,
                      "{}: expected at most {} axes of the result and the point together, got shapes {} and {}", operation,
                      max_rank, a, b);
    Shape shape = a;
    for (const Index extent : b) shape.push_back(extent);
    return shape;
}

/// Rows [shape of one...] stacked to `shape`, of which there may be none.
Tensor stacked(const std::vector<Tensor>& rows, const Shape& shape) {
    return rows.empty() ? zeros(shape) : reshape(stack(rows), shape);
}

/// ∂y/∂x for every x: [y.shape..., x.shape...]. Keeps the graph.
std::vector<Tensor> jacobians(const char* operation, const Tensor& y, const std::vector<Tensor>& xs, bool create_graph) {
    std::vector<Shape> shapes(xs.size());
    for (std::size_t i = 0; i < xs.size(); ++i) shapes[i] = joined(operation, y.shape(), xs[i].shape());
    std::vector<std::vector<Tensor>> rows(xs.size());
    for (Index element = 0; element < y.numel(); ++element) {
        Tensor seed = zeros(y.shape());
        seed.raw()[element] = 1;
        std::vector<Tensor> gradients = grad(y, xs, {.seed = seed, .retain_graph = true, .create_graph = create_graph});
        for (std::size_t i = 0; i < xs.size(); ++i) rows[i].push_back(std::move(gradients[i]));
    }
    std::vector<Tensor> result(xs.size());
    for (std::size_t i = 0; i < xs.size(); ++i) result[i] = stacked(std::exchange(rows[i], {}), shapes[i]);
    return result;
}

}  // namespace

std::pair<Tensor, std::vector<Tensor>> vjp(const Function& f, const std::vector<Tensor>& xs, const Tensor& v,
                                           const DerivativeOptions& options) {
    detail::check_function("vjp", f);
    const enable_grad on;
    const Recording at(f, xs, options);
    if (!v) check_one_element("vjp without a vector", at.y);
    check<ShapeError>(!v || v.shape() == at.y.shape(), "vjp: expected a vector of shape {}, got {}", at.y.shape(),
                      v ? v.shape() : Shape());
    return {at.value(options), grad(at.y, at.xs, {.seed = v, .create_graph = options.create_graph})};
}

std::pair<Tensor, Tensor> jvp(const Function& f, const std::vector<Tensor>& xs, const std::vector<Tensor>& tangents,
                              const DerivativeOptions& options) {
    detail::check_function("jvp", f);
    check_like("jvp", "tangent", tangents, xs);
    const enable_grad on;
    const Recording at(f, xs, options);
    const Tensor u = zeros(at.y.shape()).requires_grad_();
    const std::vector<Tensor> pulled = grad(at.y, at.xs, {.seed = u, .create_graph = true});
    return {at.value(options), grad(dot(pulled, tangents), {u}, {.create_graph = options.create_graph})[0]};
}

std::pair<Tensor, std::vector<Tensor>> hvp(const Function& f, const std::vector<Tensor>& xs, const std::vector<Tensor>& vs,
                                           const DerivativeOptions& options) {
    detail::check_function("hvp", f);
    check_like("hvp", "vector", vs, xs);
    const enable_grad on;
    const Recording at(f, xs, options);
    check_one_element("hvp", at.y);
    const std::vector<Tensor> gradients = grad(at.y, at.xs, {.create_graph = true});
    return {at.value(options), grad(dot(gradients, vs), at.xs, {.create_graph = options.create_graph})};
}

std::vector<Tensor> jacobian(const Function& f, const std::vector<Tensor>& xs, const DerivativeOptions& options) {
    detail::check_function("jacobian", f);
    const enable_grad on;
    const Recording at(f, xs, options);
    return jacobians("jacobian", at.y, at.xs, options.create_graph);
}

std::vector<std::vector<Tensor>> hessian(const Function& f, const std::vector<Tensor>& xs, const DerivativeOptions& options) {
    detail::check_function("hessian", f);
    const enable_grad on;
    const Recording at(f, xs, options);
    check_one_element("hessian", at.y);
    std::vector<std::vector<Tensor>> blocks;
    for (const Tensor& gradient : grad(at.y, at.xs, {.create_graph = true}))
        blocks.push_back(jacobians("hessian", gradient, at.xs, options.create_graph));
    return blocks;
}

std::vector<Tensor> per_sample_grads(const std::function<Tensor(Index sample)>& loss, Index samples,
                                     const std::vector<Tensor>& parameters, const DerivativeOptions& options) {
    check<ValueError>(samples >= 0, "per_sample_grads: expected a number of samples of at least 0, got {}", samples);
    for (const Tensor& parameter : parameters)
        check<GradError>(parameter.requires_grad(),
                         "per_sample_grads: expected every parameter to require grad, got one that does not");
    detail::check_function("per_sample_grads", loss);
    const enable_grad on;
    std::vector<std::vector<Tensor>> rows(parameters.size());
    for (Index sample = 0; sample < samples; ++sample) {
        const Tensor y = loss(sample);
        check_one_element("per_sample_grads", y);
        std::vector<Tensor> gradients = grad(y, parameters, {.retain_graph = true, .create_graph = options.create_graph});
        for (std::size_t i = 0; i < parameters.size(); ++i) rows[i].push_back(std::move(gradients[i]));
    }
    std::vector<Tensor> result(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i)
        result[i] = stacked(std::exchange(rows[i], {}), joined("per_sample_grads", {samples}, parameters[i].shape()));
    return result;
}

// With one x

std::pair<Tensor, Tensor> vjp(const UnaryFunction& f, const Tensor& x, const Tensor& v, const DerivativeOptions& options) {
    auto [y, gradients] = vjp(detail::of_list(f), std::vector{x}, v, options);
    return {y, gradients[0]};
}

std::pair<Tensor, Tensor> jvp(const UnaryFunction& f, const Tensor& x, const Tensor& tangent,
                              const DerivativeOptions& options) {
    return jvp(detail::of_list(f), std::vector{x}, std::vector{tangent}, options);
}

std::pair<Tensor, Tensor> hvp(const UnaryFunction& f, const Tensor& x, const Tensor& v, const DerivativeOptions& options) {
    auto [y, products] = hvp(detail::of_list(f), std::vector{x}, std::vector{v}, options);
    return {y, products[0]};
}

Tensor jacobian(const UnaryFunction& f, const Tensor& x, const DerivativeOptions& options) {
    return jacobian(detail::of_list(f), std::vector{x}, options)[0];
}

Tensor hessian(const UnaryFunction& f, const Tensor& x, const DerivativeOptions& options) {
    return hessian(detail::of_list(f), std::vector{x}, options)[0][0];
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
