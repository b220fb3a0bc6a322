// What all tokenizers share; see tokenizer.hpp.
#include <tapehead/data/tokenizer.hpp>

#include <algorithm>

#include <tapehead/autograd/check.hpp>
#include <tapehead/data/utf8.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace detail {

std::vector<NamedPart> split_at_names(std::string_view text, const std::vector<std::string>& names) {
    std::vector<NamedPart> parts;
    std::vector<std::size_t> places;  // where each stands next
    places.reserve(names.size());
    for (const std::string& name : names) places.push_back(text.find(name));
    for (std::size_t at = 0; at < text.size();) {
        std::size_t first = text.size(), which = names.size();
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (places[i] < at) places[i] = text.find(names[i], at);
            const bool is_longer = which < names.size() && names[i].size() > names[which].size();
            if (places[i] > first || (places[i] == first && !is_longer)) continue;
            first = places[i];
            which = i;
        }
        if (first > at) parts.push_back({text.substr(at, first - at), names.size()});
        at = first;
        if (which == names.size()) break;
        parts.push_back({text.substr(at, names[which].size()), which});
        at += names[which].size();
    }
    return parts;
}

}  // namespace detail

Tokenizer::Tokenizer(const std::vector<std::string>& special_tokens) {
    for (const std::string& name : special_tokens) add_special_token(name);
}

Id Tokenizer::add_piece(std::string bytes) {
    pieces_.push_back(std::move(bytes));
    return vocab_size() - 1;
}

Id Tokenizer::add_special_token(std::string name) {
    check<ValueError>(!name.empty(), "Tokenizer: expected special tokens with names, got one without");
    for (const Id id : special_)
        check<ValueError>(piece(id) != name, "Tokenizer: expected special tokens of different names, got '{}' twice", name);
    special_.push_back(vocab_size());
    return add_piece(std::move(name));
}

const std::string& Tokenizer::piece(Id id) const {
    check<IndexError>(id >= 0 && id < vocab_size(), "Tokenizer: expected an id in [0, {}), got {}", vocab_size(), id);
    return pieces_[static_cast<std::size_t>(id)];
}

bool Tokenizer::is_special(Id id) const { return std::binary_search(special_.begin(), special_.end(), id); }

std::vector<std::string> Tokenizer::special_tokens() const {
    std::vector<std::string> names;
    for (const Id id : special_) names.push_back(piece(id));
    return names;
}

Id Tokenizer::special_token(std::string_view name) const {
    for (const Id id : special_)
        if (piece(id) == name) return id;
    throw ValueError(
        fmt::format("Tokenizer: expected one of the special tokens {}, got '{}'", fmt::join(special_tokens(), ", "), name));
}

std::vector<Id> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
    std::vector<Id> ids;
    if (!options.special_tokens) {
        encode_text(text, ids);
        return ids;
    }
    for (const auto& [part, name] : detail::split_at_names(text, special_tokens()))
        if (name < special_.size()) ids.push_back(special_[name]);
        else encode_text(part, ids);
    return ids;
}

std::string Tokenizer::decode(std::span<const Id> ids, const DecodeOptions& options) const {
    std::string bytes;
    for (const Id id : ids)
        if (!(options.skip_special_tokens && is_special(id))) bytes += piece(id);
    return bytes;
}

std::string Tokenizer::label(Id id) const {
    std::string_view rest = piece(id);
    std::string shown;
    while (!rest.empty()) {
        const auto character = first_code_point(rest);
        const std::size_t length = character ? character->length : 1;
        const bool is_control = character && (character->value < 0x20 || (character->value >= 0x7F && character->value < 0xA0));
        if (rest[0] == ' ') shown += "▁";
        else if (character && !is_control) shown += rest.substr(0, length);
        else
            for (const char byte : rest.substr(0, length)) shown += fmt::format("<{:02X}>", static_cast<unsigned char>(byte));
        rest.remove_prefix(length);
    }
    return shown;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
