// Heat maps as text and SVG; see heat_map.hpp.
#include <support/heat_map.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <support/terminal.hpp>

namespace examples {
namespace {

void check_sizes(const HeatMap& map) {
    if (map.values.size() != map.rows.size() * map.columns.size())
        throw std::invalid_argument(
            fmt::format("heat map: expected {} x {} values, got {}", map.rows.size(), map.columns.size(), map.values.size()));
}

double shade(const HeatMap& map, std::size_t row, std::size_t column) {
    const double value = map.values[row * map.columns.size() + column];
    return value > 0 ? std::min(value, 1.0) : 0;
}

int widest(const std::vector<std::string>& labels) {
    int width = 0;
    for (const std::string& label : labels) width = std::max(width, display_width(label));
    return width;
}

std::string repeated(std::string_view text, int count) {
    std::string result;
    for (int i = 0; i < count; ++i) result += text;
    return result;
}

/// `width` columns in one shade.
std::string cell(double value, int width, Colors colors) {
    static constexpr std::array<const char*, 5> blocks = {" ", "░", "▒", "▓", "█"};
    static constexpr std::string_view characters = " .:-=+*#%@";
    const auto level = [&](std::size_t levels) {
        return static_cast<std::size_t>(std::lround(value * static_cast<double>(levels - 1)));
    };
    const std::string spaces = repeated(" ", width);
    switch (colors) {
        case Colors::true_color: {  // from dark violet over red to light yellow, like the colour map "inferno"
            const int r = static_cast<int>(20 + 235 * std::min(1.0, 1.6 * value));
            const int g = static_cast<int>(15 + 225 * value * value);
            const int b = static_cast<int>(35 + 120 * std::sin(3.1416 * std::min(1.0, 1.2 * value)) + 60 * std::pow(value, 6));
            return fmt::format("\033[48;2;{};{};{}m{}\033[0m", r, g, std::clamp(b, 0, 255), spaces);
        }
        case Colors::palette: {
            static constexpr std::array<int, 10> ramp = {233, 53, 89, 125, 161, 197, 203, 209, 215, 228};
            return fmt::format("\033[48;5;{}m{}\033[0m", ramp[level(ramp.size())], spaces);
        }
        case Colors::none: break;
    }
    if (is_terminal()) return repeated(blocks[level(blocks.size())], width);
    return repeated(characters.substr(level(characters.size()), 1), width);
}

/// The i-th code point of a label, or a space.
std::string letter(std::string_view label, int i) {
    for (std::size_t at = 0; at < label.size();) {
        std::size_t end = at + 1;
        while (end < label.size() && (label[end] & 0xC0) == 0x80) ++end;
        if (i-- == 0) return std::string(label.substr(at, end - at));
        at = end;
    }
    return " ";
}

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '&') result += "&amp;";
        else if (c == '<') result += "&lt;";
        else if (c == '>') result += "&gt;";
        else if (c == '"') result += "&quot;";
        else result += c;
    }
    return result;
}

}  // namespace

std::string to_text(const HeatMap& map) {
    check_sizes(map);
    const Colors colors = terminal_colors();
    const int margin = std::max(widest(map.rows), display_width(map.row_title)) + 1;
    const int label = widest(map.columns), count = static_cast<int>(map.columns.size());
    const int room = std::max(1, (is_terminal() ? terminal_width() : 120) - margin - 2);
    const int width = std::clamp(room / std::max(count, 1), 1, std::max(3, label + 1));
    const int shown = std::min(count, room / width);
    const bool upright = label > width;  // labels wider than a column are written downwards

    std::string text = map.title.empty() ? "" : map.title + "\n";
    text += align_right("", margin + 1) + map.column_title + "\n";
    for (int line = 0; line < (upright ? label : 1); ++line) {
        text += align_right(line == 0 ? map.row_title : "", margin) + " ";
        for (int j = 0; j < shown; ++j) {
            const std::string& name = map.columns[static_cast<std::size_t>(j)];
            const std::string centred = upright ? letter(name, line) : name + repeated(" ", (width - display_width(name)) / 2);
            text += align_right(centred, width);
        }
        text += "\n";
    }
    for (std::size_t i = 0; i < map.rows.size(); ++i) {
        text += align_right(map.rows[i], margin) + " ";
        for (int j = 0; j < shown; ++j) text += cell(shade(map, i, static_cast<std::size_t>(j)), width, colors);
        text += "\n";
    }
    if (shown < count) text += fmt::format("({} more columns do not fit)\n", count - shown);
    text += align_right("", margin) + " 0 ";
    for (int i = 0; i < 10; ++i) text += cell(i / 9.0, 2, colors);
    return text + " 1\n";
}

