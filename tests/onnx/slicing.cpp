// ONNX's operators that take parts of a tensor, or put it into a larger one.
#include <onnx/node.hpp>

#include <numeric>

namespace onnx {
namespace {

/// The axes of an optional list; the first `count` of them if there is none.
std::vector<Index> axes_or_first(const std::optional<std::vector<Index>>& axes, std::size_t count) {
    if (axes) return *axes;
    std::vector<Index> result(count);
    std::iota(result.begin(), result.end(), Index{0});
    return result;
}

/// Bounds are inputs, attributes before version 10.
Tensor sliced(const Node& node) {
    Tensor x = node.tensor(0);
    const auto starts = node.integers(1, "starts").value(), ends = node.integers(2, "ends").value();
    const auto axes = axes_or_first(node.integers(3, "axes"), starts.size());
    const auto steps = node.integers(4, "steps").value_or(std::vector<Index>(starts.size(), 1));
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const Index end = std::min(ends[i], x.size(axes[i]));  // no end of ONNX means what `to_end` does
        x = slice(x, axes[i], starts[i], end, steps[i]);
    }
    return x;
}

/// The sizes are an input, or an attribute before version 13; without them as many equal parts as outputs, the last one smaller.
Outputs splitted(const Node& node) {
    const Tensor x = node.tensor(0);
    const Index axis = node.integer("axis", 0), n = x.size(axis);
    const Index parts = node.integer("num_outputs", node.outputs());
    if (const auto sizes = node.integers(1, "split")) return split(x, *sizes, axis);
    std::vector<Index> sizes;
    for (Index i = 0, part = (n + parts - 1) / parts; i < parts; ++i) sizes.push_back(std::clamp(n - i * part, Index{0}, part));
    return split(x, sizes, axis);
}

/// Where the element at position i of an axis of n, which may lie outside, is copied from.
Index padding_source(const std::string& mode, Index i, Index n) {
    const auto modulo = [](Index a, Index b) { return (a % b + b) % b; };
    if (mode == "edge") return std::clamp(i, Index{0}, n - 1);
    if (mode == "wrap") return modulo(i, n);
    if (mode != "reflect") throw Skip("no padding mode " + mode);
    if (n == 1) return 0;
    const Index place = modulo(i, 2 * (n - 1));
    return std::min(place, 2 * (n - 1) - place);
}

/// Widths are an input [begins..., ends...], an attribute before version 11; negative ones cut.
Tensor padded(const Node& node) {
    Tensor x = node.tensor(0);
    const auto pads = node.integers(1, "pads").value();
    const std::size_t count = pads.size() / 2;
    const auto axes = axes_or_first(node.integers(3, "axes"), count);
    const std::string mode = node.text("mode", "constant");
    const Real value = node.has(2) ? node.tensor(2).item() : node.real("value", 0);

    std::vector<std::pair<Index, Index>> widths(static_cast<std::size_t>(x.dim()));
    for (std::size_t i = 0; i < count; ++i)
        widths[static_cast<std::size_t>(axes[i] < 0 ? axes[i] + x.dim() : axes[i])] = {pads[i], pads[count + i]};
    if (mode == "constant") return pad(x, widths, value);
    for (Index axis = 0; axis < x.dim(); ++axis) {
        const auto [before, after] = widths[static_cast<std::size_t>(axis)];
        std::vector<Index> sources;
        for (Index i = -before; i < x.size(axis) + after; ++i) sources.push_back(padding_source(mode, i, x.size(axis)));
        x = index_select(x, axis, to_ids(sources));
    }
    return x;
}

Tensor triangle(const Node& node) {
    const Index diagonal = node.has(1) ? node.integers(1).at(0) : 0;
    return node.integer("upper", 1) != 0 ? triu(node.tensor(0), diagonal) : tril(node.tensor(0), diagonal);
}

/// Ones on a diagonal of a matrix as large as the input.
Tensor eye_like(const Node& node) {
    const Index diagonal = node.integer("k", 0);
    return triu(tril(ones(node.shape(0)), diagonal), diagonal);
}

/// The places along an axis, or of all elements in row-major order, where a condition [n] holds; n may be shorter than the axis.
Tensor compressed(const Node& node) {
    const Condition condition = node.condition(1);
    std::vector<Index> kept;
    for (Index i = 0; i < condition.numel(); ++i)
        if (condition.data()[i]) kept.push_back(i);
    const Tensor x = node.has_attribute("axis") ? node.tensor(0) : flatten(node.tensor(0));
    return index_select(x, node.integer("axis", 0), to_ids(kept));
}

Tensor number_range(const Node& node) { return arange(node.tensor(0).item(), node.tensor(1).item(), node.tensor(2).item()); }

}  // namespace

void add_slicing(Operators& operators) {
    operators["Slice"] = [](const Node& n) { return Outputs{sliced(n)}; };
    operators["Split"] = splitted;
    operators["Pad"] = [](const Node& n) { return Outputs{padded(n)}; };
    operators["Trilu"] = [](const Node& n) { return Outputs{triangle(n)}; };
    operators["EyeLike"] = [](const Node& n) { return Outputs{eye_like(n)}; };
    operators["Compress"] = [](const Node& n) { return Outputs{compressed(n)}; };
    operators["Range"] = [](const Node& n) { return Outputs{number_range(n)}; };
}

}  // namespace onnx
