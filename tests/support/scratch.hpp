// Where tests write files: a folder of this run's own, removed at its end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace testing {

/// A path for a file that a test writes.
inline std::string scratch(const std::string& name) {
    static const struct Folder {
        std::string path = (std::filesystem::temp_directory_path() / "tapehead-tests-XXXXXX").string();
        Folder() {
            if (!mkdtemp(path.data())) std::abort();
        }
        ~Folder() {
            std::error_code ignored;
            std::filesystem::remove_all(path, ignored);
        }
    } folder;
    return folder.path + "/" + name;
}

}  // namespace testing