std::string to_svg(const HeatMap& map) {
    check_sizes(map);
    // Opacity over no background, and a grey in the middle, so that it can be read on light and dark pages alike.
    constexpr int side = 26, gap = 2, font = 14;
    const int left = 48 + 9 * widest(map.rows), top = 78;
    const int width = side * static_cast<int>(map.columns.size()), height = side * static_cast<int>(map.rows.size());
    const int total_width = left + width + 80, total_height = top + height + 16;
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" "
        "font-family=\"system-ui, sans-serif\" font-size=\"{2}\" fill=\"#7a8490\" text-anchor=\"middle\">\n<title>{3}</title>\n"
        "<text x=\"{4}\" y=\"22\" font-size=\"16\" font-weight=\"600\">{3}</text>\n"
        "<text x=\"{5}\" y=\"48\">{6}</text>\n<text transform=\"translate(18 {7}) rotate(-90)\">{8}</text>\n",
        total_width, total_height, font, escaped(map.title), total_width / 2, left + width / 2, escaped(map.column_title),
        top + height / 2, escaped(map.row_title));
    for (std::size_t j = 0; j < map.columns.size(); ++j)
        svg += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", left + side * static_cast<int>(j) + side / 2, top - 8,
                           escaped(map.columns[j]));
    svg += "<g text-anchor=\"end\">\n";
    for (std::size_t i = 0; i < map.rows.size(); ++i)
        svg += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", left - 8,
                           top + side * static_cast<int>(i) + side / 2 + font / 3, escaped(map.rows[i]));
    svg += fmt::format(
        "</g>\n<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\" fill=\"none\" stroke=\"#7a8490\" "
        "stroke-opacity=\"0.4\"/>\n<g fill=\"#3b82f6\">\n",
        left - gap, top - gap, width + 2 * gap, height + 2 * gap);
    const auto square = [&](int x, int y, double value, const std::string& note) {
        svg += fmt::format(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\" fill-opacity=\"{:.2f}\"><title>{}</title>"
            "</rect>\n",
            x, y, side - gap, side - gap, value, note);
    };
    for (std::size_t i = 0; i < map.rows.size(); ++i)
        for (std::size_t j = 0; j < map.columns.size(); ++j)
            if (shade(map, i, j) >= 0.005)
                square(left + side * static_cast<int>(j) + gap / 2, top + side * static_cast<int>(i) + gap / 2,
                       shade(map, i, j),
                       fmt::format("{}, {}: {:.2f}", escaped(map.rows[i]), escaped(map.columns[j]), shade(map, i, j)));
    constexpr int steps = 5;
    for (int s = 0; s < steps; ++s) {
        const double value = 1 - s / (steps - 1.0);
        square(left + width + 16, top + side * s, value, fmt::format("{:.2f}", value));
        svg += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"12\" fill=\"#7a8490\" text-anchor=\"start\">{:.2g}</text>\n",
                           left + width + 22 + side, top + side * s + side / 2 + 4, value);
    }
    return svg + "</g>\n</svg>\n";
}

void write_svg(const HeatMap& map, const std::string& path) {
    std::ofstream file(path);
    file << to_svg(map);
    file.close();
    if (!file) throw std::runtime_error(fmt::format("heat map: expected a path that can be written, got {}", path));
}

}  // namespace examples
