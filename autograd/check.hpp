// One-line checks for the sources of the library; not part of the umbrella header.
#pragma once

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tapehead/autograd/error.hpp>
#include <tapehead/autograd/shape.hpp>

template <>
struct fmt::formatter<tapehead::Shape> : fmt::formatter<std::string_view> {
    auto format(const tapehead::Shape& shape, format_context& context) const {
        return fmt::formatter<std::string_view>::format(to_string(shape), context);
    }
};

// A Shape is a range too; say which of the two formatters is meant.
template <class Char>
struct fmt::is_range<tapehead::Shape, Char> : std::false_type {};

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Throws E with a formatted message unless `holds`; the message is only made when it is needed.
template <class E, class... Args>
void check(bool holds, fmt::format_string<Args...> message, Args&&... args) {
    if (!holds) [[unlikely]]
        throw E(fmt::format(message, std::forward<Args>(args)...));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
