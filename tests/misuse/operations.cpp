// Misuse of the operations: creation, arithmetic, reductions, products, normalisation, dropout, rotary embedding.
#include "misuse/misuse.hpp"

namespace testing {
namespace {

using T = Things;

Misuses of_creation() {
    return {
        {"zeros", "a negative extent", raises<ShapeError>("zeros", {"at least 0", "[2, -3]"}),
         [](T&) {
             zeros({2, -3});
         }},
        {"ones", "a negative extent", raises<ShapeError>("ones", {"at least 0", "[-1]"}), [](T&) { ones({-1}); }},
        {"full", "2^80 elements", raises<ShapeError>("full", {"at most", "[1099511627776, 1099511627776]"}),
         [](T&) {
             full({huge, huge}, 1);
         }},
        {"full", "more elements than any machine holds", raises<ShapeError>("full", {"at most", "[35184372088832]"}),
         [](T&) { full({Index{1} << 45}, 1); }},
        {"arange", "a step of 0", raises<ValueError>("arange", {"a step", "0 towards 3", "got 0"}),
         [](T&) { arange(0, 3, 0); }},
        {"arange", "a step away from the end", raises<ValueError>("arange", {"0 towards 3", "got -1"}),
         [](T&) { arange(0, 3, -1); }},
        {"arange", "an end that is no number", raises<ValueError>("arange", {"a step", "nan"}), [](T&) { arange(nan); }},
        {"arange", "an endless range", raises<ValueError>("arange", {"at most", "inf"}), [](T&) { arange(inf); }},
        {"arange", "more numbers than an Index counts", raises<ValueError>("arange", {"at most", "1e+30"}),
         [](T&) { arange(1e30); }},
        {"arange", "a step of nearly 0", raises<ValueError>("arange", {"at most", "1e-300"}), [](T&) { arange(0, 1, 1e-300); }},
        {"eye", "negative rows", raises<ShapeError>("eye", {"at least 0", "-2"}), [](T&) { eye(-2); }},
        {"eye", "negative columns", raises<ShapeError>("eye", {"at least 0", "3 and -5"}), [](T&) { eye(3, -5); }},
        {"rand", "a negative extent", raises<ShapeError>("rand", {"at least 0", "[-2]"}), [](T&) { rand({-2}); }},
        {"randn", "2^80 numbers", raises<ShapeError>("randn", {"at most", "1099511627776"}),
         [](T& t) {
             randn({huge, huge}, t.generator);
         }},
        {"randint", "an empty range", raises<ValueError>("randint", {"low < high", "3 and 3"}), [](T&) { randint(3, 3, {2}); }},
        {"randint", "a negative extent", raises<ShapeError>("randint", {"at least 0", "[-2]"}),
         [](T&) { randint(0, 3, {-2}); }},
        {"randint", "a shape whose product wraps to 0", raises<ShapeError>("randint", {"at most", "4294967296"}),
         [](T&) {
             randint(0, 3, {Index{1} << 32, Index{1} << 32});
         }},
        {"one_hot", "an id that is no class", raises<IndexError>("one_hot", {"[0, 1)", "got 1"}),
         [](T& t) { one_hot(t.ids, 1); }},
        {"one_hot", "a negative id", raises<IndexError>("one_hot", {"[0, 3)", "-1"}), [](T&) { one_hot(Ids{-1}, 3); }},
        {"one_hot", "a negative number of classes", raises<ValueError>("one_hot", {"at least 0", "-3"}),
         [](T&) { one_hot(make_array<Id>({0}), -3); }},
        {"one_hot", "more numbers than any machine holds",
         raises<ShapeError>("one_hot", {"at most", "[2, 9223372036854775807]"}), [](T& t) { one_hot(t.ids, highest); }},
        {"as_tensor", "ids of nine axes", raises<ShapeError>("Shape", {"at most 8 axes"}),
         [](T&) {
             as_tensor(Ids(Ids::shape_type{1, 1, 1, 1, 1, 1, 1, 1, 1}));
         }},
    };
}

Misuses of_arithmetic() {
    return {
        {"add", "shapes that do not broadcast", raises<ShapeError>("add", {"[2, 3]", "[2, 4]"}), [](T& t) { add(t.x, t.w); }},
        {"sub", "shapes that do not broadcast", raises<ShapeError>("sub", {"[2, 3]", "[2, 4]"}), [](T& t) { sub(t.x, t.w); }},
        {"mul", "shapes that do not broadcast", raises<ShapeError>("mul", {"[2, 3]", "[2, 4]"}), [](T& t) { t.x* t.w; }},
        {"div", "shapes that do not broadcast", raises<ShapeError>("div", {"[2, 3]", "[2, 4]"}), [](T& t) { t.x / t.w; }},
        {"pow", "shapes that do not broadcast", raises<ShapeError>("pow", {"[2, 3]", "[2, 4]"}), [](T& t) { pow(t.x, t.w); }},
        {"maximum", "shapes that do not broadcast", raises<ShapeError>("maximum", {"[2, 3]", "[2, 4]"}),
         [](T& t) { maximum(t.x, t.w); }},
        {"minimum", "shapes that do not broadcast", raises<ShapeError>("minimum", {"[2, 3]", "[2, 4]"}),
         [](T& t) { minimum(t.x, t.w); }},
        {"chain", "shapes that do not broadcast", raises<ShapeError>("chain", {"[2, 3]", "[2, 4]"}),
         [](T& t) { chain(t.x, t.w); }},
        {"+=", "shapes that do not broadcast", raises<ShapeError>("add", {"[2, 3]", "[2, 4]"}), [](T& t) { t.x += t.w; }},
        {"eq", "shapes that do not broadcast", raises<ShapeError>("eq", {"[2, 3]", "[2, 4]"}),
         [](T& t) { static_cast<void>(t.x == t.w); }},
        {"ne", "shapes that do not broadcast", raises<ShapeError>("ne", {"[2, 3]", "[2, 4]"}),
         [](T& t) { static_cast<void>(t.x != t.w); }},
        {"lt", "shapes that do not broadcast", raises<ShapeError>("lt", {"[2, 3]", "[2, 4]"}),
         [](T& t) { static_cast<void>(t.x < t.w); }},
        {"le", "shapes that do not broadcast", raises<ShapeError>("le", {"[2, 3]", "[2, 4]"}),
         [](T& t) { static_cast<void>(t.x <= t.w); }},
        {"gt", "shapes that do not broadcast", raises<ShapeError>("gt", {"[2, 3]", "[2, 4]"}),
         [](T& t) { static_cast<void>(t.x > t.w); }},
        {"ge", "shapes that do not broadcast", raises<ShapeError>("ge", {"[2, 3]", "[2, 4]"}),
         [](T& t) { static_cast<void>(t.x >= t.w); }},
        {"add", "a result of more elements than any machine holds",
         raises<ShapeError>("Tensor", {"at most", "[16777216, 16777216]"}),
         [](T&) {
             add(Tensor::empty({1 << 24, 1}), Tensor::empty({1, 1 << 24}));
         }},
        {"gt", "a condition of more elements than any machine holds",
         raises<ShapeError>("Condition", {"at most", "[16777216, 16777216]"}),
         [](T&) {
             gt(Tensor::empty({1 << 24, 1}), Tensor::empty({1, 1 << 24}));
         }},
        {"where", "branches that do not broadcast", raises<ShapeError>("where", {"[2, 3]", "[2, 4]"}),
         [](T& t) { where(t.flags, t.x, t.w); }},
        {"where", "a condition that does not broadcast", raises<ShapeError>("where", {"[2, 3]", "[2, 4]"}),
         [](T& t) { where(t.flags, t.w, t.w); }},
        {"masked_fill", "a condition of another shape", raises<ShapeError>("masked_fill", {"[2, 4]", "[2, 3]"}),
         [](T& t) { masked_fill(t.w, t.flags, 0); }},
        {"masked_fill", "a condition larger than the tensor", raises<ShapeError>("masked_fill", {"[3]", "[2, 3]"}),
         [](T& t) { masked_fill(t.row, t.flags, 0); }},
    };
}

Misuses of_reductions() {
    return {
        {"sum", "an axis beyond the last", raises<IndexError>("sum", {"[-2, 2)", "got 2"}), [](T& t) { sum(t.x, 2); }},
        {"sum", "an axis named twice", raises<IndexError>("sum", {"each axis once", "axis 1 twice"}),
         [](T& t) {
             sum(t.x, {1, -1});
         }},
        {"sum", "an axis of a scalar", raises<IndexError>("sum", {"[0, 0)", "-1"}), [](T& t) { sum(t.scalar, -1); }},
        {"mean", "a negative axis beyond the rank", raises<IndexError>("mean", {"[-2, 2)", "-3"}), [](T& t) { mean(t.x, -3); }},
        {"prod", "the lowest axis", raises<IndexError>("prod", {"[-2, 2)", "-9223372036854775808"}),
         [](T& t) { prod(t.x, lowest); }},
        {"amax", "an axis beyond the last", raises<IndexError>("amax", {"[-2, 2)", "got 9"}), [](T& t) { amax(t.x, 9); }},
        {"amin", "an axis named twice", raises<IndexError>("amin", {"once", "axis 0 twice"}),
         [](T& t) {
             amin(t.x, {0, 0});
         }},
        {"var", "an axis beyond the last", raises<IndexError>("var", {"[-2, 2)", "got 2"}), [](T& t) { var(t.x, 2); }},
        {"var", "one element", raises<ValueError>("var", {"more than 1", "got 1"}), [](T& t) { var(t.scalar); }},
        {"var", "a correction that is no number", raises<ValueError>("var", {"more than nan"}),
         [](T& t) { var(t.x, {}, nan); }},
        {"std", "a correction of all elements", raises<ValueError>("std", {"more than 6", "got 6"}),
         [](T& t) { tapehead::std(t.x, {}, 6); }},
        {"std", "an axis beyond the last", raises<IndexError>("std", {"[-2, 2)", "got 2"}),
         [](T& t) { tapehead::std(t.x, 2); }},
        {"norm", "p of 0", raises<ValueError>("norm", {"p > 0", "got 0"}), [](T& t) { norm(t.x, 0); }},
        {"norm", "a negative p", raises<ValueError>("norm", {"p > 0", "-inf"}), [](T& t) { norm(t.x, -inf); }},
        {"norm", "a p that is no number", raises<ValueError>("norm", {"p > 0", "nan"}), [](T& t) { norm(t.x, nan); }},
        {"norm", "an axis beyond the last, p = 1", raises<IndexError>("norm", {"[-2, 2)", "got 2"}),
         [](T& t) { norm(t.x, 1, 2); }},
        {"norm", "an axis beyond the last, p = ∞", raises<IndexError>("norm", {"[-2, 2)", "got 2"}),
         [](T& t) { norm(t.x, inf, 2); }},
        {"logsumexp", "an axis beyond the last", raises<IndexError>("logsumexp", {"[-2, 2)", "got 2"}),
         [](T& t) { logsumexp(t.x, 2); }},
        {"cumsum", "an axis beyond the last", raises<IndexError>("cumsum", {"[-2, 2)", "got 2"}), [](T& t) { cumsum(t.x, 2); }},
        {"argmax", "an axis beyond the last", raises<IndexError>("argmax", {"[-2, 2)", "-3"}), [](T& t) { argmax(t.x, -3); }},
        {"argmax", "no element", raises<ValueError>("argmax", {"at least one element", "[0]"}),
         [](T& t) { argmax(t.nothing); }},
        {"argmin", "an axis of extent 0", raises<ValueError>("argmin", {"at least one element", "[0, 3]"}),
         [](T& t) { argmin(t.nothing, 0); }},
        {"sum_to", "a shape that does not broadcast to it", raises<ShapeError>("sum_to", {"[2, 3]", "[2, 4]"}),
         [](T& t) {
             sum_to(t.x, {2, 4});
         }},
        {"softmax", "an axis beyond the last", raises<IndexError>("softmax", {"[-2, 2)", "got 2"}),
         [](T& t) { softmax(t.x, 2); }},
        {"log_softmax", "the highest axis", raises<IndexError>("log_softmax", {"[-2, 2)", "9223372036854775807"}),
         [](T& t) { log_softmax(t.x, highest); }},
    };
}

Misuses of_products() {
    return {
        {"matmul", "inner extents that differ", raises<ShapeError>("matmul", {"inner extents", "[2, 3]", "[2, 4]"}),
         [](T& t) { matmul(t.x, t.w); }},
        {"matmul", "a scalar", raises<ShapeError>("matmul", {"at least 1 axis", "[2, 3]", "[]"}),
         [](T& t) { matmul(t.x, t.scalar); }},
        {"matmul", "batches that do not broadcast", raises<ShapeError>("matmul", {"broadcast", "[2]", "[3]"}),
         [](T&) {
             matmul(zeros({2, 1, 1}), zeros({3, 1, 1}));
         }},
        {"matmul", "a row of another length", raises<ShapeError>("matmul", {"[1, 3]", "[2, 4]"}),
         [](T& t) { matmul(t.row, t.w); }},
        {"matmul", "a product of more elements than any machine holds",
         raises<ShapeError>("Tensor", {"at most", "[16777216, 16777216]"}),
         [](T&) {
             matmul(Tensor::empty({1 << 24, 0}), Tensor::empty({0, 1 << 24}));
         }},
        {"gemm", "a vector", raises<ShapeError>("matmul", {"at least 2 axes", "[3]", "[2, 3]"}),
         [](T& t) { gemm(t.row, false, t.x, true); }},
        {"gemm", "inner extents that differ once one is transposed",
         raises<ShapeError>("matmul", {"[2, 3] transposed", "[2, 3] transposed"}), [](T& t) { gemm(t.x, true, t.y, true); }},
        {"linear", "an input of another width", raises<ShapeError>("linear", {"[..., in]", "[2, 4]", "[4, 3]"}),
         [](T& t) { linear(t.w, t.linear.weight); }},
        {"linear", "a weight that is no matrix", raises<ShapeError>("linear", {"[out, in]", "[2, 3]", "[3]"}),
         [](T& t) { linear(t.x, t.row); }},
        {"linear", "a bias of another width", raises<ShapeError>("linear", {"[4]", "[3]"}),
         [](T& t) { linear(t.x, t.linear.weight, t.row); }},
        {"linear", "a scalar", raises<ShapeError>("linear", {"[..., in]", "[]"}),
         [](T& t) { linear(t.scalar, t.linear.weight); }},
        {"outer", "a matrix", raises<ShapeError>("outer", {"1-D", "[3]", "[2, 3]"}), [](T& t) { outer(t.row, t.x); }},
        {"einsum", "no operand", raises<ValueError>("einsum", {"at least one operand", "none"}), [](T&) { einsum("->", {}); }},
        {"einsum", "fewer operands than terms", raises<ValueError>("einsum", {"2 operands", "ij,jk", "got 1"}),
         [](T& t) { einsum("ij,jk", {t.x}); }},
        {"einsum", "a digit in the equation", raises<ValueError>("einsum", {"letters", "'1'", "i1"}),
         [](T& t) { einsum("i1->i", {t.x}); }},
        {"einsum", "fewer letters than axes", raises<ShapeError>("einsum", {"1 axes", "\"i\"", "[2, 3]"}),
         [](T& t) { einsum("i->i", {t.x}); }},
        {"einsum", "extents that do not agree", raises<ShapeError>("einsum", {"agree", "3", "2", "j"}),
         [](T& t) {
             einsum("ij,jk->ik", {t.x, t.w});
         }},
        {"einsum", "a result of letters that no operand has", raises<ValueError>("einsum", {"letters of the operands", "'k'"}),
         [](T& t) { einsum("ij->k", {t.x}); }},
        {"einsum", "a letter twice in the result", raises<ValueError>("einsum", {"each once", "'i'"}),
         [](T& t) { einsum("ij->ii", {t.x}); }},
        {"einsum", "an ellipsis that the result drops", raises<ValueError>("einsum", {"\"...\" in the result", "...j->j"}),
         [](T& t) { einsum("...j->j", {t.x}); }},
        {"einsum", "a result of more elements than any machine holds", raises<ShapeError>("Tensor", {"at most", "16777216"}),
         [](T&) {
             einsum("ia,aj->ij", {Tensor::empty({1 << 24, 0}), Tensor::empty({0, 1 << 24})});
         }},
    };
}

Misuses of_rows() {
    return {
        {"layer_norm", "a shape that is not that of the last axes", raises<ShapeError>("layer_norm", {"[..., 4]", "[2, 3]"}),
         [](T& t) { layer_norm(t.x, {4}); }},
        {"layer_norm", "no axes", raises<ShapeError>("layer_norm", {"expected x", "[2, 3]"}),
         [](T& t) { layer_norm(t.x, {}); }},
        {"layer_norm", "more axes than x has", raises<ShapeError>("layer_norm", {"[..., 2, 3]", "[3]"}),
         [](T& t) {
             layer_norm(t.row, {2, 3});
         }},
        {"layer_norm", "a weight of another shape", raises<ShapeError>("layer_norm", {"weight and bias [3]", "[2, 4]"}),
         [](T& t) { layer_norm(t.x, {3}, t.w); }},
        {"layer_norm", "a bias of another shape", raises<ShapeError>("layer_norm", {"[3]", "[2, 3]"}),
         [](T& t) { layer_norm(t.x, {3}, t.row, t.y); }},
        {"layer_norm", "a negative eps", raises<ValueError>("layer_norm", {"eps >= 0", "-1"}),
         [](T& t) { layer_norm(t.x, {3}, {}, {}, -1); }},
        {"layer_norm", "an eps that is no number", raises<ValueError>("layer_norm", {"eps >= 0", "nan"}),
         [](T& t) { layer_norm(t.x, {3}, {}, {}, nan); }},
        {"rms_norm", "a shape that is not that of the last axes", raises<ShapeError>("rms_norm", {"[..., 2]", "[2, 3]"}),
         [](T& t) { rms_norm(t.x, {2}); }},
        {"rms_norm", "a weight of another shape", raises<ShapeError>("rms_norm", {"[3]", "[2, 3]"}),
         [](T& t) { rms_norm(t.x, {3}, t.y); }},
        {"rms_norm", "a negative eps", raises<ValueError>("rms_norm", {"eps >= 0", "-1"}),
         [](T& t) { rms_norm(t.x, {3}, {}, -1); }},
        {"layer_norm_composite", "a shape that is not that of the last axes",
         raises<ShapeError>("layer_norm_composite", {"[..., 2]", "[2, 3]"}),
         [](T& t) { layer_norm_composite(t.x, {2}, {}, {}, 0); }},
        {"rms_norm_composite", "more axes than x has", raises<ShapeError>("rms_norm_composite", {"[..., 2, 3]", "[3]"}),
         [](T& t) {
             rms_norm_composite(t.row, {2, 3}, {}, 0);
         }},
        {"dropout", "a negative probability", raises<ValueError>("dropout", {"[0, 1]", "-0.1"}),
         [](T& t) { dropout(t.x, -0.1, true); }},
        {"dropout", "a probability above 1, though not in training", raises<ValueError>("dropout", {"[0, 1]", "1.1"}),
         [](T& t) { dropout(t.x, 1.1, false); }},
        {"dropout", "a probability that is no number", raises<ValueError>("dropout", {"[0, 1]", "nan"}),
         [](T& t) { dropout(t.x, nan, true, t.generator); }},
        {"rotary_embedding", "a vector", raises<ShapeError>("rotary_embedding", {"[..., T, D]", "[3]"}),
         [](T& t) { rotary_embedding(t.row, t.row, t.row); }},
        {"rotary_embedding", "cos and sin of different shapes",
         raises<ShapeError>("rotary_embedding", {"one shape", "[1]", "[2, 1]"}),
         [](T& t) {
             rotary_embedding(t.x, zeros({1}), zeros({2, 1}));
         }},
        {"rotary_embedding", "more angles than pairs", raises<ShapeError>("rotary_embedding", {"at most 3", "[2, 3]"}),
         [](T& t) { rotary_embedding(t.x, t.y, t.y); }},
        {"rotary_embedding", "angles for other positions", raises<ShapeError>("rotary_embedding", {"[2, 1]", "[5, 1]"}),
         [](T& t) {
             rotary_embedding(t.x, zeros({5, 1}), zeros({5, 1}));
         }},
    };
}

}  // namespace

Misuses misuses_of_operations() {
    Misuses all = of_creation();
    for (const Misuses& family : {of_arithmetic(), of_reductions(), of_products(), of_rows()})
        all.insert(all.end(), family.begin(), family.end());
    return all;
}

}  // namespace testing
