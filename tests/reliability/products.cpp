// Matrix products and Einstein sums.
#include <reliability/chooser.hpp>

#include <algorithm>
#include <map>

namespace random_programs {
namespace {

Plain swapped(const Plain& x) {
    Extents shape = x.shape;
    std::swap(shape[shape.size() - 2], shape[shape.size() - 1]);
    return build(shape, [&](Position p) {
        std::swap(p[p.size() - 2], p[p.size() - 1]);
        return x.at(p);
    });
}

/// C[..., i, j] = Σ_k A[..., i, k] B[..., k, j]
Plain product(const Plain& a, const Plain& b) {
    require(a.rank() >= 2 && b.rank() >= 2, "at least two axes");
    const auto k = a.shape.back();
    require(k == b.shape[b.shape.size() - 2], "inner extents");
    Extents shape = broadcast({a.shape.begin(), a.shape.end() - 2}, {b.shape.begin(), b.shape.end() - 2});
    shape.push_back(a.shape[a.shape.size() - 2]);
    shape.push_back(b.shape.back());
    return build(shape, [&](const Position& p) {
        double sum = 0;
        for (std::ptrdiff_t i = 0; i < k; ++i) {
            Position in_a = source({a.shape.begin(), a.shape.end() - 2}, {p.begin(), p.end() - 2});
            Position in_b = source({b.shape.begin(), b.shape.end() - 2}, {p.begin(), p.end() - 2});
            in_a.push_back(p[p.size() - 2]), in_a.push_back(i);
            in_b.push_back(i), in_b.push_back(p.back());
            sum += a.at(in_a) * b.at(in_b);
        }
        return sum;
    });
}

/// Also of vectors: a row on the left, a column on the right.
Plain matmul_reference(Plain a, Plain b) {
    require(a.rank() >= 1 && b.rank() >= 1, "at least one axis");
    const bool is_row = a.rank() == 1, is_column = b.rank() == 1;
    if (is_row) a.shape.insert(a.shape.begin(), 1);
    if (is_column) b.shape.push_back(1);
    Plain c = product(a, b);
    if (is_column) c.shape.pop_back();
    if (is_row) c.shape.erase(c.shape.end() - (is_column ? 1 : 2));
    return c;
}

/// A partner for x in a product: its inner extent at `inner` from the end, the leading axes broadcasting.
int partner(Chooser& c, int x, std::ptrdiff_t k, bool inner_is_last) {
    const Extents& shape = c.shape(x);
    Extents wanted = c.broadcasting_to({shape.begin(), shape.end() - std::min<std::ptrdiff_t>(2, c.rank(x))});
    wanted.push_back(inner_is_last ? c.extent() : k);
    wanted.push_back(inner_is_last ? k : c.extent());
    return c.like(wanted);
}

Operation matmul_operation() {
    return {"matmul",
            "matmul($0, $1)",
            "",
            [](Chooser& c) {
                const int a = c.any(1, 4);
                const auto k = c.shape(a).back();
                if (c.chance(0.15)) return Line{.inputs = {a, c.like({k})}};
                return Line{.inputs = {a, partner(c, a, k, false)}};
            },
            [](const Line&, const Tensors& x) { return Tensors{matmul(x[0], x[1])}; },
            [](const Line&, const Plains& x) { return Plains{matmul_reference(x[0], x[1])}; }};
}

Operation gemm_operation() {
    return {"gemm",
            "gemm($0, $B0, $1, $B1)",
            "",
            [](Chooser& c) {
                const int a = c.any(2, 4);
                const bool transpose_a = c.chance(0.5), transpose_b = c.chance(0.5);
                const auto k = c.shape(a)[at(c.rank(a) - (transpose_a ? 2 : 1))];
                return Line{.inputs = {a, partner(c, a, k, transpose_b)}, .lists = {{transpose_a}, {transpose_b}}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{gemm(x[0], l.flag(0), x[1], l.flag(1))}; },
            [](const Line& l, const Plains& x) {
                require(x[0].rank() >= 2 && x[1].rank() >= 2, "at least two axes");
                return Plains{product(l.flag(0) ? swapped(x[0]) : x[0], l.flag(1) ? swapped(x[1]) : x[1])};
            }};
}

Operation linear_operation(bool has_bias) {
    return {has_bias ? "linear with bias" : "linear",
            has_bias ? "linear($0, $1, $2)" : "linear($0, $1)",
            "",
            [has_bias](Chooser& c) {
                const int x = c.any(1, 4);
                const auto out = c.extent();
                Line line{.inputs = {x, c.like({out, c.shape(x).back()})}};
                if (has_bias) line.inputs.push_back(c.like({out}));
                return line;
            },
            [has_bias](const Line&, const Tensors& x) { return Tensors{linear(x[0], x[1], has_bias ? x[2] : Tensor())}; },
            [has_bias](const Line&, const Plains& x) {
                require(x[0].rank() >= 1 && x[1].rank() == 2 && x[0].shape.back() == x[1].shape[1], "weight");
                require(!has_bias || x[2].shape == Extents{x[1].shape[0]}, "bias");
                const Plain y = matmul_reference(x[0], swapped(x[1]));
                return Plains{has_bias ? zip(y, x[2], [](double a, double b) { return a + b; }) : y};
            }};
}

Operation outer_operation() {
    return {"outer",
            "outer($0, $1)",
            "",
            [](Chooser& c) {
                return Line{.inputs = {c.any(1, 1), c.any(1, 1)}};
            },
            [](const Line&, const Tensors& x) { return Tensors{outer(x[0], x[1])}; },
            [](const Line&, const Plains& x) {
                require(x[0].rank() == 1 && x[1].rank() == 1, "two vectors");
                return Plains{build({x[0].shape[0], x[1].shape[0]},
                                    [&](const Position& p) { return x[0].at({p[0]}) * x[1].at({p[1]}); })};
            }};
}

/// Letters for each operand and the result; an upper-case one stands for an axis of "...".
struct Equation {
    std::vector<std::string> terms;
    std::string result;
};

Equation parse(const std::string& text, const Plains& x) {
    Equation equation;
    std::string now;
    const auto close = [&] { equation.terms.push_back(now), now.clear(); };
    const auto arrow = text.find("->");
    for (const char letter : text.substr(0, arrow))
        if (letter == ',') close();
        else now += letter;
    close();
    require(equation.terms.size() == x.size(), "number of operands");
    std::size_t most = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        std::string& term = equation.terms[i];
        const auto dots = term.find("...");
        const std::size_t letters = term.size() - (dots == std::string::npos ? 0 : 3);
        require(dots == std::string::npos ? letters == x[i].shape.size() : letters <= x[i].shape.size(), "rank of an operand");
        if (dots == std::string::npos) continue;
        const std::size_t n = x[i].shape.size() - letters;
        most = std::max(most, n);
        term.replace(dots, 3, std::string("UVWXYZ").substr(6 - n));
    }
    equation.result = text.substr(arrow + 2);
    if (const auto dots = equation.result.find("..."); dots != std::string::npos)
        equation.result.replace(dots, 3, std::string("UVWXYZ").substr(6 - most));
    return equation;
}

/// Every combination of all letters once: the product of the operands' elements there, added to the result's element.
Plain einsum_reference(const std::string& text, const Plains& x) {
    const Equation equation = parse(text, x);
    std::map<char, std::ptrdiff_t> extent;
    for (std::size_t i = 0; i < x.size(); ++i)
        for (std::size_t j = 0; j < equation.terms[i].size(); ++j) {
            const auto [found, is_new] = extent.emplace(equation.terms[i][j], x[i].shape[j]);
            const bool is_dots = std::isupper(equation.terms[i][j]);
            require(is_new || found->second == x[i].shape[j] || (is_dots && (found->second == 1 || x[i].shape[j] == 1)),
                    "extents");
            if (is_dots && found->second == 1) found->second = x[i].shape[j];
        }
    Extents all, result;
    std::map<char, std::size_t> place;
    for (const auto& [letter, n] : extent) {
        place[letter] = all.size();
        all.push_back(n);
    }
    for (const char letter : equation.result) result.push_back(extent.at(letter));
    const auto at_letters = [&](const std::string& letters, const Position& p) {
        Position q;
        for (const char letter : letters) q.push_back(p[place.at(letter)]);
        return q;
    };
    Plain y(result);
    for_each_position(all, [&](const Position& p) {
        double term = 1;
        for (std::size_t i = 0; i < x.size(); ++i) term *= read(x[i], source(x[i].shape, at_letters(equation.terms[i], p)));
        y.at(at_letters(equation.result, p)) += term;
    });
    return y;
}

/// A first operand that exists names its axes; the others share some of its letters.
Line einsum_line(Chooser& c) {
    const bool has_dots = c.chance(0.25);
    Line line{.inputs = {c.any(0, 3)}};
    std::map<char, std::ptrdiff_t> extent;
    std::string letters;
    const auto first = c.shape(line.inputs[0]);
    std::ptrdiff_t dots = has_dots ? c.below(c.rank(line.inputs[0]) + 1) : 0;
    if (has_dots) line.text = "...";
    for (std::size_t i = at(dots); i < first.size(); ++i) {
        char letter = static_cast<char>('a' + i);
        for (const auto& [other, n] : extent)
            if (n == first[i] && c.chance(0.3)) letter = other;
        extent[letter] = first[i];
        line.text += letter;
    }
    for (std::ptrdiff_t more = c.below(3); more > 0; --more) {
        Extents shape;
        line.text += ',';
        if (has_dots && c.chance(0.7)) {
            line.text += "...";
            shape = c.broadcasting_to({first.begin(), first.begin() + dots});
        }
        std::string used;
        for (std::ptrdiff_t n = c.below(4); n > 0; --n) {
            const char letter = static_cast<char>('a' + c.below(5));
            if (used.find(letter) != std::string::npos && c.chance(0.7)) continue;
            if (extent.count(letter) == 0) extent[letter] = c.extent();
            used += letter;
            shape.push_back(extent[letter]);
        }
        line.text += used;
        line.inputs.push_back(c.like(shape));
    }
    std::string result;
    for (const auto& entry : extent)
        if (c.chance(0.55)) result.insert(at(c.below(static_cast<std::ptrdiff_t>(result.size()) + 1)), 1, entry.first);
    line.text += "->" + std::string(has_dots ? "..." : "") + result;
    return line;
}

Operation einsum_operation() {
    return {"einsum",
            "einsum($T, {$*})",
            "",
            einsum_line,
            [](const Line& l, const Tensors& x) { return Tensors{einsum(l.text, x)}; },
            [](const Line& l, const Plains& x) { return Plains{einsum_reference(l.text, x)}; }};
}

}  // namespace

std::vector<Operation> products() {
    return {matmul_operation(),     gemm_operation(),  linear_operation(false),
            linear_operation(true), outer_operation(), einsum_operation()};
}

}  // namespace random_programs
