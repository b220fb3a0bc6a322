// File systems that know no files without names, or refuse to give one a name: files are written under a name of their own first.
#include <fcntl.h>
#include <sys/syscall.h>

#include <cerrno>

#include "formats.hpp"

using namespace testing;

namespace {
bool refuses_links = false;
int refused_links = 0;
}  // namespace

/// The system's, but where links are refused.
extern "C" int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
    if (!refuses_links) return static_cast<int>(syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
    ++refused_links;
    errno = EPERM;
    return -1;
}

TEST_CASE("files: where a file cannot be given a name later it is written all the same, whole and with nothing beside it") {
    for (const Format& format : formats()) {
        INFO(format.name);
        const std::string folder = new_folder("unlinked"), path = folder + "/file";
        format.save(path, 1);
        write_file(folder + "/.tapehead-draft0", "left by a program that was killed");
        refused_links = 0;
        refuses_links = true;
        format.save(path, 2);
        refuses_links = false;
        CHECK(refused_links > 0);
        CHECK(format.load(path) == 2);
        CHECK(names_in(folder) == std::set<std::string>{"file"});
    }
}

TEST_CASE("files: where a file cannot be given a name later a full disk leaves the old one, and nothing beside it") {
    const std::string folder = new_folder("unlinked"), path = folder + "/file";
    write_file(path, "old");
    CHECK(in_child([&] {
              std::filesystem::create_directory(folder + "/folder");
              refuses_links = true;
              return file_error([&] { write_file(folder + "/folder", "x"); });
          }).find("s a directory") != std::string::npos);
    CHECK(names_in(folder) == std::set<std::string>{"file", "folder"});
    CHECK(read_file(path) == "old");
}
