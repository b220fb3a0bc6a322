// The rows of autograd/ops/shaping.hpp: every result is a rule for where each of its elements comes from.
#include "table.hpp"

namespace testing {
namespace {

constexpr Index last = to_end;

/// A row whose element at p is x at source(p).
template <class F, class S>
Row moved(std::string name, F f, const Shape& from, const Shape& to, S source) {
    return {.name = std::move(name),
            .f = [=](const std::vector<Tensor>& in) { return f(in[0]); },
            .reference =
                [=](const std::vector<Values>& in) { return each(to, [&](const Shape& p) { return in[0].at(source(p)); }); },
            .inputs = {{spread(from, -1, 1)}}};
}

/// A row that keeps the order of the elements.
template <class F>
Row reshaped(std::string name, F f, const Shape& from, const Shape& to) {
    return {.name = std::move(name),
            .f = [=](const std::vector<Tensor>& in) { return f(in[0]); },
            .reference = [=](const std::vector<Values>& in) { return Values(to, in[0].v); },
            .inputs = {{spread(from, -1, 1)}}};
}

using T = const Tensor&;

void add_reshapes(std::vector<Row>& rows) {
    const auto reshape_to = [&](const Shape& from, const Shape& asked, const Shape& to) {
        rows.push_back(reshaped(
            "reshape", [=](T x) { return reshape(x, asked); }, from, to));
    };
    reshape_to({2, 3}, {3, 2}, {3, 2});
    reshape_to({2, 3}, {-1}, {6});
    reshape_to({2, 3, 2}, {2, -1, 3}, {2, 2, 3});
    reshape_to({1}, {}, {});
    reshape_to({}, {1, 1}, {1, 1});
    reshape_to({2, 3}, {2, 3}, {2, 3});
    reshape_to({0, 3}, {3, 0}, {3, 0});
    const auto flatten_to = [&](const Shape& from, Index first, Index end, const Shape& to) {
        rows.push_back(reshaped(
            "flatten", [=](T x) { return flatten(x, first, end); }, from, to));
    };
    flatten_to({2, 3, 2}, 0, -1, {12});
    flatten_to({2, 3, 2}, 1, 2, {2, 6});
    flatten_to({2, 3, 2}, 0, -2, {6, 2});
    flatten_to({}, 0, -1, {1});
    flatten_to({2, 0, 2}, 1, 1, {2, 0, 2});
    const auto squeeze_to = [&](const Shape& from, const Axes& axes, const Shape& to) {
        rows.push_back(reshaped(
            "squeeze", [=](T x) { return squeeze(x, axes); }, from, to));
    };
    squeeze_to({2, 1, 3, 1}, {}, {2, 3});
    squeeze_to({2, 1, 3, 1}, {1}, {2, 3, 1});
    squeeze_to({2, 1, 3, 1}, {-1, 1}, {2, 3});
    squeeze_to({1, 1}, {}, {});
    squeeze_to({}, {}, {});
    squeeze_to({0, 1}, {1}, {0});
    const auto unsqueeze_to = [&](const Shape& from, const Axes& axes, const Shape& to) {
        rows.push_back(reshaped(
            "unsqueeze", [=](T x) { return unsqueeze(x, axes); }, from, to));
    };
    unsqueeze_to({2, 3}, {0}, {1, 2, 3});
    unsqueeze_to({2, 3}, {-1}, {2, 3, 1});
    unsqueeze_to({2, 3}, {0, 2}, {1, 2, 1, 3});
    unsqueeze_to({2, 3}, {-1, 0}, {1, 2, 3, 1});
    unsqueeze_to({}, {0}, {1});
    unsqueeze_to({0}, {1}, {0, 1});
    for (const Shape& shape : {Shape{2, 3}, Shape{}, Shape{0, 2}, Shape{1}})
        rows.push_back(reshaped(
            "clone", [](T x) { return clone(x); }, shape, shape));
}

void add_permutes(std::vector<Row>& rows) {
    const auto permute_by = [&](const Shape& from, const Shape& order, const std::vector<Index>& normal) {
        Shape to;
        for (const Index axis : normal) to.push_back(from[axis]);
        rows.push_back(moved(
            "permute", [=](T x) { return permute(x, order); }, from, to,
            [=](const Shape& p) {
                Shape q = p;
                for (Index i = 0; i < p.rank(); ++i) q[normal[static_cast<std::size_t>(i)]] = p[i];
                return q;
            }));
    };
    permute_by({2, 3, 4}, {2, 0, 1}, {2, 0, 1});
    permute_by({2, 3, 4}, {0, 1, 2}, {0, 1, 2});
    permute_by({2, 3, 4}, {-1, 1, 0}, {2, 1, 0});
    permute_by({2, 3, 2, 2}, {0, 2, 1, 3}, {0, 2, 1, 3});
    permute_by({2, 1, 3}, {2, 1, 0}, {2, 1, 0});
    permute_by({2, 0, 3}, {1, 2, 0}, {1, 2, 0});
    permute_by({}, {}, {});
    permute_by({37, 91, 11}, {2, 1, 0}, {2, 1, 0});
    permute_by({20, 33, 5, 16}, {0, 2, 1, 3}, {0, 2, 1, 3});
    const auto transpose_by = [&](const Shape& from, Index a, Index b, Index normal_a, Index normal_b) {
        const auto swapped = [=](Shape p) {
            std::swap(p[normal_a], p[normal_b]);
            return p;
        };
        rows.push_back(moved(
            "transpose", [=](T x) { return transpose(x, a, b); }, from, swapped(from), swapped));
    };
    transpose_by({2, 3}, -2, -1, 0, 1);
    transpose_by({2, 3, 4}, -2, -1, 1, 2);
    transpose_by({2, 3, 4}, 0, 2, 0, 2);
    transpose_by({2, 3}, 1, 1, 1, 1);
    transpose_by({0, 3}, 0, 1, 0, 1);
    transpose_by({333, 129}, 0, 1, 0, 1);
    rows.push_back(moved(
        "transpose", [](T x) { return transpose(x); }, {3, 5}, {5, 3},
        [](const Shape& p) {
            return Shape{p[1], p[0]};
        }));
}

void add_broadcasts(std::vector<Row>& rows) {
    const auto expand_to = [&](const Shape& from, const Shape& asked, const Shape& to) {
        rows.push_back(moved(
            "expand", [=](T x) { return expand(x, asked); }, from, to, [](const Shape& p) { return p; }));
    };
    expand_to({2, 1}, {2, 3}, {2, 3});
    expand_to({3}, {2, 3}, {2, 3});
    expand_to({2, 1}, {4, -1, 3}, {4, 2, 3});
    expand_to({}, {2, 3}, {2, 3});
    expand_to({}, {}, {});
    expand_to({1, 3}, {0, 3}, {0, 3});
    expand_to({1}, {2, 0}, {2, 0});
    expand_to({2, 3}, {2, 3}, {2, 3});
    const auto repeat_by = [&](const Shape& from, const Shape& counts) {
        Shape padded = from, to = counts;
        while (padded.rank() < counts.rank()) padded.insert(0, 1);
        for (Index i = 0; i < to.rank(); ++i) to[i] *= padded[i];
        rows.push_back(moved(
            "repeat", [=](T x) { return repeat(x, counts); }, from, to,
            [=](const Shape& p) {
                Shape q = p;
                for (Index i = 0; i < p.rank(); ++i) q[i] = p[i] % padded[i];
                return q;
            }));
    };
    repeat_by({2, 3}, {2, 1});
    repeat_by({2, 3}, {1, 2});
    repeat_by({2, 3}, {3, 2});
    repeat_by({3}, {2, 2});
    repeat_by({}, {3});
    repeat_by({2, 3}, {0, 2});
    repeat_by({0}, {2});
    repeat_by({1, 1}, {2, 3});
}

/// Joins along an axis by loops: places counts the part and the position in it.
Values joined(const std::vector<Values>& xs, Index axis) {
    Shape shape = xs[0].shape;
    shape[axis] = 0;
    for (const Values& x : xs) shape[axis] += x.shape[axis];
    return each(shape, [&](Shape p) {
        std::size_t part = 0;
        for (; p[axis] >= xs[part].shape[axis]; ++part) p[axis] -= xs[part].shape[axis];
        return xs[part].at(p);
    });
}

void add_joins(std::vector<Row>& rows) {
    const auto concat_of = [&](const std::vector<Shape>& shapes, Index axis, Index normal) {
        std::vector<Tensor> xs;
        for (const Shape& shape : shapes) xs.push_back(spread(shape, -1, 1, static_cast<unsigned>(xs.size() + 1)));
        rows.push_back({.name = "concat",
                        .f = [=](const std::vector<Tensor>& in) { return concat(in, axis); },
                        .reference = [=](const std::vector<Values>& in) { return joined(in, normal); },
                        .inputs = {xs}});
    };
    concat_of({{2, 3}, {1, 3}, {2, 3}}, 0, 0);
    concat_of({{2, 3}, {2, 1}}, -1, 1);
    concat_of({{2, 0}, {2, 2}}, 1, 1);
    concat_of({{2, 2, 3}, {2, 1, 3}}, 1, 1);
    concat_of({{3}}, 0, 0);
    const auto stack_of = [&](std::size_t n, const Shape& shape, Index axis, Index normal) {
        std::vector<Tensor> xs;
        for (unsigned i = 1; i <= n; ++i) xs.push_back(spread(shape, -1, 1, i));
        rows.push_back({.name = "stack",
                        .f = [=](const std::vector<Tensor>& in) { return stack(in, axis); },
                        .reference =
                            [=](const std::vector<Values>& in) {
                                Shape to = shape;
                                to.insert(normal, static_cast<Index>(n));
                                return each(to, [&](const Shape& p) {
                                    Shape q = p;
                                    q.erase(normal);
                                    return in[static_cast<std::size_t>(p[normal])].at(q);
                                });
                            },
                        .inputs = {xs}});
    };
    stack_of(3, {2, 2}, 0, 0);
    stack_of(2, {2, 2}, 1, 1);
    stack_of(2, {2, 3}, -1, 2);
    stack_of(2, {}, 0, 0);
    stack_of(1, {0}, 0, 0);
}

void add_parts(std::vector<Row>& rows) {
    const auto part = [&](std::string name, auto f, const Shape& from, Index axis, Index start, Index step, Index count) {
        Shape to = from;
        to[axis] = count;
        rows.push_back(moved(std::move(name), f, from, to, [=](Shape p) {
            p[axis] = start + step * p[axis];
            return p;
        }));
    };
    const std::vector<Index> sizes = {1, 0, 2, 2};
    for (std::size_t i = 0, start = 0; i < sizes.size(); start += static_cast<std::size_t>(sizes[i++]))
        part(
            "split", [=](T x) { return split(x, sizes, 0)[i]; }, {5, 2}, 0, static_cast<Index>(start), 1, sizes[i]);
    for (const Index i : {0, 1, 2})
        part(
            "split", [=](T x) { return split(x, 2, -1)[static_cast<std::size_t>(i)]; }, {2, 5}, 1, 2 * i, 1, i == 2 ? 1 : 2);
    for (const Index i : {0, 1, 2})
        part(
            "chunk", [=](T x) { return chunk(x, 3, 1)[static_cast<std::size_t>(i)]; }, {2, 7}, 1, 3 * i, 1, i == 2 ? 1 : 3);
    const auto sliced = [&](const Shape& from, Index axis, Index start, Index end, Index step, Index first, Index count) {
        part(
            "slice", [=](T x) { return slice(x, axis, start, end, step); }, from, axis < 0 ? axis + from.rank() : axis, first,
            step, count);
    };
    sliced({5, 2}, 0, 1, 4, 1, 1, 3);
    sliced({5, 2}, 0, 1, last, 2, 1, 2);
    sliced({5, 2}, 0, -2, last, 1, 3, 2);
    sliced({5, 2}, 0, 0, -1, 1, 0, 4);
    sliced({5, 2}, 0, last, last, -1, 4, 5);
    sliced({5, 2}, 0, 3, 0, -2, 3, 2);
    sliced({5, 2}, 0, -1, -4, -1, 4, 3);
    sliced({5, 2}, 0, -100, 100, 3, 0, 2);
    sliced({5, 2}, 0, 100, -100, -3, 4, 2);
    sliced({2, 5}, -1, 2, 2, 1, 2, 0);
    sliced({2, 5}, -1, 4, 1, 1, 0, 0);
    sliced({2, 0}, 1, 0, last, 1, 0, 0);
    sliced({2, 0}, 1, last, last, -1, 0, 0);
    sliced({3}, 0, 0, last, 1, 0, 3);
    const auto selected = [&](const Shape& from, Index axis, Index i) {
        const Index normal = axis < 0 ? axis + from.rank() : axis, at = i < 0 ? i + from[normal] : i;
        Shape to = from;
        to.erase(normal);
        rows.push_back(moved(
            "select", [=](T x) { return select(x, axis, i); }, from, to,
            [=](Shape p) {
                p.insert(normal, at);
                return p;
            }));
    };
    selected({2, 3}, 0, 1);
    selected({2, 3}, -1, -1);
    selected({2, 3, 2}, 1, 1);
    selected({1}, 0, 0);
    selected({2, 0}, 0, 1);
}

void add_edges(std::vector<Row>& rows) {
    using Widths = std::vector<std::pair<Index, Index>>;
    const auto padded = [&](const Shape& from, const Widths& widths, double value) {
        Shape to = from, before = from;
        for (Index i = 0; i < from.rank(); ++i) {
            const auto skipped = from.rank() - static_cast<Index>(widths.size());
            const auto [left, right] =
                i < skipped ? std::pair<Index, Index>{0, 0} : widths[static_cast<std::size_t>(i - skipped)];
            before[i] = left;
            to[i] += left + right;
        }
        rows.push_back({.name = "pad",
                        .f = [=](const std::vector<Tensor>& in) { return pad(in[0], widths, value); },
                        .reference =
                            [=](const std::vector<Values>& in) {
                                return each(to, [&](Shape p) {
                                    for (Index i = 0; i < p.rank(); ++i) {
                                        p[i] -= before[i];
                                        if (p[i] < 0 || p[i] >= from[i]) return value;
                                    }
                                    return in[0].at(p);
                                });
                            },
                        .inputs = {{spread(from, -1, 1)}}});
    };
    padded({2, 3}, {{1, 2}, {0, 1}}, 0);
    padded({2, 3}, {{2, 1}}, -4);
    padded({2, 3}, {{-1, 0}, {1, -2}}, 5);
    padded({2, 3}, {}, 1);
    padded({2, 3}, {{0, 0}}, 1);
    padded({0, 2}, {{1, 1}, {0, 0}}, 3);
    padded({2}, {{-1, -1}}, 3);
    const auto flipped = [&](const Shape& shape, const Axes& axes, const std::vector<Index>& normal) {
        rows.push_back(moved(
            "flip", [=](T x) { return flip(x, axes); }, shape, shape,
            [=](Shape p) {
                for (const Index axis : normal) p[axis] = shape[axis] - 1 - p[axis];
                return p;
            }));
    };
    flipped({2, 3}, {}, {0, 1});
    flipped({2, 3}, {0}, {0});
    flipped({2, 3, 2}, {-1, 0}, {0, 2});
    flipped({}, {}, {});
    flipped({0, 2}, {}, {0, 1});
    for (const Shape& shape : {Shape{3, 3}, Shape{2, 4}, Shape{2, 3, 2}, Shape{2, 0, 3}, Shape{1, 1}})
        for (const Index diagonal : {0, 1, -1, -7}) {
            const auto triangle = [&](std::string name, auto f, auto keep) {
                rows.push_back({.name = std::move(name),
                                .f = [=](const std::vector<Tensor>& in) { return f(in[0], diagonal); },
                                .reference =
                                    [=](const std::vector<Values>& in) {
                                        return each(shape, [&](const Shape& p) {
                                            return keep(p[shape.rank() - 1] - p[shape.rank() - 2]) ? in[0].at(p) : 0;
                                        });
                                    },
                                .inputs = {{spread(shape, -1, 1)}}});
            };
            triangle("tril", tapehead::tril, [=](Index above) { return above <= diagonal; });
            triangle("triu", tapehead::triu, [=](Index above) { return above >= diagonal; });
        }
}

}  // namespace

std::vector<Row> shaping_rows() {
    std::vector<Row> rows;
    add_reshapes(rows);
    add_permutes(rows);
    add_broadcasts(rows);
    add_joins(rows);
    add_parts(rows);
    add_edges(rows);
    return rows;
}

}  // namespace testing
