// Byte pair encoding; see byte_pair.hpp.
#include <support/byte_pair.hpp>

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>

namespace examples {
namespace {

/// A pair in one number, in the order of pairs.
std::uint64_t key_of(std::int64_t left, std::int64_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
}

/// Puts `joined` for each left, right of a word, from the front.
void join(Sequence& word, std::uint64_t pair, std::int64_t joined) {
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
        std::int64_t count;
        std::uint64_t pair;
    };
    /// The most frequent pair; count 0 if there is none.
    Best best() {
        while (!candidates_.empty()) {
            const auto [count, inverse] = candidates_.top();
            const std::int64_t now = pairs_[~inverse].count;
            if (count == now) return {count, ~inverse};
            candidates_.pop();  // it was more frequent when it was put there
            if (now > 0) candidates_.push({now, inverse});
        }
        return {0, 0};
    }

    void join_everywhere(std::uint64_t pair, std::int64_t joined) {
        const std::vector<std::size_t> where = std::move(pairs_[pair].words);
        std::vector<std::uint64_t> made;
        for (const std::size_t w : where) {
            Sequence& symbols = words_[w].symbols;
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
        std::int64_t count = 0;
        std::vector<std::size_t> words;  // all that have it, and some that had it
    };

    void add(std::size_t w, std::int64_t sign) {
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
    std::priority_queue<std::pair<std::int64_t, std::uint64_t>>
        candidates_;  // a count, and the pair inverted: small ones first
};

}  // namespace

std::vector<SymbolPair> learn_merges(std::vector<CountedWord> words, std::size_t count, std::int64_t first_id) {
    std::vector<SymbolPair> merges;
    PairCounts counts(std::move(words));
    while (merges.size() < count) {
        const auto [times, pair] = counts.best();
        if (times < 2) break;
        counts.join_everywhere(pair, first_id + static_cast<std::int64_t>(merges.size()));
        merges.emplace_back(pair >> 32, pair & 0xFFFFFFFFu);
    }
    return merges;
}

Merges::Merges(const std::vector<SymbolPair>& pairs, std::int64_t first_id) {
    for (const auto& [left, right] : pairs) ids_.emplace(key_of(left, right), first_id++);
}

void Merges::apply(Sequence& word) const {
    while (word.size() > 1) {
        std::uint64_t first_pair = 0;
        std::int64_t first = std::numeric_limits<std::int64_t>::max();
        for (std::size_t i = 1; i < word.size(); ++i) {
            const auto found = ids_.find(key_of(word[i - 1], word[i]));
            if (found != ids_.end() && found->second < first) std::tie(first_pair, first) = *found;
        }
        if (first == std::numeric_limits<std::int64_t>::max()) return;
        join(word, first_pair, first);
    }
}

}  // namespace examples
