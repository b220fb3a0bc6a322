// ONNX's operators that read and write elements by position.
//
// Tapehead adds at positions (`index_add`, `scatter_add`). Replacing, and the other reductions, are put together from these and
// `where`, one update after the other, so that positions may repeat.
#include <onnx/node.hpp>

namespace onnx {
namespace {

using Combine = Tensor (*)(const Tensor& old, const Tensor& update);

Combine combination(const std::string& reduction) {
    if (reduction == "none") return [](const Tensor&, const Tensor& update) { return update; };
    if (reduction == "mul") return mul;
    if (reduction == "max") return maximum;
    if (reduction == "min") return minimum;
    throw Skip("no scattering with reduction " + reduction);
}

/// x with the slices at ids [n], all different, replaced by those of source.
Tensor with_slices(const Tensor& x, Index axis, const Ids& ids, const Tensor& source) {
    const Condition hit = index_add(zeros_like(x), axis, ids, ones_like(source)) > 0;
    return where(hit, index_add(zeros_like(x), axis, ids, source), x);
}

/// x with the elements at ids, as `gather` reads them, replaced by those of source; one place along the axis.
Tensor with_elements(const Tensor& x, Index axis, const Ids& ids, const Tensor& source) {
    const Condition hit = scatter_add(zeros_like(x), axis, ids, ones_like(source)) > 0;
    return where(hit, scatter_add(zeros_like(x), axis, ids, source), x);
}

/// Place i of ids along an axis, which is kept.
Ids place(const Ids& ids, Index axis, Index i) {
    const AxisView view(shape_of(ids), axis);
    Shape shape = shape_of(ids);
    shape[axis] = 1;
    Ids result = make_array<Id>(shape);
    for (Index outer = 0; outer < view.outer; ++outer)
        std::copy_n(ids.data() + (outer * view.n + i) * view.inner, view.inner, result.data() + outer * view.inner);
    return result;
}

Tensor scatter_elements(const Node& node) {
    Tensor x = node.tensor(0);
    const Ids ids = node.ids(1);
    const Tensor updates = node.tensor(2);
    const Index axis = node.integer("axis", 0), at = axis < 0 ? axis + x.dim() : axis;
    const std::string reduction = node.text("reduction", "none");
    if (reduction == "add") return scatter_add(x, at, ids, updates);
    const Combine combine = combination(reduction);
    for (Index i = 0; i < updates.size(at); ++i) {
        const Ids here = place(ids, at, i);
        x = with_elements(x, at, here, combine(gather(x, at, here), slice(updates, at, i, i + 1)));
    }
    return x;
}

/// Rows of [..., k] positions in the axes of `extents` as positions in row-major order: [rows]. Negative ones count from the end.
Ids flat_positions(const Ids& ids, const Shape& extents) {
    const Index k = extents.rank(), rows = k == 0 ? 1 : static_cast<Index>(ids.size()) / k;
    Ids result = make_array<Id>(Shape{rows});
    for (Index row = 0; row < rows; ++row) {
        Id flat = 0;
        for (Index i = 0; i < k; ++i) {
            const Id position = ids.data()[row * k + i];
            flat = flat * extents[i] + (position < 0 ? position + extents[i] : position);
        }
        result.data()[row] = flat;
    }
    return result;
}

/// data [B..., extents..., rest...], ids [B..., I..., k] → [B..., I..., rest...], where k extents are indexed.
Tensor gather_nd(const Node& node) {
    const Tensor data = node.tensor(0);
    const Ids ids = node.ids(1);
    const Shape shape = data.shape(), places = shape_of(ids);
    const Index batch_dims = node.integer("batch_dims", 0), end = batch_dims + places[-1];
    const Index batches = shape.slice(0, batch_dims).numel(), extent = shape.slice(batch_dims, end).numel();

    Ids positions = flat_positions(ids, shape.slice(batch_dims, end));
    const Index per_batch = batches == 0 ? 0 : static_cast<Index>(positions.size()) / batches;
    for (Index i = 0; i < batches * per_batch; ++i) positions.data()[i] += i / per_batch * extent;
    const Shape rest = shape.slice(end, shape.rank());
    Shape result = places.slice(0, places.rank() - 1);
    for (const Index n : rest) result.push_back(n);
    return reshape(index_select(reshape(data, {batches * extent, rest.numel()}), 0, positions), result);
}

/// data [extents..., rest...], ids [I..., k], updates [I..., rest...], where k extents are indexed.
Tensor scatter_nd(const Node& node) {
    const Tensor data = node.tensor(0);
    const Ids ids = node.ids(1);
    const Index k = shape_of(ids)[-1];
    const Shape extents = data.shape().slice(0, k), rest = data.shape().slice(k, data.dim());
    const Ids positions = flat_positions(ids, extents);
    const auto n = static_cast<Index>(positions.size());

    Tensor x = reshape(data, {extents.numel(), rest.numel()});
    const Tensor updates = reshape(node.tensor(2), {n, rest.numel()});
    const std::string reduction = node.text("reduction", "none");
    if (reduction == "add") return reshape(index_add(x, 0, positions, updates), data.shape());
    const Combine combine = combination(reduction);
    for (Index i = 0; i < n; ++i) {
        const Ids here = place(positions, 0, i);
        x = with_slices(x, 0, here, combine(index_select(x, 0, here), slice(updates, 0, i, i + 1)));
    }
    return reshape(x, data.shape());
}

/// x [..., axis, ...] at ids of any shape, which takes the axis's place.
Tensor gathered(const Node& node) {
    const Tensor x = node.tensor(0);
    const Ids ids = node.ids(1);
    const Index axis = node.integer("axis", 0), at = axis < 0 ? axis + x.dim() : axis;
    Shape result = x.shape().slice(0, at);
    for (const Index n : shape_of(ids)) result.push_back(n);
    for (const Index n : x.shape().slice(at + 1, x.dim())) result.push_back(n);
    const std::vector<Index> flat(ids.begin(), ids.end());
    return reshape(index_select(x, at, to_ids(flat)), result);
}

/// on where the new axis's place is the id, else off. Negative ids count from the end; others out of range are nowhere.
Tensor one_hot_at(const Node& node) {
    Ids ids = node.ids(0);
    const auto depth = static_cast<Index>(node.tensor(1).item());
    for (Id& id : ids) id = id >= -depth && id < depth ? (id + depth) % depth : depth;
    const Tensor hot = slice(one_hot(ids, depth + 1), -1, 0, depth), off_on = node.tensor(2);
    const Index axis = node.integer("axis", -1), at = axis < 0 ? axis + hot.dim() : axis;
    Shape order;
    for (Index i = 0; i + 1 < hot.dim(); ++i) order.push_back(i);
    order.insert(at, hot.dim() - 1);
    return permute(where(hot > 0, select(off_on, 0, 1), select(off_on, 0, 0)), order);
}

/// cache [B, ..., T, ...] with update [B, ..., n, ...] written at a place of its own in every sequence, or around the end.
Tensor tensor_scatter(const Node& node) {
    const Tensor cache = node.tensor(0), update = node.tensor(1);
    const Index axis = node.integer("axis", -2), at = axis < 0 ? axis + cache.dim() : axis;
    const Index length = cache.size(at);
    const auto starts = node.has(2) ? node.integers(2) : std::vector<Index>(static_cast<std::size_t>(cache.size(0)), 0);
    const bool is_circular = node.text("mode", "linear") == "circular";
    std::vector<Tensor> sequences;
    for (Index b = 0; b < cache.size(0); ++b) {
        std::vector<Index> places;
        for (Index i = 0; i < update.size(at); ++i) {
            const Index position = starts[static_cast<std::size_t>(b)] + i;
            places.push_back(is_circular ? position % length : position);
        }
        sequences.push_back(with_slices(select(cache, 0, b), at - 1, to_ids(places), select(update, 0, b)));
    }
    return stack(sequences);
}

}  // namespace

void add_indexing(Operators& operators) {
    operators["Gather"] = [](const Node& n) { return Outputs{gathered(n)}; };
    operators["GatherElements"] = [](const Node& n) { return Outputs{gather(n.tensor(0), n.integer("axis", 0), n.ids(1))}; };
    operators["GatherND"] = [](const Node& n) { return Outputs{gather_nd(n)}; };
    operators["Scatter"] = [](const Node& n) { return Outputs{scatter_elements(n)}; };
    operators["ScatterElements"] = [](const Node& n) { return Outputs{scatter_elements(n)}; };
    operators["ScatterND"] = [](const Node& n) { return Outputs{scatter_nd(n)}; };
    operators["OneHot"] = [](const Node& n) { return Outputs{one_hot_at(n)}; };
    operators["TensorScatter"] = [](const Node& n) { return Outputs{tensor_scatter(n)}; };
}

}  // namespace onnx
