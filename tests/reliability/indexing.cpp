// Elements by position, tensors from nothing, and dropout, whose mask is a function of a key.
#include <reliability/chooser.hpp>
#include <support/philox.hpp>

#include <algorithm>

namespace random_programs {
namespace {

std::size_t place(std::ptrdiff_t axis, std::ptrdiff_t rank) { return at(axis < 0 ? axis + rank : axis); }

/// Positions counted from the start, all within n.
Integers checked(const Integers& ids, std::ptrdiff_t n, bool may_be_negative) {
    Integers result;
    for (const auto id : ids) {
        require((may_be_negative ? -n : 0) <= id && id < n, "id out of range");
        result.push_back(id < 0 ? id + n : id);
    }
    return result;
}

/// Lists of a line: ids, their shape, the axis.
Plain ids_array(const Line& l, std::ptrdiff_t n, bool may_be_negative = true) {
    const Integers ids = checked(l.lists[0], n, may_be_negative);
    Plain result(l.lists[1]);
    result.v.assign(ids.begin(), ids.end());
    return result;
}

Operation index_select_operation() {
    return {"index_select",
            "index_select($0, $I2, $D0)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                const auto axis = c.axis(c.rank(x)), count = c.between(0, 5);
                return Line{.inputs = {x},
                            .lists = {c.positions(count, c.shape(x)[place(axis, c.rank(x))], true), {count}, {axis}}};
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{index_select(x[0], l.integer(2), ids_of(l.lists[0], l.lists[1]))};
            },
            [](const Line& l, const Plains& x) {
                const auto a = at(checked_axis(l.integer(2), x[0].rank()));
                const Plain ids = ids_array(l, x[0].shape[a]);
                Extents shape = x[0].shape;
                shape[a] = std::ssize(l.lists[0]);
                return Plains{build(shape, [&](Position p) {
                    p[a] = static_cast<std::ptrdiff_t>(ids.at({p[a]}));
                    return x[0].at(p);
                })};
            },
            {},
            false,
            false};
}

Operation index_add_operation() {
    return {"index_add",
            "index_add($0, $I2, $D0, $1)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                const auto axis = c.axis(c.rank(x)), count = c.between(0, 5);
                Extents shape = c.shape(x);
                shape[place(axis, c.rank(x))] = count;
                return Line{.inputs = {x, c.like(shape)},
                            .lists = {c.positions(count, c.shape(x)[place(axis, c.rank(x))], true), {count}, {axis}}};
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{index_add(x[0], l.integer(2), ids_of(l.lists[0], l.lists[1]), x[1])};
            },
            [](const Line& l, const Plains& x) {
                const auto a = at(checked_axis(l.integer(2), x[0].rank()));
                const Plain ids = ids_array(l, x[0].shape[a]);
                Extents shape = x[0].shape;
                shape[a] = std::ssize(l.lists[0]);
                require(x[1].shape == shape, "source");
                Plain y = x[0];
                for_each_position(shape, [&](const Position& p) {
                    Position to = p;
                    to[a] = static_cast<std::ptrdiff_t>(ids.at({p[a]}));
                    y.at(to) += x[1].at(p);
                });
                return Plains{y};
            },
            {},
            false,
            false};
}

/// Ids of x's rank, with no larger extents but along the axis.
Line element_line(Chooser& c, int x) {
    const auto axis = c.axis(c.rank(x));
    Extents shape = c.shape(x);
    for (auto& extent : shape)
        if (c.chance(0.3)) extent = c.below(extent + 1);
    shape[place(axis, c.rank(x))] = c.between(0, 4);
    return {.inputs = {x}, .lists = {c.positions(elements(shape), c.shape(x)[place(axis, c.rank(x))], true), shape, {axis}}};
}

void check_elements(const Line& l, const Plain& x, std::size_t a) {
    require(std::ssize(l.lists[1]) == x.rank(), "rank of the ids");
    for (std::size_t i = 0; i < x.shape.size(); ++i) require(i == a || l.lists[1][i] <= x.shape[i], "extents of the ids");
}

