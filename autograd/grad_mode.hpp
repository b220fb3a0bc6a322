// Grad mode: whether operations are recorded. A setting of the thread, changed for a scope.
#pragma once

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace detail {
inline constinit thread_local bool grad_mode = true;
}

/// Whether operations on this thread are recorded.
inline bool grad_enabled() { return detail::grad_mode; }

/// Switches recording on or off on this thread while it lives.
class GradMode {
public:
    /// From here to the end of its scope.
    explicit GradMode(bool enabled) : before_(detail::grad_mode) { detail::grad_mode = enabled; }
    ~GradMode() { detail::grad_mode = before_; }
    GradMode(const GradMode&) = delete;
    GradMode& operator=(const GradMode&) = delete;

private:
    bool before_;
};

/// `const no_grad off;`: nothing is recorded on this thread until the end of the scope.
struct no_grad : GradMode {
    no_grad() : GradMode(false) {}
};

/// `const enable_grad on;`: operations are recorded again until the end of the scope.
struct enable_grad : GradMode {
    enable_grad() : GradMode(true) {}
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
