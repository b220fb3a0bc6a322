// Whole files; see atomic_file.hpp.
#include <tapehead/io/atomic_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/descriptor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

[[noreturn]] void fail(const char* operation, const std::string& path) {
    throw FileError(
        fmt::format("{}: expected a file that can be written, got '{}': {}", operation, path, std::strerror(errno)));
}

/// A file under construction, gone unless it is kept: it has no name until it is whole, so that not even a program that is killed leaves a
/// part of it behind; or a name of its own where the file system knows no other way.
class Draft {
public:
    explicit Draft(std::string path)
        : path_(std::move(path)),
          folder_(folder_of(path_)),
          file_(open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)) {
        if (file_.is_open() && access(opened().c_str(), F_OK) == 0) return;
        name_ = path_ + ".XXXXXX";
        file_ = Descriptor(mkstemp(name_.data()));
        if (!file_.is_open()) fail("write_file", path_);
    }
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    ~Draft() {
        const int error = errno;
        if (!name_.empty()) unlink(name_.c_str());
        errno = error;
    }

    void write(std::string_view contents) {
        if (!file_.write(contents)) fail("write_file", path_);
    }

    /// Puts the file in its place.
    void keep() {
        struct stat before = {};
        const mode_t mask = umask(0);
        umask(mask);
        const mode_t mode = stat(path_.c_str(), &before) == 0 ? before.st_mode & 07777 : 0666 & ~mask;
        const int file = file_.number();
        if (fchmod(file, mode) != 0 || fsync(file) != 0 || !take_name() || rename(name_.c_str(), path_.c_str()) != 0)
            fail("write_file", path_);
        name_.clear();
        const Descriptor place(open(folder_.c_str(), O_RDONLY | O_DIRECTORY));
        if (place.is_open()) fsync(place.number());  // the new name too; some file systems cannot
    }

private:
    static std::string folder_of(const std::string& path) {
        const std::string folder = std::filesystem::path(path).parent_path();
        return folder.empty() ? "." : folder;
    }
    /// Where the system shows the open file, whether or not it has a name.
    std::string opened() const { return fmt::format("/proc/self/fd/{}", file_.number()); }
    /// Gives the file a name, if it has none, so that it can be renamed: nothing puts it in the place of another at once.
    bool take_name() {
        for (int number = 0; name_.empty(); ++number) {
            const std::string name = fmt::format("{}.{}-{}", path_, getpid(), number);
            if (linkat(AT_FDCWD, opened().c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) name_ = name;
            else if (errno != EEXIST) return false;
        }
        return true;
    }

    std::string path_, folder_, name_;
    Descriptor file_;
};

/// A device or a pipe: nothing can take its place.
void write_through(const std::string& path, std::string_view contents) {
    const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.is_open() || !file.write(contents)) fail("write_file", path);
}

/// Where a link leads to, over any number of links; the file there need not exist.
std::string behind_links(std::filesystem::path path) {
    std::error_code none;
    for (int i = 0; i < 40 && std::filesystem::is_symlink(path, none); ++i)
        path = path.parent_path() / std::filesystem::read_symlink(path, none);
    return path;
}

}  // namespace

void write_file(const std::string& path, std::string_view contents) {
    std::error_code none;
    if (std::filesystem::is_other(path, none)) return write_through(path, contents);
    Draft draft(behind_links(path));
    draft.write(contents);
    draft.keep();
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream contents;
    if (file && !std::filesystem::is_directory(path)) contents << file.rdbuf();
    check<FileError>(file && !std::filesystem::is_directory(path), "read_file: expected a file that can be read, got '{}'",
                     path);
    return std::move(contents).str();
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