Operation gather_operation() {
    return {"gather",
            "gather($0, $I2, $D0)",
            "",
            [](Chooser& c) { return element_line(c, c.any(1)); },
            [](const Line& l, const Tensors& x) { return Tensors{gather(x[0], l.integer(2), ids_of(l.lists[0], l.lists[1]))}; },
            [](const Line& l, const Plains& x) {
                const auto a = at(checked_axis(l.integer(2), x[0].rank()));
                check_elements(l, x[0], a);
                const Plain ids = ids_array(l, x[0].shape[a]);
                return Plains{build(l.lists[1], [&](Position p) {
                    p[a] = static_cast<std::ptrdiff_t>(ids.at(p));
                    return x[0].at(p);
                })};
            },
            {},
            false,
            false};
}

Operation scatter_add_operation() {
    return {"scatter_add",
            "scatter_add($0, $I2, $D0, $1)",
            "",
            [](Chooser& c) {
                Line line = element_line(c, c.any(1));
                Extents shape = line.lists[1];
                for (auto& extent : shape)
                    if (c.chance(0.2)) ++extent;
                line.inputs.push_back(c.like(shape));
                return line;
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{scatter_add(x[0], l.integer(2), ids_of(l.lists[0], l.lists[1]), x[1])};
            },
            [](const Line& l, const Plains& x) {
                const auto a = at(checked_axis(l.integer(2), x[0].rank()));
                check_elements(l, x[0], a);
                require(x[1].rank() == x[0].rank(), "rank of the source");
                for (std::size_t i = 0; i < x[1].shape.size(); ++i) require(l.lists[1][i] <= x[1].shape[i], "source");
                const Plain ids = ids_array(l, x[0].shape[a]);
                Plain y = x[0];
                for_each_position(ids.shape, [&](const Position& p) {
                    Position to = p;
                    to[a] = static_cast<std::ptrdiff_t>(ids.at(p));
                    y.at(to) += x[1].at(p);
                });
                return Plains{y};
            },
            {},
            false,
            false};
}

