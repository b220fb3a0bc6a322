// Matrix products: sizes that BLAS is not asked about, agreement of all forms, and what is refused.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("an inner extent of zero gives zeros") {
    check_close(matmul(zeros({2, 0}), zeros({0, 3})), zeros({2, 3}));
    check_close(matmul(zeros({4, 2, 0}), zeros({0, 3})), zeros({4, 2, 3}));
    check_close(linear(zeros({2, 0}), zeros({3, 0}), Tensor{1, 2, 3}), Tensor{{1, 2, 3}, {1, 2, 3}});
    check_close(matmul(zeros({0}), zeros({0})), 0);
}

TEST_CASE("transposition flags agree with transposed copies, also for batches") {
    const Tensor a = randn({3, 4, 5}), b = randn({3, 5, 6});
    const Tensor c = matmul(a, b);
    check_close(gemm(a, false, b, false), c);
    check_close(gemm(transpose(a), true, b, false), c);
    check_close(gemm(a, false, transpose(b), true), c);
    check_close(gemm(transpose(a), true, transpose(b), true), c);
}

TEST_CASE("a large product agrees with its rows one by one") {
    const Tensor a = randn({130, 70}), b = randn({70, 90}), c = matmul(a, b);
    for (const Index i : {0, 64, 129}) check_close(select(c, 0, i), matmul(select(a, 0, i), b), is_f64 ? 1e-10 : 1e-4);
}

TEST_CASE("operands that do not fit are refused with both shapes") {
    CHECK_THROWS_WITH(matmul(zeros({2, 3}), zeros({2, 3})), Catch::StartsWith("matmul: ") && Catch::Contains("[2, 3]"));
    CHECK_THROWS_AS(matmul(Tensor(1), zeros({2})), ShapeError);
    CHECK_THROWS_AS(matmul(zeros({2}), Tensor(1)), ShapeError);
    CHECK_THROWS_AS(matmul(zeros({3}), zeros({2})), ShapeError);
    CHECK_THROWS_AS(matmul(zeros({2, 2, 3}), zeros({3, 3, 2})), ShapeError);
    CHECK_THROWS_AS(gemm(zeros({2}), false, zeros({2, 2}), false), ShapeError);
    CHECK_THROWS_AS(linear(zeros({2, 3}), zeros({4, 2})), ShapeError);
    CHECK_THROWS_AS(linear(zeros({2, 3}), zeros({3})), ShapeError);
    CHECK_THROWS_AS(linear(zeros({2, 3}), zeros({4, 3}), zeros({3})), ShapeError);
    CHECK_THROWS_AS(linear(zeros({2, 3}), zeros({4, 3}), zeros({1, 4})), ShapeError);
    CHECK_THROWS_AS(linear(Tensor(1), zeros({4, 1})), ShapeError);
    CHECK_THROWS_AS(outer(zeros({2, 1}), zeros({2})), ShapeError);
}

TEST_CASE("a square weight is not confused with its transpose") {
    check_close(linear(Tensor{{1, 0}}, Tensor{{1, 2}, {3, 4}}), Tensor{{1, 3}});
    check_close(matmul(Tensor{{1, 0}}, Tensor{{1, 2}, {3, 4}}), Tensor{{1, 2}});
}
