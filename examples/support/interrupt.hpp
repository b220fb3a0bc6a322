// Ctrl-C as a wish instead of an end: training stops after the step at hand, and is saved.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <stdexcept>

namespace examples {

/// Stopped by the user; a program ends with status 130, as shells have it.
struct Interrupted : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// While one lives, SIGINT (Ctrl-C) and SIGTERM are noted; the second of a kind ends the program at once. One that the program was
/// started to ignore, as in the background of a script, is still ignored.
class InterruptGuard {
public:
    InterruptGuard() {
        requested_ = 0;
        struct sigaction action = {};
        action.sa_handler = [](int) { requested_ = 1; };
        action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
        for (std::size_t i = 0; i < signals.size(); ++i) {
            sigaction(signals[i], &action, &before_[i]);
            if (before_[i].sa_handler == SIG_IGN) sigaction(signals[i], &before_[i], nullptr);
        }
    }
    ~InterruptGuard() {
        for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before_[i], nullptr);
    }
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

    bool requested() const { return requested_ != 0; }

private:
    static constexpr std::array<int, 2> signals = {SIGINT, SIGTERM};
    inline static volatile std::sig_atomic_t requested_ = 0;
    std::array<struct sigaction, 2> before_ = {};
};

}  // namespace examples
