// Any text as an equation of einsum, on operands whose shapes mostly fit it: refused, or equal to the sum over all values of its letters.
//
// The input is what "..." stands for and what does not fit (2 bytes), the extents of letters (8 bytes), and the equation.
#include <fuzz/target.hpp>

#include <algorithm>
#include <array>
#include <map>

using namespace fuzz;

namespace {

/// The terms of an equation and its result with a character for each axis: letters, and digits for those of "...", the last of which is 9.
struct Notation {
    std::vector<std::string> terms;
    std::string result;
};

std::string without_space(std::string_view text) {
    std::string kept;
    for (const char c : text)
        if (std::string_view(" \t\n\r").find(c) == std::string_view::npos) kept += c;
    return kept;
}

std::string open_ellipsis(std::string term, Index axes) {
    const std::size_t at = term.find("...");
    if (at == std::string::npos) return term;
    return term.replace(at, 3, std::string("0123456789").substr(static_cast<std::size_t>(10 - axes)));
}

std::vector<std::string> terms_of(std::string_view equation) {
    const std::string text = without_space(equation);
    std::vector<std::string> terms(1);
    for (const char c : text.substr(0, text.find("->")))
        if (c == ',') terms.emplace_back();
        else terms.back() += c;
    return terms;
}

/// Of an equation that einsum has accepted.
Notation notation(std::string_view equation, const std::vector<Tensor>& operands) {
    const std::string text = without_space(equation);
    Notation notation{terms_of(equation), ""};
    std::string all;
    Index widest = 0;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        std::string& term = notation.terms[i];
        const bool is_open = term.find("...") != std::string::npos;
        const Index axes = is_open ? operands[i].dim() - (static_cast<Index>(term.size()) - 3) : 0;
        term = open_ellipsis(term, axes);
        widest = std::max(widest, axes);
        all += term;
    }
    if (const std::size_t arrow = text.find("->"); arrow != std::string::npos)
        notation.result = open_ellipsis(text.substr(arrow + 2), widest);
    else {
        notation.result = open_ellipsis("...", widest);
        for (char c = 'A'; c <= 'z'; ++c)
            if (std::count(all.begin(), all.end(), c) == 1) notation.result += c;
    }
    return notation;
}

/// The sum of the products over all values of all letters; undefined where they are too many.
Tensor summed(const Notation& notation, const std::vector<Tensor>& operands) {
    std::map<char, Index> extents;
    for (std::size_t i = 0; i < operands.size(); ++i)
        for (std::size_t axis = 0; axis < notation.terms[i].size(); ++axis) {
            const Index own = operands[i].shape()[static_cast<Index>(axis)];
            const auto [entry, is_new] = extents.emplace(notation.terms[i][axis], own);
            if (!is_new && entry->second == 1) entry->second = own;
        }
    Index count = 1;
    for (const auto& [letter, extent] : extents) count *= extent;
    if (count > 3000) return {};
    Shape shape;
    for (const char c : notation.result) shape.push_back(extents.at(c));
    Tensor result = zeros(shape);
    const Shape strides = row_major_strides(shape);
    std::array<Index, 128> at{};
    for (Index i = 0; i < count; ++i) {
        Index rest = i, to = 0;
        for (const auto& [letter, extent] : extents) {
            at[static_cast<std::size_t>(letter)] = rest % extent;
            rest /= extent;
        }
        Scalar product = 1;
        for (std::size_t o = 0; o < operands.size(); ++o) {
            Shape position = operands[o].shape();
            for (Index axis = 0; axis < position.rank(); ++axis) {
                const char c = notation.terms[o][static_cast<std::size_t>(axis)];
                position[axis] = position[axis] == 1 ? 0 : at[static_cast<std::size_t>(c)];
            }
            product *= operands[o].at(position);
        }
        for (Index axis = 0; axis < shape.rank(); ++axis)
            to += at[static_cast<std::size_t>(notation.result[static_cast<std::size_t>(axis)])] * strides[axis];
        result.raw()[to] += product;
    }
    return result;
}

/// Operands for the terms of a text that need not be an equation.
std::vector<Tensor> operands_for(std::string_view equation, unsigned open, unsigned misfit,
                                 const std::array<Index, 8>& extents) {
    std::vector<Tensor> operands;
    for (const std::string& term : terms_of(equation)) {
        if (operands.size() == 4) break;
        Shape shape;
        for (std::size_t i = 0; i < term.size() && shape.rank() < 6; ++i) {
            if (term[i] != '.') shape.push_back(extents[static_cast<unsigned char>(term[i]) % 8]);
            else if (term.compare(i, 3, "...") == 0)
                for (unsigned axes = open % 3; axes > 0 && shape.rank() < 6; --axes)
                    shape.push_back(open & (4u << axes) ? 1 : 2);
        }
        open = open / 3 + operands.size();
        operands.push_back(numbers(shape));
    }
    if (misfit > 240) operands.push_back(numbers({2}));
    else if (misfit > 220) operands.pop_back();
    else if (misfit > 200) operands.back() = numbers({3, 1});
    return operands;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const unsigned open = input.byte(), misfit = input.byte();
    std::array<Index, 8> extents{};
    for (Index& extent : extents) extent = input.number(0, 15) % 4;
    const std::string_view equation = input.rest();
    const std::vector<Tensor> operands = operands_for(equation, open, misfit, extents);
    const auto result = accepted<ValueError, ShapeError>([&] { return einsum(equation, operands); });
    if (!result) return 0;
    const Tensor expected = summed(notation(equation, operands), operands);
    if (!expected) return 0;
    require(result->shape() == expected.shape(), "the shape that the equation says");
    for (Index i = 0; i < result->numel(); ++i)
        require(result->data()[i] == expected.data()[i], "the sum that the equation says");
    sum(*result).backward();
    for (const Tensor& x : operands)  // linear in each operand: x · dx is the result
        require(sum(x * x.grad()).item() == sum(*result).item(), "gradients that belong to the result");
    return 0;
}
