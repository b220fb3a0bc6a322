// GPT-2's tokenizer: any bytes come back, known ids of its bytes, training, and files that are read strictly. Whole encodings are
// compared with another program in tests/interchange.
#include <support/scratch.hpp>
#include <support/testing.hpp>

#include <thread>

using namespace testing;

namespace {

using Texts = std::vector<std::string>;
using Sequence = std::vector<Id>;

const Texts sentences = {"The lower the newer, the wider the lowest.",
                         "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich",
                         "the newest and the widest of 1234 and 12345", "„Größe“ – the lowest, the newest, the lower"};

const Texts unusual = {"",
                       " ",
                       "   two  spaces\tand a tab \n",
                       "never seen: жук, 漢字, 🙂, \u00A0, \u0301, 👩‍👧",
                       "<|endoftext|>Ġ<s>",
                       std::string("a null \0 byte", 13),
                       "no UTF-8: \xFF\xC3 \xE2\x82",
                       "wwwwwwwwwwwwwwwwww"};

const std::vector<std::string> end_of_text = {"<|endoftext|>"};

BytePairTokenizer trained(Index vocab_size, const std::vector<std::string>& special_tokens = {}) {
    Texts twice = sentences;  // so that every pair comes twice
    twice.insert(twice.end(), sentences.begin(), sentences.end());
    return BytePairTokenizer::train(twice, {.vocab_size = vocab_size, .special_tokens = special_tokens});
}

std::string joined_labels(const Tokenizer& tokenizer, std::string_view text) {
    std::string result;
    for (const Id id : tokenizer.encode(text)) result += (result.empty() ? "" : "|") + tokenizer.label(id);
    return result;
}

/// Reads a vocabulary and merges of these texts.
BytePairTokenizer load(const std::string& vocabulary, const std::string& merges) {
    write_file(scratch("vocab.json"), vocabulary);
    write_file(scratch("merges.txt"), merges);
    return BytePairTokenizer::load(scratch("vocab.json"), scratch("merges.txt"));
}

BytePairTokenizer load(const std::string& tokenizer) {
    write_file(scratch("given.json"), tokenizer);
    return BytePairTokenizer::load(scratch("given.json"));
}

std::string replaced(std::string text, const std::string& part, const std::string& other) {
    REQUIRE(text.find(part) != text.npos);
    return text.replace(text.find(part), part.size(), other);
}

struct Written {
    std::string vocabulary, merges, tokenizer;
};

Written written(const BytePairTokenizer& tokenizer) {
    tokenizer.save(scratch("v.json"), scratch("m.txt"));
    tokenizer.save(scratch("t.json"));
    return {read_file(scratch("v.json")), read_file(scratch("m.txt")), read_file(scratch("t.json"))};
}

void check_same(const Tokenizer& a, const Tokenizer& b) {
    CHECK(a.vocab_size() == b.vocab_size());
    CHECK(a.special_tokens() == b.special_tokens());
    for (const Texts& texts : {sentences, unusual})
        for (const std::string& text : texts) {
            CHECK(a.encode(text) == b.encode(text));
            CHECK(a.encode(text, {.special_tokens = true}) == b.encode(text, {.special_tokens = true}));
        }
    for (Id id = 0; id < a.vocab_size(); ++id) CHECK(a.decode(Sequence{id}) == b.decode(Sequence{id}));
}

}  // namespace

TEST_CASE("Any text comes back from its byte pairs, whatever was learned") {
    for (const Index size : {259, 262, 350})
        for (const Texts& texts : {sentences, unusual})
            for (const std::string& text : texts) {
                const BytePairTokenizer tokenizer = trained(size, {"<pad>", "<s>", "</s>"});
                for (const bool special : {false, true}) {
                    const Sequence ids = tokenizer.encode(text, {.special_tokens = special});
                    CHECK(tokenizer.decode(ids) == text);
                    for (const Id id : ids) CHECK((id >= 0 && id < size));
                }
            }
}

