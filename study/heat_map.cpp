// Heat maps as text and SVG; see heat_map.hpp.
#include <tapehead/study/heat_map.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/study/svg.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

using detail::xml_escaped;

/// Which number is empty and which is full.
struct Range {
    Real low, high;
    bool is_signed;

    /// 0 for empty to 1 for full, down to −1 for numbers below 0 on a diverging scale; nothing for what is not finite.
    std::optional<Real> shade(Real value) const {
        if (!std::isfinite(value)) return std::nullopt;
        if (is_signed) return high > 0 ? std::clamp<Real>(value / high, -1, 1) : 0;
        return high > low ? std::clamp<Real>((value - low) / (high - low), 0, 1) : 0;
    }
    Real value_of(Real shade) const { return is_signed ? shade * high : low + shade * (high - low); }
    Real least_shade() const { return is_signed ? -1 : 0; }
};

Range range_of(const HeatMap& map) {
    if (map.shades == Shades::unit) return {0, 1, false};
    Real low = 0, high = 0, most = 0;
    bool is_first = true;
    for (const Real value : map.values) {
        if (!std::isfinite(value)) continue;
        low = is_first ? value : std::min(low, value);
        high = is_first ? value : std::max(high, value);
        most = std::max(most, std::abs(value));
        is_first = false;
    }
    if (map.shades == Shades::diverging) return {-most, most, true};
    return {low, high, false};
}

void check_sizes(const char* operation, const HeatMap& map) {
    check<ValueError>(map.values.size() == map.rows.size() * map.columns.size(), "{}: expected {} x {} values, got {}",
                      operation, map.rows.size(), map.columns.size(), map.values.size());
}

int widest(const std::vector<std::string>& labels) {
    int width = 0;
    for (const std::string& label : labels) width = std::max(width, display_width(printable(label)));
    return width;
}

/// "0.25" on the unit scale, else three digits.
std::string number(const HeatMap& map, Real value) {
    return map.shades == Shades::unit ? fmt::format("{:.2f}", value) : fmt::format("{:.3g}", value);
}

/// A background from dark violet over red to light yellow, like the colour map "inferno"; below 0 towards light blue.
std::string background(Real shade, Colors colors) {
    const Real size = std::abs(shade);
    if (colors == Colors::palette) {
        static constexpr std::array<int, 10> warm = {233, 53, 89, 125, 161, 197, 203, 209, 215, 228};
        static constexpr std::array<int, 10> cold = {233, 17, 18, 19, 25, 31, 38, 45, 81, 123};
        return fmt::format("\033[48;5;{}m", (shade < 0 ? cold : warm)[static_cast<std::size_t>(std::lround(9 * size))]);
    }
    const auto mixed = [](Real x) { return static_cast<int>(std::clamp<Real>(x, 0, 255)); };
    const int rising = mixed(20 + 235 * std::min<Real>(1, 1.6 * size)), late = mixed(15 + 225 * size * size);
    const int arch = mixed(35 + 120 * std::sin(std::numbers::pi * std::min<Real>(1, 1.2 * size)) + 60 * std::pow(size, 6));
    if (shade < 0) return fmt::format("\033[48;2;{};{};{}m", mixed(20 + 100 * std::pow(size, 6)), late, rising);
    return fmt::format("\033[48;2;{};{};{}m", rising, late, arch);
}

