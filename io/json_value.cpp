// JSON as plain data; see json_value.hpp.
#include <tapehead/io/json_value.hpp>

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::detail {
namespace {

using nlohmann::json;
using Kind = JsonValue::Kind;

constexpr std::size_t most_levels = 100;

/// Builds a value from the events of the parser.
class JsonBuilder : public nlohmann::json_sax<json> {
public:
    JsonValue root;

    bool null() override { return add(Kind::null), true; }
    bool boolean(bool truth) override { return add(Kind::boolean).integer = truth, true; }
    bool number_integer(number_integer_t number) override {
        JsonValue& value = add(Kind::integer);
        value.integer = number;
        value.real = static_cast<Real>(number);
        return true;
    }
    bool number_unsigned(number_unsigned_t number) override {
        const bool is_id = std::in_range<Id>(number);
        JsonValue& value = add(is_id ? Kind::integer : Kind::large);
        value.integer = is_id ? static_cast<Id>(number) : 0;
        value.count = number;
        value.real = static_cast<Real>(number);
        return true;
    }
    bool number_float(number_float_t number, const string_t&) override { return add(Kind::real).real = number, true; }
    bool string(string_t& text) override { return add(Kind::text).text = std::move(text), true; }
    bool binary(binary_t&) override { return false; }
    bool key(string_t& name) override {
        JsonValue& object = *open_.back();
        object.keys.push_back(std::move(name));
        return true;
    }
    bool start_object(std::size_t) override { return open(Kind::object); }
    bool start_array(std::size_t) override { return open(Kind::list); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
        throw JsonError(fmt::format("JSON: {}", error.what()));
    }

private:
    JsonValue& add(Kind kind) {
        JsonValue& value = open_.empty() ? root : open_.back()->items.emplace_back();
        value.kind = kind;
        return value;
    }
    bool open(Kind kind) {
        check<JsonError>(open_.size() < most_levels, "JSON: expected at most {} levels, got more", most_levels);
        open_.push_back(&add(kind));  // stays where it is: what is around it grows only once it is closed
        return true;
    }
    bool close() {
        std::vector<std::string_view> names(open_.back()->keys.begin(), open_.back()->keys.end());
        std::ranges::sort(names);
        const auto twice = std::ranges::adjacent_find(names);
        check<JsonError>(twice == names.end(), "JSON: expected each key once, got '{}' twice",
                         twice == names.end() ? "" : *twice);
        open_.pop_back();
        return true;
    }

    std::vector<JsonValue*> open_;
};

void require(bool holds, const char* expected) { check<JsonError>(holds, "JSON: expected {}, got something else", expected); }

}  // namespace

const JsonValue* JsonValue::find(std::string_view key) const {
    const auto found = std::ranges::find(keys, key);
    return found == keys.end() ? nullptr : &items[static_cast<std::size_t>(found - keys.begin())];
}

const JsonValue& JsonValue::at(std::string_view key) const {
    const JsonValue* found = find(key);
    check<JsonError>(found != nullptr, "JSON: expected '{}', got none", key);
    return *found;
}

Id JsonValue::to_integer() const { return require(is(Kind::integer), "an integer"), integer; }
std::uint64_t JsonValue::to_unsigned() const {
    require(is(Kind::large) || (is(Kind::integer) && integer >= 0), "a count");
    return count;
}
bool JsonValue::to_bool() const { return require(is(Kind::boolean), "true or false"), integer != 0; }
const std::string& JsonValue::to_text() const { return require(is(Kind::text), "a text"), text; }
const std::vector<JsonValue>& JsonValue::to_list() const { return require(is(Kind::list), "a list"), items; }

JsonValue parse_json(std::string_view text) {
    JsonBuilder builder;
    json::sax_parse(text, &builder);
    return std::move(builder.root);
}

std::string to_json(const JsonValue& value) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < value.items.size(); ++i)
        parts.push_back((value.is(Kind::object) ? json_text(value.keys[i]) + ":" : "") + to_json(value.items[i]));
    switch (value.kind) {
        case Kind::null: return "null";
        case Kind::boolean: return value.integer != 0 ? "true" : "false";
        case Kind::integer: return fmt::format("{}", value.integer);
        case Kind::large: return fmt::format("{}", value.count);
        case Kind::real: return fmt::format("{}", value.real);
        case Kind::text: return json_text(value.text);
        case Kind::list: return fmt::format("[{}]", fmt::join(parts, ","));
        case Kind::object: return fmt::format("{{{}}}", fmt::join(parts, ","));
    }
    return {};
}

std::string json_text(const std::string& text) try { return json(text).dump(); } catch (const json::exception& error) {
    throw ValueError(fmt::format("JSON: expected a text in UTF-8, got another: {}", error.what()));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::detail
