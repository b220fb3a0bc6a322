// A file seen as memory: read where the operating system keeps it, page by page as it is looked at.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tapehead/io/descriptor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The bytes of a file, for as long as this lives.
///
/// A file that is replaced meanwhile, as write_file does it, stays what it was. One that another program cuts short in place must
/// not be: reading beyond its new end stops the program (SIGBUS). Who asks check_whole() before reading learns of it by an exception,
/// unless it is cut while it is read.
class MappedFile {
public:
    /// Throws FileError for what cannot be read, and for folders, devices and pipes.
    explicit MappedFile(const std::string& path);
    /// @{
    /// Takes what the other maps.
    MappedFile(MappedFile&& other) noexcept
        : bytes_(std::exchange(other.bytes_, {})), file_(std::move(other.file_)), path_(std::move(other.path_)) {}
    MappedFile& operator=(MappedFile&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        std::swap(file_, other.file_);
        std::swap(path_, other.path_);
        return *this;
    }
    /// @}
    ~MappedFile();

    std::string_view bytes() const { return bytes_; }  ///< all of it
    /// Throws FileError if the file has been cut short since.
    void check_whole() const;

private:
    std::string_view bytes_;
    Descriptor file_;
    std::string path_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
