// JSON from outside: read so that what is nested deeper than any file of ours, or is another kind of number, is refused. Not part of the
// umbrella header.
//
// Copying, comparing and writing JSON calls itself once for each level: a file of brackets alone would use up the stack.
#pragma once

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The value that a text says. Throws FileError naming `operation` for more than 100 levels, and nlohmann's parse_error for what is no JSON.
template <class Json>
Json parse_json(const char* operation, std::string_view text) {
    constexpr int most_levels = 100;
    return Json::parse(text, [=](int level, auto, const auto&) {
        check<FileError>(level <= most_levels, "{}: expected JSON of at most {} levels, got more", operation, most_levels);
        return true;
    });
}

/// A whole number of type Integer. Throws FileError naming `operation` for any other value: nlohmann's get() would round or wrap it.
template <class Integer, class Json>
Integer whole_number(const char* operation, const Json& json) {
    const bool fits = json.is_number_unsigned()
                          ? std::in_range<Integer>(json.template get<std::uint64_t>())
                          : json.is_number_integer() && std::in_range<Integer>(json.template get<std::int64_t>());
    check<FileError>(fits, "{}: expected a whole number of {} bits, got {}", operation, 8 * sizeof(Integer), json.dump());
    return json.template get<Integer>();
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
