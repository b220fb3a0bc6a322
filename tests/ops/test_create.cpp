// Creation: what is refused, and ranges whose steps are not exact.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("negative extents are refused") {
    CHECK_THROWS_AS(zeros({-1}), ShapeError);
    CHECK_THROWS_AS(ones({2, -3}), ShapeError);
    CHECK_THROWS_AS(full({-2, -2}, 1), ShapeError);
    CHECK_THROWS_AS(eye(-2), ShapeError);
    CHECK_THROWS_AS(rand({-1}), ShapeError);
    CHECK_THROWS_AS(randn({2, -1}), ShapeError);
    CHECK_THROWS_AS(randint(0, 2, {-1}), ShapeError);
    CHECK_THROWS_AS(one_hot(Ids{0}, -1), Error);
}

TEST_CASE("arange refuses a step of zero or away from the end") {
    CHECK_THROWS_AS(arange(0, 5, 0), ValueError);
    CHECK_THROWS_AS(arange(0, 5, -1), ValueError);
    CHECK_THROWS_AS(arange(5, 0), ValueError);
    CHECK_THROWS_AS(arange(-1), ValueError);
    CHECK_THROWS_AS(arange(0, NAN), ValueError);
    CHECK_THROWS_AS(arange(0, INFINITY), ValueError);
    CHECK_THROWS_AS(arange(0, 1e300), ValueError);
    CHECK(arange(0).numel() == 0);
    CHECK(arange(0, 1, 0.1).numel() == 10);
    CHECK(arange(0, 2, 0.5).numel() == 4);
    check_close(arange(0.5, 3), Tensor{0.5, 1.5, 2.5});
}

TEST_CASE("created tensors are leaves that require no grad and own their memory") {
    const Tensor a = zeros({3});
    CHECK(a.is_leaf());
    CHECK_FALSE(a.requires_grad());
    CHECK_FALSE(ones_like(leaf(a)).requires_grad());
    CHECK(zeros_like(a).data() != a.data());
}
