// Dots and axes of characters; see text_canvas.hpp.
#include <tapehead/study/text_canvas.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

namespace tapehead::inline TAPEHEAD_SCALAR::study::detail {

TextCanvas::TextCanvas(int columns, int rows, const TextStyle& style)
    : style_(style),
      columns_(columns),
      rows_(rows),
      cells_(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)) {}

void TextCanvas::dot(int x, int y, std::size_t series) {
    static constexpr unsigned char braille[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};  // U+2800 and on
    const int column = style_.unicode ? x / 2 : x, row = style_.unicode ? y / 4 : y;
    Cell& cell = cells_[index(column, row)];
    if (cell.series != series && style_.colors != Colors::none) cell.dots = 0;  // a cell has one colour
    cell.dots |= style_.unicode ? braille[y % 4][x % 2] : 1;
    cell.series = series;
}

void TextCanvas::line(int x, int y, int to_x, int to_y, std::size_t series) {  // Bresenham's
    const int dx = std::abs(to_x - x), dy = -std::abs(to_y - y), step_x = x < to_x ? 1 : -1, step_y = y < to_y ? 1 : -1;
    int error = dx + dy;
    for (;;) {
        dot(x, y, series);
        if (x == to_x && y == to_y) return;
        const int twice = 2 * error;
        if (twice >= dy) {
            error += dy;
            x += step_x;
        }
        if (twice <= dx) {
            error += dx;
            y += step_y;
        }
    }
}

std::string TextCanvas::colored(const std::string& text, std::size_t series) const {
    static constexpr std::array<int, 8> palette = {75, 208, 78, 141, 203, 80, 172, 205};  // near series_colors
    if (style_.colors == Colors::none) return text;
    return fmt::format("\033[38;5;{}m{}\033[0m", palette[series % palette.size()], text);
}

std::string TextCanvas::row(int i) const {
    std::string text, spaces;
    for (int j = 0; j < columns_; ++j) {
        const Cell& cell = cells_[index(j, i)];
        if (cell.dots == 0) {
            spaces += ' ';
            continue;
        }
        const std::string braille{'\xE2', static_cast<char>(0xA0 | cell.dots >> 6),
                                  static_cast<char>(0x80 | (cell.dots & 0x3F))};
        text += std::exchange(spaces, "") + (style_.unicode ? colored(braille, cell.series) : sample(cell.series));
    }
    return text;
}

std::string TextCanvas::sample(std::size_t series) const {
    static constexpr std::string_view marks = "*+ox#@%&";
    if (!style_.unicode) return {marks[series % marks.size()]};
    return colored("⠤⠤", series);
}

std::string frame(Frame piece, const TextStyle& style) {
    static constexpr std::array<const char*, 5> lines = {"│", "┤", "└", "─", "┬"};
    static constexpr std::array<const char*, 5> characters = {"|", "+", "+", "-", "+"};
    return (style.unicode ? lines : characters)[static_cast<std::size_t>(piece)];
}

std::string axis_text(const Axis& axis, int columns, int margin, const TextStyle& style) {
    std::vector<Frame> pieces(static_cast<std::size_t>(columns), Frame::floor);
    std::string labels(static_cast<std::size_t>(margin + 1), ' ');
    for (std::size_t i = 0; i < axis.ticks().size(); ++i) {
        const auto place = static_cast<std::size_t>(std::lround(axis.place(axis.ticks()[i]) * (columns - 1)));
        pieces[std::min(place, pieces.size() - 1)] = Frame::floor_tick;
        const std::string& label = axis.labels()[i];
        const std::size_t middle = static_cast<std::size_t>(margin + 1) + place;
        const std::size_t start = std::max(middle - std::min(middle, label.size() / 2), labels.find_last_not_of(' ') + 2);
        if (i > 0 && start > middle) continue;  // no room beside the one before
        labels.resize(std::max(labels.size(), start), ' ');
        labels.replace(start, std::string::npos, label);
    }
    std::string text = frame(Frame::corner, style);
    for (const Frame piece : pieces) text += frame(piece, style);
    return text + "\n" + labels + "\n";
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study::detail
