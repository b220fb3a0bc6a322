// Value, derivatives and errors of the operation and its layer, in double.
#include <cmath>

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#include <tapehead/testing/catch2.hpp>

#include "snake.hpp"

using namespace tapehead;

TEST_CASE("snake is x + sin²(a x) / a") {
    const Tensor y = snake::snake(Tensor{{0, 0.5}, {-1, 2}}, Tensor{1, 3});
    CHECK(y(0, 0) == 0);
    CHECK(y(0, 1) == Approx(0.5 + std::pow(std::sin(1.5), 2) / 3));
    CHECK(y(1, 0) == Approx(-1 + std::pow(std::sin(1.0), 2)));
    CHECK(y(1, 1) == Approx(2 + std::pow(std::sin(6.0), 2) / 3));
}

TEST_CASE("snake keeps to the contract of operations: derivatives of first and second order, recording, threads") {
    testing::check_operation(snake::snake, {randn({2, 4, 3}).requires_grad_(), Tensor{0.5, 1, 2}.requires_grad_()});
}

TEST_CASE("the layer keeps to the contract of layers") {
    testing::check_layer([] { return snake::Snake(3, 0.7); }, randn({2, 3}));
}

TEST_CASE("the layer names its frequencies") {
    snake::Snake layer(5);
    REQUIRE(layer.named_parameters().size() == 1);
    CHECK(layer.named_parameters()[0].name == "frequency");
    CHECK(layer.num_parameters() == 5);
}

TEST_CASE("snake refuses frequencies of another width") {
    CHECK_THROWS_AS(snake::snake(ones({2, 3}), ones({2})), ShapeError);
    CHECK_THROWS_AS(snake::snake(ones({2, 3}), ones({1, 3})), ShapeError);
    CHECK_THROWS_AS(snake::snake(Tensor(1.0), ones({1})), ShapeError);
}