/// `width` columns in one shade.
std::string cell(std::optional<Real> shade, bool is_nan, bool is_signed, int width, const TextStyle& style) {
    static constexpr std::array<const char*, 5> blocks = {" ", "░", "▒", "▓", "█"};
    static constexpr std::string_view characters = " .:-=+*#%@";
    if (!shade) return align_right(align_left(is_nan ? (style.unicode ? "×" : "x") : "", (width + 1) / 2), width);
    const auto level = [&](std::size_t levels) {
        return static_cast<std::size_t>(std::lround(std::abs(*shade) * static_cast<Real>(levels - 1)));
    };
    if (style.colors != Colors::none) return background(*shade, style.colors) + repeated(" ", width) + "\033[0m";
    if (is_signed) {
        const std::size_t tenths = level(11);
        return align_right(tenths == 0 ? "." : fmt::format("{}{}", *shade < 0 ? "-" : "", tenths), width);
    }
    if (style.unicode) return repeated(blocks[level(blocks.size())], width);
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

/// The names of the columns that are shown; those wider than a column are written downwards.
std::string heading(const HeatMap& map, int margin, int width, int shown) {
    const int label = widest(map.columns);
    const bool is_upright = label > width;
    std::string text = align_right("", margin + 1) + printable(map.column_title) + "\n";
    for (int line = 0; line < (is_upright ? label : 1); ++line) {
        text += align_right(line == 0 ? printable(map.row_title) : "", margin) + " ";
        for (int j = 0; j < shown; ++j) {
            const std::string name = printable(map.columns[static_cast<std::size_t>(j)]);
            const std::string centred =
                is_upright ? letter(name, line) : name + repeated(" ", (width - display_width(name)) / 2);
            text += align_right(centred, width);
        }
        text += "\n";
    }
    return text;
}

/// Where the parts of the SVG document are, in pixels.
struct Layout {
    int side, gap, left, top, width, height;
    bool has_labels, is_tilted;

    explicit Layout(const HeatMap& map) {
        const int columns = static_cast<int>(map.columns.size()), rows = static_cast<int>(map.rows.size());
        side = std::clamp(1040 / std::max({columns, rows, 1}), 4, 26);
        gap = side >= 12 ? 2 : side >= 6 ? 1 : 0;
        has_labels = side >= 12;
        is_tilted = 9 * widest(map.columns) > side + 1;
        left = 48 + (has_labels ? 9 * widest(map.rows) : 0);
        top = 78 + (has_labels && is_tilted ? 8 * widest(map.columns) - 12 : 0);
        width = side * columns;
        height = side * rows;
    }
    int x(std::size_t column) const { return left + side * static_cast<int>(column); }
    int y(std::size_t row) const { return top + side * static_cast<int>(row); }
};

void add_labels(detail::Svg& svg, const HeatMap& map, const Layout& at) {
    constexpr int font = 14;
    if (!at.has_labels) return;
    for (std::size_t j = 0; j < map.columns.size(); ++j) {
        const std::string label = xml_escaped(map.columns[j]);
        if (at.is_tilted)
            svg.add("<text transform=\"translate({} {}) rotate(-60)\" text-anchor=\"start\">{}</text>\n",
                    at.x(j) + at.side / 2 + 4, at.top - 8, label);
        else svg.add("<text x=\"{}\" y=\"{}\">{}</text>\n", at.x(j) + at.side / 2, at.top - 8, label);
    }
    svg.add("<g text-anchor=\"end\">\n");
    for (std::size_t i = 0; i < map.rows.size(); ++i)
        svg.add("<text x=\"{}\" y=\"{}\">{}</text>\n", at.left - 8, at.y(i) + at.side / 2 + font / 3, xml_escaped(map.rows[i]));
    svg.add("</g>\n");
}

void add_square(detail::Svg& svg, int x, int y, int side, Real shade, const std::string& note) {
    svg.add("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}{} fill-opacity=\"{:.2f}\"><title>{}</title></rect>\n", x, y,
            side, side, side >= 10 ? " rx=\"3\"" : "", shade < 0 ? fmt::format(" fill=\"{}\"", detail::orange) : "",
            std::abs(shade), note);
}

void add_cells(detail::Svg& svg, const HeatMap& map, const Range& range, const Layout& at) {
    for (std::size_t i = 0; i < map.rows.size(); ++i)
        for (std::size_t j = 0; j < map.columns.size(); ++j) {
            const Real value = map.values[i * map.columns.size() + j];
            const std::optional<Real> shade = range.shade(value);
            const int x = at.x(j) + at.gap / 2, y = at.y(i) + at.gap / 2, side = at.side - at.gap;
            const auto note = [&] {
                return fmt::format("{}, {}: {}", xml_escaped(map.rows[i]), xml_escaped(map.columns[j]), number(map, value));
            };
            if (shade && std::abs(*shade) >= 0.005) add_square(svg, x, y, side, *shade, note());
            if (std::isnan(value))
                svg.add("<path d=\"M{0} {1}l{2} {2}m0 -{2}l-{2} {2}\" stroke=\"{3}\"><title>{4}</title></path>\n", x + side / 4,
                        y + side / 4, side - 2 * (side / 4), detail::grey, note());
        }
}

}  // namespace

