// Tensors put together, cut into parts, padded, turned around and emptied above or below a diagonal.
#include <reliability/chooser.hpp>

#include <algorithm>
#include <numeric>

namespace random_programs {
namespace {

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

}  // namespace

std::vector<Operation> part_operations() {
    return {concat_operation(),
            stack_operation(),
            split_operation(),
            even_split_operation(),
            chunk_operation(),
            slice_operation(),
            select_operation(),
            pad_operation(),
            flip_operation(),
            triangle("tril", tapehead::tril, true),
            triangle("triu", tapehead::triu, false)};
}

}  // namespace random_programs
