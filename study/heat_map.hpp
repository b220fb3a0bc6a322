// A matrix of numbers, such as an attention map or its gradient, as a picture in the terminal or in an SVG file.
#pragma once

#include <string>
#include <vector>

#include <tapehead/autograd/tensor.hpp>
#include <tapehead/study/terminal.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// Which numbers a heat map shows as which shade.
enum class Shades {
    unit,      ///< 0 is empty, 1 is full, what lies outside is cut off: weights and probabilities
    range,     ///< the least number is empty, the greatest full
    diverging  ///< 0 is empty, numbers above and below have colours of their own, full at the greatest distance from 0
};

/// A labelled matrix. Cells whose number is not finite have no shade; NaN is marked with a cross.
struct HeatMap {
    std::string title = {};                            ///< empty for none
    std::string row_title = {}, column_title = {};     ///< what the axes are, such as "output" and "source"
    std::vector<std::string> rows = {}, columns = {};  ///< labels, one for each row and column
    std::vector<Real> values = {};                     ///< [rows, columns], row-major
    Shades shades = Shades::unit;                      ///< how numbers become shades
};

/// The map of a matrix, in a frame that says the rest; where it has no labels, rows and columns are numbered.
///
///     write_svg(heat_map(capture.call("layer.self_attention").weights(0, 0), {.rows = tokens, .columns = tokens}), "map.svg");
///
/// Throws ShapeError for anything but a matrix, and ValueError if the number of labels is another.
HeatMap heat_map(const Tensor& matrix, HeatMap frame = {});

/// The picture as lines of text: colours where there are some, shades without colours, characters in a pipe.
///
/// Columns that do not fit are left out, and counted in a line below. Signed numbers without colours are shown as tenths of the
/// greatest. Throws ValueError unless there is one value for each row and column.
std::string to_text(const HeatMap& map, const TextStyle& style = terminal_style());

/// The picture as an SVG document that can be read on light and dark backgrounds. Throws as to_text.
std::string to_svg(const HeatMap& map);

/// Writes the SVG document to a file, as a whole or not at all. Throws as to_text, and FileError.
void write_svg(const HeatMap& map, const std::string& path);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
