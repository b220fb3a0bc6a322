// Files that grow while a program runs, such as logs.
#pragma once

#include <string>
#include <string_view>

#include <tapehead/io/descriptor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// A file to append to, piece by piece; each is handed to the system at once, so that readers see it and a crash of the program
/// loses none.
class AppendFile {
public:
    /// What becomes of a file that is there.
    enum class Existing {
        replaced,  ///< the file begins empty
        kept,      ///< pieces go behind what it holds
        refused    ///< it is an error
    };

    /// Throws FileError for a file that cannot be written, or is there and to be refused.
    explicit AppendFile(const std::string& path, Existing existing = Existing::replaced);

    /// Appends a piece, as a whole or not at all. Throws FileError.
    void append(std::string_view piece);
    const std::string& path() const { return path_; }  ///< as it was given

private:
    std::string path_;
    Descriptor file_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
