// Progress of a training loop: one line that is redrawn on a terminal, a plain line now and then in a pipe or file.
//
//     examples::Progress progress(steps);
//     for (Index step = 1; step <= steps; ++step) { ...; progress.update(step, loss.item()); }
//     progress.finish();
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace examples {

struct ProgressOptions {
    std::string measure = "loss";  ///< what the second argument of `update` is
    std::string unit = "steps";    ///< what the third argument of `update` counts, for the rate
    double minutes = 0;            ///< the most that the loop may take, if above 0
    std::ptrdiff_t first = 0;      ///< steps of the total that were done before
};

/// Shows done and total steps, a measure such as the loss, the rate and the time left.
class Progress {
public:
    explicit Progress(std::ptrdiff_t total, ProgressOptions options = {});
    /// Finishes.
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// `step` of the total are done, the last of them with `measure` and `amount` units of work.
    void update(std::ptrdiff_t step, double measure, double amount = 1);
    /// Prints a line of text above the progress line.
    void print(const std::string& line);
    /// Ends the display with where it stands and the time taken; does nothing the second time.
    void finish();
    /// Since the start, in seconds.
    double seconds() const;

private:
    std::string figures(bool is_last) const;
    void draw(bool is_last);
    void print_plain(bool is_last);

    std::ptrdiff_t total_, step_ = 0;
    ProgressOptions options_;
    double measure_ = 0, amount_ = 0;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    double shown_at_ = -1;            // seconds; of the last drawing or plain line
    std::ptrdiff_t shown_tenth_ = 0;  // of the total, in the last plain line
    bool is_terminal_, is_finished_ = false;
};

}  // namespace examples
