// Misuse of batches, tokenizers and texts.
#include "misuse/misuse.hpp"
#include "support/scratch.hpp"

namespace testing {
namespace {

using T = Things;

std::string nowhere() { return scratch("no-such-folder/file"); }

CharacterTokenizer letters() {
    return CharacterTokenizer::train(std::vector<std::string>{"abc"}, {.special_tokens = {"<pad>"}});
}

BytePairTokenizer pairs() { return BytePairTokenizer::train(std::vector<std::string>{"abab"}, {.vocab_size = 257}); }

const std::vector<Id> tokens = {1, 2, 3, 4};

Misuses of_batches() {
    return {
        {"shuffled_batches", "a negative count", raises<ValueError>("shuffled_batches", {"at least 0", "-1"}),
         [](T&) { shuffled_batches(-1, 2); }},
        {"shuffled_batches", "batches of 0", raises<ValueError>("shuffled_batches", {"at least 1", "4 and 0"}),
         [](T&) { shuffled_batches(4, 0); }},
        {"shuffled_batches", "more rows than any machine holds",
         raises<ShapeError>("randint", {"at most", "9223372036854775807"}), [](T&) { shuffled_batches(highest, 2); }},
        {"shuffled_batches", "no generator", raises<ValueError>("shuffled_batches", {"a generator", "none"}),
         [](T&) { shuffled_batches(4, 2, {.generator = nullptr}); }},
        {"PaddedSequences::mask", "a length too few", raises<ShapeError>("PaddedSequences", {"each row", "[2, 2] with 1"}),
         [](T&) {
             PaddedSequences padded = pad_sequences(std::vector<std::vector<Id>>{{1, 2}, {3}}, {.side = Side::left});
             padded.lengths.pop_back();
             padded.mask();
         }},
        {"token_windows", "starts of two axes", raises<ShapeError>("token_windows", {"[B]", "[2, 3]"}),
         [](T& t) { token_windows(tokens, t.matrix_of_ids, 1); }},
        {"token_windows", "windows of 0", raises<ValueError>("token_windows", {"at least 1", "got 0"}),
         [](T& t) { token_windows(tokens, t.ids, 0); }},
        {"token_windows", "a window without all of its targets", raises<IndexError>("token_windows", {"[0, 0]", "got 1"}),
         [](T& t) { token_windows(tokens, t.ids, 3); }},
        {"token_windows", "the lowest start", raises<IndexError>("token_windows", {"[0, 1]", "-9223372036854775808"}),
         [](T&) { token_windows(tokens, Ids{lowest}, 2); }},
        {"token_windows", "the longest window", raises<IndexError>("token_windows", {"got 0"}),
         [](T& t) { token_windows(tokens, t.ids, highest); }},
        {"random_windows", "too few tokens", raises<ValueError>("random_windows", {"more than 4", "got 4"}),
         [](T&) { random_windows(tokens, 2, 4); }},
        {"random_windows", "a negative batch", raises<ValueError>("random_windows", {"at least 0", "-2"}),
         [](T&) { random_windows(tokens, -2, 1); }},
        {"random_windows", "windows of 0", raises<ValueError>("random_windows", {"at least 1", "2 and 0"}),
         [](T&) { random_windows(tokens, 2, 0); }},
        {"random_windows", "the lowest length", raises<ValueError>("random_windows", {"at least 1", "-9223372036854775808"}),
         [](T& t) { random_windows(tokens, 2, lowest, t.generator); }},
    };
}

Misuses of_texts() {
    constexpr auto train = "BytePairTokenizer.train";
    return {
        {"CharacterTokenizer::train", "a text that is not UTF-8",
         raises<ValueError>("decode_utf8", {"UTF-8", "0xFF in line 1"}),
         [](T&) { CharacterTokenizer::train(std::vector<std::string>{"a\xFF"}); }},
        {"CharacterTokenizer::train", "a special token without a name",
         raises<ValueError>("Tokenizer", {"with names", "without"}),
         [](T&) { CharacterTokenizer::train(std::vector<std::string>{"a"}, {.special_tokens = {""}}); }},
        {"CharacterTokenizer::train", "two special tokens of one name",
         raises<ValueError>("Tokenizer", {"different names", "'<a>' twice"}),
         [](T&) {
             CharacterTokenizer::train(std::vector<std::string>{"a"}, {.special_tokens = {"<a>", "<a>"}});
         }},
        {"CharacterTokenizer::load", "no file", raises<FileError>("read_file", {"can be read"}),
         [](T&) { CharacterTokenizer::load(nowhere()); }},
        {"CharacterTokenizer::load", "a text", raises<FileError>("CharacterTokenizer.load", {"what its save wrote"}),
         [](T&) {
             write_file(scratch("text"), "no vocabulary");
             CharacterTokenizer::load(scratch("text"));
         }},
        {"CharacterTokenizer::save", "no folder", raises<FileError>("write_file", {"can be written"}),
         [](T&) { letters().save(nowhere()); }},
        {"Tokenizer::encode", "a character that is not known",
         raises<ValueError>("CharacterTokenizer", {"its vocabulary", "'d'"}), [](T&) { letters().encode("abd"); }},
        {"Tokenizer::encode", "bytes that are not UTF-8", raises<ValueError>("CharacterTokenizer", {"its vocabulary"}),
         [](T&) { letters().encode("a\xFF"); }},
        {"Tokenizer::decode", "an id beyond the vocabulary", raises<IndexError>("Tokenizer", {"[0, 4)", "got 4"}),
         [](T&) {
             letters().decode(std::vector<Id>{0, 4});
         }},
        {"Tokenizer::decode", "a negative id", raises<IndexError>("Tokenizer", {"[0, 4)", "-1"}),
         [](T&) { letters().decode(std::vector<Id>{-1}); }},
        {"Tokenizer::special_token", "a name that is none", raises<ValueError>("Tokenizer", {"<pad>", "'<eos>'"}),
         [](T&) { letters().special_token("<eos>"); }},
        {"Tokenizer::label", "the lowest id", raises<IndexError>("Tokenizer", {"[0, 4)", "-9223372036854775808"}),
         [](T&) { letters().label(lowest); }},
        {"BytePairTokenizer::train", "no room for the bytes", raises<ValueError>(train, {"at least 256", "got 255"}),
         [](T&) { BytePairTokenizer::train(std::vector<std::string>{"a"}, {.vocab_size = 255}); }},
        {"BytePairTokenizer::train", "no room for a special token", raises<ValueError>(train, {"at least 257", "got 256"}),
         [](T&) { BytePairTokenizer::train(std::vector<std::string>{"a"}, {.vocab_size = 256, .special_tokens = {"<pad>"}}); }},
        {"BytePairTokenizer::save", "no folder", raises<FileError>("write_file", {"can be written"}),
         [](T&) { pairs().save(nowhere()); }},
        {"BytePairTokenizer::load", "no file", raises<FileError>("read_file", {"can be read"}),
         [](T&) { BytePairTokenizer::load(nowhere()); }},
        {"BytePairTokenizer::load", "two files that are not there", raises<FileError>("read_file", {"can be read"}),
         [](T&) { BytePairTokenizer::load(nowhere(), nowhere()); }},
        {"Tokenizer::decode", "an id beyond the byte pairs", raises<IndexError>("Tokenizer", {"[0, 257)", "got 257"}),
         [](T&) { pairs().decode(std::vector<Id>{257}); }},
        {"learn_merges", "a negative count", raises<ValueError>("learn_merges", {"at least 0", "-1"}),
         [](T&) { learn_merges({}, -1, 0); }},
        {"learn_merges", "a negative symbol", raises<ValueError>("learn_merges", {"[0, 4294967296)", "-1"}),
         [](T&) {
             learn_merges({{{-1, 2}, 3}}, 1, 256);
         }},
        {"learn_merges", "a symbol beyond 32 bits", raises<ValueError>("learn_merges", {"[0, 4294967296)", "4294967296"}),
         [](T&) {
             learn_merges({{{1, Id{1} << 32}, 3}}, 1, 256);
         }},
        {"learn_merges", "a word that stands fewer times than none",
         raises<ValueError>("learn_merges", {"at least 0 times", "-3"}),
         [](T&) {
             learn_merges({{{1, 2}, -3}}, 1, 256);
         }},
        {"Merges::add", "a symbol beyond 32 bits", raises<ValueError>("Merges", {"[0, 4294967296)", "4294967296"}),
         [](T&) {
             Merges().add({Id{1} << 32, 0}, 1);
         }},
        {"Merges::apply", "a negative symbol", raises<ValueError>("Merges", {"[0, 4294967296)", "-1"}),
         [](T&) {
             std::vector<Id> word{-1, 0};
             Merges().apply(word);
         }},
        {"decode_utf8", "a byte that is not UTF-8", raises<ValueError>("decode_utf8", {"UTF-8", "0xC0 in line 2"}),
         [](T&) { decode_utf8("a\n\xC0"); }},
        {"encode_utf8", "half of a surrogate pair", raises<ValueError>("encode_utf8", {"code points", "0xD800"}),
         [](T&) { encode_utf8(std::u32string(1, 0xD800)); }},
        {"encode_utf8", "a number beyond Unicode", raises<ValueError>("encode_utf8", {"code points", "0x110000"}),
         [](T&) { encode_utf8(std::u32string(1, 0x110000)); }},
    };
}

}  // namespace

Misuses misuses_of_data() {
    Misuses all = of_batches();
    const Misuses texts = of_texts();
    all.insert(all.end(), texts.begin(), texts.end());
    return all;
}

}  // namespace testing
