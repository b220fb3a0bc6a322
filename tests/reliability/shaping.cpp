// Moving elements: shapes, axes, parts, joins.
#include <reliability/chooser.hpp>

#include <algorithm>
#include <numeric>

namespace random_programs {
namespace {

std::size_t at(std::ptrdiff_t i) { return static_cast<std::size_t>(i); }

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

Plain concatenated(const Plains& x, std::ptrdiff_t axis) {
    const auto a = at(checked_axis(axis, x[0].rank()));
    Extents shape = x[0].shape;
    shape[a] = 0;
    for (const Plain& part : x) {
        require(part.shape.size() == shape.size(), "ranks");
        for (std::size_t i = 0; i < shape.size(); ++i) require(i == a || part.shape[i] == shape[i], "extents");
        shape[a] += part.shape[a];
    }
    return build(shape, [&](Position p) {
        std::size_t which = 0;
        while (p[a] >= x[which].shape[a]) p[a] -= x[which++].shape[a];
        return x[which].at(p);
    });
}

Operation concat_operation() {
    return {"concat",
            "concat({$*}, $I0)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                const auto axis = c.axis(c.rank(x));
                Line line{.inputs = {x}, .lists = {{axis}}};
                for (std::ptrdiff_t more = c.below(3); more > 0; --more) {
                    Extents shape = c.shape(x);
                    if (c.chance(0.6)) shape[at(axis < 0 ? axis + c.rank(x) : axis)] = c.extent();
                    line.inputs.push_back(c.like(shape));
                }
                return line;
            },
            [](const Line& l, const Tensors& x) { return Tensors{concat(x, l.integer(0))}; },
            [](const Line& l, const Plains& x) { return Plains{concatenated(x, l.integer(0))}; }};
}

Operation stack_operation() {
    return {"stack",
            "stack({$*}, $I0)",
            "",
            [](Chooser& c) {
                const int x = c.any(0, 4);
                Line line{.inputs = {x}, .lists = {{c.axis(c.rank(x) + 1)}}};
                for (std::ptrdiff_t more = c.below(3); more > 0; --more) line.inputs.push_back(c.like(c.shape(x)));
                return line;
            },
            [](const Line& l, const Tensors& x) { return Tensors{stack(x, l.integer(0))}; },
            [](const Line& l, const Plains& x) {
                const auto axis = checked_axis(l.integer(0), x[0].rank() + 1);
                Plains parts;
                for (const Plain& part : x) {
                    require(part.shape == x[0].shape, "shapes");
                    parts.push_back(part);
                    parts.back().shape.insert(parts.back().shape.begin() + axis, 1);
                }
                return Plains{concatenated(parts, axis)};
            }};
}

Plain cut(const Plain& x, std::size_t axis, std::ptrdiff_t start, std::ptrdiff_t count, std::ptrdiff_t step = 1) {
    Extents shape = x.shape;
    shape[axis] = count;
    return build(shape, [&](Position p) {
        p[axis] = start + p[axis] * step;
        return x.at(p);
    });
}

Plains pieces(const Plain& x, const Integers& sizes, std::ptrdiff_t axis) {
    const auto a = at(checked_axis(axis, x.rank()));
    for (const auto size : sizes) require(size >= 0, "negative size");
    require(std::accumulate(sizes.begin(), sizes.end(), std::ptrdiff_t{0}) == x.shape[a], "sizes add up");
    Plains result;
    std::ptrdiff_t start = 0;
    for (const auto size : sizes) result.push_back(cut(x, a, start, size)), start += size;
    return result;
}

Plains even_pieces(const Plain& x, std::ptrdiff_t size, std::ptrdiff_t axis) {
    require(size > 0, "size");
    Integers sizes;
    for (auto rest = x.shape[at(checked_axis(axis, x.rank()))]; rest > 0; rest -= size) sizes.push_back(std::min(rest, size));
    return pieces(x, sizes, axis);
}

Operation split_operation() {
    return {"split by sizes",
            "split($0, std::vector<Index>$L0, $I1)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                const auto axis = c.axis(c.rank(x));
                Integers sizes;
                auto rest = c.shape(x)[at(axis < 0 ? axis + c.rank(x) : axis)];
                do sizes.push_back(c.below(rest + 1)), rest -= sizes.back();
                while (rest > 0 && sizes.size() < 3);
                sizes.back() += rest;
                return Line{.inputs = {x}, .lists = {sizes, {axis}}};
            },
            [](const Line& l, const Tensors& x) { return split(x[0], l.lists[0], l.integer(1)); },
            [](const Line& l, const Plains& x) { return pieces(x[0], l.lists[0], l.integer(1)); }};
}

