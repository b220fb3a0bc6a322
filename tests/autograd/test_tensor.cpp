// Tensors as containers: how they are made, read and printed.
#include <support/testing.hpp>

#include <sstream>

#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

using namespace testing;

namespace {

std::string printed(const Tensor& x) {
    std::ostringstream out;
    out << x;
    return out.str();
}

std::vector<double> numbers(const Tensor& x) { return {x.values().begin(), x.values().end()}; }

}  // namespace

TEST_CASE("tensors are made from nested lists of any depth") {
    CHECK(Tensor(5).shape() == Shape{});
    CHECK(Tensor{5}.shape() == Shape{1});
    CHECK(Tensor{1, 2, 3}.shape() == Shape{3});
    CHECK(Tensor{{1, 2, 3}, {4, 5, 6}}.shape() == Shape{2, 3});
    CHECK(Tensor{{{1}, {2}}, {{3}, {4}}, {{5}, {6}}}.shape() == Shape{3, 2, 1});
    CHECK(Tensor{{{{{{{{1, 2}}}}}}}}.shape() == Shape{1, 1, 1, 1, 1, 1, 1, 2});
    CHECK(numbers(Tensor{{1, 2, 3}, {4, 5, 6}}) == std::vector<double>{1, 2, 3, 4, 5, 6});
    CHECK(numbers(Tensor{{{1}, {2}}, {{3}, {4}}}) == std::vector<double>{1, 2, 3, 4});
    const Tensor implicit = 3, list = {1, 2};
    CHECK(implicit.item() == 3);
    CHECK(list.numel() == 2);
}

TEST_CASE("numbers of any type can be mixed in a list") {
    const float single = 0.5f;
    const std::int64_t whole = -3;
    check_close(Tensor{1, 2.5, single, whole, true, 7u}, Tensor{1.0, 2.5, 0.5, -3.0, 1.0, 7.0});
}

TEST_CASE("ragged lists are refused") {
    CHECK_THROWS_AS((Tensor{{1, 2}, {3}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{1}, {2, 3}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{1, 2}, 3}), ShapeError);
    CHECK_THROWS_AS((Tensor{1, {2, 3}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{{1}, {2}}, {{3}}}), ShapeError);
    CHECK_THROWS_AS((Tensor{{{{{{{{{1}}}}}}}}}), ShapeError);  // nine axes
}

TEST_CASE("an undefined tensor is false and a defined one true") {
    CHECK_FALSE(Tensor());
    CHECK(Tensor(0));
    CHECK_FALSE(Tensor().requires_grad());
    CHECK(printed(Tensor()) == "tensor(undefined)");
}

TEST_CASE("tensors are made from values and a shape that fits") {
    const std::vector<Scalar> values = {1, 2, 3, 4, 5, 6};
    check_close(Tensor::from_values(values, {2, 3}), Tensor{{1, 2, 3}, {4, 5, 6}});
    CHECK_THROWS_AS(Tensor::from_values(values, {2, 2}), ShapeError);
    CHECK_THROWS_AS(Tensor::from_values(values, {}), ShapeError);
    CHECK(Tensor::from_values({}, {0, 3}).numel() == 0);
}

TEST_CASE("tensors are made from xtensor arrays and expressions of any number type") {
    const xt::xarray<double> doubles = {{1, 2}, {3, 4}};
    const xt::xarray<int> integers = {1, 2, 3};
    const xt::xtensor<float, 2> singles = {{0.5f}, {1.5f}};
    check_close(Tensor(doubles), Tensor{{1, 2}, {3, 4}});
    check_close(Tensor(integers), Tensor{1, 2, 3});
    check_close(Tensor(singles), Tensor{{0.5}, {1.5}});
    check_close(Tensor(doubles * 2 + 1), Tensor{{3, 5}, {7, 9}});
    check_close(Tensor(xt::sum(doubles, {1})), Tensor{3, 7});
    check_close(Tensor(xt::sum(doubles)), 10);
    check_close(Tensor(xt::view(doubles, xt::range(0, 2), 0)), Tensor{1, 3});
    const xt::xarray<double, xt::layout_type::column_major> columns = doubles;
    check_close(Tensor(columns), Tensor{{1, 2}, {3, 4}});
    const xt::xarray<double> nine(std::vector<std::size_t>(9, 1), 0.0);
    CHECK_THROWS_AS(Tensor(nine), ShapeError);
}

