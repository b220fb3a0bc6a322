// einsum against sums written out over every label, its derivatives, and its errors.
#include <support/testing.hpp>

#include <map>

using namespace testing;

namespace {

/// Distinct values around 0 of any shape.
Tensor values(const Shape& shape, unsigned seed) {
    Generator generator(seed);
    return randn(shape, generator);
}

/// Σ Π operands over all labels, one loop over every combination. Terms without "...": one letter an axis.
Tensor written_out(const std::vector<std::string>& terms, const std::string& output, const std::vector<Tensor>& operands) {
    std::map<char, Index> extents, at;
    for (std::size_t i = 0; i < terms.size(); ++i)
        for (std::size_t axis = 0; axis < terms[i].size(); ++axis)
            extents[terms[i][axis]] = operands[i].shape()[static_cast<Index>(axis)];
    const auto place = [&](const std::string& term) {
        Shape position;
        for (const char letter : term) position.push_back(at[letter]);
        return position;
    };
    Shape shape;
    for (const char letter : output) shape.push_back(extents[letter]);
    const Shape strides = row_major_strides(shape);
    std::vector<double> sums(static_cast<std::size_t>(shape.numel()), 0.0);
    Index combinations = 1;
    for (const auto& [letter, extent] : extents) combinations *= extent;
    for (Index n = 0; n < combinations; ++n) {
        Index rest = n;
        for (const auto& [letter, extent] : extents) {
            at[letter] = rest % extent;
            rest /= extent;
        }
        double product = 1;
        for (std::size_t i = 0; i < terms.size(); ++i) product *= operands[i].at(place(terms[i]));
        const Shape position = place(output);
        Index offset = 0;
        for (Index axis = 0; axis < position.rank(); ++axis) offset += position[axis] * strides[axis];
        sums[static_cast<std::size_t>(offset)] += product;
    }
    Tensor result = Tensor::empty(shape);
    std::copy(sums.begin(), sums.end(), result.raw());
    return result;
}

struct Case {
    std::string equation;
    std::vector<Shape> shapes;
    std::vector<std::string> terms;  ///< written without "..."
    std::string output;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {"bij,bjk->bik", {{2, 3, 4}, {2, 4, 5}}, {"bij", "bjk"}, "bik"},
        {"i,i->", {{4}, {4}}, {"i", "i"}, ""},
        {"i,i", {{4}, {4}}, {"i", "i"}, ""},
        {"ij->ji", {{2, 3}}, {"ij"}, "ji"},
        {"ba", {{2, 3}}, {"ba"}, "ab"},
        {"ii->i", {{3, 3}}, {"ii"}, "i"},
        {"ii", {{3, 3}}, {"ii"}, ""},
        {"iji->ij", {{3, 2, 3}}, {"iji"}, "ij"},
        {"iii->i", {{3, 3, 3}}, {"iii"}, "i"},
        {"iijj->ji", {{2, 2, 3, 3}}, {"iijj"}, "ji"},
        {"ij->", {{2, 3}}, {"ij"}, ""},
        {"ijk->ki", {{2, 3, 4}}, {"ijk"}, "ki"},
        {"...ij,...jk->...ik", {{2, 3, 4}, {2, 4, 5}}, {"xij", "xjk"}, "xik"},
        {"...ij,...jk", {{2, 3, 4}, {2, 4, 5}}, {"xij", "xjk"}, "xik"},
        {"...ij,...jk->...ik", {{3, 4}, {2, 4, 5}}, {"ij", "xjk"}, "xik"},
        {"...ij,jk->ik...", {{2, 6, 3, 4}, {4, 5}}, {"xyij", "jk"}, "ikxy"},
        {"i...,i...->...", {{3, 2, 4}, {3, 2, 4}}, {"ixy", "ixy"}, "xy"},
        {"...", {{2, 3}}, {"xy"}, "xy"},
        {"bhqd,bhkd->bhqk", {{2, 2, 3, 4}, {2, 2, 5, 4}}, {"bhqd", "bhkd"}, "bhqk"},
        {"bhqk,bhkd->bqhd", {{2, 2, 3, 5}, {2, 2, 5, 4}}, {"bhqk", "bhkd"}, "bqhd"},
        {"bqhd,bkhd->bhqk", {{2, 3, 2, 4}, {2, 5, 2, 4}}, {"bqhd", "bkhd"}, "bhqk"},
        {"ji,jk->ik", {{4, 3}, {4, 5}}, {"ji", "jk"}, "ik"},
        {"abcd,dcbe->ae", {{2, 3, 4, 2}, {2, 4, 3, 5}}, {"abcd", "dcbe"}, "ae"},
        {"ij,jk,kl->il", {{2, 3}, {3, 4}, {4, 5}}, {"ij", "jk", "kl"}, "il"},
        {"bi,bj,bij->b", {{2, 3}, {2, 4}, {2, 3, 4}}, {"bi", "bj", "bij"}, "b"},
        {"i,j->ij", {{3}, {4}}, {"i", "j"}, "ij"},
        {"i,j->ji", {{3}, {4}}, {"i", "j"}, "ji"},
        {"ij,ij->ij", {{3, 4}, {3, 4}}, {"ij", "ij"}, "ij"},
        {"ij,ji->ij", {{3, 4}, {4, 3}}, {"ij", "ji"}, "ij"},
        {"ij,kl->", {{2, 3}, {4, 5}}, {"ij", "kl"}, ""},
        {"ij,jk->k", {{2, 3}, {3, 5}}, {"ij", "jk"}, "k"},
        {"ii,ij->j", {{3, 3}, {3, 4}}, {"ii", "ij"}, "j"},
        {"bi,bi->b", {{3, 4}, {3, 4}}, {"bi", "bi"}, "b"},
        {",ij->ji", {{}, {2, 3}}, {"", "ij"}, "ji"},
        {"bA,bB->AB", {{4, 2}, {4, 3}}, {"bA", "bB"}, "AB"},
        {"aB", {{2, 3}}, {"aB"}, "Ba"},
        {" b i j , b j k\t-> b i k ", {{2, 3, 4}, {2, 4, 5}}, {"bij", "bjk"}, "bik"},
        {"ij,jk->ik", {{2, 0}, {0, 3}}, {"ij", "jk"}, "ik"},
        {"ij->i", {{2, 0}}, {"ij"}, "i"},
    };
    return all;
}

