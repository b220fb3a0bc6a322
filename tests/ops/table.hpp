// The operation table: every public operation of autograd/ops/*.hpp is a row, with inputs and an independent reference.
//
// test_operation_table.cpp checks each row: value, first and second derivatives, fused against written-out gradients, and that
// no operation lacks a row. To add one: append a Row to the function of its family (table_<family>.cpp), e.g.
//
//     rows.push_back({.name = "square",
//                     .f = [](const std::vector<Tensor>& in) { return square(in[0]); },
//                     .reference = [](const std::vector<Values>& in) {
//                         return each(in[0].shape, [&](const Shape& p) { return in[0].at(p) * in[0].at(p); });
//                     },
//                     .inputs = {{spread({2, 3}, -1, 1)}, {spread({}, -1, 1)}}});
//
// `reference` is plain loops over doubles, never an operation of the library. A new family is a new file with one function,
// declared below and named in table(). One operation may have several rows (other arguments); `name` is that of the header.
#pragma once

#include <algorithm>
#include <functional>
#include <numeric>

#include <support/testing.hpp>

namespace testing {

/// A tensor's shape and values as doubles, for references.
struct Values {
    Shape shape;
    std::vector<double> v;
    bool defined = true;

    Values() = default;
    Values(const Shape& extents, std::vector<double> values) : shape(extents), v(std::move(values)) {}
    explicit Values(const Tensor& x) : defined(x.defined()) {
        if (!defined) return;
        shape = x.shape();
        v.assign(x.values().begin(), x.values().end());
    }

    /// The element at a position, whose last axes are those of this array; an axis of extent 1 is repeated.
    double at(const Shape& position) const { return v[offset(position)]; }
    double& at(const Shape& position) { return v[offset(position)]; }

private:
    std::size_t offset(const Shape& position) const {
        Index offset = 0;
        const Index skipped = position.rank() - shape.rank();
        for (Index axis = 0; axis < shape.rank(); ++axis)
            offset = offset * shape[axis] + (shape[axis] == 1 ? 0 : position[axis + skipped]);
        return static_cast<std::size_t>(offset);
    }
};

/// Calls f with every position of a shape, in row-major order.
template <class F>
void each_position(const Shape& shape, F f) {
    Index n = 1;
    for (const Index extent : shape) n *= extent;
    Shape position = shape;
    for (Index i = 0; i < n; ++i) {
        Index rest = i;
        for (Index axis = shape.rank() - 1; axis >= 0; --axis) {
            position[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        f(position);
    }
}

/// The array with f(position) at every position.
template <class F>
Values each(const Shape& shape, F f) {
    Values y(shape, {});
    each_position(shape, [&](const Shape& position) { y.v.push_back(static_cast<double>(f(position))); });
    return y;
}

/// The shape that both broadcast to.
inline Shape joint_shape(const Shape& a, const Shape& b) {
    Shape shape = a.rank() >= b.rank() ? a : b;
    const Shape& other = a.rank() >= b.rank() ? b : a;
    for (Index i = 0; i < other.rank(); ++i) {
        Index& extent = shape[shape.rank() - 1 - i];
        if (extent == 1) extent = other[other.rank() - 1 - i];
    }
    return shape;
}

/// f of all the elements along `axes` (in row-major order), for each position of the others.
template <class F>
Values reduced(const Values& x, const std::vector<Index>& axes, bool keepdim, F f) {
    Shape kept = x.shape, result;
    for (const Index axis : axes) kept[axis] = 1;
    Values places = each(kept, [n = 0](const Shape&) mutable { return n++; });
    std::vector<std::vector<double>> groups(places.v.size());
    each_position(x.shape, [&](const Shape& p) { groups[static_cast<std::size_t>(places.at(p))].push_back(x.at(p)); });
    for (Index axis = 0; axis < kept.rank(); ++axis)
        if (keepdim || std::find(axes.begin(), axes.end(), axis) == axes.end()) result.push_back(kept[axis]);
    Values y(result, {});
    for (const auto& group : groups) y.v.push_back(static_cast<double>(f(group)));
    return y;
}

/// Distinct values spread evenly over (low, high) in a scrambled order; other seeds give other values.
inline Tensor spread(const Shape& shape, double low, double high, unsigned seed = 1) {
    Tensor x = Tensor::empty(shape);
    const Index n = x.numel();
    Index step = std::max<Index>(1, static_cast<Index>(0.381966 * static_cast<double>(n)));
    while (n > 0 && std::gcd(step, n) != 1) ++step;
    const double offset = 0.6180339887 * seed - std::floor(0.6180339887 * seed);
    for (Index i = 0; i < n; ++i) {
        const double at = (static_cast<double>((i + 1) * step % n) + offset) / static_cast<double>(n);
        x.raw()[i] = static_cast<Scalar>(low + (high - low) * at);
    }
    return x;
}

/// The same with magnitudes in (low, high) and both signs: away from a kink at 0.
inline Tensor both_signs(const Shape& shape, double low, double high, unsigned seed = 1) {
    Tensor x = spread(shape, low, high, seed);
    for (Index i = 0; i < x.numel(); ++i)
        if ((i * 5 + seed) % 3 == 0) x.raw()[i] = -x.raw()[i];
    return x;
}

struct Row {
    std::string name;                                             ///< of the operation in its header
    Function f;                                                   ///< of the tensors of a set of inputs
    std::function<Values(const std::vector<Values>&)> reference;  ///< the same by other means
    std::vector<std::vector<Tensor>> inputs;                      ///< sets; differentiated at up to 200 elements each
    bool differentiable = true;                                   ///< else the result must not require grad
    std::vector<std::size_t> fixed = {};                          ///< inputs that have no gradient
    double slack = 1;                                             ///< how much larger than usual the tolerance is
};

// One function a family, each in a file of its own.
std::vector<Row> pointwise_rows();
std::vector<Row> arithmetic_rows();
std::vector<Row> reduce_rows();
std::vector<Row> shaping_rows();
std::vector<Row> indexing_rows();
std::vector<Row> matmul_rows();
std::vector<Row> normalization_rows();
std::vector<Row> create_rows();
std::vector<Row> losses_rows();
std::vector<Row> attention_rows();

/// All rows.
inline const std::vector<Row>& table() {
    static const std::vector<Row> rows = [] {
        std::vector<Row> all;
        for (const auto family : {pointwise_rows, arithmetic_rows, reduce_rows, shaping_rows, indexing_rows, matmul_rows,
                                  normalization_rows, create_rows, losses_rows, attention_rows})
            for (Row& row : family()) all.push_back(std::move(row));
        return all;
    }();
    return rows;
}

}  // namespace testing
