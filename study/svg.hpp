// A small writer of SVG for the figures of this folder. Not part of the umbrella header.
//
// Figures have no background, grey text and colours of middle brightness, so that they can be read on light and dark pages alike.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study::detail {

/// Text as it may stand in an XML document, between quotes too.
std::string xml_escaped(std::string_view text);

inline constexpr std::string_view grey = "#7a8490", blue = "#3b82f6", orange = "#f97316";

/// Colours of series, told apart on any background.
inline constexpr std::array<std::string_view, 8> series_colors = {blue,      orange,    "#10b981", "#a855f7",
                                                                  "#ef4444", "#06b6d4", "#d97706", "#ec4899"};

/// One document: what is added comes after what is there.
class Svg {
public:
    /// With a title, which browsers show and screen readers read, and as a heading if it is not empty.
    Svg(int width, int height, std::string_view title);

    /// Elements as written, with the arguments in their places; texts in them are to be escaped.
    template <class... Args>
    void add(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    }
    /// The document so far, completed.
    std::string finish() const { return text_ + "</svg>\n"; }

private:
    std::string text_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study::detail
