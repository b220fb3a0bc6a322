// Einstein's notation: an equation read into one label per axis, then sums, diagonals, and one product for each pair of
// operands.
//
// Made of recorded operations alone, so that every order of derivative is theirs. A label is a letter, or a digit for an axis
// that "..." stands for; digits are aligned to the last, '7', and are the only ones that broadcast.
#include <algorithm>
#include <array>
#include <string>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/matmul.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using Labels = std::string;

constexpr std::string_view ellipsis = "...";
constexpr std::string_view ellipsis_labels = "01234567";

/// A tensor with one label per axis.
struct Labelled {
    Tensor value;
    Labels labels;

    Index extent(char label) const { return value.shape()[static_cast<Index>(labels.find(label))]; }
};

/// The two sides of an equation, without spaces; terms may still hold "...".
struct Equation {
    std::vector<std::string> terms;
    std::string output;
    bool has_output = false;
};

bool has(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }

Labels unite(Labels a, const Labels& b) {
    for (const char label : b)
        if (!has(a, label)) a += label;
    return a;
}

template <class Keep>
Labels filter(const Labels& labels, Keep keep) {
    Labels kept;
    std::copy_if(labels.begin(), labels.end(), std::back_inserter(kept), keep);
    return kept;
}

bool is_letter(char c) { return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z'); }

void check_term(std::string_view equation, const std::string& term) {
    std::string letters = term;
    if (const auto at = letters.find(ellipsis); at != std::string::npos) letters.erase(at, ellipsis.size());
    const auto bad = std::find_if_not(letters.begin(), letters.end(), is_letter);
    check<ValueError>(bad == letters.end(), "einsum: expected letters and at most one \"...\" in each term, got '{}' in \"{}\"",
                      bad == letters.end() ? ' ' : *bad, equation);
}

Equation parse(std::string_view equation, std::size_t operands) {
    std::string text;
    std::copy_if(equation.begin(), equation.end(), std::back_inserter(text),
                 [](char c) { return std::string_view(" \t\n\r").find(c) == std::string_view::npos; });
    Equation result;
    if (const auto arrow = text.find("->"); arrow != std::string::npos) {
        result.has_output = true;
        result.output = text.substr(arrow + 2);
        text.erase(arrow);
        check_term(equation, result.output);
    }
    for (std::size_t start = 0, end = 0; end != std::string::npos; start = end + 1) {
        end = text.find(',', start);
        result.terms.push_back(text.substr(start, end == std::string::npos ? end : end - start));
        check_term(equation, result.terms.back());
    }
    check<ValueError>(result.terms.size() == operands, "einsum: expected {} operands for \"{}\", got {}", result.terms.size(),
                      equation, operands);
    return result;
}

/// The term with the last `count` digits in the place of "...".
Labels expand_ellipsis(std::string term, Index count) {
    const auto at = term.find(ellipsis);
    if (at == std::string::npos) return term;
    return term.replace(at, ellipsis.size(), ellipsis_labels.substr(ellipsis_labels.size() - static_cast<std::size_t>(count)));
}

std::vector<Labelled> label_operands(std::string_view equation, const Equation& parsed, const std::vector<Tensor>& operands) {
    std::vector<Labelled> result;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const std::string& term = parsed.terms[i];
        const bool is_open = term.find(ellipsis) != std::string::npos;
        const Index letters = static_cast<Index>(term.size() - (is_open ? ellipsis.size() : 0));
        const Shape& shape = operands[i].shape();
        check<ShapeError>(is_open ? shape.rank() >= letters : shape.rank() == letters,
                          "einsum: expected {}{} axes for \"{}\" in \"{}\", got {}", is_open ? "at least " : "", letters, term,
                          equation, shape);
        result.push_back({operands[i], expand_ellipsis(term, shape.rank() - letters)});
    }
    return result;
}

Labels output_labels(std::string_view equation, const Equation& parsed, const std::vector<Labelled>& operands) {
    Labels all, digits;
    for (const Labelled& operand : operands) all += operand.labels;
    for (const char label : ellipsis_labels)
        if (has(all, label)) digits += label;
    if (!parsed.has_output) {
        Labels once = filter(all, [&](char c) { return is_letter(c) && std::count(all.begin(), all.end(), c) == 1; });
        std::sort(once.begin(), once.end());
        return digits + once;
    }
    const bool is_open = parsed.output.find(ellipsis) != std::string::npos;
    check<ValueError>(is_open || digits.empty(), "einsum: expected \"...\" in the result too, got \"{}\"", equation);
    Labels output = expand_ellipsis(parsed.output, static_cast<Index>(digits.size()));
    for (const char label : output)
        check<ValueError>(has(all, label) && std::count(output.begin(), output.end(), label) == 1,
                          "einsum: expected letters of the operands in the result, each once, got '{}' in \"{}\"", label,
                          equation);
    return output;
}

/// The extent of every label. Letters must agree; an axis of "..." may be 1 where another operand has more.
std::array<Index, 128> extents_of(std::string_view equation, const std::vector<Labelled>& operands) {
    std::array<Index, 128> extents;
    extents.fill(-1);
    for (const Labelled& operand : operands)
        for (std::size_t axis = 0; axis < operand.labels.size(); ++axis) {
            const char label = operand.labels[axis];
            Index& extent = extents[static_cast<unsigned char>(label)];
            const Index own = operand.value.shape()[static_cast<Index>(axis)];
            const bool is_free = extent < 0 || (extent == 1 && !is_letter(label));
            check<ShapeError>(is_free || own == extent || (own == 1 && !is_letter(label)),
                              "einsum: expected extents that agree, got {} and {} for {} in \"{}\"", extent, own,
                              is_letter(label) ? std::string(1, label) : std::string(ellipsis), equation);
            if (is_free) extent = own;
        }
    return extents;
}

