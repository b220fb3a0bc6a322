// Files that grow; see append_file.hpp.
#include <tapehead/io/append_file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

int flags_of(AppendFile::Existing existing) {
    switch (existing) {
        case AppendFile::Existing::replaced: return O_TRUNC;
        case AppendFile::Existing::kept: return 0;
        case AppendFile::Existing::refused: return O_EXCL;
    }
    return 0;
}

}  // namespace

AppendFile::AppendFile(const std::string& path, Existing existing)
    : path_(path), file_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags_of(existing), 0666)) {
    check<FileError>(file_.is_open(), "AppendFile: expected a file that can be written, got '{}': {}", path,
                     std::strerror(errno));
}

void AppendFile::append(std::string_view piece) {
    const off_t end = lseek(file_.number(), 0, SEEK_END);
    if (file_.write(piece)) return;
    const int error = errno;
    [[maybe_unused]] const bool is_cut = end >= 0 && ftruncate(file_.number(), end) == 0;  // a pipe has no end to go back to
    throw FileError(fmt::format("AppendFile: expected a file that can be written, got '{}': {}", path_, std::strerror(error)));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
