// Standard output's terminal; see terminal.hpp.
#include <support/terminal.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace examples {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
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

int display_width(std::string_view text) {
    return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string align_right(std::string_view text, int width) {
    return std::string(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ') + std::string(text);
}

std::string clock(double seconds) {
    const long s = std::lround(std::clamp(seconds, 0.0, 359999.0));
    return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60) : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace examples
