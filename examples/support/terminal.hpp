// What standard output is: a terminal of some width and colours, or a pipe or file that gets plain characters.
#pragma once

#include <string>
#include <string_view>

namespace examples {

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

/// How many columns a UTF-8 text takes, one for each code point.
int display_width(std::string_view text);

/// The text filled with spaces on the left to `width` columns.
std::string align_right(std::string_view text, int width);

/// A duration as "0:42", "12:05" or "1:02:03".
std::string clock(double seconds);

}  // namespace examples
