// Sentences and their ids: a first word is like any other, and what a model writes can be read.
#include <support/testing.hpp>

#include <support/corpus.hpp>

using namespace testing;
using namespace examples;

TEST_CASE("A sentence comes back from its ids, and its first word has those that it has further on", "[examples]") {
    const std::vector<SentencePair> pairs(20, {"two hundred two", "zweihundertzwei"});
    const BytePairTokenizer tokenizer =
        BytePairTokenizer::train(texts_of(pairs), {.vocab_size = 400, .special_tokens = special_tokens});
    const Sequence ids = encode(tokenizer, pairs[0].source);
    REQUIRE(ids.size() == 3);
    CHECK(ids[0] == ids[2]);
    CHECK(encode(tokenizer, pairs)[19] == SequencePair{ids, encode(tokenizer, pairs[0].target)});
    for (const char* text : {"two", " two", "", "zwölf  漢字"}) CHECK(decode(tokenizer, encode(tokenizer, text)) == text);
}

TEST_CASE("What a model writes reads as text, whatever its ids", "[examples]") {
    const BytePairTokenizer tokenizer = BytePairTokenizer::train({}, {.vocab_size = 259, .special_tokens = special_tokens});
    Sequence ids = encode(tokenizer, "aü");
    CHECK(ids.size() == 4);
    ids.pop_back();
    ids.insert(ids.begin() + 1, {pad_id, bos_id, eos_id});
    CHECK(decode(tokenizer, ids) == "a\uFFFD");
    CHECK(tokenizer.special_token("</s>") == eos_id);
}