Operation even_split_operation() {
    return {"split",
            "split($0, $I0, $I1)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                return Line{.inputs = {x}, .lists = {{c.between(1, 4)}, {c.axis(c.rank(x))}}};
            },
            [](const Line& l, const Tensors& x) { return split(x[0], l.integer(0), l.integer(1)); },
            [](const Line& l, const Plains& x) { return even_pieces(x[0], l.integer(0), l.integer(1)); }};
}

Operation chunk_operation() {
    return {"chunk",
            "chunk($0, $I0, $I1)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                return Line{.inputs = {x}, .lists = {{c.between(1, 4)}, {c.axis(c.rank(x))}}};
            },
            [](const Line& l, const Tensors& x) { return chunk(x[0], l.integer(0), l.integer(1)); },
            [](const Line& l, const Plains& x) {
                const auto n = l.integer(0), extent = x[0].shape[at(checked_axis(l.integer(1), x[0].rank()))];
                require(n > 0, "number of pieces");
                return even_pieces(x[0], std::max<std::ptrdiff_t>(1, (extent + n - 1) / n), l.integer(1));
            }};
}

/// As Python walks: positions from start by step while they have not reached the end.
Operation slice_operation() {
    return {"slice",
            "slice($0, $I0, $I1, $I2, $I3)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                const auto axis = c.axis(c.rank(x)), n = c.shape(x)[at(axis < 0 ? axis + c.rank(x) : axis)];
                const auto step = c.chance(0.6) ? 1 : c.between(1, 3) * (c.chance(0.5) ? 1 : -1);
                const auto end = c.chance(0.2) ? tapehead::to_end : c.between(-n - 2, n + 2);
                return Line{.inputs = {x}, .lists = {{axis}, {c.between(-n - 2, n + 2)}, {end}, {step}}};
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{slice(x[0], l.integer(0), l.integer(1), l.integer(2), l.integer(3))};
            },
            [](const Line& l, const Plains& x) {
                const auto a = at(checked_axis(l.integer(0), x[0].rank()));
                const auto n = x[0].shape[a], step = l.integer(3);
                require(step != 0, "step");
                auto start = l.integer(1), end = l.integer(2);
                if (start < 0) start += n;
                start = step > 0 ? std::min(std::max<std::ptrdiff_t>(start, 0), n)
                                 : std::min(std::max<std::ptrdiff_t>(start, -1), n - 1);
                if (end == tapehead::to_end) end = step > 0 ? n : -1;
                else {
                    if (end < 0) end += n;
                    end = step > 0 ? std::min(end, n) : std::max<std::ptrdiff_t>(end, -1);
                }
                std::ptrdiff_t count = 0;
                for (auto i = start; step > 0 ? i < end : i > end; i += step) ++count;
                return Plains{cut(x[0], a, start, count, step)};
            }};
}

Operation select_operation() {
    return {"select",
            "select($0, $I0, $I1)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                const auto axis = c.axis(c.rank(x));
                return Line{.inputs = {x},
                            .lists = {{axis}, c.positions(1, c.shape(x)[at(axis < 0 ? axis + c.rank(x) : axis)], true)}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{select(x[0], l.integer(0), l.integer(1))}; },
            [](const Line& l, const Plains& x) {
                const auto a = at(checked_axis(l.integer(0), x[0].rank()));
                Plain y = cut(x[0], a, checked_axis(l.integer(1), x[0].shape[a]), 1);
                y.shape.erase(y.shape.begin() + static_cast<std::ptrdiff_t>(a));
                return Plains{y};
            }};
}

