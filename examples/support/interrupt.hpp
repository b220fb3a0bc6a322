// Ctrl-C as a wish instead of an end: training stops after the step at hand, and is saved.
#pragma once

#include <csignal>
#include <stdexcept>

namespace examples {

/// Stopped by the user; a program ends with status 130, as shells have it.
struct Interrupted : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// While one lives, SIGINT (Ctrl-C) and SIGTERM are noted; the second of a kind ends the program at once.
class InterruptGuard {
public:
    InterruptGuard() {
        requested_ = 0;
        struct sigaction action = {};
        action.sa_handler = [](int) { requested_ = 1; };
        action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
        sigaction(SIGINT, &action, &before_[0]);
        sigaction(SIGTERM, &action, &before_[1]);
    }
    ~InterruptGuard() {
        sigaction(SIGINT, &before_[0], nullptr);
        sigaction(SIGTERM, &before_[1], nullptr);
    }
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

    bool requested() const { return requested_ != 0; }

private:
    inline static volatile std::sig_atomic_t requested_ = 0;
    struct sigaction before_[2] = {};
};

}  // namespace examples