/// Axes in the order of `labels`, a permutation of its own.
Labelled permuted(const Labelled& x, const Labels& labels) {
    if (x.labels == labels) return x;
    Shape order;
    for (const char label : labels) order.push_back(static_cast<Index>(x.labels.find(label)));
    return {permute(x.value, order), labels};
}

/// Without the axes whose labels are not in `kept`.
Labelled summed(const Labelled& x, const Labels& kept) {
    Axes axes;
    for (std::size_t axis = 0; axis < x.labels.size(); ++axis)
        if (!has(kept, x.labels[axis])) axes.push_back(static_cast<Index>(axis));
    if (axes.empty()) return x;
    return {sum(x.value, axes), filter(x.labels, [&](char label) { return has(kept, label); })};
}

/// Repeated labels made one: a pair of axes of extent n, merged, holds its diagonal in every (n + 1)-th element.
Labelled diagonal(Labelled x) {
    for (std::size_t first = 0; first < x.labels.size();) {
        const char label = x.labels[first];
        const std::size_t second = x.labels.find(label, first + 1);
        if (second == Labels::npos) {
            ++first;
            continue;
        }
        Shape order, shape;
        Labels labels;
        for (std::size_t axis = 0; axis < x.labels.size(); ++axis) {
            if (axis == first || axis == second) continue;
            order.push_back(static_cast<Index>(axis));
            shape.push_back(x.value.shape()[static_cast<Index>(axis)]);
            labels += x.labels[axis];
        }
        order.push_back(static_cast<Index>(first));
        order.push_back(static_cast<Index>(second));
        const Index n = x.extent(label);
        shape.push_back(n * n);
        x = {slice(reshape(permute(x.value, order), shape), -1, 0, to_end, n + 1), labels + label};
        first = 0;
    }
    return x;
}

Shape extents_along(const Labelled& x, const Labels& labels) {
    Shape shape;
    for (const char label : labels) shape.push_back(x.extent(label));
    return shape;
}

/// Without the axes of extent 1 that "..." broadcasts to more: the other operands alone have those.
Labelled without_broadcast(const Labelled& x, const std::array<Index, 128>& extents) {
    const Labels kept = filter(x.labels, [&](char c) { return x.extent(c) == extents[static_cast<unsigned char>(c)]; });
    return {reshape(x.value, extents_along(x, kept)), kept};
}

/// One side of a product: [batch, rows, columns] as it lies in memory, and whether it is meant transposed.
struct Matrices {
    Tensor value;
    bool transposed;
};

/// x as [batch, rows, columns]; left as it is, but transposed, where the axes lie in the order batch, columns, rows.
Matrices matrices(const Labelled& x, const Labels& batch, const Labels& rows, const Labels& columns) {
    const bool transposed = x.labels != batch + rows + columns && x.labels == batch + columns + rows;
    Shape shape{extents_along(x, rows).numel(), extents_along(x, columns).numel()};
    if (transposed) std::swap(shape[0], shape[1]);
    if (!batch.empty()) shape.insert(0, extents_along(x, batch).numel());
    return {reshape(transposed ? x.value : permuted(x, batch + rows + columns).value, shape), transposed};
}

/// The product of two operands, summed over what only they have: batch letters are in both and in the result, inner ones in
/// both alone, the others in one and in the result.
Labelled contract(const Labelled& a, const Labelled& b, const Labels& kept) {
    const Labelled left = summed(a, unite(b.labels, kept)), right = summed(b, unite(a.labels, kept));
    const auto in_left = [&](char c) { return has(left.labels, c); };
    const auto in_right = [&](char c) { return has(right.labels, c); };
    const Labels batch = filter(left.labels, [&](char c) { return in_right(c) && has(kept, c); });
    const Labels inner = filter(left.labels, [&](char c) { return in_right(c) && !has(kept, c); });
    const Labels rows = filter(left.labels, [&](char c) { return !in_right(c); });
    const Labels columns = filter(right.labels, [&](char c) { return !in_left(c); });
    Shape shape = extents_along(left, batch + rows);
    for (const Index extent : extents_along(right, columns)) shape.push_back(extent);
    const Matrices l = matrices(left, batch, rows, inner), r = matrices(right, batch, inner, columns);
    Tensor product;
    if (inner.empty()) {  // nothing to add up: rows [.., M, 1] times columns [.., 1, N]
        product = (l.transposed ? transpose(l.value) : l.value) * (r.transposed ? transpose(r.value) : r.value);
    } else product = gemm(l.value, l.transposed, r.value, r.transposed);
    return {reshape(product, shape), batch + rows + columns};
}

}  // namespace

Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands) {
    check<ValueError>(!operands.empty(), "einsum: expected at least one operand, got none");
    const Equation parsed = parse(equation, operands.size());
    std::vector<Labelled> parts = label_operands(equation, parsed, operands);
    const Labels output = output_labels(equation, parsed, parts);
    const auto extents = extents_of(equation, parts);
    for (Labelled& part : parts) part = without_broadcast(diagonal(part), extents);
    Labelled result = parts[0];
    for (std::size_t i = 1; i < parts.size(); ++i) {
        Labels kept = output;
        for (std::size_t later = i + 1; later < parts.size(); ++later) kept = unite(kept, parts[later].labels);
        result = contract(result, parts[i], kept);
    }
    return permuted(summed(result, output), output).value;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
