// A matrix of numbers between 0 and 1, such as an attention map, as a picture in the terminal or in an SVG file.
#pragma once

#include <string>
#include <vector>

namespace examples {

/// A labelled matrix. Its values count as shades: 0 is empty, 1 is full, what lies outside is cut off.
struct HeatMap {
    std::string title;
    std::string row_title, column_title;     ///< what the axes are, such as "output" and "source"
    std::vector<std::string> rows, columns;  ///< labels, one for each row and column
    std::vector<double> values;              ///< [rows, columns], row-major
};

/// The picture as lines of text for standard output: colours on a terminal, shades without colours, characters in a pipe.
///
/// Columns that do not fit the width of the terminal are left out, and counted in a line below. Throws std::invalid_argument
/// unless there is one value for each row and column.
std::string to_text(const HeatMap& map);

/// The picture as an SVG document that can be read on light and dark backgrounds. Throws as to_text.
std::string to_svg(const HeatMap& map);

/// Writes the SVG document to a file. Throws std::runtime_error if that fails.
void write_svg(const HeatMap& map, const std::string& path);

}  // namespace examples
