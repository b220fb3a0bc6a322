// Whole files; see atomic_file.hpp.
#include <tapehead/io/atomic_file.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/descriptor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

[[noreturn]] void fail(const char* operation, const std::string& path) {
    throw FileError(
        fmt::format("{}: expected a file that can be written, got '{}': {}", operation, path, std::strerror(errno)));
}

void write_pieces(const Descriptor& file, const FilePieces& pieces, const std::string& path) {
    pieces([&](std::string_view piece) {
        if (!file.write(piece)) fail("write_file", path);
    });
}

/// A file under construction, gone unless it is kept. Without a name until it is whole, where the file system can do that, so that not
/// even a program that is killed leaves a part of it behind; else under a name of its own, as for the moment before it is renamed. The
/// name is that of a locked file: who finds one that nobody locks takes it away, as its program was killed.
class Draft {
public:
    enum class Kind { unnamed, named };

    Draft(std::string path, Kind kind) : path_(std::move(path)), folder_(folder_of(path_)) {
        if (kind == Kind::unnamed) file_ = Descriptor(open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
        else open_named();
    }
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    ~Draft() {
        const int error = errno;
        if (!name_.empty()) unlink(name_.c_str());
        errno = error;
    }

    bool is_open() const { return file_.is_open(); }
    /// Whether a file without a name may be given one.
    bool can_take_name() const { return access(path_of_opened().c_str(), F_OK) == 0; }
    /// Writes all of the file, to the disk.
    void write(const FilePieces& pieces) {
        struct stat before = {};
        const mode_t mask = umask(0);
        umask(mask);
        const mode_t mode = stat(path_.c_str(), &before) == 0 ? before.st_mode & 07777 : 0666 & ~mask;
        const int file = file_.number();
        write_pieces(file_, pieces, path_);
        if (fchmod(file, mode) != 0 || fsync(file) != 0) fail("write_file", path_);
    }

    /// Gives the file a name, so that it can be renamed: nothing puts it in the place of another at once. Returns whether it has one.
    bool take_name() {
        flock(file_.number(), LOCK_EX | LOCK_NB);
        const std::string opened = path_of_opened();
        for (int number = 0; name_.empty();) {
            std::string name = name_of(number);
            if (linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) name_ = std::move(name);
            else if (errno != EEXIST) return false;
            else if (!remove_if_left(name)) ++number;
        }
        return true;
    }

    /// Puts the file in its place.
    void keep() {
        if (rename(name_.c_str(), path_.c_str()) != 0) fail("write_file", path_);
        name_.clear();
        const Descriptor place(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (place.is_open()) fsync(place.number());  // the new name too; some file systems cannot
    }

private:
    static std::string folder_of(const std::string& path) {
        const std::string folder = std::filesystem::path(path).parent_path();
        return folder.empty() ? "." : folder;
    }
    std::string path_of_opened() const { return fmt::format("/proc/self/fd/{}", file_.number()); }
    std::string name_of(int number) const { return fmt::format("{}/.tapehead-draft{}", folder_, number); }

    void open_named() {
        for (int number = 0; name_.empty();) {
            std::string name = name_of(number);
            file_ = Descriptor(open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
            if (!file_.is_open() && errno != EEXIST) fail("write_file", path_);
            if (!file_.is_open() && !remove_if_left(name)) ++number;
            if (!file_.is_open()) continue;
            // Or somebody was faster, took it for one left behind, and removes it.
            const bool is_lost = flock(file_.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
            if (!is_lost && has_name(file_, name)) name_ = std::move(name);
        }
    }
    static bool has_name(const Descriptor& file, const std::string& name) {
        struct stat opened = {}, named = {};
        return fstat(file.number(), &opened) == 0 && lstat(name.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
               opened.st_ino == named.st_ino;
    }
    /// Removes a draft whose program is gone. Returns whether its name may be free now.
    static bool remove_if_left(const std::string& name) {
        const Descriptor left(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (!left.is_open()) return errno == ENOENT;
        return flock(left.number(), LOCK_EX | LOCK_NB) == 0 && has_name(left, name) && unlink(name.c_str()) == 0;
    }

    std::string path_, folder_, name_;
    Descriptor file_;
};

/// A device or a pipe: nothing can take its place.
void write_through(const std::string& path, const FilePieces& pieces) {
    const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.is_open()) fail("write_file", path);
    write_pieces(file, pieces, path);
}

/// Where a link leads to, over any number of links; the file there need not exist.
std::string behind_links(std::filesystem::path path) {
    std::error_code none;
    for (int i = 0; std::filesystem::is_symlink(path, none); ++i) {
        errno = ELOOP;
        if (i == 40) fail("write_file", path);
        path = path.parent_path() / std::filesystem::read_symlink(path, none);
    }
    return path;
}

}  // namespace

void write_file(const std::string& path, const FilePieces& pieces) {
    std::error_code none;
    if (std::filesystem::is_other(path, none)) return write_through(path, pieces);
    const std::string place = behind_links(path);
    if (Draft draft(place, Draft::Kind::unnamed); draft.is_open() && draft.can_take_name()) {
        draft.write(pieces);
        if (draft.take_name()) return draft.keep();
    }
    Draft draft(place, Draft::Kind::named);
    draft.write(pieces);
    draft.keep();
}

void write_file(const std::string& path, std::string_view contents) {
    write_file(path, [=](const auto& write) { write(contents); });
}

std::string read_file(const std::string& path) {
    const auto require = [&](bool worked) {
        check<FileError>(worked, "read_file: expected a file that can be read, got '{}': {}", path, std::strerror(errno));
    };
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    require(file.is_open());
    struct stat about = {};
    require(fstat(file.number(), &about) == 0);
    // A byte more, so that the last read finds the end; the file may have become another size, and a pipe has none.
    std::string contents(S_ISREG(about.st_mode) ? static_cast<std::size_t>(about.st_size) + 1 : 0, '\0');
    std::size_t size = 0;  // read so far
    for (ssize_t n = 1; n != 0;) {
        if (size == contents.size()) contents.resize(std::max<std::size_t>(size + size / 2, 4096));
        n = ::read(file.number(), contents.data() + size, contents.size() - size);
        require(n >= 0 || errno == EINTR);
        if (n > 0) size += static_cast<std::size_t>(n);
    }
    contents.resize(size);
    return contents;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
