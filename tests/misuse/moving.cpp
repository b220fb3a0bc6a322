// Misuse of what moves elements: shaping and indexing.
#include "misuse/misuse.hpp"

namespace testing {
namespace {

using T = Things;

Misuses of_shaping() {
    return {
        {"reshape", "another number of elements", raises<ShapeError>("reshape", {"6 elements", "[2, 3]", "[4]"}),
         [](T& t) { reshape(t.x, {4}); }},
        {"reshape", "two unknown extents", raises<ShapeError>("reshape", {"at most one -1", "[-1, -1]"}),
         [](T& t) {
             reshape(t.x, {-1, -1});
         }},
        {"reshape", "an extent below -1", raises<ShapeError>("reshape", {"at least 0", "[-2, -3]"}),
         [](T& t) {
             reshape(t.x, {-2, -3});
         }},
        {"reshape", "an unknown extent that does not come out even", raises<ShapeError>("reshape", {"6 elements", "[4, -1]"}),
         [](T& t) {
             reshape(t.x, {4, -1});
         }},
        {"reshape", "an unknown extent beside 0", raises<ShapeError>("reshape", {"0 elements", "[0, -1]"}),
         [](T& t) {
             reshape(t.nothing, {0, -1});
         }},
        {"reshape", "a shape whose product wraps to the number of elements",
         raises<ShapeError>("reshape", {"at most", "[8589934592, 8589934592]"}),
         [](T&) {
             reshape(zeros({4}), {Index{1} << 33, Index{1} << 33});
         }},
        {"reshape", "nothing in a shape whose distances overflow",
         raises<ShapeError>("reshape", {"at most", "[0, 1099511627776, 1099511627776]"}),
         [](T& t) {
             reshape(t.nothing, {0, huge, huge});
         }},
        {"flatten", "an axis beyond the last", raises<IndexError>("flatten", {"[-2, 2)", "got 2"}),
         [](T& t) { flatten(t.x, 0, 2); }},
        {"flatten", "axes in the wrong order", raises<IndexError>("flatten", {"first <= last", "1 and 0"}),
         [](T& t) { flatten(t.x, 1, 0); }},
        {"transpose", "an axis of a vector", raises<IndexError>("transpose", {"[-1, 1)", "-2"}),
         [](T& t) { transpose(t.row); }},
        {"transpose", "the lowest axis", raises<IndexError>("transpose", {"[-2, 2)", "-9223372036854775808"}),
         [](T& t) { transpose(t.x, 0, lowest); }},
        {"permute", "fewer axes than there are", raises<IndexError>("permute", {"every axis of shape [2, 3]", "[0]"}),
         [](T& t) { permute(t.x, {0}); }},
        {"permute", "an axis named twice", raises<IndexError>("permute", {"once", "axis 1 twice"}),
         [](T& t) {
             permute(t.x, {1, -1});
         }},
        {"permute", "an axis beyond the last", raises<IndexError>("permute", {"[-2, 2)", "got 2"}),
         [](T& t) {
             permute(t.x, {0, 2});
         }},
        {"squeeze", "an axis that is not 1", raises<ShapeError>("squeeze", {"extent 1 at axis 0", "[2, 3]"}),
         [](T& t) { squeeze(t.x, 0); }},
        {"squeeze", "an axis beyond the last", raises<IndexError>("squeeze", {"[-2, 2)", "got 2"}),
         [](T& t) { squeeze(t.x, 2); }},
        {"unsqueeze", "a place beyond the end", raises<IndexError>("unsqueeze", {"[-3, 3)", "got 3"}),
         [](T& t) { unsqueeze(t.x, 3); }},
        {"unsqueeze", "the same place twice", raises<IndexError>("unsqueeze", {"once", "axis 0 twice"}),
         [](T& t) {
             unsqueeze(t.x, {0, 0});
         }},
        {"unsqueeze", "a ninth axis", raises<ShapeError>("Shape", {"at most 8 axes", "[1, 1, 1, 1, 1, 1, 1, 1]"}),
         [](T& t) { unsqueeze(t.all_axes, 0); }},
        {"expand", "a shape that it does not broadcast to", raises<ShapeError>("expand", {"[2, 4]", "[2, 3]"}),
         [](T& t) {
             expand(t.x, {2, 4});
         }},
        {"expand", "fewer axes", raises<ShapeError>("expand", {"[3]", "[2, 3]"}), [](T& t) { expand(t.x, {3}); }},
        {"expand", "an unknown new axis", raises<ShapeError>("expand", {"at least 0", "[-1, 2, 3]"}),
         [](T& t) {
             expand(t.x, {-1, 2, 3});
         }},
        {"expand", "more elements than any machine holds",
         raises<ShapeError>("Tensor", {"at most", "[1099511627776, 2, 1099511627776]"}),
         [](T&) {
             expand(zeros({1}), {huge, 2, huge});
         }},
        {"repeat", "fewer counts than axes", raises<ShapeError>("repeat", {"each axis of [2, 3]", "[2]"}),
         [](T& t) { repeat(t.x, {2}); }},
        {"repeat", "a negative count", raises<ShapeError>("repeat", {"at least 0", "[1, -1]"}),
         [](T& t) {
             repeat(t.x, {1, -1});
         }},
        {"repeat", "more elements than any machine holds", raises<ShapeError>("repeat", {"at most", "9223372036854775807"}),
         [](T& t) {
             repeat(t.x, {highest, 1});
         }},
        {"repeat", "nothing so often that an extent overflows",
         raises<ShapeError>("repeat", {"at most", "9223372036854775807"}),
         [](T& t) {
             repeat(t.nothing, {1, highest});
         }},
        {"concat", "no tensor", raises<ShapeError>("concat", {"at least one", "none"}), [](T&) { concat({}); }},
        {"concat", "shapes that differ elsewhere", raises<ShapeError>("concat", {"axis 0", "[2, 3]", "[2, 4]"}),
         [](T& t) {
             concat({t.x, t.w});
         }},
        {"concat", "another number of axes", raises<ShapeError>("concat", {"[2, 3]", "[3]"}),
         [](T& t) {
             concat({t.x, t.row});
         }},
        {"concat", "an axis beyond the last", raises<IndexError>("concat", {"[-2, 2)", "got 2"}),
         [](T& t) {
             concat({t.x, t.y}, 2);
         }},
        {"concat", "scalars", raises<IndexError>("concat", {"[0, 0)", "got 0"}),
         [](T& t) {
             concat({t.scalar, t.scalar});
         }},
        {"concat", "nothing so long that the sum is too large",
         raises<ShapeError>("Tensor", {"at most", "[0, 35184372088832]"}),
         [](T&) {
             concat({Tensor::empty({0, max_elements}), Tensor::empty({0, max_elements})}, 1);
         }},
        {"stack", "no tensor", raises<ShapeError>("stack", {"at least one", "none"}), [](T&) { stack({}); }},
        {"stack", "shapes that differ", raises<ShapeError>("stack", {"equal shapes", "[2, 3]", "[2, 4]"}),
         [](T& t) {
             stack({t.x, t.w});
         }},
        {"stack", "an axis beyond the end", raises<IndexError>("stack", {"[-3, 3)", "got 3"}),
         [](T& t) {
             stack({t.x, t.y}, 3);
         }},
        {"split", "sizes that do not add up", raises<ShapeError>("split", {"add up to 2", "1, 2"}),
         [](T& t) {
             split(t.x, {1, 2});
         }},
        {"split", "a negative size", raises<ShapeError>("split", {"add up to 2", "3, -1"}),
         [](T& t) {
             split(t.x, {3, -1});
         }},
        {"split", "sizes whose sum wraps to the extent", raises<ShapeError>("split", {"add up to 2", "9223372036854775807"}),
         [](T& t) {
             split(t.x, {highest, highest, 4});
         }},
        {"split", "a size of 0", raises<ValueError>("split", {"at least 1", "got 0"}), [](T& t) { split(t.x, 0); }},
        {"split", "an axis beyond the last", raises<IndexError>("split", {"[-2, 2)", "got 2"}), [](T& t) { split(t.x, 1, 2); }},
        {"chunk", "no piece", raises<ValueError>("chunk", {"at least 1", "got 0"}), [](T& t) { chunk(t.x, 0); }},
        {"chunk", "an axis beyond the last", raises<IndexError>("chunk", {"[-2, 2)", "-3"}), [](T& t) { chunk(t.x, 1, -3); }},
        {"slice", "a step of 0", raises<ValueError>("slice", {"other than 0", "got 0"}), [](T& t) { slice(t.x, 0, 0, 2, 0); }},
        {"slice", "an axis beyond the last", raises<IndexError>("slice", {"[-2, 2)", "got 2"}), [](T& t) { slice(t.x, 2, 0); }},
        {"select", "a position beyond the end", raises<IndexError>("select", {"[-3, 3)", "got 3"}),
         [](T& t) { select(t.x, 1, 3); }},
        {"select", "the lowest position", raises<IndexError>("select", {"[-3, 3)", "-9223372036854775808"}),
         [](T& t) { select(t.x, 1, lowest); }},
        {"select", "an axis beyond the last", raises<IndexError>("select", {"[-2, 2)", "got 2"}),
         [](T& t) { select(t.x, 2, 0); }},
        {"pad", "more pairs than axes", raises<ShapeError>("pad", {"at most 1", "got 2"}),
         [](T& t) {
             pad(t.row, {{1, 1}, {1, 1}});
         }},
        {"pad", "more cut than there is", raises<ShapeError>("pad", {"at most 3", "-2 and -2"}),
         [](T& t) {
             pad(t.row, {{-2, -2}});
         }},
        {"pad", "the lowest width", raises<ShapeError>("pad", {"at most", "-9223372036854775808"}),
         [](T& t) {
             pad(t.row, {{lowest, 0}});
         }},
        {"pad", "the highest widths", raises<ShapeError>("pad", {"at most", "9223372036854775807"}),
         [](T& t) {
             pad(t.row, {{highest, highest}});
         }},
        {"pad", "more elements than any machine holds", raises<ShapeError>("full", {"at most", "elements"}),
         [](T& t) {
             pad(t.x, {{max_elements, 0}, {max_elements, 0}});
         }},
        {"flip", "an axis beyond the last", raises<IndexError>("flip", {"[-2, 2)", "got 2"}), [](T& t) { flip(t.x, 2); }},
        {"tril", "a vector", raises<ShapeError>("tril", {"at least 2 axes", "[3]"}), [](T& t) { tril(t.row); }},
        {"triu", "a vector", raises<ShapeError>("triu", {"at least 2 axes", "[3]"}), [](T& t) { triu(t.row); }},
    };
}

Misuses of_indexing() {
    return {
        {"index_select", "an id beyond the end", raises<IndexError>("index_select", {"[-1, 1)", "got 1"}),
         [](T& t) { index_select(slice(t.x, 0, 0, 1), 0, t.ids); }},
        {"index_select", "the lowest id", raises<IndexError>("index_select", {"[-2, 2)", "-9223372036854775808"}),
         [](T& t) { index_select(t.x, 0, Ids{lowest}); }},
        {"index_select", "ids of two axes", raises<ShapeError>("index_select", {"[n]", "[2, 3]"}),
         [](T& t) { index_select(t.x, 0, t.matrix_of_ids); }},
        {"index_select", "an axis beyond the last", raises<IndexError>("index_select", {"[-2, 2)", "got 2"}),
         [](T& t) { index_select(t.x, 2, t.ids); }},
        {"index_add", "a source of another shape", raises<ShapeError>("index_add", {"[2, 3]", "[2, 4]"}),
         [](T& t) { index_add(t.x, 0, t.ids, t.w); }},
        {"index_add", "an id beyond the end", raises<IndexError>("index_add", {"[-2, 2)", "got 2"}),
         [](T& t) {
             index_add(t.x, 0, Ids{0, 2}, t.y);
         }},
        {"index_add", "ids of two axes", raises<ShapeError>("index_add", {"[n]", "[2, 3]"}),
         [](T& t) { index_add(t.x, 0, t.matrix_of_ids, t.y); }},
        {"gather", "ids of fewer axes", raises<ShapeError>("gather", {"[2, 3]", "[2]"}), [](T& t) { gather(t.x, 0, t.ids); }},
        {"gather", "ids that do not fit", raises<ShapeError>("gather", {"fit into [0, 3]", "[2, 3]"}),
         [](T& t) { gather(t.nothing, 1, t.matrix_of_ids); }},
        {"gather", "an id beyond the end", raises<IndexError>("gather", {"[-2, 2)", "got 2"}),
         [](T& t) { gather(t.x, 0, t.matrix_of_ids); }},
        {"gather", "an axis beyond the last", raises<IndexError>("gather", {"[-2, 2)", "got 2"}),
         [](T& t) { gather(t.x, 2, t.matrix_of_ids); }},
        {"scatter_add", "ids of fewer axes", raises<ShapeError>("scatter_add", {"[2, 3]", "[2]"}),
         [](T& t) { scatter_add(t.x, 0, t.ids, t.y); }},
        {"scatter_add", "a source of fewer axes", raises<ShapeError>("scatter_add", {"[2, 3]", "[3]"}),
         [](T& t) { scatter_add(t.x, 1, t.matrix_of_ids, t.row); }},
        {"scatter_add", "a source smaller than the ids",
         raises<ShapeError>("scatter_add", {"fit into source [0, 3]", "[2, 3]"}),
         [](T& t) { scatter_add(t.x, 0, t.matrix_of_ids, t.nothing); }},
        {"scatter_add", "an id beyond the end", raises<IndexError>("scatter_add", {"[-2, 2)", "got 2"}),
         [](T& t) { scatter_add(t.x, 0, t.matrix_of_ids, t.y); }},
        {"embedding", "a weight that is no table", raises<ShapeError>("embedding", {"[V, E]", "[3]"}),
         [](T& t) { embedding(t.ids, t.row); }},
        {"embedding", "a token beyond the table", raises<IndexError>("embedding", {"[0, 2)", "got 2"}),
         [](T& t) { embedding(Ids{2}, t.x); }},
        {"embedding", "a negative token", raises<IndexError>("embedding", {"[0, 2)", "-1"}),
         [](T& t) { embedding(Ids{-1}, t.x); }},
        {"embedding", "a padding id beyond the table", raises<IndexError>("embedding", {"padding_idx in [0, 2)", "got 2"}),
         [](T& t) { embedding(t.ids, t.x, 2); }},
        {"embedding", "a negative padding id", raises<IndexError>("embedding", {"padding_idx in [0, 2)", "-1"}),
         [](T& t) { embedding(t.ids, t.x, -1); }},
    };
}

}  // namespace

Misuses misuses_of_moving() {
    Misuses all = of_shaping();
    const Misuses indexing = of_indexing();
    all.insert(all.end(), indexing.begin(), indexing.end());
    return all;
}

}  // namespace testing
