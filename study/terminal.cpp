// Standard output's terminal, and text that fits it; see terminal.hpp.
#include <tapehead/study/terminal.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

/// How many bytes the code point at the beginning takes, 0 if it is none that can be shown.
std::size_t shown_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const std::size_t n = byte(0) < 0x80         ? 1
                          : byte(0) >> 5 == 0x06 ? 2
                          : byte(0) >> 4 == 0x0E ? 3
                          : byte(0) >> 3 == 0x1E ? 4
                                                 : 0;
    std::uint32_t code = n == 1 ? byte(0) : n == 0 ? 0 : byte(0) & (0x7FU >> n);
    for (std::size_t i = 1; i < n; ++i) {
        if (byte(i) >> 6 != 2) return 0;
        code = code << 6 | (byte(i) & 0x3FU);
    }
    static constexpr std::uint32_t least[] = {0, 0, 0xA0, 0x800, 0x10000};  // without the second row of control characters
    const bool is_character =
        code >= least[n] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) && (code & 0xFFFE) != 0xFFFE;
    return is_character ? n : 0;
}

}  // namespace

bool is_terminal() { return isatty(STDOUT_FILENO) != 0 && environment("TERM") != "dumb"; }

int terminal_width() {
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Colors terminal_colors() {
    if (!is_terminal() || !environment("NO_COLOR").empty()) return Colors::none;
    const std::string_view colors = environment("COLORTERM");
    return colors == "truecolor" || colors == "24bit" ? Colors::true_color : Colors::palette;
}

TextStyle terminal_style() {
    if (!is_terminal()) return {};
    return {.width = terminal_width(), .unicode = true, .colors = terminal_colors()};
}

int display_width(std::string_view text) {
    return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string align_right(std::string_view text, int width) {
    return repeated(" ", width - display_width(text)) + std::string(text);
}

std::string align_left(std::string_view text, int width) {
    return std::string(text) + repeated(" ", width - display_width(text));
}

std::string printable(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const auto first = static_cast<unsigned char>(text[0]);
        const std::size_t n = shown_bytes(text);
        if (first < 0x20) result += {'\xE2', '\x90', static_cast<char>(0x80 + first)};  // U+2400 and on
        else if (first == 0x7F) result += "␡";
        else if (n == 0) result += "\xEF\xBF\xBD";
        else result += text.substr(0, n);
        text.remove_prefix(std::max<std::size_t>(n, 1));
    }
    return result;
}

std::string repeated(std::string_view text, int count) {
    std::string result;
    for (int i = 0; i < count; ++i) result += text;
    return result;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
