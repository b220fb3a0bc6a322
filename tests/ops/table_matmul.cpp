// The rows of autograd/ops/matmul.hpp: the sums of products written as loops.
#include "table.hpp"

namespace testing {
namespace {

/// op(A) op(B) over the last two axes, the others broadcast.
Values product(const Values& a, bool ta, const Values& b, bool tb) {
    const Index ra = a.shape.rank(), rb = b.shape.rank();
    const Index m = a.shape[ta ? ra - 1 : ra - 2], k = a.shape[ta ? ra - 2 : ra - 1], n = b.shape[tb ? rb - 2 : rb - 1];
    Shape shape = joint_shape(a.shape.slice(0, ra - 2), b.shape.slice(0, rb - 2));
    const Index batch = shape.rank();
    shape.push_back(m);
    shape.push_back(n);
    return each(shape, [&](const Shape& p) {
        double total = 0;
        for (Index l = 0; l < k; ++l) {
            Shape pa = p, pb = p;
            pa[batch] = ta ? l : p[batch];
            pa[batch + 1] = ta ? p[batch] : l;
            pb[batch] = tb ? p[batch + 1] : l;
            pb[batch + 1] = tb ? l : p[batch + 1];
            total += a.at(pa) * b.at(pb);
        }
        return total;
    });
}

/// NumPy's matmul: a 1-D operand is a row on the left, a column on the right.
Values matmul_of(Values a, Values b) {
    const bool row = a.shape.rank() == 1, column = b.shape.rank() == 1;
    if (row) a.shape.insert(0, 1);
    if (column) b.shape.push_back(1);
    Values c = product(a, false, b, false);
    if (row) c.shape.erase(c.shape.rank() - 2);
    if (column) c.shape.erase(c.shape.rank() - 1);
    return c;
}

Row gemm_row(const Shape& a, bool ta, const Shape& b, bool tb) {
    return {.name = "gemm",
            .f = [=](const std::vector<Tensor>& in) { return gemm(in[0], ta, in[1], tb); },
            .reference = [=](const std::vector<Values>& in) { return product(in[0], ta, in[1], tb); },
            .inputs = {{spread(a, -1, 1, 1), spread(b, -1, 1, 2)}},
            .slack = 10};
}

Values linear_of(const std::vector<Values>& in) {
    Shape shape = in[0].shape;
    shape[-1] = in[1].shape[0];
    return each(shape, [&](const Shape& p) {
        double total = in.size() > 2 && in[2].defined ? in[2].at({p[-1]}) : 0;
        for (Index i = 0; i < in[1].shape[1]; ++i) {
            Shape q = p;
            q[-1] = i;
            total += in[0].at(q) * in[1].at({p[-1], i});
        }
        return total;
    });
}

/// Σ of products over every letter that is not in the result; each operand has one letter an axis, an axis of extent 1 repeats.
Values einsum_of(const std::vector<Values>& in, const std::vector<std::string>& terms, const std::string& result) {
    std::string letters = result;
    for (const std::string& term : terms)
        for (const char letter : term)
            if (letters.find(letter) == std::string::npos) letters += letter;
    Shape extents;
    for (std::size_t i = 0; i < letters.size(); ++i) extents.push_back(1);
    for (std::size_t k = 0; k < terms.size(); ++k)
        for (std::size_t axis = 0; axis < terms[k].size(); ++axis) {
            Index& extent = extents[static_cast<Index>(letters.find(terms[k][axis]))];
            if (extent == 1) extent = in[k].shape[static_cast<Index>(axis)];
        }
    Values y = each(extents.slice(0, static_cast<Index>(result.size())), [](const Shape&) { return 0; });
    each_position(extents, [&](const Shape& p) {
        double product = 1;
        for (std::size_t k = 0; k < terms.size(); ++k) {
            Shape q;
            for (const char letter : terms[k]) q.push_back(p[static_cast<Index>(letters.find(letter))]);
            product *= in[k].at(q);
        }
        y.at(p.slice(0, y.shape.rank())) += product;
    });
    return y;
}

/// A row of an equation, with its terms and result written out letter by letter.
Row einsum_row(const std::string& equation, const std::vector<std::string>& terms, const std::string& result,
               const std::vector<Shape>& shapes) {
    Row row{.name = "einsum",
            .f = [=](const std::vector<Tensor>& in) { return einsum(equation, in); },
            .reference = [=](const std::vector<Values>& in) { return einsum_of(in, terms, result); },
            .inputs = {{}},
            .slack = 10};
    for (const Shape& shape : shapes)
        row.inputs[0].push_back(spread(shape, -1, 1, static_cast<unsigned>(row.inputs[0].size() + 1)));
    return row;
}

void add_einsum(std::vector<Row>& rows) {
    rows.push_back(einsum_row("ij,jk->ik", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}));
    rows.push_back(einsum_row("ij,jk", {"ij", "jk"}, "ik", {{40, 30}, {30, 50}}));
    rows.push_back(einsum_row("bhid,bhjd->bhij", {"bhid", "bhjd"}, "bhij", {{2, 2, 3, 2}, {2, 2, 4, 2}}));
    rows.push_back(einsum_row("bij,kj->kbi", {"bij", "kj"}, "kbi", {{2, 3, 4}, {2, 4}}));
    rows.push_back(einsum_row("i,j->ji", {"i", "j"}, "ji", {{3}, {2}}));
    rows.push_back(einsum_row("ij,ij->", {"ij", "ij"}, "", {{2, 3}, {2, 3}}));
    rows.push_back(einsum_row("ba", {"ba"}, "ab", {{2, 3}}));
    rows.push_back(einsum_row("ijk->kj", {"ijk"}, "kj", {{2, 3, 4}}));
    rows.push_back(einsum_row("ii", {"ii"}, "", {{3, 3}}));
    rows.push_back(einsum_row("iji,ik->kj", {"iji", "ik"}, "kj", {{3, 2, 3}, {3, 2}}));
    rows.push_back(einsum_row("bn,anm,bm->ba", {"bn", "anm", "bm"}, "ba", {{2, 3}, {4, 3, 2}, {2, 2}}));
    rows.push_back(einsum_row("...ij,...jk->...ik", {"xyij", "yjk"}, "xyik", {{2, 1, 2, 3}, {4, 3, 2}}));
    rows.push_back(einsum_row("i...,i...->...", {"ixy", "ixy"}, "xy", {{2, 3, 1}, {2, 3, 2}}));
    rows.push_back(einsum_row(",ij->ji", {"", "ij"}, "ji", {{}, {2, 3}}));
    rows.push_back(einsum_row("ij,jk->ik", {"ij", "jk"}, "ik", {{2, 0}, {0, 3}}));
    rows.push_back(einsum_row("ij,jk->ik", {"ij", "jk"}, "ik", {{0, 3}, {3, 2}}));
}

}  // namespace

