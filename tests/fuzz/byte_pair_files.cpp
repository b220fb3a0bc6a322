// Any bytes as the files of a byte pair tokenizer: a tokenizer.json or, with a zero byte between them, vocab.json and merges.txt. Read, or
// refused with FileError; what was read is written in both forms and read again.
#include <fuzz/target.hpp>

#include <support/scratch.hpp>

using namespace fuzz;

namespace {

constexpr std::string_view sample = "It's 5 o'clock, and\t\xC3\xA4\xFF the end <|endoftext|>\n";

BytePairTokenizer read(std::string_view text) {
    const std::size_t zero = text.find('\0');
    if (zero == std::string_view::npos) return BytePairTokenizer::load(MemoryFile(text).path());
    return BytePairTokenizer::load(MemoryFile(text.substr(0, zero)).path(), MemoryFile(text.substr(zero + 1)).path());
}

void require_same(const BytePairTokenizer& a, const BytePairTokenizer& b) {
    require(a.vocab_size() == b.vocab_size() && a.special_tokens() == b.special_tokens(), "the same vocabulary again");
    const std::vector<Id> ids = a.encode(sample, {.special_tokens = true});
    require(ids == b.encode(sample, {.special_tokens = true}), "the same ids again");
    require(a.decode(ids) == sample, "the text that was encoded");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto tokenizer = accepted<FileError>([&] { return read(text_of(data, size)); });
    if (!tokenizer) return 0;
    for (Id id = 0; id < tokenizer->vocab_size(); ++id) require(!tokenizer->label(id).empty(), "a label for each id");
    const std::string path = testing::scratch("tokenizer.json"), vocabulary = testing::scratch("vocab.json"),
                      merges = testing::scratch("merges.txt");
    tokenizer->save(path);
    require_same(*tokenizer, BytePairTokenizer::load(path));
    tokenizer->save(vocabulary, merges);
    require_same(*tokenizer, BytePairTokenizer::load(vocabulary, merges, tokenizer->special_tokens()));
    return 0;
}
