// ONNX's normalisations, in terms of layer_norm and rms_norm where these compute them.
#include <onnx/node.hpp>

namespace onnx {
namespace {

/// Of one number a channel: [C] seen as [C, 1, ...], to go with [N, C, ...].
Tensor per_channel(const Tensor& values, Index rank) {
    Shape shape{values.numel()};
    while (shape.rank() < rank - 1) shape.push_back(1);
    return reshape(values, shape);
}

/// The axes from `axis` to the last.
Axes trailing_axes(const Tensor& x, Index axis) {
    Axes axes;
    for (Index i = axis < 0 ? axis + x.dim() : axis; i < x.dim(); ++i) axes.push_back(i);
    return axes;
}

/// Scale and bias broadcast to the normalised shape.
Tensor expanded_to(const Tensor& x, const Shape& shape) { return !x || x.shape() == shape ? x : expand(x, shape); }

/// Y, and the mean and 1/√(var + ε) of each normalised part.
Outputs layer_normalization(const Node& node) {
    const Tensor x = node.tensor(0);
    const Axes axes = trailing_axes(x, node.integer("axis", -1));
    const Shape shape = x.shape().slice(axes[0], x.dim());
    const Real eps = node.real("epsilon", 1e-5);
    const Tensor weight = expanded_to(node.tensor_if_any(1), shape), bias = expanded_to(node.tensor_if_any(2), shape);
    return {layer_norm(x, shape, weight, bias, eps), mean(x, axes, true), rsqrt(var(x, axes, 0, true) + eps)};
}

Tensor rms_normalization(const Node& node) {
    const Tensor x = node.tensor(0);
    const Shape shape = x.shape().slice(trailing_axes(x, node.integer("axis", -1))[0], x.dim());
    return rms_norm(x, shape, expanded_to(node.tensor_if_any(1), shape), node.real("epsilon", 1e-5));
}

/// Each of `groups` groups of channels to mean 0 and variance 1, then scale and bias, per channel or (before version 21) per group.
Tensor normalized_groups(const Tensor& x, Index groups, const Tensor& scale, const Tensor& bias, Real eps) {
    const Index channels = x.size(1), elements = x.numel() / (x.size(0) * groups);
    const Tensor y = reshape(layer_norm(reshape(x, {x.size(0), groups, elements}), {elements}, {}, {}, eps), x.shape());
    const auto for_channels = [&](const Tensor& values) {
        const Index count = channels / values.numel();
        return per_channel(expand(unsqueeze(values, -1), {values.numel(), count}), x.dim());
    };
    return y * for_channels(scale) + for_channels(bias);
}

/// With given statistics; in training with the batch's, biased, and outputs of the running ones.
Outputs batch_normalization(const Node& node) {
    const Tensor x = node.tensor(0);
    const auto with = [&](const Tensor& m, const Tensor& v) {
        const auto channels = [&](const Tensor& values) { return per_channel(values, x.dim()); };
        const Tensor unit = (x - channels(m)) * rsqrt(channels(v) + node.real("epsilon", 1e-5));
        return unit * channels(node.tensor(1)) + channels(node.tensor(2));
    };
    const Tensor running_mean = node.tensor(3), running_var = node.tensor(4);
    if (node.integer("training_mode", 0) == 0) return {with(running_mean, running_var)};
    Axes axes = 0;
    for (Index axis = 2; axis < x.dim(); ++axis) axes.push_back(axis);
    const Real momentum = node.real("momentum", 0.9);
    const Tensor m = mean(x, axes), v = var(x, axes, 0);
    return {with(m, v), momentum * running_mean + (1 - momentum) * m, momentum * running_var + (1 - momentum) * v};
}

/// (x − mean) / √var
Tensor mean_variance_normalization(const Node& node) {
    const Tensor x = node.tensor(0);
    const Shape axes = to_shape(node.integers(-1, "axes").value_or(std::vector<Index>{0, 2, 3}));
    return (x - mean(x, axes, true)) / tapehead::std(x, axes, 0, true);
}

/// x / ‖x‖ₚ along an axis, 0 where the norm is 0
Tensor lp_normalization(const Node& node) {
    const Tensor x = node.tensor(0);
    const Tensor length = norm(x, static_cast<Real>(node.integer("p", 2)), node.integer("axis", -1), true);
    return x / masked_fill(length, length == 0, 1);
}

}  // namespace

void add_normalizations(Operators& operators) {
    operators["LayerNormalization"] = layer_normalization;
    operators["RMSNormalization"] = [](const Node& n) { return Outputs{rms_normalization(n)}; };
    operators["GroupNormalization"] = [](const Node& n) {
        return Outputs{
            normalized_groups(n.tensor(0), n.integer("num_groups"), n.tensor(1), n.tensor(2), n.real("epsilon", 1e-5))};
    };
    operators["InstanceNormalization"] = [](const Node& n) {  // a group for each channel
        const Tensor x = n.tensor(0);
        return Outputs{normalized_groups(x, x.size(1), n.tensor(1), n.tensor(2), n.real("epsilon", 1e-5))};
    };
    operators["BatchNormalization"] = batch_normalization;
    operators["MeanVarianceNormalization"] = [](const Node& n) { return Outputs{mean_variance_normalization(n)}; };
    operators["LpNormalization"] = [](const Node& n) { return Outputs{lp_normalization(n)}; };
}

}  // namespace onnx
