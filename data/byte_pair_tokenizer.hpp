// GPT-2's tokenizer: byte pair encoding that begins with bytes, so that every text has ids. Trained on texts, or read from files.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <unordered_map>

#include <tapehead/data/byte_pair.hpp>
#include <tapehead/data/tokenizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace detail {

/// The ids of words that were encoded before. Threads may share one; a copy of it begins empty.
class WordCache {
public:
    WordCache() = default;
    WordCache(const WordCache&) : WordCache() {}
    WordCache& operator=(const WordCache&);

    /// Appends the ids of a word, and returns true, if it has been put here.
    bool find(std::string_view word, std::vector<Id>& ids) const;
    void put(std::string_view word, std::vector<Id> ids);

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
    };

    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::vector<Id>, Hash, std::equal_to<>> words_;
};

/// What the files of a byte pair tokenizer hold, in GPT-2's alphabet of bytes.
struct BytePairFiles {
    std::map<std::string, Id> vocabulary;
    std::vector<std::pair<std::string, std::string>> merges;
    std::vector<std::string> special_tokens;  ///< those that the vocabulary has not are passed over
};

}  // namespace detail

/// What the vocabulary of a trained tokenizer holds.
struct BytePairTokenizerOptions {
    Index vocab_size;                              ///< at most; fewer where no pair comes twice any more
    std::vector<std::string> special_tokens = {};  ///< they get the ids 0, 1, ...; in the texts they are cut out
};

/// Words (gpt2_words.hpp) as bytes, of which neighbours are joined in the order in which they were learned (Radford et al. 2019,
/// section 2.2). Encoding may run on several threads at once.
class BytePairTokenizer : public Tokenizer {
public:
    /// Learns a vocabulary: special tokens, the 256 bytes, and the pairs that are joined most. Throws ValueError for a vocab_size
    /// without room for the bytes.
    static BytePairTokenizer train(std::span<const std::string> texts, const BytePairTokenizerOptions& options);

    /// Writes `tokenizer.json` as Hugging Face's tokenizers read it; the file is written as a whole or not at all. Throws FileError.
    void save(const std::string& path) const;
    /// Reads what `save` wrote, or another `tokenizer.json` of this kind, such as GPT-2's. Throws FileError, also for one that asks
    /// for more than GPT-2 does: normalization, another way to find words, other tokens for what is unknown.
    static BytePairTokenizer load(const std::string& path);

    /// Writes `vocab.json` and `merges.txt` as GPT-2 and Hugging Face have them. Throws FileError.
    void save(const std::string& vocab_path, const std::string& merges_path) const;
    /// Reads `vocab.json` and `merges.txt`, GPT-2's or others. The files do not say which tokens are special: those of
    /// `special_tokens` that the vocabulary has. Throws FileError for files that are not of this form, or not of one another.
    static BytePairTokenizer load(const std::string& vocab_path, const std::string& merges_path,
                                  const std::vector<std::string>& special_tokens = {"<|endoftext|>"});

private:
    explicit BytePairTokenizer(const std::vector<std::string>& special_tokens = {}) : Tokenizer(special_tokens) {}
    BytePairTokenizer(const detail::BytePairFiles& files, const std::string& source);

    std::string token(Id id) const;  // in GPT-2's alphabet of bytes
    std::string vocabulary_json(const std::string& path) const;
    std::vector<std::string> merge_lines() const;

    void encode_text(std::string_view text, std::vector<Id>& ids) const override;
    std::vector<Id> bytes_of(std::string_view word) const;

    std::array<Id, 256> byte_ids_{};
    Merges merges_;
    mutable detail::WordCache cache_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
