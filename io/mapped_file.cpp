// Mapped files; see mapped_file.hpp.
#include <tapehead/io/mapped_file.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

MappedFile::MappedFile(const std::string& path)
    : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)),  // a pipe without a writer would wait for one
      path_(path) {
    const auto require = [&](bool worked) {
        check<FileError>(worked, "MappedFile: expected a file that can be read, got '{}': {}", path, std::strerror(errno));
    };
    require(file_.is_open());
    struct stat about = {};
    require(fstat(file_.number(), &about) == 0);
    check<FileError>(S_ISREG(about.st_mode), "MappedFile: expected a file, got a folder, device or pipe '{}'", path);
    const auto size = static_cast<std::size_t>(about.st_size);
    if (size == 0) return;  // which cannot be mapped
    const void* start = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file_.number(), 0);
    require(start != MAP_FAILED);
    bytes_ = {static_cast<const char*>(start), size};
}

void MappedFile::check_whole() const {
    struct stat about = {};
    const bool is_known = bytes_.empty() || fstat(file_.number(), &about) == 0;
    check<FileError>(is_known && (bytes_.empty() || static_cast<std::size_t>(about.st_size) >= bytes_.size()),
                     "MappedFile: expected the {} bytes that were there when it was opened, got {} in '{}'", bytes_.size(),
                     about.st_size, path_);
}

MappedFile::~MappedFile() {
    if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