TEST_CASE("Random bytes come back from their byte pairs") {
    const BytePairTokenizer tokenizer = trained(400);
    Generator random(4);
    for (int trial = 0; trial < 300; ++trial) {
        std::string bytes;
        for (const Id byte : randint(0, trial % 3 ? 256 : 128, {trial}, random)) bytes += static_cast<char>(byte);
        CHECK(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
    }
}

TEST_CASE("Bytes have the ids and the characters of GPT-2's") {
    const BytePairTokenizer bytes = trained(256);
    CHECK(bytes.encode("!a \n") == Sequence{0, 64, 220, 198});
    const std::string vocabulary = written(bytes).vocabulary;
    for (const char* entry : {R"("!": 0,)", R"("Ġ": 220,)", R"("Ċ": 198,)", R"("\"": 1,)", R"("Ā": 188,)", R"("ÿ": 187,)"})
        CHECK_THAT(vocabulary, Catch::Contains(entry));
}

TEST_CASE("A vocabulary has the ids asked for, and the same texts give the same ones") {
    const BytePairTokenizer one = trained(320), two = trained(320);
    CHECK(one.vocab_size() == 320);
    check_same(one, two);
    CHECK(trained(5000).vocab_size() < 500);  // nothing comes twice any more
    CHECK_THROWS_WITH(trained(258, {"<pad>", "<s>", "</s>"}),
                      Catch::Contains("at least 259, for special tokens and bytes, got 258"));
}

TEST_CASE("Byte pairs join within words only and take the space before a word with it") {
    Texts texts(20, "two hundred two");
    CHECK(joined_labels(BytePairTokenizer::train(texts, {.vocab_size = 1000}), "two hundred two-hundred")
              .starts_with("two|▁hundred|▁two|-|h"));
    texts.assign(20, "„nine“99x, 99");
    CHECK(joined_labels(BytePairTokenizer::train(texts, {.vocab_size = 1000}), "„nine“99x, 99") == "„|nine|“|99|x|,|▁99");
}

TEST_CASE("Special tokens come first, are cut out of the texts to learn from, and are found where asked for") {
    const Texts texts(20, "one<s>two");
    const BytePairTokenizer tokenizer =
        BytePairTokenizer::train(texts, {.vocab_size = 1000, .special_tokens = {"<pad>", "<s>"}});
    CHECK(tokenizer.special_token("<pad>") == 0);
    CHECK(tokenizer.encode("one<s>two", {.special_tokens = true}).size() == 3);
    CHECK(joined_labels(tokenizer, "one<s>two") == "one|<|s|>|two");
    CHECK(tokenizer.decode(tokenizer.encode("one<s>", {.special_tokens = true}), {.skip_special_tokens = true}) == "one");
}

TEST_CASE("Byte pairs come back from their files as they were, and are written as they were read") {
    const auto special = GENERATE(as<std::vector<std::string>>(), std::vector<std::string>{}, end_of_text,
                                  std::vector<std::string>{"<pad>", "<s>", "\"Größe\""});
    const BytePairTokenizer tokenizer = trained(340, special);
    const Written files = written(tokenizer);
    const BytePairTokenizer two = BytePairTokenizer::load(scratch("v.json"), scratch("m.txt"), special);
    check_same(tokenizer, two);
    CHECK(written(two).tokenizer == files.tokenizer);
    const BytePairTokenizer one = BytePairTokenizer::load(scratch("t.json"));
    check_same(tokenizer, one);
    CHECK(written(one).vocabulary == files.vocabulary);
    CHECK(written(one).merges == files.merges);
}

TEST_CASE("Vocabularies with ids in another order are read, and GPT-2's special token by itself") {
    const Written files = written(trained(258));
    CHECK_THAT(files.merges, Catch::StartsWith("#version: 0.2\n") && Catch::Contains("h e\n"));
    const std::string moved = replaced(replaced(files.vocabulary, R"("!": 0)", R"("!": 257)"), ": 257}\n", ": 0}\n");
    const std::string vocabulary = replaced(moved, "}\n", R"(, "<|endoftext|>": 258})");
    const BytePairTokenizer tokenizer = load(vocabulary, files.merges);
    CHECK(tokenizer.encode("!") == Sequence{257});
    CHECK(tokenizer.encode("<|endoftext|>", {.special_tokens = true}) == Sequence{258});
    CHECK(tokenizer.encode("<|endoftext|>").size() > 5);
    CHECK(load(files.vocabulary, replaced(files.merges, "#version: 0.2\n", "")).vocab_size() == 258);
    std::string windows = files.merges;
    for (std::size_t at = 0; (at = windows.find('\n', at)) != windows.npos; at += 2) windows.insert(at, "\r");
    CHECK(load(files.vocabulary, windows).vocab_size() == 258);
}

TEST_CASE("Vocabularies and merges that do not fit one another, or are broken, are refused with what to do") {
    const Written files = written(trained(300, end_of_text));
    const auto with = [&](const std::string& part, const std::string& other) {
        return replaced(files.vocabulary, part, other);
    };
    CHECK(load(files.vocabulary, files.merges).vocab_size() == 300);
    CHECK_THROWS_WITH(load(files.vocabulary, files.merges.substr(0, files.merges.rfind('\n', files.merges.size() - 2) + 1)),
                      Catch::Contains("expected a merge for each token") &&
                          Catch::Contains("if it is a special token, name it"));
    CHECK_THROWS_WITH(load(files.vocabulary, files.merges + "z z\n"), Catch::Contains("each merge, got no 'zz'"));
    CHECK_THROWS_WITH(load(files.vocabulary, files.merges + "zz z\n"), Catch::Contains("part of a merge, got no 'zz'"));
    CHECK_THROWS_WITH(load(files.vocabulary, files.merges + "h e\n"), Catch::Contains("each merge once, got 'h e' twice"));
    CHECK_THROWS_WITH(load(files.vocabulary, files.merges + "a\n"), Catch::Contains("line 45"));
    for (const char* line : {"a b c\n", " a\n", "a \n", "\na b\n", "a  b\n"})
        CHECK_THROWS_AS(load(files.vocabulary, files.merges + line), FileError);
    CHECK_THROWS_WITH(load(with(R"("!": 1)", R"("!": 2)"), files.merges), Catch::Contains("the ids 0 to 299, each once"));
    CHECK_THROWS_AS(load(with(R"("!": 1)", R"("!": 300)"), files.merges), FileError);
    CHECK_THROWS_AS(load(with(R"("!": 1)", R"("!": -1)"), files.merges), FileError);
    CHECK_THROWS_WITH(load(with(R"("!": 1)", R"("!": 1.5)"), files.merges), Catch::Contains("an id for '!', got 1.5"));
    CHECK_THROWS_WITH(load(with(R"("!": 1)", R"("?!": 1)"), files.merges), Catch::Contains("each byte, got no '!'"));
    CHECK_THROWS_AS(load("[]", files.merges), FileError);
    for (std::size_t length = 0; length < files.vocabulary.size(); length += 41)
        CHECK_THROWS_AS(load(files.vocabulary.substr(0, length), files.merges), FileError);
    CHECK_THROWS_AS(BytePairTokenizer::load(scratch("missing.json"), scratch("m.txt")), FileError);
    CHECK_THROWS_AS(trained(300).save("/nowhere/vocab.json", scratch("m.txt")), FileError);
}

TEST_CASE("A tokenizer.json that would give other ids than GPT-2's way is refused") {
    const std::string good = written(trained(300, end_of_text)).tokenizer;
    const auto refused = [&](const std::string& part, const std::string& other, const std::string& message) {
        CHECK_THROWS_WITH(load(replaced(good, part, other)), Catch::Contains(message));
    };
    CHECK(load(good).special_token("<|endoftext|>") == 0);
    CHECK(load(replaced(good, R"("h e")", R"(["h", "e"])")).vocab_size() == 300);
    CHECK(load(replaced(good, R"("type": "BPE", )", "")).vocab_size() == 300);
    CHECK(load(replaced(good, R"("fuse_unk": false)", R"("ignore_merges": false, "byte_fallback": false)")).vocab_size() ==
          300);
    refused(R"("normalizer": null)", R"("normalizer": {"type": "NFC"})", R"("normalizer": {"type":"NFC"})");
    refused(R"("add_prefix_space": false)", R"("add_prefix_space": true)", R"("add_prefix_space": true)");
    refused(R"("use_regex": true)", R"("use_regex": false)", R"("use_regex": false)");
    refused(R"("type": "ByteLevel")", R"("type": "Whitespace")", R"("pre_tokenizer" of type "ByteLevel", got "Whitespace")");
    refused(R"("type": "BPE")", R"("type": "WordPiece")", R"("type": "WordPiece")");
    refused(R"("fuse_unk": false)", R"("ignore_merges": true)", R"("ignore_merges": true)");
    refused(R"("post_processor": null)", R"("post_processor": {"type": "BertProcessing"})", "BertProcessing");
    refused(R"("lstrip": false)", R"("lstrip": true)", R"("lstrip": true)");
    refused(R"({"id": 0)", R"({"id": 7)", "one id for '<|endoftext|>', got two");
    refused(R"("merges")", R"("other")", "expected a tokenizer.json");
    refused(R"("h e")", R"(["h", "e", "r"])", "two tokens for each merge");
    refused(R"({"id": 0)", R"({"id": 0.0)", "expected an integer");
    refused(R"({"id": 0)", R"({"id": 1e300)", "expected an integer");
    refused(R"({"id": 0)", R"({"id": 18446744073709551616)", "expected an integer");
    // Which would use up the stack where it is copied or shown.
    refused(R"("normalizer": null)", R"("normalizer": )" + std::string(200'000, '[') + std::string(200'000, ']'), "100 levels");
    for (std::size_t length = 0; length < good.size(); length += 101) CHECK_THROWS_AS(load(good.substr(0, length)), FileError);
    CHECK_THROWS_AS(load("3"), FileError);
}

TEST_CASE("A special token that is the text of another token cannot be saved") {
    CHECK_THROWS_WITH(trained(300, {"a"}).save(scratch("t.json")), Catch::Contains("no other token, got 'a'"));
    CHECK_THROWS_AS(trained(300, {"\xFF"}).save(scratch("t.json")), FileError);
}

TEST_CASE("Encoding on several threads at once gives what it gives on one") {
    const BytePairTokenizer tokenizer = trained(350), alone = tokenizer;
    std::vector<Sequence> results(4);
    std::vector<std::thread> threads;
    for (Sequence& result : results)
        threads.emplace_back([&] {
            for (int i = 0; i < 20; ++i)
                for (const std::string& text : sentences)
                    for (const Id id : tokenizer.encode(text)) result.push_back(id);
        });
    for (std::thread& thread : threads) thread.join();
    Sequence expected;
    for (int i = 0; i < 20; ++i)
        for (const std::string& text : sentences)
            for (const Id id : alone.encode(text)) expected.push_back(id);
    for (const Sequence& result : results) CHECK(result == expected);
}

TEST_CASE("A tokenizer that takes the place of another forgets the words of that one") {
    BytePairTokenizer tokenizer = trained(350);
    const Sequence before = tokenizer.encode("the lowest");
    tokenizer = trained(256);
    CHECK(tokenizer.encode("the lowest") != before);
    CHECK(tokenizer.decode(tokenizer.encode("the lowest")) == "the lowest");
}
