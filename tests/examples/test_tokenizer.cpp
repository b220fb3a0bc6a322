// Byte pair encoding: the paper's example, against counting all pairs anew for each merge; and vocabularies of text.
#include <support/testing.hpp>

#include <map>

#include <support/text.hpp>
#include <support/tokenizer.hpp>

using namespace testing;
using namespace examples;

namespace {

using Texts = std::vector<std::string>;

/// The pair that is joined next, by counting all of them: the most frequent, of those the smallest.
std::pair<SymbolPair, std::int64_t> most_frequent_pair(const std::vector<CountedWord>& words) {
    std::map<SymbolPair, std::int64_t> counts;
    for (const auto& [symbols, count] : words)
        for (std::size_t i = 1; i < symbols.size(); ++i) counts[{symbols[i - 1], symbols[i]}] += count;
    std::pair<SymbolPair, std::int64_t> best{};
    for (const auto& [pair, count] : counts)
        if (count > best.second) best = {pair, count};
    return best;
}

/// Algorithm 1 of the paper as it stands there; leaves the words joined.
std::vector<SymbolPair> learn_by_recounting(std::vector<CountedWord>& words, std::size_t count, std::int64_t id) {
    std::vector<SymbolPair> merges;
    for (; merges.size() < count; ++id) {
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

const Texts sentences = {"The lower the newer, the wider the lowest.",
                         "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich",
                         "the newest and the widest of 1234 and 12345", "„Größe“ – the lowest, the newest, the lower"};

const Texts unusual = {"",
                       " ",
                       "   two  spaces\tand a tab \n",
                       "never seen: жук, 漢字, 🙂, \u00A0, \u0301",
                       "<>_▁</w> end",
                       std::string("a null \0 byte", 13),
                       "999-999,9.9",
                       "wwwwwwwwwwwwwwwwww"};

std::string joined_labels(const Tokenizer& tokenizer, std::string_view text) {
    std::string result;
    for (const Id id : tokenizer.encode(text)) result += (result.empty() ? "" : "|") + tokenizer.label(id);
    return result;
}

}  // namespace

TEST_CASE("The first merges of the paper's example are the paper's", "[examples]") {
    // low 5, lower 2, newest 6, widest 3, each with </w> at its end; numbered so that ties fall as in the paper.
    enum : Id { e, s, l, o, w, n, r, i, d, es, est, est_end, lo, low, t, end };
    const std::vector<CountedWord> words = {{{l, o, w, end}, 5},
                                            {{l, o, w, e, r, end}, 2},
                                            {{n, e, w, e, s, t, end}, 6},
                                            {{w, i, d, e, s, t, end}, 3}};
    const std::vector<SymbolPair> merges = learn_merges(words, 5, es);
    CHECK(merges == std::vector<SymbolPair>{{e, s}, {es, t}, {est, end}, {l, o}, {lo, w}});
    Sequence lowest = {l, o, w, e, s, t, end};  // never seen
    Merges(merges, es).apply(lowest);
    CHECK(lowest == Sequence{low, est_end});
}

TEST_CASE("Merges learned with counts kept up to date are those of counting anew each time", "[examples]") {
    Generator random(GENERATE(range(0, 20)));
    std::vector<CountedWord> words =
        random_words(40, 3 + static_cast<Id>(random.seed()) / 4, random);  // 3 symbols: runs of one
    const std::vector<CountedWord> before = words;
    const std::vector<SymbolPair> merges = learn_merges(words, 60, 10);
    CHECK(merges == learn_by_recounting(words, 60, 10));
    const Merges table(merges, 10);
    CHECK(table.size() == merges.size());
    for (std::size_t w = 0; w < words.size(); ++w) {
        Sequence word = before[w].symbols;
        table.apply(word);
        CHECK(word == words[w].symbols);
    }
}

TEST_CASE("Merges end when no pair comes twice", "[examples]") {
    CHECK(learn_merges({{{0, 1, 2, 3}, 1}}, 10, 4).empty());
    CHECK(learn_merges({{{0, 1}, 1}, {{2, 0, 1}, 1}}, 10, 3) == std::vector<SymbolPair>{{0, 1}});
    CHECK(learn_merges({}, 10, 0).empty());
}

TEST_CASE("Any text comes back from its ids, with characters or byte pairs and whatever was learned", "[examples]") {
    const Tokenizer tokenizers[] = {Tokenizer::characters(sentences), Tokenizer::byte_pairs(sentences, 350),
                                    Tokenizer::byte_pairs({}, 300), Tokenizer::characters({}),
                                    Tokenizer::byte_pairs(sentences, 262)};
    for (const Tokenizer& tokenizer : tokenizers)
        for (const Texts& texts : {sentences, unusual})
            for (const std::string& text : texts) {
                const Sequence ids = tokenizer.encode(text);
                CHECK(tokenizer.decode(ids) == text);
                for (const Id id : ids) CHECK((id >= num_special && id < static_cast<Id>(tokenizer.size())));
            }
}

TEST_CASE("A vocabulary has the ids asked for, and the same texts give the same ones", "[examples]") {
    const Tokenizer one = Tokenizer::byte_pairs(sentences, 320), two = Tokenizer::byte_pairs(sentences, 320);
    CHECK(one.size() == 320);
    for (const std::string& text : sentences) CHECK(one.encode(text) == two.encode(text));
    CHECK(Tokenizer::byte_pairs(sentences, 5000).size() < 500);  // nothing comes twice any more
    CHECK(Tokenizer::characters(Texts{"abba", "cab"}).size() == num_special + 256 + 3);
    CHECK_THROWS_AS(Tokenizer::byte_pairs(sentences, num_special + 256), std::invalid_argument);
}

TEST_CASE("Characters are numbered by code point, and an unknown one is its bytes", "[examples]") {
    const Tokenizer tokenizer = Tokenizer::characters(Texts{"ba", "é"});
    CHECK(tokenizer.encode("abé") == Sequence{259, 260, 261});
    CHECK(tokenizer.encode("ü") == Sequence{3 + 0xC3, 3 + 0xBC});
    CHECK(tokenizer.decode(Sequence{bos_id, 260, eos_id, pad_id}) == "b");
    CHECK_THROWS_AS(tokenizer.decode(Sequence{262}), std::out_of_range);
    CHECK_THROWS_AS(tokenizer.decode(Sequence{-1}), std::out_of_range);
    CHECK_THROWS_WITH(tokenizer.encode("\xFF"), Catch::Contains("UTF-8"));
}

TEST_CASE("Where a vocabulary is too small for all characters the rarest are left to their bytes", "[examples]") {
    const Tokenizer tokenizer = Tokenizer::byte_pairs(Texts{"aaab", "c aaab b"}, num_special + 256 + 3);  // a, b and the space
    CHECK(tokenizer.label(259) == "▁");
    CHECK(joined_labels(tokenizer, "abc") == "▁|a|b|<63>");
}

TEST_CASE("Byte pairs join within words only and take the space before a word with it", "[examples]") {
    Texts texts(20, "two hundred");
    const Tokenizer tokenizer = Tokenizer::byte_pairs(texts, 1000);
    CHECK(joined_labels(tokenizer, "two hundred two") == "▁two|▁hundred|▁two");
    CHECK(joined_labels(tokenizer, "two-hundred").starts_with("▁two|<2D>|h|"));
    texts.assign(20, "„nine“99x, 99");
    CHECK(joined_labels(Tokenizer::byte_pairs(texts, 1000), "„nine“99x, 99") == "▁„|nine|“|99|x|,|▁99");
}

TEST_CASE("Ids that make no UTF-8 decode to replacement characters", "[examples]") {
    const Tokenizer tokenizer = Tokenizer::characters(Texts{"a"});
    CHECK(tokenizer.decode(Sequence{259, 3 + 0xC3, 259, 3 + 0xBC}) == "a\uFFFDa\uFFFD");
    CHECK(valid_utf8("Grü\xDF \xE2\x82") == "Grü\uFFFD \uFFFD\uFFFD");
}

TEST_CASE("Ids have labels to show", "[examples]") {
    const Tokenizer tokenizer = Tokenizer::characters(Texts{"a b\n"});
    CHECK(joined_labels(tokenizer, "a b\nü") == "a|▁|b|<0A>|<C3>|<BC>");
    CHECK(tokenizer.label(pad_id) == "_");
    CHECK(tokenizer.label(bos_id) == "<");
    CHECK(tokenizer.label(eos_id) == "end");
}
