// Byte pairs for test_byte_pairs.py: learned from a text and written, or read and put to use.
#include <iostream>

#include <tapehead/data/data.hpp>
#include <tapehead/io/io.hpp>

using namespace tapehead;

namespace {

constexpr const char* usage =
    "byte_pairs: expected train VOCAB MERGES TEXT SIZE, or encode VOCAB MERGES TEXT..., got something else";

/// Prints a line of ids for each file.
void encode(const BytePairTokenizer& tokenizer, const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
        const std::string text = read_file(path);
        const std::vector<Id> ids = tokenizer.encode(text, {.special_tokens = true});
        if (tokenizer.decode(ids) != text) throw ValueError("byte_pairs: expected the text of '" + path + "', got another");
        for (const Id id : ids) std::cout << id << ' ';
        std::cout << '\n';
    }
}

}  // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() < 4) throw ValueError(usage);
    const std::string &vocab = arguments[1], &merges = arguments[2];
    if (arguments[0] == "train" && arguments.size() == 5)
        BytePairTokenizer::train(std::vector{read_file(arguments[3])},
                                 {.vocab_size = std::stoll(arguments[4]), .special_tokens = {"<|endoftext|>"}})
            .save(vocab, merges);
    else if (arguments[0] == "encode") encode(BytePairTokenizer::load(vocab, merges), {arguments.begin() + 3, arguments.end()});
    else throw ValueError(usage);
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
