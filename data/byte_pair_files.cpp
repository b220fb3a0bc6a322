// The files of a byte pair tokenizer: GPT-2's vocab.json and merges.txt, and Hugging Face's tokenizer.json, which holds both; see
// byte_pair_tokenizer.hpp.
#include <algorithm>
#include <set>

#include <tapehead/autograd/check.hpp>
#include <tapehead/data/byte_alphabet.hpp>
#include <tapehead/data/byte_pair_tokenizer.hpp>
#include <tapehead/data/utf8.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/io/json_value.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using detail::byte_alphabet;
using detail::BytePairFiles;
using detail::JsonValue;

std::string in_alphabet(std::string_view bytes) {
    std::u32string text;
    for (const char byte : bytes) text += byte_alphabet.characters[static_cast<unsigned char>(byte)];
    return encode_utf8(text);
}

/// What `in_alphabet` came from.
std::string from_alphabet(const std::string& token, const std::string& source) {
    std::string bytes;
    for (const char32_t c : decode_utf8(token)) {
        const unsigned char byte = c < byte_alphabet.bytes.size() ? byte_alphabet.bytes[c] : 0;
        check<FileError>(byte_alphabet.characters[byte] == c,
                         "BytePairTokenizer.load: expected tokens in GPT-2's alphabet of bytes, got '{}' in {}", token, source);
        bytes += static_cast<char>(byte);
    }
    return bytes;
}

/// The tokens by their ids, which must be 0 to n − 1.
std::vector<std::string> tokens_by_id(const std::map<std::string, Id>& vocabulary, const std::string& source) {
    std::vector<std::string> tokens(vocabulary.size());
    for (const auto& [token, id] : vocabulary) {
        check<FileError>(id >= 0 && id < std::ssize(tokens) && tokens[static_cast<std::size_t>(id)].empty() && !token.empty(),
                         "BytePairTokenizer.load: expected tokens with the ids 0 to {}, each once, got {} for '{}' in {}",
                         std::ssize(tokens) - 1, id, token, source);
        tokens[static_cast<std::size_t>(id)] = token;
    }
    return tokens;
}

std::string quoted(const std::string& text, const std::string& path) {
    try {
        return detail::json_text(text);
    } catch (const ValueError&) {
        throw FileError(fmt::format("BytePairTokenizer.save: expected special tokens in UTF-8, got others for '{}'", path));
    }
}

JsonValue read_json(const std::string& path) {
    const std::string text = read_file(path);
    try {
        return detail::parse_json(text);
    } catch (const detail::JsonError& error) {
        throw FileError(fmt::format("BytePairTokenizer.load: expected JSON, got '{}': {}", path, error.what()));
    }
}

std::map<std::string, Id> read_vocabulary(const JsonValue& vocabulary, const std::string& path) {
    check<FileError>(vocabulary.is(JsonValue::Kind::object),
                     "BytePairTokenizer.load: expected tokens with their ids, got something else in '{}'", path);
    std::map<std::string, Id> ids;
    for (std::size_t i = 0; i < vocabulary.items.size(); ++i) {
        const JsonValue& id = vocabulary.items[i];
        check<FileError>(id.is(JsonValue::Kind::integer), "BytePairTokenizer.load: expected an id for '{}', got {} in '{}'",
                         vocabulary.keys[i], to_json(id), path);
        ids.emplace(vocabulary.keys[i], id.integer);
    }
    return ids;
}