Operation pad_operation() {
    return {"pad",
            "pad($0, $O, $R0)",
            "",
            [](Chooser& c) {
                const int x = c.any();
                Line line{.inputs = {x}, .lists = {{}, {}}, .reals = {c.real(-1, 1)}};
                for (auto i = c.rank(x) - c.below(c.rank(x) + 1); i < c.rank(x); ++i) {
                    const auto n = c.shape(x)[at(i)], before = c.between(-n, 2);
                    line.lists[0].push_back(before);
                    line.lists[1].push_back(c.between(-n - std::min<std::ptrdiff_t>(before, 0), 2));
                }
                return line;
            },
            [](const Line& l, const Tensors& x) {
                std::vector<std::pair<tapehead::Index, tapehead::Index>> widths;
                for (std::size_t i = 0; i < l.lists[0].size(); ++i) widths.emplace_back(l.lists[0][i], l.lists[1][i]);
                return Tensors{pad(x[0], widths, l.reals[0])};
            },
            [](const Line& l, const Plains& x) {
                const Integers& before = l.lists[0];
                require(std::ssize(before) <= x[0].rank(), "pairs");
                Extents shape = x[0].shape;
                const std::size_t first = shape.size() - before.size();
                for (std::size_t i = 0; i < before.size(); ++i) {
                    const auto n = shape[first + i], low = std::max<std::ptrdiff_t>(0, -before[i]);
                    require(low <= n - std::max<std::ptrdiff_t>(0, -l.lists[1][i]), "cut");
                    shape[first + i] += before[i] + l.lists[1][i];
                    require(shape[first + i] >= 0, "cut");
                }
                return Plains{build(shape, [&](Position p) {
                    for (std::size_t i = 0; i < before.size(); ++i) {
                        p[first + i] -= before[i];
                        if (p[first + i] < 0 || p[first + i] >= x[0].shape[first + i]) return l.reals[0];
                    }
                    return x[0].at(p);
                })};
            },
            [](const Line& l) {
                std::string text;
                for (std::size_t i = 0; i < l.lists[0].size(); ++i)
                    text += (i > 0 ? ", {" : "{") + std::to_string(l.lists[0][i]) + ", " + std::to_string(l.lists[1][i]) + "}";
                return "{" + text + "}";
            },
            false,
            false};
}

Operation flip_operation() {
    return {"flip",
            "flip($0, $A0)",
            "",
            [](Chooser& c) {
                const int x = c.any();
                return Line{.inputs = {x}, .lists = {c.axes(c.rank(x))}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{flip(x[0], shape_of(l.lists[0]))}; },
            [](const Line& l, const Plains& x) {
                const std::vector<bool> named = checked_axes(l.lists[0], x[0].rank());
                return Plains{build(x[0].shape, [&](Position p) {
                    for (std::size_t i = 0; i < p.size(); ++i)
                        if (named[i]) p[i] = x[0].shape[i] - 1 - p[i];
                    return x[0].at(p);
                })};
            }};
}

Operation triangle(const char* name, Tensor (*f)(const Tensor&, std::ptrdiff_t), bool is_lower) {
    return {name,
            std::string(name) + "($0, $I0)",
            "",
            [](Chooser& c) { return Line{.inputs = {c.any(2)}, .lists = {{c.between(-3, 3)}}}; },
            [f](const Line& l, const Tensors& x) { return Tensors{f(x[0], l.integer(0))}; },
            [is_lower](const Line& l, const Plains& x) {
                require(x[0].rank() >= 2, "two axes");
                return Plains{build(x[0].shape, [&](const Position& p) {
                    const auto above = p.back() - p[p.size() - 2];
                    return (is_lower ? above <= l.integer(0) : above >= l.integer(0)) ? x[0].at(p) : 0.0;
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
    return {reshape_operation(),
            flatten_operation(),
            permute_operation(),
            transpose_operation(),
            squeeze_operation(),
            unsqueeze_operation(),
            expand_operation(),
            repeat_operation(),
            concat_operation(),
            stack_operation(),
            split_operation(),
            even_split_operation(),
            chunk_operation(),
            slice_operation(),
            select_operation(),
            pad_operation(),
            flip_operation(),
            triangle("tril", tapehead::tril, true),
            triangle("triu", tapehead::triu, false),
            clone_operation()};
}

}  // namespace random_programs
