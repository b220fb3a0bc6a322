// The same elements in other shapes: axes that are given, moved, added, removed and repeated. Joins and parts are in parts.cpp.
#include <reliability/chooser.hpp>

#include <algorithm>
#include <numeric>

namespace random_programs {
namespace {

/// −1 stands for what is left over.
Extents resolved(const Extents& asked, const Plain& x) {
    Extents shape = asked;
    double known = 1;
    std::ptrdiff_t unknown = -1;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] == -1) {
            require(unknown < 0, "two unknown extents");
            unknown = static_cast<std::ptrdiff_t>(i);
        } else {
            require(shape[i] >= 0, "negative extent");
            known *= static_cast<double>(shape[i]);
        }
    if (unknown < 0) return shape;
    const auto n = static_cast<double>(x.v.size());
    require(known > 0, "an unknown extent among none");
    shape[at(unknown)] = static_cast<std::ptrdiff_t>(n / known);
    return shape;
}

Extents some_factors(Chooser& c, std::ptrdiff_t n) {
    Extents shape;
    std::ptrdiff_t rest = std::max<std::ptrdiff_t>(n, 1);
    for (std::ptrdiff_t factor = 2; factor <= rest;)
        if (rest % factor == 0) {
            if (!shape.empty() && c.chance(0.4)) shape.back() *= factor;
            else shape.push_back(factor);
            rest /= factor;
        } else ++factor;
    if (n == 0) shape.push_back(0);
    while (shape.size() > 4) shape[shape.size() - 2] *= shape.back(), shape.pop_back();
    if (shape.size() < 4 && c.chance(0.3))
        shape.insert(shape.begin() + c.below(static_cast<std::ptrdiff_t>(shape.size()) + 1), 1);
    return shape;
}