HeatMap heat_map(const Tensor& matrix, HeatMap frame) {
    check<ShapeError>(matrix.dim() == 2, "heat_map: expected a matrix, got shape {}", matrix.shape());
    const auto number_all = [](std::vector<std::string>& labels, Index count) {
        if (!labels.empty()) return;
        for (Index i = 0; i < count; ++i) labels.push_back(std::to_string(i));
    };
    number_all(frame.rows, matrix.size(0));
    number_all(frame.columns, matrix.size(1));
    const auto rows = static_cast<Index>(frame.rows.size()), columns = static_cast<Index>(frame.columns.size());
    check<ValueError>(rows == matrix.size(0) && columns == matrix.size(1),
                      "heat_map: expected {} labels, got {} for the rows and {} for the columns", matrix.shape(), rows,
                      columns);
    frame.values.assign(matrix.values().begin(), matrix.values().end());
    return frame;
}

std::string to_text(const HeatMap& map, const TextStyle& style) {
    check_sizes("to_text", map);
    const Range range = range_of(map);
    const int margin = std::max(widest(map.rows), display_width(printable(map.row_title))) + 1;
    const int count = static_cast<int>(map.columns.size());
    const int room = std::max(1, style.width - margin - 2);
    const int least = range.is_signed && style.colors == Colors::none ? 4 : 1;  // for "-10"
    const int width = std::clamp(room / std::max(count, 1), least, std::max({3, least, widest(map.columns) + 1}));
    const int shown = std::min(count, room / width);

    std::string text = map.title.empty() ? "" : printable(map.title) + "\n";
    text += heading(map, margin, width, shown);
    for (std::size_t i = 0; i < map.rows.size(); ++i) {
        text += align_right(printable(map.rows[i]), margin) + " ";
        for (int j = 0; j < shown; ++j) {
            const Real value = map.values[i * map.columns.size() + static_cast<std::size_t>(j)];
            text += cell(range.shade(value), std::isnan(value), range.is_signed, width, style);
        }
        text += "\n";
    }
    if (shown < count) text += fmt::format("({} more columns do not fit)\n", count - shown);
    if (range.is_signed && style.colors == Colors::none)
        return text + align_right("", margin) + fmt::format(" in tenths of {}\n", number(map, range.high));
    text += align_right("", margin) + fmt::format(" {:.3g} ", range.low);
    for (int i = 0; i < 10; ++i)
        text += cell(range.least_shade() + (1 - range.least_shade()) * i / 9, false, range.is_signed, 2, style);
    return text + fmt::format(" {:.3g}\n", range.high);
}

std::string to_svg(const HeatMap& map) {
    check_sizes("to_svg", map);
    const Range range = range_of(map);
    const Layout at(map);
    const int total_width = at.left + at.width + 80, total_height = at.top + std::max(at.height, 130) + 16;
    detail::Svg svg(total_width, total_height, map.title);
    svg.add("<text x=\"{}\" y=\"48\">{}</text>\n<text transform=\"translate(18 {}) rotate(-90)\">{}</text>\n",
            at.left + at.width / 2, xml_escaped(map.column_title), at.top + at.height / 2, xml_escaped(map.row_title));
    add_labels(svg, map, at);
    svg.add(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\" fill=\"none\" stroke=\"{}\" stroke-opacity=\"0.4\"/>\n"
        "<g fill=\"{}\">\n",
        at.left - at.gap, at.top - at.gap, at.width + 2 * at.gap, at.height + 2 * at.gap, detail::grey, detail::blue);
    add_cells(svg, map, range, at);
    constexpr int steps = 5, side = 26, gap = 2;
    for (int s = 0; s < steps; ++s) {
        const Real shade = 1 - (1 - range.least_shade()) * s / (steps - 1);
        const Real value = range.value_of(shade);
        add_square(svg, at.left + at.width + 16, at.top + side * s, side - gap, shade, number(map, value));
        svg.add("<text x=\"{}\" y=\"{}\" font-size=\"12\" fill=\"{}\" text-anchor=\"start\">{:.2g}</text>\n",
                at.left + at.width + 22 + side, at.top + side * s + side / 2 + 4, detail::grey, value);
    }
    svg.add("</g>\n");
    return svg.finish();
}

void write_svg(const HeatMap& map, const std::string& path) { write_file(path, to_svg(map)); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