/// "left right" as two.
std::pair<std::string, std::string> read_merge(std::string_view text, const std::string& place) {
    const std::size_t space = text.find(' ');
    const bool is_pair = space > 0 && space < text.size() - 1 && space == text.rfind(' ');
    check<FileError>(is_pair, "BytePairTokenizer.load: expected two tokens with a space between, got '{}' in {}",
                     valid_utf8(text), place);
    return {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

/// merges.txt: a line with the version, and one for each merge.
std::vector<std::pair<std::string, std::string>> read_merges_file(const std::string& path) {
    const std::string text = read_file(path);
    std::vector<std::pair<std::string, std::string>> merges;
    std::size_t number = 0;
    for (std::string_view rest = text; !rest.empty();) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        ++number;
        const bool is_version = number == 1 && line.starts_with("#version"), is_end = line.empty() && rest.empty();
        if (!is_version && !is_end) merges.push_back(read_merge(line, fmt::format("line {} of '{}'", number, path)));
    }
    return merges;
}

/// Throws FileError unless a value of a tokenizer.json is what it is for GPT-2: absent, null, or one of some others.
void require(const JsonValue& file, const std::string& key, const std::vector<std::string>& others, const std::string& path) {
    const JsonValue* value = file.find(key);
    if (!value || value->is(JsonValue::Kind::null)) return;
    const std::string text = to_json(*value);
    check<FileError>(std::ranges::find(others, text) != others.end(),
                     "BytePairTokenizer.load: expected a tokenizer like GPT-2's, got one with \"{}\": {} in '{}'", key, text,
                     path);
}

/// Throws FileError for anything in a tokenizer.json that would make other ids than GPT-2's way does.
void require_gpt2(const JsonValue& file, const std::string& path) {
    const JsonValue &model = file.at("model"), none;
    const auto part_of = [&](const char* key) -> const JsonValue& {
        const JsonValue* part = file.find(key);
        return part ? *part : none;
    };
    const auto require_type = [&](const char* key, const JsonValue& part, const std::string& type) {
        const JsonValue* own = part.find("type");
        const std::string actual = own ? to_json(*own) : part.is(JsonValue::Kind::object) ? "none" : to_json(part);
        check<FileError>(
            actual == detail::json_text(type),
            "BytePairTokenizer.load: expected a tokenizer like GPT-2's, with \"{}\" of type \"{}\", got {} in '{}'", key, type,
            actual, path);
    };
    require(model, "type", {"\"BPE\""}, path);  // GPT-2's own does not say it
    for (const char* key : {"dropout", "byte_fallback", "ignore_merges"}) require(model, key, {"false", "0"}, path);
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) require(model, key, {"\"\""}, path);
    for (const char* key : {"normalizer", "truncation", "padding"}) require(file, key, {}, path);
    const JsonValue &words = part_of("pre_tokenizer"), &after = part_of("post_processor");
    require_type("pre_tokenizer", words, "ByteLevel");
    require(words, "add_prefix_space", {"false"}, path);
    require(words, "use_regex", {"true"}, path);
    if (!after.is(JsonValue::Kind::null)) require_type("post_processor", after, "ByteLevel");
}

/// "left right", or a list of the two.
std::pair<std::string, std::string> read_merge(const JsonValue& merge, const std::string& path) {
    if (merge.is(JsonValue::Kind::text)) return read_merge(merge.text, fmt::format("'{}'", path));
    check<FileError>(merge.is(JsonValue::Kind::list) && merge.items.size() == 2,
                     "BytePairTokenizer.load: expected two tokens for each merge, got {} in '{}'", to_json(merge), path);
    return {merge.items[0].to_text(), merge.items[1].to_text()};
}

BytePairFiles read_tokenizer(const JsonValue& file, const std::string& path) {
    require_gpt2(file, path);
    BytePairFiles files{read_vocabulary(file.at("model").at("vocab"), path), {}, {}};
    const JsonValue* added = file.find("added_tokens");
    const std::vector<JsonValue> none;
    for (const JsonValue& token : added ? added->to_list() : none) {
        for (const char* key : {"lstrip", "rstrip", "single_word"}) require(token, key, {"false"}, path);
        files.special_tokens.push_back(token.at("content").to_text());
        const Id id = token.at("id").to_integer();
        check<FileError>(files.vocabulary.emplace(files.special_tokens.back(), id).first->second == id,
                         "BytePairTokenizer.load: expected one id for '{}', got two in '{}'", files.special_tokens.back(),
                         path);
    }
    for (const JsonValue& merge : file.at("model").at("merges").to_list()) files.merges.push_back(read_merge(merge, path));
    return files;
}

}  // namespace

