// JSON as plain data. Not part of the umbrella header.
//
// The parser is nlohmann's; its own values ask for memory when they are destroyed, and where there is none the program ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tapehead/autograd/error.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::detail {

/// What is no JSON, or not the JSON that is expected; in the name of no file, so that whoever knows it says it.
struct JsonError : FileError {
    using FileError::FileError;
};

/// A JSON value. Its members throw JsonError for a value of another kind.
struct JsonValue {
    enum class Kind { null, boolean, integer, large, real, text, list, object };  // large: beyond int64
    Kind kind = Kind::null;
    Id integer = 0;                 ///< of an integer; 0 or 1 of a boolean
    std::uint64_t count = 0;        ///< of an integer that is not negative
    Real real = 0;                  ///< of a number
    std::string text;               ///< of a text
    std::vector<JsonValue> items;   ///< of a list or an object
    std::vector<std::string> keys;  ///< of an object, beside its items, in the order of the file

    bool is(Kind wanted) const { return kind == wanted; }
    /// The value under a key, null for none.
    const JsonValue* find(std::string_view key) const;
    const JsonValue& at(std::string_view key) const;  ///< the value under a key
    Id to_integer() const;                            ///< of an integer
    std::uint64_t to_unsigned() const;                ///< of an integer that is not negative
    bool to_bool() const;                             ///< of true and false
    const std::string& to_text() const;               ///< of a text
    const std::vector<JsonValue>& to_list() const;    ///< of a list
};

/// Throws JsonError for what is no JSON, nests deeper than 100 levels or names a key twice in an object.
JsonValue parse_json(std::string_view text);

/// A value in JSON, without spaces.
std::string to_json(const JsonValue& value);
/// A text in JSON. Throws ValueError for one that is not UTF-8.
std::string json_text(const std::string& text);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::detail
