// Shape operations: what shares memory, what Python's slices do at the ends, and what is refused.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("reshape shares memory and clone does not") {
    const Tensor x{{1, 2}, {3, 4}};
    CHECK(reshape(x, {4}).data() == x.data());
    CHECK(squeeze(unsqueeze(x, 0)).data() == x.data());
    CHECK(flatten(x).data() == x.data());
    CHECK(clone(x).data() != x.data());
    CHECK(permute(x, {0, 1}).data() != x.data());
}

TEST_CASE("reshape refuses another number of elements, two unknown extents and negative ones") {
    const Tensor x = zeros({2, 3});
    CHECK_THROWS_AS(reshape(x, {4}), ShapeError);
    CHECK_THROWS_AS(reshape(x, {4, -1}), ShapeError);
    CHECK_THROWS_AS(reshape(x, {-1, -1}), ShapeError);
    CHECK_THROWS_AS(reshape(x, {-2, -3}), ShapeError);
    CHECK_THROWS_AS(reshape(zeros({0}), {0, -1}), ShapeError);
    CHECK_THROWS_WITH(reshape(x, {5}), Catch::Contains("[2, 3]") && Catch::Contains("[5]"));
    CHECK(reshape(zeros({0, 3}), {-1, 3}).shape() == Shape{0, 3});
}

TEST_CASE("shape operations refuse axes and extents that are not there") {
    const Tensor x = zeros({2, 3});
    CHECK_THROWS_AS(flatten(x, 1, 0), IndexError);
    CHECK_THROWS_AS(flatten(x, 0, 2), IndexError);
    CHECK_THROWS_AS(flatten(Tensor(1), 0, 1), IndexError);
    CHECK_THROWS_AS(flatten(Tensor(1), -2), IndexError);
    CHECK_THROWS_AS(transpose(x, 0, 2), IndexError);
    CHECK_THROWS_AS(transpose(zeros({2})), IndexError);
    CHECK_THROWS_AS(permute(x, {0}), IndexError);
    CHECK_THROWS_AS(permute(x, {0, 0}), IndexError);
    CHECK_THROWS_AS(permute(x, {0, 2}), IndexError);
    CHECK_THROWS_AS(squeeze(x, 0), ShapeError);
    CHECK_THROWS_AS(unsqueeze(x, 4), IndexError);
    CHECK_THROWS_AS(unsqueeze(x, {0, 0}), IndexError);
    CHECK_THROWS_AS(expand(x, {3}), ShapeError);
    CHECK_THROWS_AS(expand(x, {2, 4}), ShapeError);
    CHECK_THROWS_AS(expand(x, {-1, 2, 3}), ShapeError);
    CHECK_THROWS_AS(expand(zeros({1}), {-3}), ShapeError);
    CHECK_THROWS_AS(repeat(x, {2}), ShapeError);
    CHECK_THROWS_AS(repeat(x, {2, -1}), ShapeError);
    CHECK_THROWS_AS(tril(zeros({3})), ShapeError);
}

TEST_CASE("joins refuse nothing at all, other ranks and other extents") {
    CHECK_THROWS_AS(concat({}), ShapeError);
    CHECK_THROWS_AS(stack({}), ShapeError);
    CHECK_THROWS_AS(concat({zeros({2, 3}), zeros({2, 2})}, 0), ShapeError);
    CHECK_THROWS_AS(concat({zeros({2, 3}), zeros({2})}, 0), ShapeError);
    CHECK_THROWS_AS(concat({Tensor(1), Tensor(2)}), IndexError);
    CHECK_THROWS_AS(stack({zeros({2}), zeros({3})}), ShapeError);
    CHECK_THROWS_AS(stack({zeros({2})}, 2), IndexError);
}

TEST_CASE("splits must add up, chunks are at least one") {
    const Tensor x = arange(5);
    CHECK_THROWS_AS(split(x, {2, 2}), ShapeError);
    CHECK_THROWS_AS(split(x, {6, -1}), ShapeError);
    CHECK_THROWS_AS(split(x, 0), ValueError);
    CHECK_THROWS_AS(chunk(x, 0), ValueError);
    CHECK(split(x, 2).size() == 3);
    CHECK(split(x, 10).size() == 1);
    CHECK(chunk(x, 2).size() == 2);
    CHECK(chunk(x, 4).size() == 3);  // pieces of 2: the last is smaller
    CHECK(chunk(x, 9).size() == 5);
    check_close(concat(chunk(x, 3)), x);
}

