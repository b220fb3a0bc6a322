// Sentence pairs: what a tab-separated file may look like, and which part a pair belongs to.
#include <support/testing.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <unistd.h>

#include <support/pairs.hpp>

using namespace testing;
using namespace examples;

namespace {

/// A file with a content, which lives as long as this.
struct TemporaryFile {
    std::string path = (std::filesystem::temp_directory_path() / ("tapehead_pairs_" + std::to_string(getpid()))).string();
    explicit TemporaryFile(std::string_view content) { std::ofstream(path, std::ios::binary) << content; }
    ~TemporaryFile() { std::filesystem::remove(path); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
};

using Pairs = std::vector<SentencePair>;

Pairs numbered_pairs(int count) {
    Pairs pairs;
    for (int i = 0; i < count; ++i) pairs.push_back({"source " + std::to_string(i), "target"});
    return pairs;
}

}  // namespace

TEST_CASE("Pairs are read from lines with Windows or Unix ends, a byte order mark, blank lines and a third column",
          "[examples]") {
    const TemporaryFile file("\xEF\xBB\xBFGo.\tGeh.\r\n\r\n \t \nHi!\tHallo!\tCC-BY 2.0\n  two words \t zwei Wörter\nno\tnein");
    const PairFile read = read_pairs(file.path);
    CHECK(read.pairs == Pairs{{"Go.", "Geh."}, {"Hi!", "Hallo!"}, {"two words", "zwei Wörter"}, {"no", "nein"}});
    CHECK(read.duplicates == 0);
    CHECK(read.too_long == 0);
}

TEST_CASE("Equal pairs are kept once, and a source with two targets twice", "[examples]") {
    const TemporaryFile file("a\tb\na\tc\na\tb\nd\tb\n a\tb \n");
    const PairFile read = read_pairs(file.path);
    CHECK(read.pairs == Pairs{{"a", "b"}, {"a", "c"}, {"d", "b"}});
    CHECK(read.duplicates == 2);
}

TEST_CASE("A side above the limit drops its pair, counted in characters and not in bytes", "[examples]") {
    const TemporaryFile file("äöü\tß\näöüa\tß\nß\täöüa\nabc\täöü\n");
    const PairFile read = read_pairs(file.path, 3);
    CHECK(read.pairs == Pairs{{"äöü", "ß"}, {"abc", "äöü"}});
    CHECK(read.too_long == 2);
}

TEST_CASE("A line that is no pair is refused with its number", "[examples]") {
    const auto bad = GENERATE(as<std::string>(), "no tab here", "\tno source", "no target\t", "no target\t \tbut a third");
    const TemporaryFile file("a\tb\r\n\n" + bad + "\nc\td\n");
    CHECK_THROWS_WITH(read_pairs(file.path), Catch::Contains("line 3 of " + file.path));
}

TEST_CASE("A pair file that is not there or not UTF-8 is refused, and an empty one has no pairs", "[examples]") {
    {
        const TemporaryFile empty("");
        CHECK(read_pairs(empty.path).pairs.empty());
    }
    const TemporaryFile latin("a\tb\nGr\xFC\xDF\te\n");
    CHECK_THROWS_WITH(read_pairs(latin.path), Catch::Contains("line 2"));
    CHECK_THROWS_WITH(read_pairs("/nowhere/pairs.tsv"), Catch::Contains("/nowhere/pairs.tsv"));
}

TEST_CASE("A split holds every pair once, in its order, with the shares asked for", "[examples]") {
    const Pairs pairs = numbered_pairs(20000);
    const SplitPairs split = split_pairs(pairs, {.validation = 0.1, .test = 0.2, .seed = 3});
    CHECK(split.training.size() + split.validation.size() + split.test.size() == pairs.size());
    CHECK(std::abs(static_cast<int>(split.validation.size()) - 2000) < 200);  // 5 standard deviations are 212
    CHECK(std::abs(static_cast<int>(split.test.size()) - 4000) < 280);
    std::set<SentencePair> all(split.training.begin(), split.training.end());
    all.insert(split.validation.begin(), split.validation.end());
    all.insert(split.test.begin(), split.test.end());
    CHECK(all == std::set<SentencePair>(pairs.begin(), pairs.end()));
}

TEST_CASE("No source is in two parts, whatever its targets, and its part does not depend on the other pairs", "[examples]") {
    Pairs pairs = numbered_pairs(300);
    for (int i = 0; i < 300; ++i) pairs.push_back({pairs[static_cast<std::size_t>(i)].source, "another target"});
    const SplitPairs split = split_pairs(pairs, {.validation = 0.3, .test = 0.3});
    CHECK(split.training.size() % 2 + split.validation.size() % 2 + split.test.size() % 2 == 0);
    const SplitPairs alone = split_pairs({pairs[5]}, {.validation = 0.3, .test = 0.3});
    const Part part = part_of(pairs[5].source, {.validation = 0.3, .test = 0.3});
    CHECK(alone.training.size() == (part == Part::training ? 1 : 0));
    CHECK(alone.validation.size() == (part == Part::validation ? 1 : 0));
}

TEST_CASE("The seed of a split decides it", "[examples]") {
    const Pairs pairs = numbered_pairs(1000);
    const auto test_part = [&](std::uint64_t seed) { return split_pairs(pairs, {.test = 0.2, .seed = seed}).test; };
    CHECK(test_part(1) == test_part(1));
    const Pairs one = test_part(1), two = test_part(2);
    Pairs both;
    std::set_intersection(one.begin(), one.end(), two.begin(), two.end(), std::back_inserter(both));
    CHECK(both.size() < 80);  // 40 are expected by chance
}

TEST_CASE("The hash that decides a part is the same on every machine", "[examples]") {
    // FNV-1a of "a" is 0xAF63DC4C8601EC8C (its reference table); SplitMix64 seeded with 0 begins with 0xE220A8397B1DCDAF.
    CHECK(mix_bits(0x9E3779B97F4A7C15u) == 0xE220A8397B1DCDAFu);
    CHECK(unit_hash("a", 0) ==
          static_cast<double>(mix_bits(0xAF63DC4C8601EC8Cu ^ 0xE220A8397B1DCDAFu) >> 11) / 9007199254740992.0);
}

TEST_CASE("Shares that leave nothing to train on are refused", "[examples]") {
    CHECK_THROWS_AS(split_pairs({}, {.validation = 0.5, .test = 0.5}), std::invalid_argument);
    CHECK_THROWS_AS(split_pairs({}, {.validation = -0.1}), std::invalid_argument);
    CHECK_THROWS_AS(split_pairs({}, {.test = std::nan("")}), std::invalid_argument);
}
