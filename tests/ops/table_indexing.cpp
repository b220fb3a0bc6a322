// The rows of autograd/ops/indexing.hpp: gathers and scatters element by element.
#include "table.hpp"

namespace testing {
namespace {

Ids ids(const Shape& shape, std::vector<Id> values) {
    Ids result = make_array<Id>(shape);
    std::copy(values.begin(), values.end(), result.begin());
    return result;
}

Index counted_from_start(Id id, Index n) { return static_cast<Index>(id < 0 ? id + n : id); }

/// The id at a position of an array of ids.
Id at(const Ids& array, const Shape& position) {
    Index offset = 0;
    for (Index axis = 0; axis < position.rank(); ++axis)
        offset = offset * static_cast<Index>(array.shape()[static_cast<std::size_t>(axis)]) + position[axis];
    return array.data()[offset];
}

Row index_select_row(const Shape& shape, Index axis, std::vector<Id> list) {
    const Ids which = ids({static_cast<Index>(list.size())}, list);
    return {.name = "index_select",
            .f = [=](const std::vector<Tensor>& in) { return index_select(in[0], axis, which); },
            .reference =
                [=](const std::vector<Values>& in) {
                    const Index normal = axis < 0 ? axis + shape.rank() : axis;
                    Shape to = shape;
                    to[normal] = static_cast<Index>(list.size());
                    return each(to, [&](Shape p) {
                        p[normal] = counted_from_start(list[static_cast<std::size_t>(p[normal])], shape[normal]);
                        return in[0].at(p);
                    });
                },
            .inputs = {{spread(shape, -1, 1)}}};
}

Row index_add_row(const Shape& shape, Index axis, std::vector<Id> list, Index n) {
    const Ids which = ids({static_cast<Index>(list.size())}, list);
    return {.name = "index_add",
            .f =
                [=](const std::vector<Tensor>& in) {
                    Shape to = shape;
                    to[axis] = n;
                    return index_add(full(to, 0.5), axis, which, in[0]);
                },
            .reference =
                [=](const std::vector<Values>& in) {
                    const Index normal = axis < 0 ? axis + shape.rank() : axis;
                    Shape to = shape;
                    to[normal] = n;
                    Values y = each(to, [](const Shape&) { return 0.5; });
                    each_position(shape, [&](const Shape& p) {
                        Shape q = p;
                        q[normal] = counted_from_start(list[static_cast<std::size_t>(p[normal])], n);
                        y.at(q) += in[0].at(p);
                    });
                    return y;
                },
            .inputs = {{spread(shape, -1, 1)}}};
}

Row gather_row(const Shape& shape, Index axis, const Shape& to, std::vector<Id> list) {
    const Ids which = ids(to, list);
    return {.name = "gather",
            .f = [=](const std::vector<Tensor>& in) { return gather(in[0], axis, which); },
            .reference =
                [=](const std::vector<Values>& in) {
                    return each(to, [&](const Shape& p) {
                        Shape q = p;
                        q[axis] = counted_from_start(at(which, p), shape[axis]);
                        return in[0].at(q);
                    });
                },
            .inputs = {{spread(shape, -1, 1)}}};
}

Row scatter_add_row(const Shape& shape, Index axis, const Shape& source, const Shape& from, std::vector<Id> list) {
    const Ids which = ids(from, list);
    return {.name = "scatter_add",
            .f = [=](const std::vector<Tensor>& in) { return scatter_add(in[0], axis, which, in[1]); },
            .reference =
                [=](const std::vector<Values>& in) {
                    Values y = in[0];
                    each_position(from, [&](const Shape& p) {
                        Shape q = p;
                        q[axis] = counted_from_start(at(which, p), shape[axis]);
                        y.at(q) += in[1].at(p);
                    });
                    return y;
                },
            .inputs = {{spread(shape, -1, 1, 1), spread(source, -1, 1, 2)}}};
}

Row embedding_row(const Shape& shape, const Shape& weight, std::vector<Id> list) {
    const Ids tokens = ids(shape, list);
    return {.name = "embedding",
            .f = [=](const std::vector<Tensor>& in) { return embedding(tokens, in[0]); },
            .reference =
                [=](const std::vector<Values>& in) {
                    Shape to = shape;
                    to.push_back(weight[1]);
                    Values y(to, {});
                    for (const Id id : list)
                        for (Index e = 0; e < weight[1]; ++e) y.v.push_back(in[0].at({id, e}));
                    return y;
                },
            .inputs = {{spread(weight, -1, 1)}}};
}

}  // namespace

std::vector<Row> indexing_rows() {
    std::vector<Row> rows = {
        index_select_row({3, 4}, 0, {2, 0, 2, -1}),
        index_select_row({3, 4}, -1, {3, -4}),
        index_select_row({2, 3, 2}, 1, {1, 1, 0}),
        index_select_row({3}, 0, {}),
        index_select_row({3, 0}, 0, {1, 1}),
        index_select_row({1}, 0, {0, 0, 0}),
        index_add_row({3, 2}, 0, {1, 4, 1}, 5),
        index_add_row({2, 3}, -1, {0, -1, 0}, 2),
        index_add_row({2, 3, 2}, 1, {1, 1, 0}, 4),
        index_add_row({0}, 0, {}, 3),
        index_add_row({3}, 0, {0, 0, 0}, 1),
        gather_row({3, 4}, 1, {3, 2}, {0, 3, 1, 1, 2, -1}),
        gather_row({3, 4}, 0, {2, 3}, {0, 2, 1, -1, 0, 0}),
        gather_row({2, 3, 2}, 1, {2, 1, 2}, {0, 2, 1, 1}),
        gather_row({3}, 0, {5}, {2, 2, 0, -2, 1}),
        gather_row({2, 3}, 1, {2, 0}, {}),
        gather_row({2, 0, 3}, 0, {1, 0, 2}, {}),
        scatter_add_row({3, 4}, 1, {3, 2}, {3, 2}, {0, 3, 1, 1, 2, -1}),
        scatter_add_row({3, 4}, 0, {2, 4}, {2, 3}, {0, 2, 1, -1, 0, 1}),
        scatter_add_row({2, 3, 2}, 1, {2, 4, 2}, {1, 4, 2}, {0, 1, 2, 2, 0, 0, 1, 2}),
        scatter_add_row({3}, 0, {4}, {4}, {1, 1, 1, 1}),
        scatter_add_row({3}, 0, {0}, {0}, {}),
        scatter_add_row({2, 3}, 1, {2, 5}, {2, 0}, {}),
        embedding_row({2, 2}, {4, 3}, {1, 3, 1, 0}),
        embedding_row({}, {4, 3}, {2}),
        embedding_row({0}, {4, 3}, {}),
        embedding_row({3}, {1, 1}, {0, 0, 0}),
    };
    return rows;
}

}  // namespace testing
