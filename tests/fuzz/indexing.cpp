// Any ids as positions: refused, or every element of the result, and its gradient, is the one that a plain loop says.
#include <fuzz/target.hpp>

#include <algorithm>
#include <numeric>

using namespace fuzz;

namespace {

Index place_of(const Shape& at, const Shape& shape) {
    const Shape strides = row_major_strides(shape);
    return std::inner_product(at.begin(), at.end(), strides.begin(), Index{0});
}

Ids ids_of(const Shape& shape, Input& input, Index n) {
    Ids ids = make_array<Id>(shape);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const Index choice = input.number(0, 40);
        ids.data()[i] = choice == 40 || n == 0 ? input.any() : choice % (2 * n) - n;
    }
    return ids;
}

/// The shape of x, or now and then another one.
Shape near(const Shape& shape, Input& input) {
    Shape result = shape;
    if (const Index axis = input.number(0, 12); axis < shape.rank()) result[axis] = input.number(0, 4);
    return input.number(0, 30) == 30 ? input.shape(4, 3) : result;
}

/// y[at] = x[from(at)], with a gradient that counts.
template <class F>
void require_taken(const Tensor& y, const Tensor& x, const F& from) {
    Tensor counts = zeros(x.shape());
    for_each_position(y.shape(), [&](const Shape& at) {
        const Shape source = from(at);
        require(y.at(at) == x.at(source), "the elements of the input by their ids");
        counts.raw()[place_of(source, x.shape())] += 1;
    });
    sum(y).backward();
    require(std::ranges::equal(x.grad().values(), counts.values()), "a gradient that counts each element of the input");
}

/// y = x, y[to(at)] += source[at] for all `at` in `used`; the gradients are 1, and 1 where a source is used.
template <class F>
void require_added(const Tensor& y, const Tensor& x, const Tensor& source, const Shape& used, const F& to) {
    Tensor expected = clone(x.detach()), counts = zeros(source.shape());
    for_each_position(used, [&](const Shape& at) {
        expected.raw()[place_of(to(at), x.shape())] += source.at(at);
        counts.raw()[place_of(at, source.shape())] += 1;
    });
    require(y.shape() == x.shape() && std::ranges::equal(y.values(), expected.values()), "sums of the elements by their ids");
    sum(y).backward();
    for (const Scalar dx : x.grad().values()) require(dx == 1, "a gradient of 1 for what is added to");
    require(std::ranges::equal(source.grad().values(), counts.values()), "a gradient for each source that is used");
}

Index inside(Index i, Index n) { return i < 0 ? i + n : i; }

/// What takes and puts elements throws these.
template <class F>
auto moved(const F& f) {
    return accepted<ShapeError, IndexError>(f);
}

/// An axis of x, now and then one that it does not have, with its extent, 0 for one that it does not have.
struct Axis {
    Index given, extent;

    Axis(const Tensor& x, Input& input) : given(input.number(0, 20) == 20 ? input.any() : input.number(0, 3) - 2) {
        extent = -x.dim() <= given && given < x.dim() ? x.size(given) : 0;
    }
};

void rows(const Tensor& x, Input& input) {
    const Axis axis(x, input);
    const Ids ids = ids_of({input.number(0, 6)}, input, axis.extent);
    const auto from = [&](Shape at) {
        at[axis.given] = inside(ids.data()[at[axis.given]], axis.extent);
        return at;
    };
    Shape shape = x.shape();
    if (axis.extent > 0) shape[axis.given] = static_cast<Index>(ids.size());
    if (input.number(0, 1)) {
        const auto y = moved([&] { return index_select(x, axis.given, ids); });
        if (!y) return;
        shape[axis.given] = static_cast<Index>(ids.size());
        require(y->shape() == shape, "a row for each id");
        return require_taken(*y, x, from);
    }
    const Tensor source = numbers(near(shape, input));
    if (const auto y = moved([&] { return index_add(x, axis.given, ids, source); }))
        require_added(*y, x, source, source.shape(), from);
}

void elements(const Tensor& x, Input& input) {
    const Axis axis(x, input);
    const Ids ids = ids_of(near(x.shape(), input), input, axis.extent);
    const Shape shape = shape_of(ids);
    const auto from = [&](Shape at) {
        at[axis.given] = inside(ids.data()[place_of(at, shape)], axis.extent);
        return at;
    };
    if (input.number(0, 1)) {
        const auto y = moved([&] { return gather(x, axis.given, ids); });
        if (!y) return;
        require(y->shape() == shape, "an element for each id");
        return require_taken(*y, x, from);
    }
    const Tensor source = numbers(near(shape, input));
    if (const auto y = moved([&] { return scatter_add(x, axis.given, ids, source); }))
        require_added(*y, x, source, shape, from);
}

void table(const Tensor& x, Input& input) {
    const Id padding = input.number(0, 2) ? no_id : input.any();
    const Ids ids = ids_of(input.shape(3, 3), input, x.dim() > 0 ? x.shape()[0] : 0);
    const auto y = moved([&] { return embedding(ids, x, padding); });
    if (!y) return;
    Shape shape = shape_of(ids);
    shape.push_back(x.size(1));
    require(y->shape() == shape, "a row for each id");
    Tensor counts = zeros(x.shape());
    for_each_position(y->shape(), [&](const Shape& at) {
        const Index row = ids.data()[place_of(at.slice(0, at.rank() - 1), shape_of(ids))];
        require(y->at(at) == x.at({row, at[-1]}), "the rows of the table");
        counts.raw()[place_of({row, at[-1]}, x.shape())] += row != padding;
    });
    sum(*y).backward();
    require(std::ranges::equal(x.grad().values(), counts.values()), "a gradient that counts each row but the padding");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    constexpr void (*kinds[])(const Tensor&, Input&) = {rows, elements, table};
    const auto kind = kinds[input.byte() % std::size(kinds)];
    const Tensor x = numbers(input.shape(3, 4));
    kind(x, input);
    return 0;
}
