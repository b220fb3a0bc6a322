// Shapes, axes and broadcasting.
#include <support/testing.hpp>

#include <sstream>

using namespace testing;

TEST_CASE("a shape counts its elements and can be read from either end") {
    const Shape shape{2, 3, 4};
    CHECK(shape.rank() == 3);
    CHECK(shape.numel() == 24);
    CHECK(shape[0] == 2);
    CHECK(shape[-1] == 4);
    CHECK(shape == Shape{2, 3, 4});
    CHECK_FALSE(shape == Shape{2, 3});
    CHECK_FALSE(shape == Shape{2, 4, 3});
    CHECK(Shape{}.numel() == 1);
    CHECK(Shape{}.empty());
    CHECK(Shape{3, 0}.numel() == 0);
    CHECK(shape.contains(3));
    CHECK_FALSE(shape.contains(5));
}

TEST_CASE("a shape can grow, shrink and be cut") {
    Shape shape{2, 3};
    shape.push_back(5);
    CHECK(shape == Shape{2, 3, 5});
    shape.insert(1, 7);
    CHECK(shape == Shape{2, 7, 3, 5});
    shape.insert(4, 9);
    CHECK(shape == Shape{2, 7, 3, 5, 9});
    shape.erase(0);
    CHECK(shape == Shape{7, 3, 5, 9});
    CHECK(shape.slice(1, 3) == Shape{3, 5});
    CHECK(shape.slice(2, 2) == Shape{});
}

TEST_CASE("a shape has at most eight axes") {
    Shape shape{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(shape.rank() == max_rank);
    CHECK_THROWS_AS(shape.push_back(9), ShapeError);
    CHECK_THROWS_AS((Shape{1, 2, 3, 4, 5, 6, 7, 8, 9}), ShapeError);
    CHECK_THROWS_AS(unsqueeze(zeros({1, 1, 1, 1, 1, 1, 1, 1}), 0), ShapeError);
    CHECK(shape.rank() == max_rank);
}

TEST_CASE("a shape of more elements than can be counted is refused, in whatever order its extents are") {
    constexpr Index large = Index{1} << 32, half = Index{1} << 62;
    for (const Shape& shape :
         {Shape{large, large}, Shape{half, half}, Shape{half, 4}, Shape{0, half, half}, Shape{half, 0, half},
          Shape{half, half, 0}, Shape{max_elements, 2}, Shape{-1}, Shape{-large, -large}, Shape{0, -1}}) {
        INFO(shape);
        CHECK_THROWS_AS(shape.numel(), ShapeError);
        CHECK_THROWS_AS(Tensor::empty(shape), ShapeError);
        CHECK_THROWS_AS(Tensor::from_values({}, shape), ShapeError);
        CHECK_THROWS_AS(Condition(shape), ShapeError);
    }
    CHECK(Shape{max_elements}.numel() == max_elements);
    CHECK(zeros({max_elements, 0}).numel() == 0);
}

TEST_CASE("a shape is printed as a list") {
    std::ostringstream out;
    out << Shape{2, 3} << Shape{};
    CHECK(out.str() == "[2, 3][]");
    CHECK(to_string(Shape{7}) == "[7]");
}

TEST_CASE("axes are normalised, sorted and refused when out of range or repeated") {
    CHECK(normalize_axis("f", -1, 3) == 2);
    CHECK(normalize_axis("f", 2, 3) == 2);
    CHECK_THROWS_AS(normalize_axis("f", 3, 3), IndexError);
    CHECK_THROWS_WITH(normalize_axis("f", -4, 3), Catch::StartsWith("f: expected"));
    CHECK(normalize_axes("f", {}, 3) == Shape{0, 1, 2});
    CHECK(normalize_axes("f", {}, 0) == Shape{});
    CHECK(normalize_axes("f", {-1, 0}, 3) == Shape{0, 2});
    CHECK_THROWS_AS(normalize_axes("f", {0, -3}, 3), IndexError);
    CHECK_THROWS_AS(normalize_axes("f", {3}, 3), IndexError);
    CHECK(reduced_shape({2, 3, 4}, {0, 2}, false) == Shape{3});
    CHECK(reduced_shape({2, 3, 4}, {0, 2}, true) == Shape{1, 3, 1});
}

TEST_CASE("axes are given as one number or a list") {
    const Tensor x{{1, 2}, {3, 4}};
    check_close(sum(x, 0), Tensor{4, 6});
    check_close(sum(x, -1), Tensor{3, 7});
    check_close(sum(x, {0}), Tensor{4, 6});
    check_close(sum(x, {0, 1}), 10);
    check_close(sum(x, {}), 10);
}

TEST_CASE("shapes broadcast by NumPy's rule") {
    CHECK(broadcast_shapes("f", {2, 3}, {3}) == Shape{2, 3});
    CHECK(broadcast_shapes("f", {2, 1}, {1, 3}) == Shape{2, 3});
    CHECK(broadcast_shapes("f", {}, {2}) == Shape{2});
    CHECK(broadcast_shapes("f", {4, 1}, {2, 1, 3}) == Shape{2, 4, 3});
    CHECK(broadcast_shapes("f", {1}, {0}) == Shape{0});
    CHECK(broadcast_shapes("f", {2, 0}, {1, 1}) == Shape{2, 0});
    CHECK_THROWS_AS(broadcast_shapes("f", {2, 3}, {2}), ShapeError);
    CHECK_THROWS_AS(broadcast_shapes("f", {2}, {0}), ShapeError);
    CHECK_THROWS_WITH(broadcast_shapes("f", {2, 3}, {4}),
                      Catch::StartsWith("f: ") && Catch::Contains("[2, 3]") && Catch::Contains("[4]"));
    CHECK(broadcasts_to({3}, {2, 3}));
    CHECK(broadcasts_to({2, 1}, {2, 3}));
    CHECK(broadcasts_to({}, {}));
    CHECK(broadcasts_to({1}, {0}));
    CHECK_FALSE(broadcasts_to({2, 3}, {3}));
    CHECK_FALSE(broadcasts_to({3}, {3, 1}));
    CHECK_FALSE(broadcasts_to({0}, {1}));
    CHECK_THROWS_AS(check_broadcasts_to("f", {2}, {3}), ShapeError);
}

TEST_CASE("strides are those of a row-major array") {
    CHECK(row_major_strides({2, 3, 4}) == Shape{12, 4, 1});
    CHECK(row_major_strides({}) == Shape{});
    const AxisView view({2, 3, 4}, 1), merged({2, 3, 4, 5}, 1, 3);
    CHECK(view.outer == 2);
    CHECK(view.n == 3);
    CHECK(view.inner == 4);
    CHECK(merged.outer == 2);
    CHECK(merged.n == 12);
    CHECK(merged.inner == 5);
}
