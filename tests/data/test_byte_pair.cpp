// Byte pair encoding of numbered symbols: the paper's example, against counting all pairs anew for each merge, and against GPT-2's loop.
#include <support/testing.hpp>

#include <map>
#include <numeric>

using namespace testing;

namespace {

/// The pair that is joined next, by counting all of them: the most frequent, of those the smallest.
std::pair<SymbolPair, Index> most_frequent_pair(const std::vector<CountedWord>& words) {
    std::map<SymbolPair, Index> counts;
    for (const auto& [symbols, count] : words)
        for (std::size_t i = 1; i < symbols.size(); ++i) counts[{symbols[i - 1], symbols[i]}] += count;
    std::pair<SymbolPair, Index> best{};
    for (const auto& [pair, count] : counts)
        if (count > best.second) best = {pair, count};
    return best;
}

/// Algorithm 1 of the paper as it stands there; leaves the words joined.
std::vector<SymbolPair> learn_by_recounting(std::vector<CountedWord>& words, Index count, Id id) {
    std::vector<SymbolPair> merges;
    for (; std::ssize(merges) < count; ++id) {
        const auto [pair, times] = most_frequent_pair(words);
        if (times < 2) break;
        merges.push_back(pair);
        for (CountedWord& word : words)
            for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i)
                if (SymbolPair(word.symbols[i], word.symbols[i + 1]) == pair) {
                    word.symbols[i] = id;
                    word.symbols.erase(word.symbols.begin() + static_cast<Index>(i) + 1);
                }
    }
    return merges;
}

std::vector<CountedWord> random_words(Index count, Id symbols, Generator& random) {
    std::vector<CountedWord> words;
    const Ids lengths = randint(0, 9, {count}, random), counts = randint(1, 6, {count}, random);
    for (Index w = 0; w < count; ++w) {
        const Ids word = randint(0, symbols, {lengths(w)}, random);
        words.push_back({{word.begin(), word.end()}, counts(w)});
    }
    return words;
}

Merges merges_of(const std::vector<SymbolPair>& pairs, Id first_id) {
    Merges merges;
    for (const SymbolPair& pair : pairs) merges.add(pair, first_id++);
    return merges;
}

/// The loop of GPT-2's program: the pair of the lowest rank everywhere, from the front, and again.
std::vector<Id> joined_by_searching(std::vector<Id> word, const std::map<SymbolPair, std::pair<Index, Id>>& ranks) {
    while (true) {
        const SymbolPair* first = nullptr;
        Index least = std::numeric_limits<Index>::max();
        for (std::size_t i = 1; i < word.size(); ++i) {
            const auto found = ranks.find({word[i - 1], word[i]});
            if (found == ranks.end() || found->second.first >= least) continue;
            first = &found->first;
            least = found->second.first;
        }
        if (!first) return word;
        std::vector<Id> joined;
        for (std::size_t i = 0; i < word.size(); ++i) {
            const bool is_pair = i + 1 < word.size() && SymbolPair(word[i], word[i + 1]) == *first;
            joined.push_back(is_pair ? ranks.at(*first).second : word[i]);
            i += is_pair;
        }
        word = joined;
    }
}

}  // namespace

TEST_CASE("The first merges of the paper's example are the paper's") {
    // low 5, lower 2, newest 6, widest 3, each with </w> at its end; numbered so that ties fall as in the paper.
    enum : Id { e, s, l, o, w, n, r, i, d, es, est, est_end, lo, low, t, end };
    const std::vector<CountedWord> words = {{{l, o, w, end}, 5},
                                            {{l, o, w, e, r, end}, 2},
                                            {{n, e, w, e, s, t, end}, 6},
                                            {{w, i, d, e, s, t, end}, 3}};
    const std::vector<SymbolPair> merges = learn_merges(words, 5, es);
    CHECK(merges == std::vector<SymbolPair>{{e, s}, {es, t}, {est, end}, {l, o}, {lo, w}});
    std::vector<Id> lowest = {l, o, w, e, s, t, end};  // never seen
    merges_of(merges, es).apply(lowest);
    CHECK(lowest == std::vector<Id>{low, est_end});
}

TEST_CASE("Merges learned with counts kept up to date are those of counting anew each time") {
    Generator random(GENERATE(range(0, 20)));
    std::vector<CountedWord> words =
        random_words(40, 3 + static_cast<Id>(random.seed()) / 4, random);  // 3 symbols: runs of one
    const std::vector<CountedWord> before = words;
    const std::vector<SymbolPair> merges = learn_merges(words, 60, 10);
    CHECK(merges == learn_by_recounting(words, 60, 10));
    const Merges table = merges_of(merges, 10);
    CHECK(table.pairs() == merges);
    for (std::size_t w = 0; w < words.size(); ++w) {
        std::vector<Id> word = before[w].symbols;
        table.apply(word);
        CHECK(word == words[w].symbols);
    }
}

TEST_CASE("Merges end when no pair comes twice") {
    CHECK(learn_merges({{{0, 1, 2, 3}, 1}}, 10, 4).empty());
    CHECK(learn_merges({{{0, 1}, 1}, {{2, 0, 1}, 1}}, 10, 3) == std::vector<SymbolPair>{{0, 1}});
    CHECK(learn_merges({}, 10, 0).empty());
}

TEST_CASE("Words are joined as by searching for the first pair each time, in whatever order pairs were learned") {
    Generator random(GENERATE(range(0, 30)));
    std::map<SymbolPair, std::pair<Index, Id>> ranks;
    Merges merges;
    const Ids parts = randint(0, 12, {40, 2}, random), joined = randint(3, 12, {40}, random);
    for (Index i = 0; i < 40; ++i) {  // what is made of a pair may be a part of one that was learned before
        const SymbolPair pair{parts(i, 0), parts(i, 1)};
        CHECK(merges.add(pair, joined(i)) == ranks.try_emplace(pair, std::ssize(ranks), joined(i)).second);
    }
    for (int trial = 0; trial < 50; ++trial) {
        const Ids drawn = randint(0, 3, {trial}, random);
        std::vector<Id> word(drawn.begin(), drawn.end());
        const std::vector<Id> expected = joined_by_searching(word, ranks);
        merges.apply(word);
        CHECK(word == expected);
    }
}

TEST_CASE("A word of half a million symbols is joined in far less than the time of all its pairs of places") {
    Merges merges;
    for (Id symbol = 0; symbol < 18; ++symbol) merges.add({symbol, symbol}, symbol + 1);  // 0 0 -> 1, 1 1 -> 2, ...
    std::vector<Id> word(1 << 19, 0);
    word.back() = 100;
    merges.apply(word);
    std::vector<Id> expected(18);  // 2^19 - 1 zeros, by the bits
    std::iota(expected.rbegin(), expected.rend(), Id{0});
    expected.insert(expected.begin(), 18);
    expected.push_back(100);
    CHECK(word == expected);
}
