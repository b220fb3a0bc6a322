// Indexing: what is refused before anything is read, and rows of padding.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("ids out of range are refused with the operation, the range and the id") {
    const Tensor x = zeros({3, 2});
    CHECK_THROWS_WITH(index_select(x, 0, Ids{0, 3}),
                      Catch::StartsWith("index_select: ") && Catch::Contains("[-3, 3)") && Catch::EndsWith("3"));
    CHECK_THROWS_AS(index_select(x, 0, Ids{-4}), IndexError);
    CHECK_THROWS_AS(index_add(zeros({5, 2}), 0, Ids{0, 1, 5}, x), IndexError);
    CHECK_THROWS_AS(index_add(zeros({5, 2}), 0, Ids{0, 1, -6}, x), IndexError);
    CHECK_THROWS_AS(gather(x, 0, Ids{{0, 3}}), IndexError);
    CHECK_THROWS_AS(scatter_add(x, 0, Ids{{0, 3}}, zeros({1, 2})), IndexError);
    CHECK_THROWS_AS(embedding(Ids{3}, x), IndexError);
    CHECK_THROWS_AS(embedding(Ids{-1}, x), IndexError);  // a token is no position
    CHECK_THROWS_AS(one_hot(Ids{3}, 3), IndexError);
    CHECK_THROWS_AS(one_hot(Ids{-1}, 3), IndexError);
}

TEST_CASE("ids of a shape that does not fit are refused") {
    const Tensor x = zeros({3, 2});
    CHECK_THROWS_AS(index_select(x, 0, Ids{{0, 1}}), ShapeError);
    CHECK_THROWS_AS(index_select(x, 0, Ids(1)), ShapeError);
    CHECK_THROWS_AS(index_add(zeros({5, 2}), 0, Ids{0, 1}, x), ShapeError);
    CHECK_THROWS_AS(gather(x, 0, Ids{0, 1}), ShapeError);
    CHECK_THROWS_AS(gather(x, 0, Ids{{0, 1, 2}}), ShapeError);
    CHECK_THROWS_AS(scatter_add(x, 0, Ids{{0, 1}}, zeros({1})), ShapeError);
    CHECK_THROWS_AS(scatter_add(x, 0, Ids{{0, 1}, {1, 1}}, zeros({1, 2})), ShapeError);
    CHECK_THROWS_AS(scatter_add(x, 0, Ids{{0, 1, 2}}, zeros({1, 3})), ShapeError);
    CHECK_THROWS_AS(scatter_add(x, 0, Ids{0, 1}, zeros({2})), ShapeError);
    CHECK_THROWS_AS(scatter_add(x, 1, Ids{0, 1}, zeros({2})), ShapeError);
    CHECK_THROWS_AS(embedding(Ids{0}, zeros({3})), ShapeError);
    CHECK_THROWS_AS(index_select(x, 2, Ids{0}), IndexError);
}

TEST_CASE("N4: a padding row is read as it is and gets no gradient") {
    const Tensor weight = leaf(Tensor{{9, 9}, {1, 2}, {3, 4}});
    const Tensor y = embedding(Ids{0, 1, 0}, weight, 0);
    check_close(y, Tensor{{9, 9}, {1, 2}, {9, 9}});
    check_close(grad(sum(y), {weight}, {.create_graph = true})[0], Tensor{{0, 0}, {1, 1}, {0, 0}});
    sum(y).backward();
    check_close(weight.grad(), Tensor{{0, 0}, {1, 1}, {0, 0}});
    const Tensor none = embedding(Ids{{1, 2}}, weight, 0);
    check_close(none, Tensor{{{1, 2}, {3, 4}}});
}

TEST_CASE("rows that hold no number are read only where an id names them") {
    const Tensor x = leaf(Tensor{{NAN, NAN}, {1, 2}});
    sum(index_select(x, 0, Ids{1, 1})).backward();
    check_close(x.grad(), Tensor{{0, 0}, {2, 2}});
}
