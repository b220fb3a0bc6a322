// What a text may use that is drawn with characters: a terminal of some width and colours, or a pipe or file that gets plain ones.
#pragma once

#include <string>
#include <string_view>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// The colours that a text may have.
enum class Colors {
    none,        ///< a pipe, a file, TERM=dumb or NO_COLOR
    palette,     ///< the 256 colours of xterm
    true_color,  ///< 24 bits, as COLORTERM says
};

/// Whether a line can be redrawn on standard output.
bool is_terminal();

/// Columns of the terminal; 80 where unknown.
int terminal_width();

/// The colours that standard output can show.
Colors terminal_colors();

/// How figures are drawn as text. The default is for files: plain characters, the same everywhere.
struct TextStyle {
    int width = 120;               ///< columns that a line may take
    int height = 16;               ///< lines of a chart
    bool unicode = false;          ///< blocks and braille instead of characters
    Colors colors = Colors::none;  ///< what marks the cells and lines
};

/// The style that standard output can show.
TextStyle terminal_style();

/// How many columns a UTF-8 text takes, one for each code point.
int display_width(std::string_view text);

/// @{
/// The text filled with spaces on the left, or on the right, to `width` columns.
std::string align_right(std::string_view text, int width);
std::string align_left(std::string_view text, int width);
/// @}

/// The text as UTF-8 that can be shown on one line: a picture (␊) for each control character, U+FFFD for what is not UTF-8.
std::string printable(std::string_view text);

/// The text `count` times.
std::string repeated(std::string_view text, int count);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
