// Byte pair encoding; see byte_pair.hpp.
#include <tapehead/data/byte_pair.hpp>

#include <algorithm>
#include <functional>
#include <queue>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

constexpr Id symbols_end = Id{1} << 32;

void check_symbol(const char* operation, Id symbol) {
    check<ValueError>(0 <= symbol && symbol < symbols_end, "{}: expected symbols in [0, {}), got {}", operation, symbols_end,
                      symbol);
}

/// A pair in one number, in the order of pairs.
std::uint64_t key_of(Id left, Id right) { return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right); }

/// Puts `joined` for each left, right of a word, from the front.
void join(std::vector<Id>& word, std::uint64_t pair, Id joined) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < word.size(); ++i, ++end) {
        const bool is_pair = i + 1 < word.size() && key_of(word[i], word[i + 1]) == pair;
        word[end] = is_pair ? joined : word[i];
        i += is_pair;
    }
    word.resize(end);
}

/// How often each pair of neighbours comes, kept up to date while pairs are joined.
class PairCounts {
public:
    explicit PairCounts(std::vector<CountedWord> words) : words_(std::move(words)) {
        for (std::size_t w = 0; w < words_.size(); ++w) {
            add(w, 1);
            for (std::size_t i = 1; i < words_[w].symbols.size(); ++i) note(w, i);
        }
        for (const auto& [pair, seen] : pairs_) candidates_.push({seen.count, ~pair});
    }

    struct Best {
        Index count;
        std::uint64_t pair;
    };
    /// The most frequent pair; count 0 if there is none.
    Best best() {
        while (!candidates_.empty()) {
            const auto [count, inverse] = candidates_.top();
            const Index now = pairs_[~inverse].count;
            if (count == now) return {count, ~inverse};
            candidates_.pop();  // it was more frequent when it was put there
            if (now > 0) candidates_.push({now, inverse});
        }
        return {0, 0};
    }

    void join_everywhere(std::uint64_t pair, Id joined) {
        const std::vector<std::size_t> where = std::move(pairs_[pair].words);
        std::vector<std::uint64_t> made;
        for (const std::size_t w : where) {
            std::vector<Id>& symbols = words_[w].symbols;
            add(w, -1);
            join(symbols, pair, joined);
            add(w, 1);
            for (std::size_t i = 1; i < symbols.size(); ++i)
                if (symbols[i - 1] == joined || symbols[i] == joined) made.push_back(note(w, i));
        }
        std::sort(made.begin(), made.end());
        made.erase(std::unique(made.begin(), made.end()), made.end());
        for (const std::uint64_t p : made) candidates_.push({pairs_[p].count, ~p});  // only counts of these have grown
    }

private:
    struct Seen {
        Index count = 0;
        std::vector<std::size_t> words;  // all that have it, and some that had it
    };

    void add(std::size_t w, Index sign) {
        const auto& [symbols, count] = words_[w];
        for (std::size_t i = 1; i < symbols.size(); ++i) pairs_[key_of(symbols[i - 1], symbols[i])].count += sign * count;
    }
    std::uint64_t note(std::size_t w, std::size_t i) {
        const std::uint64_t pair = key_of(words_[w].symbols[i - 1], words_[w].symbols[i]);
        std::vector<std::size_t>& where = pairs_[pair].words;
        if (where.empty() || where.back() != w) where.push_back(w);
        return pair;
    }

    std::vector<CountedWord> words_;
    std::unordered_map<std::uint64_t, Seen> pairs_;
    std::priority_queue<std::pair<Index, std::uint64_t>> candidates_;  // a count, and the pair inverted: small ones first
};

