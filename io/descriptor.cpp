// Open files; see descriptor.hpp.
#include <tapehead/io/descriptor.hpp>

#include <unistd.h>

#include <cerrno>

namespace tapehead::inline TAPEHEAD_SCALAR {

Descriptor::~Descriptor() {
    if (!is_open()) return;
    const int error = errno;  // of what went wrong before
    close(number_);
    errno = error;
}

bool Descriptor::write(std::string_view contents) const {
    while (!contents.empty()) {
        const ssize_t written = ::write(number_, contents.data(), contents.size());
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) contents.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
