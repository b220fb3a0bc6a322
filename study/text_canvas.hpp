// Charts drawn with characters: a canvas of dots, and axes. Not part of the umbrella header.
#pragma once

#include <string>
#include <vector>

#include <tapehead/study/axis.hpp>
#include <tapehead/study/terminal.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study::detail {

/// A character for each cell, or in braille 2 × 4 dots; what is drawn later covers what was there.
class TextCanvas {
public:
    TextCanvas(int columns, int rows, const TextStyle& style);

    int columns() const { return columns_; }
    int rows() const { return rows_; }
    int dots_across() const { return columns_ * (style_.unicode ? 2 : 1); }
    int dots_down() const { return rows_ * (style_.unicode ? 4 : 1); }

    /// Draws a line of dots; (0, 0) is at the top left.
    void line(int x, int y, int to_x, int to_y, std::size_t series);
    /// One row of cells, without the spaces at its end.
    std::string row(int i) const;
    /// What a series is drawn with, for the legend.
    std::string sample(std::size_t series) const;

private:
    struct Cell {
        unsigned char dots = 0;
        std::size_t series = 0;
    };
    std::size_t index(int column, int row) const {
        return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(column);
    }
    void dot(int x, int y, std::size_t series);
    std::string colored(const std::string& text, std::size_t series) const;

    TextStyle style_;
    int columns_, rows_;
    std::vector<Cell> cells_;
};

enum class Frame { side, tick, corner, floor, floor_tick };

/// A piece of an axis.
std::string frame(Frame piece, const TextStyle& style);

/// A horizontal axis below `columns` cells, from its corner on, and its labels on the next line, indented by `margin`.
std::string axis_text(const Axis& axis, int columns, int margin, const TextStyle& style);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study::detail
