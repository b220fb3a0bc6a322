// Any bytes as the file of a character tokenizer: read, or refused with FileError; what was read is written and read again.
#include <fuzz/target.hpp>

#include <support/scratch.hpp>

using namespace fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto tokenizer =
        accepted<FileError>([&] { return CharacterTokenizer::load(MemoryFile(text_of(data, size)).path()); });
    if (!tokenizer) return 0;
    std::vector<Id> all;
    for (Id id = 0; id < tokenizer->vocab_size(); ++id) {
        require(!tokenizer->label(id).empty(), "a label for each id");
        all.push_back(id);
    }
    const std::string path = testing::scratch("characters.json");
    tokenizer->save(path);
    const auto again = CharacterTokenizer::load(path);
    require(again.vocab_size() == tokenizer->vocab_size() && again.special_tokens() == tokenizer->special_tokens(),
            "the same vocabulary again");
    require(again.decode(all) == tokenizer->decode(all), "the same pieces again");
    const std::string written = read_file(path);
    again.save(path);
    require(read_file(path) == written, "the same file again");
    return 0;
}