TEST_CASE("a tensor owns a copy of an array, and an array one of the tensor") {
    Array array = {{1, 2}, {3, 4}};
    Tensor x(array);
    array(0, 0) = 100;
    check_close(x, Tensor{{1, 2}, {3, 4}});
    Array back = x.array();
    CHECK(back.dimension() == 2);
    CHECK(back(1, 0) == 3);
    back(1, 0) = 100;
    check_close(x, Tensor{{1, 2}, {3, 4}});
    check_close(Tensor(x.array()), x);
    CHECK(Tensor(7).array().dimension() == 0);
    CHECK(zeros({2, 0}).array().size() == 0);
}

TEST_CASE("the shape is known by axis, negative ones counted from the end") {
    const Tensor x = zeros({2, 3, 4});
    CHECK(x.dim() == 3);
    CHECK(x.numel() == 24);
    CHECK(x.size(0) == 2);
    CHECK(x.size(-1) == 4);
    CHECK_THROWS_AS(x.size(3), IndexError);
    CHECK_THROWS_AS(x.size(-4), IndexError);
    CHECK_THROWS_AS(Tensor(1).size(0), IndexError);
}

TEST_CASE("item reads the only element, of any shape") {
    CHECK(Tensor(2.5).item() == 2.5);
    CHECK(Tensor{{3}}.item() == 3);
    CHECK_THROWS_AS((Tensor{1, 2}.item()), ShapeError);
    CHECK_THROWS_AS(zeros({0}).item(), ShapeError);
}

TEST_CASE("elements are read by position, negative ones counted from the end") {
    const Tensor x{{1, 2, 3}, {4, 5, 6}};
    CHECK(x(0, 1) == 2);
    CHECK(x(-1, -3) == 4);
    CHECK(x.at({1, 2}) == 6);
    CHECK(Tensor(9)() == 9);
    CHECK_THROWS_AS(x(2, 0), IndexError);
    CHECK_THROWS_AS(x(0, -4), IndexError);
    CHECK_THROWS_AS(x(0), IndexError);
    CHECK_THROWS_AS(x(0, 0, 0), IndexError);
    CHECK_THROWS_WITH(x(0, 3), Catch::Contains("[2, 3]") && Catch::Contains("[0, 3]"));
}

TEST_CASE("printing shows values and where a gradient comes from") {
    CHECK_THAT(printed(Tensor{{1, 2}, {3, 4}}), Catch::StartsWith("tensor(") && Catch::Contains("4") && Catch::EndsWith(")"));
    CHECK_THAT(printed(leaf(Tensor{1, 2})), Catch::Contains("requires_grad"));
    CHECK_THAT(printed(leaf(Tensor{1, 2}) * leaf(Tensor(3))), Catch::Contains("mul"));
    CHECK(printed(zeros({100, 100})).size() < 2000);
    CHECK_THAT(printed(Tensor(2.5)), Catch::Contains("2.5"));
}

TEST_CASE("conditions and ids become tensors, and a number on either side a scalar") {
    check_close(as_tensor(Tensor{1, 2} > 1), Tensor{0, 1});
    check_close(2 + Tensor{1, 2}, Tensor{3, 4});
    check_close(Tensor{1, 2} - 1, Tensor{0, 1});
    check_close(1 - Tensor{1, 2}, Tensor{0, -1});
    check_close(6 / Tensor{1, 2}, Tensor{6, 3});
}

TEST_CASE("x op= y gives x a new value and leaves its other handles alone") {
    Tensor x = leaf(Tensor{1, 2});
    const Tensor before = x;
    x += Tensor{10, 20};
    x *= Tensor(2);
    x -= Tensor{1, 1};
    x /= Tensor(3);
    check_close(x, Tensor{7, 43.0 / 3});
    check_close(before, Tensor{1, 2});
    sum(x).backward();
    check_close(before.grad(), Tensor{2.0 / 3, 2.0 / 3});
}

TEST_CASE("an undefined tensor throws where a value is needed") {
    const Tensor nothing;
    CHECK_THROWS_AS(nothing.shape(), ValueError);
    CHECK_THROWS_AS(nothing * 2, ValueError);
    CHECK_THROWS_AS(sum(leaf(Tensor{1}).grad()), ValueError);
    CHECK_FALSE(nothing.requires_grad());
}

TEST_CASE("a shape too large for any memory is refused before anything is asked for") {
    CHECK_THROWS_AS(zeros({Index{1} << 32, Index{1} << 32}), ShapeError);
    CHECK_THROWS_AS(zeros({Index{1} << 58}), ShapeError);
    CHECK_THROWS_AS(Tensor::empty({-1, -1}), ShapeError);
}

TEST_CASE("set_grad copies, so that clipping does not change what was given") {
    Tensor x = leaf(Tensor{1, 2});
    const Tensor given{3, 4};
    x.set_grad(given);
    x.grad().mul_(0);
    check_close(given, Tensor{3, 4});
}
