// Any bytes as a text for byte pairs: words, ids and back, by a vocabulary that was learned elsewhere and by one that is learned from these
// bytes. Ids are compared with those of the definition, pair by pair.
#include <fuzz/target.hpp>

#include <algorithm>
#include <optional>

#include <tapehead/data/gpt2_words.hpp>

using namespace fuzz;

namespace {

const std::vector<std::string> special = {"<|endoftext|>", "<|", "ab"};

const BytePairTokenizer& learned_elsewhere() {
    static const auto tokenizer = [] {
        const std::string text =
            "the cat and the hat, the rat's 12 mats: aaaa aaaaaaaa \xC3\xA4hnlich \xE2\x82\xAC 1212 \n\n\t the end the end";
        return BytePairTokenizer::train({&text, 1}, {.vocab_size = 320, .special_tokens = special});
    }();
    return tokenizer;
}

/// Of all pairs of neighbours that can be joined those with the smallest rank everywhere, from the front, and again.
std::vector<Id> joined(std::vector<Id> word, const std::vector<SymbolPair>& pairs, Id first) {
    for (;;) {
        std::size_t best = pairs.size();
        for (std::size_t i = 0; i + 1 < word.size(); ++i)
            best = std::min(best, static_cast<std::size_t>(std::ranges::find(pairs, SymbolPair{word[i], word[i + 1]}) -
                                                           pairs.begin()));
        if (best == pairs.size()) return word;
        std::vector<Id> next;
        for (std::size_t i = 0; i < word.size(); ++i) {
            const bool is_pair = i + 1 < word.size() && SymbolPair{word[i], word[i + 1]} == pairs[best];
            next.push_back(is_pair ? first + static_cast<Id>(best) : word[i]);
            i += is_pair;
        }
        word = std::move(next);
    }
}

void require_text_back(const BytePairTokenizer& tokenizer, std::string_view text) {
    for (const bool with_special : {false, true}) {
        const std::vector<Id> ids = tokenizer.encode(text, {.special_tokens = with_special});
        require(tokenizer.decode(ids) == text, "the text that was encoded");
        require(ids.size() <= text.size(), "at most an id for each byte");
        require(tokenizer.encode(text, {.special_tokens = with_special}) == ids, "the same ids again");
    }
}

/// What encoding does to each word, against the definition.
void require_definition(std::string_view text) {
    std::vector<CountedWord> words;
    for (const std::string_view word : gpt2_words(text)) {
        words.push_back({{}, 1});
        for (const char byte : word) words.back().symbols.push_back(static_cast<unsigned char>(byte));
    }
    const std::vector<SymbolPair> pairs = learn_merges(words, 40, 256);
    Merges merges;
    for (const SymbolPair& pair : pairs)
        require(merges.add(pair, 256 + static_cast<Id>(merges.pairs().size())), "each pair once");
    for (const CountedWord& word : words) {
        std::vector<Id> fast = word.symbols;
        merges.apply(fast);
        require(fast == joined(word.symbols, pairs, 256), "the pairs joined as they are defined");
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(text_of(data, size));
    std::string whole;
    for (const std::string_view word : gpt2_words(text)) {
        require(!word.empty(), "words that are not empty");
        whole += word;
    }
    require(whole == text, "words that put together are the text");
    require_text_back(learned_elsewhere(), text);
    require_text_back(BytePairTokenizer::train({&text, 1}, {.vocab_size = 300, .special_tokens = special}), text);
    if (size <= 256) require_definition(text);
    return 0;
}