Operation embedding_operation() {
    return {"embedding",
            "embedding($D0, $0)",
            "",
            [](Chooser& c) {
                const int weight = c.any(2, 2);
                const Extents shape = c.any_shape(0, 2);
                return Line{.inputs = {weight}, .lists = {c.positions(elements(shape), c.shape(weight)[0], false), shape}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{embedding(ids_of(l.lists[0], l.lists[1]), x[0])}; },
            [](const Line& l, const Plains& x) {
                require(x[0].rank() == 2, "weight");
                const Plain ids = ids_array(l, x[0].shape[0], false);
                Extents shape = ids.shape;
                shape.push_back(x[0].shape[1]);
                return Plains{build(shape, [&](const Position& p) {
                    return x[0].at({static_cast<std::ptrdiff_t>(ids.at({p.begin(), p.end() - 1})), p.back()});
                })};
            },
            {},
            false,
            false};
}

Operation one_hot_operation() {
    return {"one_hot",
            "one_hot($D0, $I2) * $0",
            "operator*",
            [](Chooser& c) {
                const int x = c.any(0, 1);
                const auto n = c.rank(x) == 0 || c.shape(x)[0] == 1 ? c.between(1, 4) : c.shape(x)[0];
                const Extents shape = c.any_shape(0, 2);
                return Line{.inputs = {x}, .lists = {c.positions(elements(shape), n, false), shape, {n}}};
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{tapehead::one_hot(ids_of(l.lists[0], l.lists[1]), l.integer(2)) * x[0]};
            },
            [](const Line& l, const Plains& x) {
                const Plain ids = ids_array(l, l.integer(2), false);
                Extents shape = ids.shape;
                shape.push_back(l.integer(2));
                const Plain hot = build(shape, [&](const Position& p) {
                    return ids.at({p.begin(), p.end() - 1}) == static_cast<double>(p.back()) ? 1 : 0;
                });
                return Plains{zip(hot, x[0], [](double a, double b) { return a * b; })};
            },
            {},
            false,
            false};
}

Operation dropout_operation() {
    return {"dropout",
            "[&] { Generator g($I0); return dropout($0, $R0, $B1, g); }()",
            "",
            [](Chooser& c) {
                const double p = c.chance(0.1) ? static_cast<double>(c.below(2)) : c.real(0.1, 0.8);
                return Line{.inputs = {c.any()}, .lists = {{c.below(1000)}, {c.chance(0.9)}}, .reals = {p}};
            },
            [](const Line& l, const Tensors& x) {
                tapehead::Generator generator(static_cast<std::uint64_t>(l.integer(0)));
                return Tensors{dropout(x[0], l.reals[0], l.flag(1), generator)};
            },
            [](const Line& l, const Plains& x) {
                if (!l.flag(1)) return Plains{x[0]};
                const double p = l.reals[0];
                const Numbers u = testing::uniform_numbers(static_cast<std::uint64_t>(l.integer(0)), 0, x[0].v.size());
                Plain y = x[0];
                for (std::size_t i = 0; i < u.size(); ++i) y.v[i] = u[i] >= p ? x[0].v[i] / (1 - p) : 0;
                return Plains{y};
            }};
}

/// x · (a constant made from nothing), which is 1 everywhere or counts.
Operation constant(const char* name, const char* code, Tensor (*f)(const Tensor&),
                   double (*element)(const Position&, const Plain&), std::ptrdiff_t least_rank = 0) {
    return {name,
            std::string(code) + " + $0",
            "operator+",
            [least_rank](Chooser& c) { return Line{.inputs = {c.any(least_rank)}}; },
            [f](const Line&, const Tensors& x) { return Tensors{f(x[0]) + x[0]}; },
            [element, least_rank](const Line&, const Plains& x) {
                require(x[0].rank() >= least_rank, "axes");
                return Plains{build(x[0].shape, [&](const Position& p) { return element(p, x[0]) + x[0].at(p); })};
            }};
}

void add_constants(std::vector<Operation>& all) {
    const auto zero = [](const Position&, const Plain&) { return 0.0; };
    const auto one = [](const Position&, const Plain&) { return 1.0; };
    const auto counting = [](const Position& p, const Plain&) { return static_cast<double>(p.back()) / 4; };
    const auto diagonal = [](const Position& p, const Plain&) { return p.back() == p[p.size() - 2] ? 1.0 : 0.0; };
    all.push_back(constant(
        "zeros", "zeros($0.shape())", [](const Tensor& x) { return tapehead::zeros(x.shape()); }, zero));
    all.push_back(constant(
        "ones", "ones($0.shape())", [](const Tensor& x) { return tapehead::ones(x.shape()); }, one));
    all.push_back(constant(
        "full", "full($0.shape(), 1)", [](const Tensor& x) { return tapehead::full(x.shape(), 1); }, one));
    all.push_back(constant(
        "zeros_like", "zeros_like($0)", [](const Tensor& x) { return zeros_like(x); }, zero));
    all.push_back(constant(
        "ones_like", "ones_like($0)", [](const Tensor& x) { return ones_like(x); }, one));
    all.push_back(constant(
        "arange", "arange(0, 0.25 * ($0.size(-1) - 0.5), 0.25)",
        [](const Tensor& x) {
            const double n = static_cast<double>(x.size(-1));
            return n == 0 ? tapehead::arange(0) : tapehead::arange(0, 0.25 * (n - 0.5), 0.25);
        },
        counting, 1));
    all.push_back(constant(
        "eye", "eye($0.size(-2), $0.size(-1))", [](const Tensor& x) { return tapehead::eye(x.size(-2), x.size(-1)); }, diagonal,
        2));
    all.push_back(constant(
        "as_tensor", "as_tensor($0 == $0)", [](const Tensor& x) { return as_tensor(x == x); }, one));
}

}  // namespace

std::vector<Operation> indexing_operations() {
    std::vector<Operation> all = {index_select_operation(), index_add_operation(), gather_operation(), scatter_add_operation(),
                                  embedding_operation(),    one_hot_operation(),   dropout_operation()};
    add_constants(all);
    return all;
}

}  // namespace random_programs
