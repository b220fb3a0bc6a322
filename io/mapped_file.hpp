// A file seen as memory: read where the operating system keeps it, page by page as it is looked at.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The bytes of a file, for as long as this lives.
///
/// A file that is replaced meanwhile, as write_file does it, stays what it was. One that another program cuts short in place must
/// not be: reading beyond its new end stops the program (SIGBUS).
class MappedFile {
public:
    /// Throws FileError for what cannot be read, and for folders, devices and pipes.
    explicit MappedFile(const std::string& path);
    /// @{
    /// Takes what the other maps.
    MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    MappedFile& operator=(MappedFile&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    /// @}
    ~MappedFile();

    std::string_view bytes() const { return bytes_; }  ///< all of it

private:
    std::string_view bytes_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
