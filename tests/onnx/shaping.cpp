// ONNX's operators that give a tensor another shape or another order of axes.
#include <onnx/node.hpp>

#include <numeric>

namespace onnx {
namespace {

/// 0 keeps an extent, unless `allowzero` says that it is one; −1 stands for what is left.
Tensor reshaped(const Node& node) {
    const Tensor x = node.tensor(0);
    Shape shape = to_shape(*node.integers(1, "shape"));
    if (node.integer("allowzero", 0) == 0)
        for (Index i = 0; i < shape.rank(); ++i)
            if (shape[i] == 0) shape[i] = x.size(i);
    return reshape(x, shape);
}

/// The axes before `axis` merged into one, and those from it on into another.
Tensor flattened(const Node& node) {
    const Tensor x = node.tensor(0);
    const Index axis = node.integer("axis", 1), first = axis < 0 ? axis + x.dim() : axis;
    return reshape(x, {x.shape().slice(0, first).numel(), x.shape().slice(first, x.dim()).numel()});
}

Tensor transposed(const Node& node) {
    const Tensor x = node.tensor(0);
    std::vector<Index> reversed(static_cast<std::size_t>(x.dim()));
    std::iota(reversed.rbegin(), reversed.rend(), Index{0});
    return permute(x, to_shape(node.integers(-1, "perm").value_or(reversed)));
}

Tensor squeezed(const Node& node) {
    const auto axes = node.integers(1, "axes");
    return axes ? squeeze(node.tensor(0), to_shape(*axes)) : squeeze(node.tensor(0));
}

/// To the shape that both the tensor and the given shape broadcast to.
Tensor expanded(const Node& node) {
    const Tensor x = node.tensor(0);
    return expand(x, broadcast_shapes("Expand", x.shape(), to_shape(node.integers(1))));
}

/// The extents from `start` to `end`.
Tensor shape_as_tensor(const Node& node) {
    const Tensor x = node.tensor(0);
    std::vector<Scalar> extents;
    for (const Index extent : x.shape()) extents.push_back(static_cast<Scalar>(extent));
    const Tensor all = Tensor::from_values(extents, {x.dim()});
    return slice(all, 0, node.integer("start", 0), node.integer("end", x.dim()));
}

Tensor depth_to_space(const Node& node) {
    const Tensor x = node.tensor(0);  // [N, C b², H, W]
    const Index b = node.integer("blocksize"), n = x.size(0), c = x.size(1) / (b * b), h = x.size(2), w = x.size(3);
    const bool is_crd = node.text("mode", "DCR") == "CRD";
    const Tensor blocks = is_crd ? permute(reshape(x, {n, c, b, b, h, w}), {0, 1, 4, 2, 5, 3})
                                 : permute(reshape(x, {n, b, b, c, h, w}), {0, 3, 4, 1, 5, 2});  // [N, C, H, b, W, b]
    return reshape(blocks, {n, c, h * b, w * b});
}

Tensor space_to_depth(const Node& node) {
    const Tensor x = node.tensor(0);  // [N, C, H b, W b]
    const Index b = node.integer("blocksize"), n = x.size(0), c = x.size(1), h = x.size(2) / b, w = x.size(3) / b;
    const Tensor blocks = permute(reshape(x, {n, c, h, b, w, b}), {0, 3, 5, 1, 2, 4});  // [N, b, b, C, H, W]
    return reshape(blocks, {n, b * b * c, h, w});
}

}  // namespace

void add_shaping(Operators& operators) {
    operators["Reshape"] = [](const Node& n) { return Outputs{reshaped(n)}; };
    operators["Flatten"] = [](const Node& n) { return Outputs{flattened(n)}; };
    operators["Transpose"] = [](const Node& n) { return Outputs{transposed(n)}; };
    operators["Squeeze"] = [](const Node& n) { return Outputs{squeezed(n)}; };
    operators["Unsqueeze"] = [](const Node& n) { return Outputs{unsqueeze(n.tensor(0), to_shape(*n.integers(1, "axes")))}; };
    operators["Expand"] = [](const Node& n) { return Outputs{expanded(n)}; };
    operators["Tile"] = [](const Node& n) { return Outputs{repeat(n.tensor(0), to_shape(n.integers(1)))}; };
    operators["Concat"] = [](const Node& n) { return Outputs{concat(n.tensors(0), n.integer("axis"))}; };
    operators["Shape"] = [](const Node& n) { return Outputs{shape_as_tensor(n)}; };
    operators["Size"] = [](const Node& n) { return Outputs{Tensor(n.tensor(0).numel())}; };
    operators["DepthToSpace"] = [](const Node& n) { return Outputs{depth_to_space(n)}; };
    operators["SpaceToDepth"] = [](const Node& n) { return Outputs{space_to_depth(n)}; };
}

}  // namespace onnx
