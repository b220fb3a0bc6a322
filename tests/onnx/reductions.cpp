// ONNX's reductions, positions of extremes, and running sums.
#include <onnx/node.hpp>

namespace onnx {
namespace {

using Reduce = Tensor (*)(const Tensor&, const Axes&, bool);

/// Over the axes of the second input, or of an attribute before version 18 (13 for ReduceSum). No axes mean all of them, or with
/// `noop_with_empty_axes` none: each element is a set of its own, which becomes an axis of extent 1.
Operator reduction(Reduce f) {
    return [f](const Node& node) {
        const auto axes = node.integers(1, "axes").value_or(std::vector<Index>());
        const Tensor x = node.tensor(0);
        Tensor y;
        if (axes.empty() && node.integer("noop_with_empty_axes", 0) != 0) y = f(unsqueeze(x, -1), -1, false);
        else y = f(x, to_shape(axes), node.integer("keepdims", 1) != 0);
        return Outputs{node.is_condition(0) ? clamp(y, 0, 1) : y};  // the largest of no flags is false, the smallest true
    };
}

/// The first of equal extremes, or the last: the first in reverse.
Operator position(Ids (*f)(const Tensor&, Index, bool)) {
    return [f](const Node& node) {
        const Index axis = node.integer("axis", 0);
        const bool keepdim = node.integer("keepdims", 1) != 0;
        const Tensor x = node.tensor(0);
        if (node.integer("select_last_index", 0) == 0) return Outputs{as_tensor(f(x, axis, keepdim))};
        const auto last = static_cast<Real>(x.size(axis) - 1);
        return Outputs{last - as_tensor(f(flip(x, axis), axis, keepdim))};
    };
}

Tensor norm1(const Tensor& x, const Axes& axes, bool keepdim) { return norm(x, 1, axes, keepdim); }
Tensor norm2(const Tensor& x, const Axes& axes, bool keepdim) { return norm(x, 2, axes, keepdim); }
Tensor log_sum(const Tensor& x, const Axes& axes, bool keepdim) { return log(sum(x, axes, keepdim)); }
Tensor sum_square(const Tensor& x, const Axes& axes, bool keepdim) { return sum(square(x), axes, keepdim); }

Tensor running_sum(const Node& node) {
    const CumsumOptions options{.reverse = node.integer("reverse", 0) != 0, .exclusive = node.integer("exclusive", 0) != 0};
    return cumsum(node.tensor(0), node.integers(1).at(0), options);
}

/// Over all axes after the second, which are kept.
Operator global_pool(Reduce f) {
    return [f](const Node& node) {
        const Tensor x = node.tensor(0);
        Axes spatial;
        for (Index axis = 2; axis < x.dim(); ++axis) spatial.push_back(axis);
        return Outputs{f(x, spatial, true)};
    };
}

}  // namespace

void add_reductions(Operators& operators) {
    operators["ReduceSum"] = reduction(sum);
    operators["ReduceMean"] = reduction(mean);
    operators["ReduceProd"] = reduction(prod);
    operators["ReduceMax"] = reduction(amax);
    operators["ReduceMin"] = reduction(amin);
    operators["ReduceL1"] = reduction(norm1);
    operators["ReduceL2"] = reduction(norm2);
    operators["ReduceLogSum"] = reduction(log_sum);
    operators["ReduceLogSumExp"] = reduction(logsumexp);
    operators["ReduceSumSquare"] = reduction(sum_square);
    operators["ArgMax"] = position(argmax);
    operators["ArgMin"] = position(argmin);
    operators["CumSum"] = [](const Node& n) { return Outputs{running_sum(n)}; };
    operators["GlobalAveragePool"] = global_pool(mean);
    operators["GlobalMaxPool"] = global_pool(amax);
}

}  // namespace onnx