std::vector<Tensor> operands_of(const Case& c) {
    std::vector<Tensor> operands;
    for (const Shape& shape : c.shapes) operands.push_back(values(shape, static_cast<unsigned>(operands.size()) + 1));
    return operands;
}

}  // namespace

TEST_CASE("einsum equals sums written out over every label") {
    for (const Case& c : cases()) {
        INFO(c.equation);
        const std::vector<Tensor> operands = operands_of(c);
        check_close(einsum(c.equation, operands), written_out(c.terms, c.output, operands));
    }
}

TEST_CASE("einsum broadcasts the axes that an ellipsis stands for") {
    const Tensor a = values({2, 1, 3, 4}, 1), b = values({5, 4, 2}, 2);
    check_close(einsum("...ij,...jk->...ik", {a, b}), matmul(a, b));
    check_close(einsum("...,...", {values({2, 1}, 3), values({3}, 4)}), values({2, 1}, 3) * values({3}, 4));
    check_close(einsum("...i->...i", {a}), a);
    const Tensor ones_batch = values({1, 3}, 5);
    check_close(einsum("...i,...i->...", {ones_batch, ones_batch}), sum(square(ones_batch), 1));
}

TEST_CASE("einsum has the right first and second derivatives") {
    if (!is_f64) return;
    for (const Case& c : cases()) {
        INFO(c.equation);
        std::vector<Tensor> operands;
        for (const Tensor& x : operands_of(c)) operands.push_back(leaf(x));
        const Function f = [&](const std::vector<Tensor>& in) { return einsum(c.equation, in); };
        const auto first = gradcheck(f, operands), second = gradgradcheck(f, operands);
        INFO(first.message() << "\n" << second.message());
        CHECK(first);
        CHECK(second);
    }
    const std::vector<Tensor> broadcast = {leaf(values({2, 1, 2, 3}, 1)), leaf(values({2, 3, 2}, 2))};
    const Function f = [](const std::vector<Tensor>& in) { return einsum("...ij,...jk->...ik", in); };
    CHECK(gradcheck(f, broadcast));
    CHECK(gradgradcheck(f, broadcast));
}

TEST_CASE("einsum throws for equations that cannot be read") {
    const Tensor a = ones({2, 3}), b = ones({3, 4});
    CHECK_THROWS_AS(einsum("ij,jk->ik", {a}), ValueError);
    CHECK_THROWS_AS(einsum("ij->ij", {a, b}), ValueError);
    CHECK_THROWS_AS(einsum("ij->ij", {}), ValueError);
    CHECK_THROWS_AS(einsum("i1->i", {a}), ValueError);
    CHECK_THROWS_AS(einsum("i.j->i", {a}), ValueError);
    CHECK_THROWS_AS(einsum("......->i", {a}), ValueError);
    CHECK_THROWS_AS(einsum("ij-ji", {a}), ValueError);
    CHECK_THROWS_AS(einsum("ij->i->j", {a}), ValueError);
    CHECK_THROWS_AS(einsum("ij->ik", {a}), ValueError);
    CHECK_THROWS_AS(einsum("ij->ii", {a}), ValueError);
    CHECK_THROWS_AS(einsum("...j->j", {a}), ValueError);
    CHECK_THROWS_AS(einsum("ij->i,j", {a}), ValueError);
    CHECK_THROWS_WITH(einsum("i?->i", {a}), Catch::Contains("'?'"));
}

TEST_CASE("einsum throws for shapes that do not fit the equation") {
    const Tensor a = ones({2, 3}), b = ones({4, 5});
    CHECK_THROWS_AS(einsum("ijk->i", {a}), ShapeError);
    CHECK_THROWS_AS(einsum("i->i", {a}), ShapeError);
    CHECK_THROWS_AS(einsum("...ijk->...i", {a}), ShapeError);
    CHECK_THROWS_AS(einsum("ij,jk->ik", {a, b}), ShapeError);
    CHECK_THROWS_AS(einsum("ij,jk->ik", {a, ones({1, 5})}), ShapeError);
    CHECK_THROWS_AS(einsum("ii->i", {a}), ShapeError);
    CHECK_THROWS_AS(einsum("...,...->...", {a, b}), ShapeError);
    CHECK_THROWS_WITH(einsum("ij,jk->ik", {a, b}), Catch::Contains("3") && Catch::Contains("4") && Catch::Contains("j"));
}
