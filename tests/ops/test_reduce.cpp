// Reductions where the table's inputs do not go: nothing, infinities, ties, long sums, overflow, errors.
#include <support/testing.hpp>

using namespace testing;

namespace {
const double inf = INFINITY;
}

TEST_CASE("reductions over nothing have their neutral element") {
    const Tensor nothing = zeros({2, 0});
    check_close(sum(nothing, 1), Tensor{0, 0});
    check_close(prod(nothing, 1), Tensor{1, 1});
    check_close(amax(nothing, 1), Tensor{-inf, -inf});
    check_close(amin(nothing, 1), Tensor{inf, inf});
    check_close(logsumexp(nothing, 1), Tensor{-inf, -inf});
    check_close(norm(nothing, 2, 1), Tensor{0, 0});
    CHECK(std::isnan(mean(nothing).item()));
    CHECK(sum(nothing, 0).shape() == Shape{0});
}

TEST_CASE("reductions over no axis of a single number give that number") {
    const Tensor x = leaf(-2.5);
    for (const Tensor& y : {sum(x), mean(x), prod(x), amax(x), amin(x), logsumexp(x), logsumexp(x, {}, true)}) {
        check_close(y, -2.5);
        check_close(grad(y, {x})[0], 1);
        CHECK(x.is_leaf());
    }
    check_close(norm(x), 2.5);
    check_close(norm(x, inf), 2.5);
}

TEST_CASE("logsumexp neither overflows nor loses a constant shift") {
    check_close(logsumexp(Tensor{1000, 1000}), 1000 + std::log(2.0));
    check_close(logsumexp(Tensor{-1000, -1000}), -1000 + std::log(2.0));
    check_close(logsumexp(Tensor{-inf, 3}), 3);
    check_close(logsumexp(Tensor{inf, 3}), inf);
    const Tensor x = leaf(Tensor{{-inf, -inf}, {-inf, 0}});
    check_close(logsumexp(x, 1), Tensor{-inf, 0});
    check_close(grad(sum(logsumexp(x, 1)), {x})[0], Tensor{{0, 0}, {0, 1}});
    const Tensor columns = leaf(Tensor{{-inf, 0}, {-inf, -inf}});
    check_close(logsumexp(columns, 0), Tensor{-inf, 0});
    check_close(grad(sum(logsumexp(columns, 0)), {columns})[0], Tensor{{0, 1}, {0, 0}});
}

TEST_CASE("variances need more elements than their correction") {
    CHECK_THROWS_AS(var(Tensor{1}), ValueError);
    CHECK_THROWS_AS(var(Tensor(1)), ValueError);
    CHECK_THROWS_AS(tapehead::std(zeros({2, 0}), 1, 0), ValueError);
    check_close(var(Tensor{1}, {}, 0), 0);
    check_close(var(Tensor{1, 2, 3, 4}), 5.0 / 3);
    check_close(var(Tensor{1, 2, 3, 4}, {}, 0), 1.25);
}

TEST_CASE("a variance does not suffer from a large mean") {
    const Tensor x = Tensor{0, 1, 2, 3} + 60000;
    check_close(var(x, {}, 0), 1.25, 1e-6);
}

TEST_CASE("norms of every order have the right value and refuse orders that are none") {
    const Tensor x{3, -4, 0};
    check_close(norm(x), 5);
    check_close(norm(x, 1), 7);
    check_close(norm(x, inf), 4);
    check_close(norm(x, 3), std::cbrt(91.0));
    CHECK_THROWS_AS(norm(x, 0), ValueError);
    CHECK_THROWS_AS(norm(x, -1), ValueError);
    CHECK_THROWS_AS(norm(x, NAN), ValueError);
}

TEST_CASE("products near zero and beyond a partial overflow are right") {
    check_close(prod(Tensor{1e30, 1e30, 1e-30, 1e-30}), 1, 1e-4);
    check_close(prod(Tensor{2, 3, 4, 5, 6, 7, 8}), 40320);
    const Tensor x = leaf(Tensor{2, 3, 4, 5, 6});
    prod(x).backward();
    check_close(x.grad(), Tensor{360, 240, 180, 144, 120});
}

TEST_CASE("argmax and argmin take the first of equals, or the first NaN") {
    CHECK(argmax(Tensor{1, 3, 3})() == 1);
    CHECK(argmin(Tensor{2, 1, 1})() == 1);
    CHECK(argmax(Tensor{1, NAN, 3, NAN})() == 1);
    CHECK(argmin(Tensor{1, NAN, 0})() == 1);
    CHECK(argmax(Tensor{{1, 9}, {7, 2}})() == 1);
    CHECK((argmax(Tensor{{-1, 5}, {7, 2}}, 0) == Ids{1, 0}));
    CHECK(shape_of(argmax(zeros({2, 3}), 1, true)) == Shape{2, 1});
    CHECK_THROWS_AS(argmax(zeros({2, 0}), 1), ValueError);
    CHECK_THROWS_AS(argmin(zeros({0})), ValueError);
    CHECK(argmax(zeros({0, 2}), 1).size() == 0);
    CHECK_THROWS_AS(argmax(zeros({2}), 1), IndexError);
}

TEST_CASE("NaN wins in max and min") {
    CHECK(std::isnan(amax(Tensor{1, NAN, 3}).item()));
    CHECK(std::isnan(amin(Tensor{1, NAN, 3}).item()));
    CHECK(std::isnan(amax(Tensor{{1, 2}, {NAN, 3}}, 0)(0)));
    CHECK(amax(Tensor{{1, 2}, {NAN, 3}}, 0)(1) == 3);
}

TEST_CASE("axes out of range or named twice are refused with the operation's name") {
    const Tensor x = zeros({2, 3});
    CHECK_THROWS_WITH(sum(x, 2), Catch::StartsWith("sum: "));
    CHECK_THROWS_AS(mean(x, -3), IndexError);
    CHECK_THROWS_AS(prod(x, {0, 0}), IndexError);
    CHECK_THROWS_AS(logsumexp(x, {1, -1}), IndexError);
    CHECK_THROWS_AS(cumsum(x, 2), IndexError);
    CHECK_THROWS_AS(cumsum(Tensor(1), 0), IndexError);
    CHECK_THROWS_AS(sum(Tensor(1), 0), IndexError);
}

TEST_CASE("sum_to refuses a shape that does not broadcast to the tensor's") {
    CHECK_THROWS_AS(sum_to(zeros({2, 3}), {2}), ShapeError);
    CHECK_THROWS_AS(sum_to(zeros({3}), {2, 3}), ShapeError);
}

TEST_CASE("a long running sum keeps its digits") {
    const Tensor y = cumsum(full({100000}, 0.1), 0);
    CHECK_THAT(y(-1), Catch::WithinRel(static_cast<Scalar>(10000), static_cast<Scalar>(1e-6)));
}

TEST_CASE("a norm with p below 1 has gradient 0 from elements that are 0") {
    const Tensor x = leaf(Tensor{0, 4, 9});
    const Tensor y = norm(x, 0.5);
    y.backward();
    CHECK_THAT(static_cast<double>(y.item()), is_close(25));
    check_close(x.grad(), Tensor{0, 2.5, 5.0 / 3}, is_f64 ? 1e-9 : 1e-4);
}
