// GPT-2's tokenizer, trained and used; see byte_pair_tokenizer.hpp. Its files are in byte_pair_files.cpp.
#include <tapehead/data/byte_pair_tokenizer.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/data/byte_alphabet.hpp>
#include <tapehead/data/gpt2_words.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace detail {

namespace {

constexpr std::size_t most_words = 1 << 16, longest_word = 64;  // in bytes: at most some 20 MB

}  // namespace

WordCache& WordCache::operator=(const WordCache& other) {
    if (this == &other) return *this;
    const std::lock_guard lock(mutex_);
    words_.clear();
    return *this;
}

bool WordCache::find(std::string_view word, std::vector<Id>& ids) const {
    const std::lock_guard lock(mutex_);
    const auto found = words_.find(word);
    if (found == words_.end()) return false;
    ids.insert(ids.end(), found->second.begin(), found->second.end());
    return true;
}

void WordCache::put(std::string_view word, std::vector<Id> ids) {
    if (word.size() > longest_word) return;
    const std::lock_guard lock(mutex_);
    if (words_.size() >= most_words) words_.clear();
    words_.emplace(word, std::move(ids));
}

}  // namespace detail

BytePairTokenizer BytePairTokenizer::train(std::span<const std::string> texts, const BytePairTokenizerOptions& options) {
    BytePairTokenizer tokenizer(options.special_tokens);
    const Index least = tokenizer.vocab_size() + 256;
    check<ValueError>(options.vocab_size >= least,
                      "BytePairTokenizer.train: expected a vocab_size of at least {}, for special tokens and bytes, got {}",
                      least, options.vocab_size);
    for (const unsigned char byte : detail::byte_alphabet.in_order)
        tokenizer.byte_ids_[byte] = tokenizer.add_piece(std::string(1, static_cast<char>(byte)));

    std::unordered_map<std::string, Index> counts;
    for (const std::string& text : texts)
        for (const auto& [part, name] : detail::split_at_names(text, options.special_tokens))
            if (name == options.special_tokens.size())
                for (const std::string_view word : gpt2_words(part)) ++counts[std::string(word)];
    std::vector<CountedWord> words;
    words.reserve(counts.size());
    for (const auto& [word, count] : counts) words.push_back({tokenizer.bytes_of(word), count});
    for (const SymbolPair& pair : learn_merges(std::move(words), options.vocab_size - least, least))
        tokenizer.merges_.add(pair, tokenizer.add_piece(tokenizer.piece(pair.first) + tokenizer.piece(pair.second)));
    return tokenizer;
}

std::vector<Id> BytePairTokenizer::bytes_of(std::string_view word) const {
    std::vector<Id> ids;
    for (const char byte : word) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    return ids;
}

void BytePairTokenizer::encode_text(std::string_view text, std::vector<Id>& ids) const {
    for (const std::string_view word : gpt2_words(text)) {
        if (cache_.find(word, ids)) continue;
        std::vector<Id> pieces = bytes_of(word);
        merges_.apply(pieces);
        ids.insert(ids.end(), pieces.begin(), pieces.end());
        cache_.put(word, std::move(pieces));
    }
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
