// Conditions: what comparisons give and where takes.
#include <support/testing.hpp>

using namespace testing;

namespace {

std::vector<bool> flags(const Condition& c) { return {c.values().begin(), c.values().end()}; }

}  // namespace

TEST_CASE("conditions are made from arrays, expressions and comparisons") {
    const BoolArray array = {{true, false}, {false, true}};
    CHECK(Condition(array).shape() == Shape{2, 2});
    CHECK(flags(Condition(array)) == std::vector<bool>{true, false, false, true});
    const xt::xarray<double> numbers = {1, 2, 3};
    CHECK(flags(Condition(numbers > 1.5)) == std::vector<bool>{false, true, true});
    const Condition c = Tensor{1, 2, 3} >= 2;
    CHECK(flags(c) == std::vector<bool>{false, true, true});
    CHECK(c.array()(0) == false);
    CHECK(c.array()(2) == true);
}

TEST_CASE("conditions combine by not, and, or, with broadcasting") {
    const Condition column = Tensor{{1}, {0}} > 0, row = Tensor{1, 0, 1} > 0;
    CHECK((column & row).shape() == Shape{2, 3});
    CHECK(flags(column & row) == std::vector<bool>{true, false, true, false, false, false});
    CHECK(flags(column | row) == std::vector<bool>{true, true, true, true, false, true});
    CHECK(flags(!row) == std::vector<bool>{false, true, false});
    CHECK(flags(row & Condition(Tensor(1) > 0)) == flags(row));
    CHECK((Condition(Shape{0, 3}) & row).shape() == Shape{0, 3});
    CHECK_THROWS_AS(row & (Tensor{1, 0} > 0), ShapeError);
}

TEST_CASE("any and all look at every element, and over nothing are false and true") {
    CHECK((Tensor{0, 1} > 0).any());
    CHECK_FALSE((Tensor{0, 1} > 0).all());
    CHECK((Tensor{2, 1} > 0).all());
    CHECK_FALSE((Tensor{2, 1} < 0).any());
    CHECK_FALSE(Condition(Shape{0}).any());
    CHECK(Condition(Shape{0}).all());
}

TEST_CASE("a condition can be reshaped to as many elements") {
    const Condition c = Tensor{{1, 0, 1}, {0, 0, 1}} > 0;
    CHECK(c.reshape({3, 2}).shape() == Shape{3, 2});
    CHECK(flags(c.reshape({6})) == flags(c));
    CHECK_THROWS_AS(c.reshape({5}), ShapeError);
}