std::vector<Row> matmul_rows() {
    std::vector<Row> rows;
    Row matrix{.name = "matmul",
               .f = [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); },
               .reference = [](const std::vector<Values>& in) { return matmul_of(in[0], in[1]); },
               .inputs = {},
               .slack = 30};
    const std::vector<std::pair<Shape, Shape>> shapes = {{{2, 3}, {3, 4}},
                                                         {{3}, {3}},
                                                         {{3}, {3, 2}},
                                                         {{2, 3}, {3}},
                                                         {{2, 2, 3}, {3, 2}},
                                                         {{2, 3}, {4, 3, 2}},
                                                         {{2, 2, 3}, {3}},
                                                         {{3}, {2, 3, 2}},
                                                         {{2, 1, 2, 3}, {4, 3, 2}},
                                                         {{1, 2, 3}, {5, 3, 1}},
                                                         {{2, 0}, {0, 3}},
                                                         {{0, 3}, {3, 2}},
                                                         {{2, 3}, {3, 0}},
                                                         {{0, 2, 3}, {3, 2}},
                                                         {{1, 1}, {1, 1}},
                                                         {{0}, {0}},
                                                         {{0, 2, 3}, {1, 3, 2}},
                                                         {{2, 3, 1, 2}, {2, 1}},
                                                         {{60, 70}, {70, 50}},
                                                         {{6, 40, 30}, {6, 30, 20}}};
    for (const auto& [a, b] : shapes) matrix.inputs.push_back({spread(a, -1, 1, 1), spread(b, -1, 1, 2)});
    rows.push_back(matrix);
    for (const bool ta : {false, true})
        for (const bool tb : {false, true}) {
            rows.push_back(gemm_row(ta ? Shape{3, 2} : Shape{2, 3}, ta, tb ? Shape{4, 3} : Shape{3, 4}, tb));
            rows.push_back(gemm_row(ta ? Shape{2, 1, 3, 2} : Shape{2, 1, 2, 3}, ta, tb ? Shape{3, 2, 3} : Shape{3, 3, 2}, tb));
            rows.push_back(gemm_row(ta ? Shape{0, 2} : Shape{2, 0}, ta, tb ? Shape{3, 0} : Shape{0, 3}, tb));
            rows.push_back(gemm_row(ta ? Shape{1, 5} : Shape{5, 1}, ta, tb ? Shape{1, 1} : Shape{1, 1}, tb));
        }
    Row affine_map{.name = "linear",
                   .f = [](const std::vector<Tensor>& in) { return linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor()); },
                   .reference = linear_of,
                   .inputs = {},
                   .slack = 10};
    for (const Shape& x : {Shape{4, 3}, Shape{3}, Shape{2, 2, 3}, Shape{0, 3}, Shape{1, 3}}) {
        affine_map.inputs.push_back({spread(x, -1, 1, 1), spread({2, 3}, -1, 1, 2), spread({2}, -1, 1, 3)});
        affine_map.inputs.push_back({spread(x, -1, 1, 1), spread({2, 3}, -1, 1, 2), Tensor()});
    }
    affine_map.inputs.push_back({spread({2, 0}, -1, 1), spread({3, 0}, -1, 1), spread({3}, -1, 1)});
    rows.push_back(affine_map);
    Row outer_product{.name = "outer",
                      .f = [](const std::vector<Tensor>& in) { return outer(in[0], in[1]); },
                      .reference =
                          [](const std::vector<Values>& in) {
                              return each({in[0].shape[0], in[1].shape[0]},
                                          [&](const Shape& p) { return in[0].at({p[0]}) * in[1].at({p[1]}); });
                          },
                      .inputs = {}};
    for (const auto& [n, m] : {std::pair{2, 3}, {1, 1}, {0, 3}, {3, 0}})
        outer_product.inputs.push_back({spread({n}, -1, 1, 1), spread({m}, -1, 1, 2)});
    rows.push_back(outer_product);
    add_einsum(rows);
    return rows;
}

}  // namespace testing
