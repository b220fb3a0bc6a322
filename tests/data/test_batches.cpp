// Batches of ids: every row once, padding on either side with its mask, windows with what comes next.
#include <support/testing.hpp>

#include <numeric>
#include <set>

using namespace testing;

namespace {

using Sequences = std::vector<std::vector<Id>>;

std::vector<Index> sizes_of(const std::vector<Ids>& batches) {
    std::vector<Index> sizes;
    for (const Ids& batch : batches) sizes.push_back(static_cast<Index>(batch.size()));
    return sizes;
}

std::vector<Id> joined(const std::vector<Ids>& batches) {
    std::vector<Id> all;
    for (const Ids& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
    return all;
}

/// What attention with equal scores gives for each query: the mean of the values it may see.
Tensor means_seen(const Tensor& values, const AttentionMask& mask) {
    const Tensor v = unsqueeze(unsqueeze(values, 1), -1);  // [B, 1, T, 1]
    return scaled_dot_product_attention(zeros_like(v), zeros_like(v), v, {.mask = mask});
}

}  // namespace

TEST_CASE("Shuffled batches hold every row once, and the last one is smaller or left out") {
    Generator random(3);
    const std::vector<Ids> batches = shuffled_batches(10, 4, {.generator = &random});
    CHECK(sizes_of(batches) == std::vector<Index>{4, 4, 2});
    const std::vector<Id> rows = joined(batches);
    CHECK(std::set<Id>(rows.begin(), rows.end()).size() == 10);
    CHECK((*std::ranges::min_element(rows) == 0 && *std::ranges::max_element(rows) == 9));
    CHECK(sizes_of(shuffled_batches(10, 4, {.drop_last = true, .generator = &random})) == std::vector<Index>{4, 4});
    CHECK(sizes_of(shuffled_batches(8, 4, {.drop_last = true, .generator = &random})) == std::vector<Index>{4, 4});
    CHECK(shuffled_batches(3, 4, {.drop_last = true}).empty());
    CHECK(shuffled_batches(0, 4).empty());
    CHECK_THROWS_AS(shuffled_batches(10, 0), ValueError);
    CHECK_THROWS_AS(shuffled_batches(-1, 2), ValueError);
}

TEST_CASE("Shuffled batches are the same for one seed, and others with each pass and seed") {
    Generator one(7), two(7), other(8);
    const auto first = joined(shuffled_batches(100, 7, {.generator = &one}));
    CHECK(first == joined(shuffled_batches(100, 7, {.generator = &two})));
    CHECK(first != joined(shuffled_batches(100, 7, {.generator = &one})));
    CHECK(first != joined(shuffled_batches(100, 7, {.generator = &other})));
}

TEST_CASE("Every order of shuffled rows is equally likely") {
    Generator random(11);
    std::map<std::vector<Id>, int> counts;
    for (int i = 0; i < 6000; ++i) ++counts[joined(shuffled_batches(3, 3, {.generator = &random}))];
    CHECK(counts.size() == 6);
    for (const auto& [order, count] : counts) CHECK(std::abs(count - 1000) < 150);  // 5 standard deviations are 144
}

TEST_CASE("Ragged sequences are padded to the longest, on the right or on the left") {
    const Sequences sequences = {{5, 6, 7}, {}, {8}};
    const PaddedSequences right = pad_sequences(sequences);
    CHECK((right.ids == Ids{{5, 6, 7}, {0, 0, 0}, {8, 0, 0}}));
    CHECK(right.lengths == std::vector<Index>{3, 0, 1});
    CHECK((pad_sequences(sequences, {.pad_id = 9, .side = Side::left}).ids == Ids{{5, 6, 7}, {9, 9, 9}, {9, 9, 8}}));
    CHECK(shape_of(pad_sequences(Sequences{}).ids) == Shape{0, 0});
    CHECK(shape_of(pad_sequences(Sequences(2)).ids) == Shape{2, 0});
}

TEST_CASE("The mask of padded sequences hides the padding on its side, and nothing else") {
    const Sequences sequences = {{5, 6, 7}, {8, 2}};
    const auto side = GENERATE(Side::left, Side::right);
    const PaddedSequences padded = pad_sequences(sequences, {.pad_id = 1000, .side = side});
    const Tensor seen = means_seen(as_tensor(padded.ids), padded.mask());
    for (Index t = 0; t < 3; ++t) {
        CHECK_THAT(seen.data()[t], is_close(6));
        CHECK_THAT(seen.data()[3 + t], is_close(5));
    }
}

TEST_CASE("Windows of a text come with the same one place later") {
    std::vector<Id> tokens(10);
    std::iota(tokens.begin(), tokens.end(), Id{20});
    const TokenWindows windows = token_windows(tokens, Ids{6, 0}, 3);
    CHECK((windows.inputs == Ids{{26, 27, 28}, {20, 21, 22}}));
    CHECK((windows.targets == Ids{{27, 28, 29}, {21, 22, 23}}));
    CHECK_THROWS_WITH(token_windows(tokens, Ids{7}, 3), Catch::Contains("starts in [0, 6], got 7"));
    CHECK_THROWS_AS(token_windows(tokens, Ids{-1}, 3), IndexError);
    CHECK_THROWS_AS(token_windows(tokens, Ids{0}, 0), ValueError);
    CHECK_THROWS_AS(token_windows(tokens, randint(0, 1, {1, 1}), 3), ShapeError);
    CHECK_THROWS_AS(token_windows({}, Ids{0}, 1), IndexError);
}

TEST_CASE("Random windows begin at every place that has room for them, and at no other") {
    std::vector<Id> tokens(8);
    std::iota(tokens.begin(), tokens.end(), Id{0});
    Generator random(2);
    const TokenWindows windows = random_windows(tokens, 200, 5, random);
    std::set<Id> starts;
    for (Index b = 0; b < 200; ++b) {
        starts.insert(windows.inputs(b, 0));
        CHECK(windows.targets(b, 4) == windows.inputs(b, 0) + 5);
    }
    CHECK(starts == std::set<Id>{0, 1, 2});
    CHECK_THROWS_WITH(random_windows(tokens, 2, 8, random), Catch::Contains("more than 8 tokens, got 8"));
}
