// The progress display; see progress.hpp.
#include <support/progress.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <tapehead/study/terminal.hpp>

namespace examples {
namespace {

using namespace tapehead::study;

constexpr double redraw_seconds = 0.1, plain_seconds = 15;

/// "950", "12.3k", "4.56M"
std::string short_number(double x) {
    if (x >= 1e6) return fmt::format("{:.2f}M", x / 1e6);
    if (x >= 1e4) return fmt::format("{:.1f}k", x / 1e3);
    return fmt::format("{:.{}f}", x, x >= 100 ? 0 : 1);
}

/// `share` of `width` columns filled, to an eighth of a column.
std::string bar(double share, int width) {
    static constexpr std::array<const char*, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * 8 * width);
    return align_left(repeated("█", filled / 8) + eighths[static_cast<std::size_t>(filled % 8)], width);
}

/// A duration as "0:42", "12:05" or "1:02:03".
std::string clock(double seconds) {
    const long s = std::lround(std::clamp(seconds, 0.0, 359999.0));
    return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60) : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace

Progress::Progress(std::ptrdiff_t total, ProgressOptions options)
    : total_(std::max<std::ptrdiff_t>(total, 1)),
      step_(options.first),
      options_(std::move(options)),
      shown_tenth_(10 * step_ / total_),
      is_terminal_(is_terminal()) {}

Progress::~Progress() { finish(); }

double Progress::seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

void Progress::update(std::ptrdiff_t step, double measure, double amount) {
    step_ = step;
    measure_ = measure;
    amount_ += amount;
    const double since_shown = seconds() - shown_at_;
    if (is_terminal_ && (shown_at_ < 0 || since_shown >= redraw_seconds)) draw(false);
    if (!is_terminal_ && (10 * step / total_ > shown_tenth_ || since_shown >= plain_seconds) && step < total_)
        print_plain(false);
}

void Progress::print(const std::string& line) {
    fmt::print("{}{}\n", is_terminal_ ? "\r\033[K" : "", line);
    std::fflush(stdout);
    if (is_terminal_ && !is_finished_) draw(false);
}

void Progress::finish() {
    if (std::exchange(is_finished_, true)) return;
    if (is_terminal_) draw(true);
    else print_plain(true);
}

/// "420/1000  loss 0.1234  25.3 steps/s  0:42 left"
std::string Progress::figures(bool is_last) const {
    const double elapsed = std::max(seconds(), 1e-9);
    const auto done = static_cast<double>(step_ - options_.first);
    double left = done > 0 ? elapsed * static_cast<double>(total_ - step_) / done : 0;
    if (options_.minutes > 0) left = std::clamp(60 * options_.minutes - elapsed, 0.0, left);
    const std::string steps = fmt::format("{:>{}}/{}", step_, fmt::formatted_size("{}", total_), total_);
    if (amount_ == 0) return steps;  // nothing was left to do
    return fmt::format("{}  {} {:.4f}  {} {}/s  {}", steps, options_.measure, measure_, short_number(amount_ / elapsed),
                       options_.unit, is_last ? fmt::format("in {}", clock(elapsed)) : fmt::format("{} left", clock(left)));
}

void Progress::draw(bool is_last) {
    shown_at_ = seconds();
    const double share = static_cast<double>(step_) / static_cast<double>(total_);
    const int columns = terminal_width() - 1;  // a full last column would wrap on some terminals
    std::string text = figures(is_last);
    const int room = columns - static_cast<int>(text.size()) - 8;
    if (room >= 5) text = fmt::format("{:3.0f}% ▕{}▏ {}", 100 * share, bar(share, std::min(room, 40)), text);
    else text.resize(static_cast<std::size_t>(std::clamp(columns, 0, static_cast<int>(text.size()))));
    fmt::print("\r{}\033[K{}", text, is_last ? "\n" : "");
    std::fflush(stdout);
}

void Progress::print_plain(bool is_last) {
    shown_at_ = seconds();
    shown_tenth_ = 10 * step_ / total_;
    fmt::print("{:3.0f}%  {}\n", 100 * static_cast<double>(step_) / static_cast<double>(total_), figures(is_last));
    std::fflush(stdout);
}

}  // namespace examples