/// A word while its symbols are joined: a list, and a heap of the pairs in it that can be.
class JoiningWord {
public:
    explicit JoiningWord(std::vector<Id>& symbols) : symbols_(symbols), next_(symbols.size()), previous_(symbols.size()) {
        for (std::size_t i = 0; i < symbols.size(); ++i) {
            next_[i] = i + 1;
            previous_[i] = i - 1;  // of the first symbol: none
        }
    }
    /// The symbol after one; the size of the word for none.
    std::size_t next(std::size_t i) const { return next_[i]; }
    std::size_t previous(std::size_t i) const { return previous_[i]; }
    std::size_t size() const { return symbols_.size(); }
    bool is_first(std::size_t i) const { return previous_[i] == none; }
    /// The key of the symbol at i and the one after it; what no pair has at the end, and for a symbol that is gone.
    std::uint64_t pair_at(std::size_t i) const { return next_[i] < size() ? key_of(symbols_[i], symbols_[next_[i]]) : none; }
    void join(std::size_t i, Id joined) {
        const std::size_t gone = next_[i];
        symbols_[i] = joined;
        next_[i] = next_[gone];
        if (next_[i] < size()) previous_[next_[i]] = i;
        next_[gone] = none;
    }
    /// Leaves only the symbols that are not gone.
    void finish() {
        std::size_t end = 0;
        for (std::size_t i = 0; i < size(); i = next_[i]) symbols_[end++] = symbols_[i];
        symbols_.resize(end);
    }

private:
    static constexpr std::size_t none = ~std::size_t{0};

    std::vector<Id>& symbols_;
    std::vector<std::size_t> next_, previous_;
};

}  // namespace

std::vector<SymbolPair> learn_merges(std::vector<CountedWord> words, Index count, Id first_id) {
    check<ValueError>(count >= 0, "learn_merges: expected a count of at least 0, got {}", count);
    check_symbol("learn_merges", first_id);
    for (const CountedWord& word : words) {
        check<ValueError>(word.count >= 0, "learn_merges: expected words that stand at least 0 times, got {}", word.count);
        for (const Id symbol : word.symbols) check_symbol("learn_merges", symbol);
    }
    std::vector<SymbolPair> merges;
    PairCounts counts(std::move(words));
    while (static_cast<Index>(merges.size()) < count) {
        const auto [times, pair] = counts.best();
        if (times < 2) break;
        counts.join_everywhere(pair, first_id + static_cast<Id>(merges.size()));
        merges.emplace_back(pair >> 32, pair & 0xFFFFFFFFu);
    }
    return merges;
}

bool Merges::add(const SymbolPair& pair, Id joined) {
    for (const Id symbol : {pair.first, pair.second, joined}) check_symbol("Merges", symbol);
    const bool is_new = rules_.try_emplace(key_of(pair.first, pair.second), Rule{pairs_.size(), joined}).second;
    if (is_new) pairs_.push_back(pair);
    return is_new;
}

void Merges::apply(std::vector<Id>& symbols) const {
    using Candidate = std::pair<std::size_t, std::size_t>;  // the rank of a pair, and where it begins
    for (const Id symbol : symbols) check_symbol("Merges", symbol);
    JoiningWord word(symbols);
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    const auto consider = [&](std::size_t i) {
        const auto found = rules_.find(word.pair_at(i));
        if (found != rules_.end()) candidates.emplace(found->second.rank, i);
    };
    for (std::size_t i = 0; i < word.size(); ++i) consider(i);
    std::vector<std::size_t> places;
    while (!candidates.empty()) {
        const std::size_t rank = candidates.top().first;
        places.clear();  // all of the pair, even where joining it makes one that was learned earlier
        for (; !candidates.empty() && candidates.top().first == rank; candidates.pop())
            places.push_back(candidates.top().second);
        for (const std::size_t i : places) {
            const auto found = rules_.find(word.pair_at(i));
            if (found == rules_.end() || found->second.rank != rank) continue;  // one of the two has been joined since
            word.join(i, found->second.joined);
            consider(i);
            if (!word.is_first(i)) consider(word.previous(i));
        }
    }
    word.finish();
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