Operation reshape_operation() {
    return {"reshape",
            "reshape($0, $L0)",
            "",
            [](Chooser& c) {
                const int x = c.any();
                Extents shape = some_factors(c, elements(c.shape(x)));
                if (!shape.empty() && elements(c.shape(x)) > 0 && c.chance(0.3)) shape[at(c.below(std::ssize(shape)))] = -1;
                return Line{.inputs = {x}, .lists = {shape}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{reshape(x[0], shape_of(l.lists[0]))}; },
            [](const Line& l, const Plains& x) { return Plains{reshaped(x[0], resolved(l.lists[0], x[0]))}; }};
}

Operation flatten_operation() {
    return {
        "flatten",
        "flatten($0, $I0, $I1)",
        "",
        [](Chooser& c) {
            const int x = c.any();
            if (c.rank(x) == 0) return Line{.inputs = {x}, .lists = {{c.between(-1, 0)}, {c.between(-1, 0)}}};
            const auto first = c.below(c.rank(x));
            return Line{.inputs = {x}, .lists = {{first}, {c.between(first, c.rank(x) - 1) - (c.chance(0.5) ? c.rank(x) : 0)}}};
        },
        [](const Line& l, const Tensors& x) { return Tensors{flatten(x[0], l.integer(0), l.integer(1))}; },
        [](const Line& l, const Plains& x) {
            const Extents own = x[0].shape.empty() ? Extents{1} : x[0].shape;  // a scalar counts as a vector of one element
            const auto first = checked_axis(l.integer(0), std::ssize(own)), last = checked_axis(l.integer(1), std::ssize(own));
            require(first <= last, "axes in order");
            Extents shape(own.begin(), own.begin() + first);
            shape.push_back(elements({own.begin() + first, own.begin() + last + 1}));
            shape.insert(shape.end(), own.begin() + last + 1, own.end());
            return Plains{reshaped(x[0], shape)};
        }};
}

Plain permuted(const Plain& x, const Integers& order) {
    require(std::ssize(order) == x.rank(), "every axis");
    Integers from;
    std::vector<bool> seen(x.shape.size(), false);
    Extents shape;
    for (const auto axis : order) {
        from.push_back(checked_axis(axis, x.rank()));
        require(!seen[at(from.back())], "every axis once");
        seen[at(from.back())] = true;
        shape.push_back(x.shape[at(from.back())]);
    }
    return build(shape, [&](const Position& p) {
        Position q(p.size());
        for (std::size_t i = 0; i < p.size(); ++i) q[at(from[i])] = p[i];
        return x.at(q);
    });
}

Operation permute_operation() {
    return {"permute",
            "permute($0, $L0)",
            "",
            [](Chooser& c) {
                const int x = c.any();
                Integers order(at(c.rank(x)));
                std::iota(order.begin(), order.end(), 0);
                for (std::size_t i = order.size(); i > 1; --i)
                    std::swap(order[i - 1], order[at(c.below(static_cast<long>(i)))]);
                for (auto& axis : order)
                    if (c.chance(0.2)) axis -= c.rank(x);
                return Line{.inputs = {x}, .lists = {order}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{permute(x[0], shape_of(l.lists[0]))}; },
            [](const Line& l, const Plains& x) { return Plains{permuted(x[0], l.lists[0])}; }};
}

Operation transpose_operation() {
    return {"transpose",
            "transpose($0, $I0, $I1)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                return Line{.inputs = {x}, .lists = {{c.axis(c.rank(x))}, {c.axis(c.rank(x))}}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{transpose(x[0], l.integer(0), l.integer(1))}; },
            [](const Line& l, const Plains& x) {
                Integers order(x[0].shape.size());
                std::iota(order.begin(), order.end(), 0);
                std::swap(order[at(checked_axis(l.integer(0), x[0].rank()))],
                          order[at(checked_axis(l.integer(1), x[0].rank()))]);
                return Plains{permuted(x[0], order)};
            }};
}

Operation squeeze_operation() {
    return {"squeeze",
            "squeeze($0, $A0)",
            "",
            [](Chooser& c) {
                const int x = c.any();
                Integers axes;
                for (std::ptrdiff_t i = 0; i < c.rank(x); ++i)
                    if (c.shape(x)[at(i)] == 1 && c.chance(0.5)) axes.push_back(c.chance(0.5) ? i : i - c.rank(x));
                return Line{.inputs = {x}, .lists = {axes}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{squeeze(x[0], shape_of(l.lists[0]))}; },
            [](const Line& l, const Plains& x) {
                const std::vector<bool> named = checked_axes(l.lists[0], x[0].rank());
                Extents shape;
                for (std::size_t i = 0; i < named.size(); ++i) {
                    require(l.lists[0].empty() || !named[i] || x[0].shape[i] == 1, "extent 1");
                    if (!named[i] || x[0].shape[i] != 1) shape.push_back(x[0].shape[i]);
                }
                return Plains{reshaped(x[0], shape)};
            }};
}

Operation unsqueeze_operation() {
    return {"unsqueeze",
            "unsqueeze($0, $A0)",
            "",
            [](Chooser& c) {
                const int x = c.any(0, 3);
                const auto rank = c.rank(x);
                if (c.chance(0.4)) {
                    const auto first = c.below(rank + 2);
                    return Line{.inputs = {x}, .lists = {{first, (first + 1 + c.below(rank + 1)) % (rank + 2)}}};
                }
                return Line{.inputs = {x}, .lists = {{c.between(-rank - 1, rank)}}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{unsqueeze(x[0], shape_of(l.lists[0]))}; },
            [](const Line& l, const Plains& x) {
                if (l.lists[0].empty()) return Plains{x[0]};
                const std::vector<bool> is_new = checked_axes(l.lists[0], x[0].rank() + std::ssize(l.lists[0]));
                Extents shape;
                std::size_t next = 0;
                for (const bool added : is_new) shape.push_back(added ? 1 : x[0].shape[next++]);
                return Plains{reshaped(x[0], shape)};
            }};
}

Operation expand_operation() {
    return {"expand",
            "expand($0, $L0)",
            "",
            [](Chooser& c) {
                const int x = c.any(0, 4);
                Extents shape = c.shape(x);
                for (auto& extent : shape)
                    if (extent == 1) extent = c.extent();
                    else if (c.chance(0.2)) extent = -1;
                if (c.chance(0.4)) shape.insert(shape.begin(), c.extent());
                return Line{.inputs = {x}, .lists = {shape}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{expand(x[0], shape_of(l.lists[0]))}; },
            [](const Line& l, const Plains& x) {
                Extents shape = l.lists[0];
                require(std::ssize(shape) >= x[0].rank(), "fewer axes");
                for (std::size_t i = 0; i < shape.size(); ++i) {
                    const std::ptrdiff_t own = static_cast<std::ptrdiff_t>(i) - (std::ssize(shape) - x[0].rank());
                    if (shape[i] == -1 && own >= 0) shape[i] = x[0].shape[at(own)];
                    require(shape[i] >= 0, "negative extent");
                }
                require(broadcasts(x[0].shape, shape), "does not broadcast");
                return Plains{build(shape, [&](const Position& p) { return read(x[0], p); })};
            }};
}

Operation repeat_operation() {
    return {"repeat",
            "repeat($0, $L0)",
            "",
            [](Chooser& c) {
                const int x = c.any(0, 3);
                Integers counts(at(c.rank(x) + c.below(2)));
                for (auto& count : counts) count = c.chance(0.05) ? 0 : c.between(1, 3);
                return Line{.inputs = {x}, .lists = {counts}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{repeat(x[0], shape_of(l.lists[0]))}; },
            [](const Line& l, const Plains& x) {
                const Integers& counts = l.lists[0];
                require(std::ssize(counts) >= x[0].rank(), "fewer counts");
                Extents own(at(std::ssize(counts) - x[0].rank()), 1), shape;
                own.insert(own.end(), x[0].shape.begin(), x[0].shape.end());
                for (std::size_t i = 0; i < own.size(); ++i) {
                    require(counts[i] >= 0, "negative count");
                    shape.push_back(own[i] * counts[i]);
                }
                const Plain x_of_rank = reshaped(x[0], own);
                return Plains{build(shape, [&](Position p) {
                    for (std::size_t i = 0; i < p.size(); ++i) p[i] %= own[i];
                    return x_of_rank.at(p);
                })};
            }};
}

Operation clone_operation() {
    return {"clone",
            "clone($0)",
            "",
            [](Chooser& c) { return Line{.inputs = {c.any()}}; },
            [](const Line&, const Tensors& x) { return Tensors{clone(x[0])}; },
            [](const Line&, const Plains& x) { return Plains{x[0]}; }};
}

}  // namespace

std::vector<Operation> shaping_operations() {
    return {reshape_operation(),   flatten_operation(), permute_operation(), transpose_operation(), squeeze_operation(),
            unsqueeze_operation(), expand_operation(),  repeat_operation(),  clone_operation()};
}

}  // namespace random_programs
