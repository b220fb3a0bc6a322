// Any bytes as a file of sentence pairs: read, or refused; what was read is written as such a file and read again.
#include <fuzz/target.hpp>

#include <support/pairs.hpp>

using namespace fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const MemoryFile file(text_of(data, size));
    examples::PairFile read;
    try {
        read = examples::read_pairs(file.path());
    } catch (const std::runtime_error&) {  // what it is documented to throw
        return 0;
    }
    std::string lines;
    for (const auto& [source, target] : read.pairs) lines += source + "\t" + target + "\n";
    const examples::PairFile again = examples::read_pairs(MemoryFile(lines).path());
    require(again.pairs == read.pairs && again.duplicates == 0 && again.too_long == 0, "the same pairs again");
    const examples::SplitPairs split = examples::split_pairs(read.pairs);
    require(split.training.size() + split.validation.size() + split.test.size() == read.pairs.size(), "each pair in one part");
    return 0;
}
