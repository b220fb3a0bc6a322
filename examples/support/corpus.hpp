// Sentence pairs to learn from and to be tested on: numbers in English and German words, and batches of encoded pairs.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <support/batches.hpp>
#include <support/number_words.hpp>
#include <support/pairs.hpp>
#include <tapehead/data/tokenizer.hpp>
#include <tapehead/data/utf8.hpp>

namespace examples {

using Corpus = SplitPairs;  // training, validation, test

/// Numbers from 0 to 999,999: `test` to be tested on and 200 to choose by, all alike; to learn from, others of 1 to 6 digits, most
/// of them long.
inline Corpus number_corpus(Index test, Generator& random) {
    const auto in_words = [](Id number) { return SentencePair{english_words(number), german_words(number)}; };
    Corpus corpus;
    std::set<Id> held_out;
    while (static_cast<Index>(held_out.size()) < test + 200) {
        const Id number = randint(0, largest_number_in_words + 1, {}, random)();
        if (!held_out.insert(number).second) continue;
        (static_cast<Index>(corpus.test.size()) < test ? corpus.test : corpus.validation).push_back(in_words(number));
    }
    for (Id top = 10; top <= largest_number_in_words + 1; top *= 10)
        for (const Id number : randint(top == 10 ? 0 : top / 10, top, {std::min<Id>(top, 60000)}, random))
            if (!held_out.contains(number)) corpus.training.push_back(in_words(number));
    return corpus;
}

// Every sentence has a space before it, so that its first word has the tokens that it has further on.

/// Both sides of all pairs: one vocabulary is made for both languages, as in section 5.1 of "Attention Is All You Need".
inline std::vector<std::string> texts_of(const std::vector<SentencePair>& pairs) {
    std::vector<std::string> texts;
    for (const auto& [source, target] : pairs) texts.insert(texts.end(), {" " + source, " " + target});
    return texts;
}

inline Sequence encode(const Tokenizer& tokenizer, const std::string& sentence) { return tokenizer.encode(" " + sentence); }

inline std::vector<SequencePair> encode(const Tokenizer& tokenizer, const std::vector<SentencePair>& pairs) {
    std::vector<SequencePair> encoded;
    for (const auto& [source, target] : pairs) encoded.push_back({encode(tokenizer, source), encode(tokenizer, target)});
    return encoded;
}

/// The sentence that some ids stand for; bytes that make no character read as U+FFFD.
inline std::string decode(const Tokenizer& tokenizer, const Sequence& ids) {
    const std::string text = valid_utf8(tokenizer.decode(ids, {.skip_special_tokens = true}));
    return text.starts_with(' ') ? text.substr(1) : text;
}

/// Batches without end: pairs are drawn at random, and those of like length put together. Each batch depends on the seed and its
/// number alone, so that a training can be resumed at any of them.
class Batches {
public:
    /// Throws ValueError without any pair.
    Batches(std::vector<SequencePair> pairs, Index batch, std::uint64_t seed)
        : pairs_(std::move(pairs)), batch_(batch), seed_(seed) {
        if (pairs_.empty()) throw ValueError("Batches: expected at least one pair, got none");
    }

    Batch at(Index number) const {
        Generator random;
        random.set_state(seed_, static_cast<std::uint64_t>(number / pool) << 32);
        Ids drawn = randint(0, std::ssize(pairs_), {pool * batch_}, random);
        const auto pair = [&](Id i) -> const SequencePair& { return pairs_[static_cast<std::size_t>(i)]; };
        std::ranges::stable_sort(drawn, {}, [&](Id i) { return pair(i).source.size() + pair(i).target.size(); });
        const Index place = shuffled_batches(pool, 1, {.generator = &random})[static_cast<std::size_t>(number % pool)](0);
        std::vector<SequencePair> batch;
        for (Index i = place * batch_; i < (place + 1) * batch_; ++i) batch.push_back(pair(drawn(i)));
        return make_batch(batch);
    }

private:
    static constexpr Index pool = 20;  // batches that are sorted together

    std::vector<SequencePair> pairs_;
    Index batch_;
    std::uint64_t seed_;
};

}  // namespace examples