TEST_CASE("slices agree with Python's at and beyond both ends") {
    // [start, end, step] → elements of range(5)
    const Tensor x = arange(5);
    const auto at = [&](Index start, Index end, Index step) { return slice(x, 0, start, end, step); };
    check_close(at(0, to_end, 2), Tensor{0, 2, 4});
    check_close(at(1, -1, 2), Tensor{1, 3});
    check_close(at(-3, -1, 1), Tensor{2, 3});
    check_close(at(10, 20, 1), zeros({0}));
    check_close(at(-10, 2, 1), Tensor{0, 1});
    check_close(at(4, -10, -1), Tensor{4, 3, 2, 1, 0});
    check_close(at(-1, to_end, -2), Tensor{4, 2, 0});
    check_close(at(to_end, 1, -1), Tensor{4, 3, 2});
    check_close(at(0, 3, -1), zeros({0}));
    check_close(at(2, to_end, -7), Tensor{2});
    check_close(at(0, to_end, 7), Tensor{0});
    CHECK_THROWS_AS(at(0, 3, 0), ValueError);
    CHECK_THROWS_AS(slice(x, 1, 0), IndexError);
    for (Index start = -7; start <= 7; ++start)
        for (Index end = -7; end <= 7; ++end)
            for (const Index step : {-3, -2, -1, 1, 2, 3}) {
                std::vector<double> expected;  // by the definition of Python's slice.indices
                const Index low = step > 0 ? 0 : -1, high = step > 0 ? 5 : 4;
                const auto clip = [&](Index i) { return std::min(std::max(i < 0 ? i + 5 : i, low), high); };
                for (Index i = clip(start); step > 0 ? i < clip(end) : i > clip(end); i += step)
                    expected.push_back(static_cast<double>(i));
                const Tensor y = at(start, end, step);
                INFO(start << " : " << end << " : " << step);
                CHECK(std::vector<double>(y.values().begin(), y.values().end()) == expected);
            }
}

TEST_CASE("select refuses a position that is not there") {
    const Tensor x = zeros({2, 3});
    CHECK_THROWS_AS(select(x, 0, 2), IndexError);
    CHECK_THROWS_AS(select(x, 1, -4), IndexError);
    CHECK_THROWS_AS(select(Tensor(1), 0, 0), IndexError);
}

TEST_CASE("pad refuses more widths than axes and cuts beyond the other end") {
    CHECK_THROWS_AS(pad(zeros({2}), {{1, 1}, {1, 1}}), ShapeError);
    CHECK_THROWS_AS(pad(zeros({2}), {{-3, 0}}), ShapeError);
    CHECK_THROWS_AS(pad(zeros({2}), {{-2, -1}}), ShapeError);
    check_close(pad(Tensor{1, 2, 3}, {{2, -1}}, 9), Tensor{9, 9, 1, 2});
}

TEST_CASE("a padded value is constant: no gradient goes there") {
    const Tensor x = leaf(Tensor{1, 2});
    sum(pad(x, {{1, 1}}, 5) * Tensor{NAN, 3, 4, INFINITY}).backward();
    check_close(x.grad(), Tensor{3, 4});
}

TEST_CASE("bounds and steps at the ends of the integers mean what Python says") {
    constexpr Index least = std::numeric_limits<Index>::min(), most = std::numeric_limits<Index>::max();
    const Tensor x = leaf(Tensor{{0, 1, 2}, {3, 4, 5}});
    check_close(slice(x, 1, 1, to_end, most), Tensor{{1}, {4}});
    check_close(slice(x, 0, 1, to_end, least), Tensor{{3, 4, 5}});
    check_close(slice(x, 1, most, least, least + 1), Tensor{{2}, {5}});
    check_close(slice(x, 1, least, most, 2), Tensor{{0, 2}, {3, 5}});
    CHECK(slice(x, 0, least, least, least).shape() == Shape{0, 3});
    CHECK(slice(zeros({0, 2}), 0, least, most, most).shape() == Shape{0, 2});
    sum(slice(x, 1, 2, to_end, least)).backward();
    check_close(x.grad(), Tensor{{0, 0, 1}, {0, 0, 1}});
    CHECK_THROWS_AS(select(x, 0, least), IndexError);
    CHECK_THROWS_AS(select(x, least, 0), IndexError);
}

TEST_CASE("extents, counts and widths at the ends of the integers are refused") {
    constexpr Index least = std::numeric_limits<Index>::min(), most = std::numeric_limits<Index>::max(), large = Index{1} << 32;
    const Tensor x = zeros({2, 3}), none = zeros({0});
    CHECK_THROWS_AS(reshape(none, {large, large}), ShapeError);  // 2⁶⁴ is 0 in 64 bits
    CHECK_THROWS_AS(reshape(x, {large, large, -1}), ShapeError);
    CHECK_THROWS_AS(reshape(x, {most, most}), ShapeError);
    CHECK_THROWS_AS(expand(zeros({1, 1}), {large, large}), ShapeError);
    CHECK_THROWS_AS(expand(none, {large, large, 0}), ShapeError);
    CHECK_THROWS_AS(repeat(x, {large, large}), ShapeError);
    CHECK_THROWS_AS(repeat(x, {most, most}), ShapeError);
    CHECK_THROWS_AS(repeat(zeros({max_elements, 0}), {4, 1}), ShapeError);
    CHECK_THROWS_AS(repeat(none, {0, most}), ShapeError);
    for (const Index width : {least, least + 1, most, max_elements + 1}) {
        CHECK_THROWS_AS(pad(x, {{width, 0}}), ShapeError);
        CHECK_THROWS_AS(pad(x, {{0, width}}), ShapeError);
        CHECK_THROWS_AS(pad(x, {{-1, width}, {0, 0}}), ShapeError);
    }
    CHECK_THROWS_AS(split(x, std::vector<Index>{most, most, 4}, 0), ShapeError);  // which is 2 in 64 bits
    CHECK_THROWS_AS(split(x, std::vector<Index>{most, least, 3}, 0), ShapeError);
    CHECK(chunk(x, most, 1).size() == 3);
    CHECK(split(x, most, 1).size() == 1);
}