BytePairTokenizer::BytePairTokenizer(const BytePairFiles& files, const std::string& source) {
    const std::vector<std::string> tokens = tokens_by_id(files.vocabulary, source);
    std::vector<bool> is_made(tokens.size(), false);  // of a byte, or of two tokens
    const auto id_of = [&](const std::string& token, std::string_view what) {
        const auto found = files.vocabulary.find(token);
        check<FileError>(found != files.vocabulary.end(),
                         "BytePairTokenizer.load: expected a token for each {}, got no '{}' in {}", what, token, source);
        return found->second;
    };
    const auto make = [&](const std::string& token, std::string_view what) {
        const Id id = id_of(token, what);
        is_made[static_cast<std::size_t>(id)] = true;
        return id;
    };
    for (const unsigned char byte : byte_alphabet.in_order)
        byte_ids_[byte] = make(encode_utf8({&byte_alphabet.characters[byte], 1}), "byte");
    for (const auto& [left, right] : files.merges) {
        const SymbolPair pair{id_of(left, "part of a merge"), id_of(right, "part of a merge")};
        check<FileError>(merges_.add(pair, make(left + right, "merge")),
                         "BytePairTokenizer.load: expected each merge once, got '{} {}' twice in {}", left, right, source);
    }
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        const bool is_named =
            std::find(files.special_tokens.begin(), files.special_tokens.end(), tokens[id]) != files.special_tokens.end();
        check<FileError>(is_made[id] || is_named,
                         "BytePairTokenizer.load: expected a merge for each token, got none for '{}' in {}; if it is a special "
                         "token, name it as one, else the merges are not those of this vocabulary",
                         tokens[id], source);
        if (is_made[id]) add_piece(from_alphabet(tokens[id], source));
        else add_special_token(tokens[id]);
    }
}

BytePairTokenizer BytePairTokenizer::load(const std::string& vocab_path, const std::string& merges_path,
                                          const std::vector<std::string>& special_tokens) {
    return BytePairTokenizer({read_vocabulary(read_json(vocab_path), vocab_path), read_merges_file(merges_path),
                              special_tokens},
                             fmt::format("'{}' and '{}'", vocab_path, merges_path));
}

BytePairTokenizer BytePairTokenizer::load(const std::string& path) {
    const JsonValue file = read_json(path);
    try {
        return BytePairTokenizer(read_tokenizer(file, path), fmt::format("'{}'", path));
    } catch (const detail::JsonError& error) {
        throw FileError(fmt::format("BytePairTokenizer.load: expected a tokenizer.json, got '{}': {}", path, error.what()));
    }
}

std::string BytePairTokenizer::token(Id id) const { return is_special(id) ? piece(id) : in_alphabet(piece(id)); }

std::string BytePairTokenizer::vocabulary_json(const std::string& path) const {
    std::vector<std::string> entries;
    std::set<std::string> tokens;
    for (Id id = 0; id < vocab_size(); ++id) {
        check<FileError>(tokens.insert(token(id)).second,
                         "BytePairTokenizer.save: expected special tokens that are no other token, got '{}' for '{}'",
                         token(id), path);
        entries.push_back(fmt::format("{}: {}", quoted(token(id), path), id));
    }
    return fmt::format("{{{}}}", fmt::join(entries, ", "));
}

std::vector<std::string> BytePairTokenizer::merge_lines() const {
    std::vector<std::string> lines;
    for (const auto& [left, right] : merges_.pairs()) lines.push_back(token(left) + " " + token(right));
    return lines;
}

void BytePairTokenizer::save(const std::string& vocab_path, const std::string& merges_path) const {
    const std::string vocabulary = vocabulary_json(vocab_path) + "\n";
    std::string merges = "#version: 0.2\n";
    for (const std::string& line : merge_lines()) merges += line + "\n";
    write_file(merges_path, merges);
    write_file(vocab_path, vocabulary);
}

void BytePairTokenizer::save(const std::string& path) const {
    std::vector<std::string> added, merges;
    for (const std::string& name : special_tokens())
        added.push_back(fmt::format(R"({{"id": {}, "content": {}, "single_word": false, "lstrip": false, "rstrip": false, )"
                                    R"("normalized": false, "special": true}})",
                                    special_token(name), quoted(name, path)));
    for (const std::string& line : merge_lines()) merges.push_back(quoted(line, path));
    write_file(path, fmt::format(R"({{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{}],
"normalizer": null,
"pre_tokenizer": {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}},
"post_processor": null,
"decoder": {{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}},
"model": {{"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
"fuse_unk": false,
"vocab": {},
"merges": [{}]}}}}
)",
                                 fmt::join(added, ", "), vocabulary_json(path), fmt::join(merges, ", ")));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
