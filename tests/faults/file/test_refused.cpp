// Files that cannot be written or read whole: full disks, limits, missing permissions, files that vanish or shrink. What comes out is a
// FileError with path and reason; the old file, its folder and what is loaded into stay as they are.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "formats.hpp"

using namespace testing;

namespace {

/// Lets no file grow beyond so many bytes: a write is cut there, and the next one fails.
void limit_file_size(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) throw std::runtime_error("setrlimit");
}

std::size_t size_of_file(const std::string& path) { return static_cast<std::size_t>(std::filesystem::file_size(path)); }

std::string contents(const std::string& folder) {
    std::string all;
    for (const std::string& name : names_in(folder)) {
        all += name + ": ";
        std::error_code none;
        if (std::filesystem::is_regular_file(folder + "/" + name, none)) all += read_file(folder + "/" + name);
    }
    return all;
}

/// Saves version 2 over version 1 where `refuse` has made that fail; what must hold, or what did not.
std::string save_where_refused(const Format& format, const std::string& path, const std::function<void()>& refuse,
                               const std::string& reason) {
    format.save(path, 1);
    const std::string folder = std::filesystem::path(path).parent_path(), before = contents(folder);
    return in_child([&] {
        refuse();
        const std::string said = file_error([&] { format.save(path, 2); });
        if (said.find(reason) == std::string::npos || said.find("'" + path + "'") == std::string::npos) return said;
        if (contents(folder) != before) return std::string("the folder changed");
        return std::string(format.load(path) == 1 ? "as before" : "another version");
    });
}

int& tried() {
    static int count = 0;
    return count;
}

}  // namespace

TEST_CASE("disk full: a file that may not grow further is not written, at any length, and the old one stays") {
    int lengths = 0;
    for (const Format& format : formats()) {
        const std::string path = new_folder("limited") + "/file";
        format.save(path, 2);
        const std::size_t size = size_of_file(path);
        for (std::size_t limit = 0; limit < size; limit += std::max<std::size_t>(1, size / 10)) {
            INFO(format.name << ", limit " << limit << " of " << size);
            CHECK(save_where_refused(
                      format, path, [&] { limit_file_size(limit); }, "File too large") == "as before");
            ++lengths;
        }
    }
    WARN("files cut at " << lengths << " lengths");
}

TEST_CASE("disk full: on a small disk of memory a file is not written, and the old one stays") {
    const std::string folder = new_folder("small");
    if (mount("tapehead-tests", folder.c_str(), "tmpfs", 0, "size=64k") != 0) {
        WARN("SKIPPED: a disk of memory cannot be mounted here");
        return;
    }
    std::filesystem::create_directory(folder + "/place");
    for (const Format& format : formats()) {
        INFO(format.name);
        const std::string path = folder + "/place/file";
        const auto fill_up = [&] {
            const Descriptor filler(open((folder + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
            while (filler.write(std::string(4096, 'x'))) {}
        };
        CHECK(save_where_refused(format, path, fill_up, "No space left") == "as before");
        std::filesystem::remove(folder + "/filler");
        std::filesystem::remove(path);
    }
    umount(folder.c_str());
}

TEST_CASE("disk full: a log appends a row whole or not at all, and goes on when there is room") {
    const std::string folder = new_folder("logs");
    for (rlim_t limit = 0; limit < 120; ++limit) {
        INFO("limit " << limit);
        const std::string path = folder + "/log.csv";
        std::filesystem::remove(path);
        CHECK(in_child([&] {
                  study::CsvLog log(path);
                  std::signal(SIGXFSZ, SIG_IGN);
                  const rlimit low{limit, RLIM_INFINITY}, high{RLIM_INFINITY, RLIM_INFINITY};
                  setrlimit(RLIMIT_FSIZE, &low);
                  std::string whole = "step,loss\n", said;
                  for (int i = 1; i <= 10 && said.empty(); ++i) {
                      try {
                          log.row(i, {{"loss", i}});
                          whole += fmt::format("{},{}\n", i, i);
                      } catch (const FileError& error) {
                          said = error.what();
                      }
                  }
                  if (whole == "step,loss\n") whole.clear();
                  if (read_file(path) != whole) return "a part of a row: " + read_file(path);
                  setrlimit(RLIMIT_FSIZE, &high);
                  log.row(11, {{"loss", 11}});
                  if (whole.empty()) whole = "step,loss\n";
                  if (read_file(path) != whole + "11,11\n") return "did not go on: " + read_file(path);
                  return std::string(said.empty() || said.find("File too large") != std::string::npos ? "whole rows" : said);
              }) == "whole rows");
    }
    CHECK(file_error([&] { AppendFile("/dev/full").append("x"); }).find("'/dev/full': No space left") != std::string::npos);
    CHECK(file_error([&] { write_file("/dev/full", "x"); }).find("'/dev/full': No space left") != std::string::npos);
    const std::string board = folder + "/board";
    CHECK(in_child([&] {
              study::TensorBoardLog log(board);
              log.scalar("loss", 1, 1);
              const std::string before = read_file(log.path());
              limit_file_size(before.size() + 10);
              const std::string said = file_error([&] { log.scalar("loss", 2, 2); });
              return said.find("File too large") == std::string::npos ? said
                     : read_file(log.path()) == before                ? "whole"
                                                                      : "a part";
          }) == "whole");
}

TEST_CASE(
    "refused: folders that cannot be written to, files in the place of folders, folders in the place of files, loops of "
    "links") {
    for (const Format& format : formats()) {
        INFO(format.name);
        const std::string folder = new_folder("refused");
        const auto refused = [&](const std::string& path, const std::string& reason) {
            ++tried();
            const std::string before = contents(folder), said = file_error([&] { format.save(path, 1); });
            CHECK(said.find(reason) != std::string::npos);
            CHECK(said.find("'" + path + "'") != std::string::npos);
            CHECK(contents(folder) == before);
            const std::string read = file_error([&] { format.load(path); });
            CHECK(read.find(reason) != std::string::npos);
            CHECK(read.find("'" + path + "'") != std::string::npos);
        };
        refused(folder + "/missing/file", "No such file or directory");
        write_file(folder + "/file", "x");
        refused(folder + "/file/file", "Not a directory");
        std::filesystem::create_symlink("loop2", folder + "/loop1");
        std::filesystem::create_symlink("loop1", folder + "/loop2");
        refused(folder + "/loop1", "Too many levels of symbolic links");
        std::filesystem::create_symlink("self/x", folder + "/self");
        refused(folder + "/self/file", "Too many levels of symbolic links");
        refused(folder + "/" + std::string(300, 'x'), "File name too long");
        std::filesystem::create_directory(folder + "/folder");
        const std::string said = file_error([&] { format.save(folder + "/folder", 1); });
        CHECK(said.find("s a directory") != std::string::npos);
        CHECK(names_in(folder + "/folder").empty());
        CHECK(file_error([&] { format.load(folder + "/folder"); }).find("expected a file") != std::string::npos);
    }
    WARN("refused " << tried() << " times");
}

TEST_CASE("refused: without permission nothing is written or read") {
    if (geteuid() != 0) {
        WARN("SKIPPED: only root can become somebody else");
        return;
    }
    for (const Format& format : formats()) {
        INFO(format.name);
        const std::string folder = new_folder("forbidden"), path = folder + "/file";
        std::filesystem::permissions(std::filesystem::path(folder).parent_path(), std::filesystem::perms(0711));
        chmod(folder.c_str(), 0755);
        const auto become_nobody = [] {
            if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
                throw std::runtime_error("setresuid");
        };
        CHECK(save_where_refused(format, path, become_nobody, "Permission denied") == "as before");
        chmod(path.c_str(), 0600);
        CHECK(in_child([&] {
                  become_nobody();
                  return file_error([&] { format.load(path); });
              }).find("'" + path + "': Permission denied") != std::string::npos);
    }
}

TEST_CASE("refused: files that vanish, shrink or cannot be read are errors, and a mapped one that is cut is refused") {
    const std::string folder = new_folder("shrinking"), path = folder + "/file";
    save_safetensors(path, {{"a", version_tensor(1, 5000)}, {"b", version_tensor(1, 5000)}},
                     {.ids = {{"ids", Ids(make_array<Id>(Shape{4}))}}});
    CHECK(in_child([&] {
              const SafetensorsFile file(path);
              if (truncate(path.c_str(), 4096) != 0) return std::string("truncate");
              return file_error([&] { file.tensor("b"); }) + file_error([&] { file.ids("ids"); }) +
                     file_error([&] { file.tensors(); });
          }).find("bytes that were there when it was opened, got 4096 in '" + path + "'") != std::string::npos);
    CHECK(file_error([&] { load_safetensors(path); }).find(path) != std::string::npos);
    save_safetensors(path, {{"a", version_tensor(1, 5000)}});
    const SafetensorsFile file(path);
    std::filesystem::remove(path);  // what is open stays
    CHECK(version_of(file.tensors()) == 1);
    for (const Format& format : formats()) {
        INFO(format.name);
        CHECK(file_error([&] { format.load(path); }).find("'" + path + "': No such file") != std::string::npos);
        CHECK(file_error([&] { format.load("/proc/self/mem"); }).find("'/proc/self/mem'") != std::string::npos);
    }
    CHECK(file_error([&] { read_file("/proc/self/mem"); }).find("'/proc/self/mem': Input/output error") != std::string::npos);
}

TEST_CASE("refused: a file that is cut short at any length, or is of another kind, changes nothing of what is loaded into") {
    int cuts = 0;
    VersionedTraining training;
    const std::string path = new_folder("cut") + "/file";
    training.set(1);
    training.checkpoint.save(path);
    training.set(2);
    const std::string whole = read_file(path);
    for (std::size_t length = 0; length < whole.size(); length += 1 + whole.size() / 400, ++cuts) {
        write_file(path, whole.substr(0, length));
        INFO("length " << length);
        CHECK(file_error([&] { training.checkpoint.load(path); }).find(path) != std::string::npos);
        CHECK(training.version() == 2);
    }
    WARN("cut at " << cuts << " lengths");
}

TEST_CASE("refused: logs and their folders, in the place of files, of folders and of loops of links") {
    const std::string folder = new_folder("logs2");
    write_file(folder + "/file", "x");
    std::filesystem::create_directory(folder + "/folder");
    std::filesystem::create_symlink("loop", folder + "/loop");
    const auto said = [&](const auto& work, const std::string& reason) {
        CHECK(file_error(work).find(reason) != std::string::npos);
    };
    for (const bool append : {false, true}) {
        said([&] { study::CsvLog(folder + "/loop", {.append = append}); }, "/loop': Too many levels");
        said([&] { study::CsvLog(folder + "/folder", {.append = append}); }, "/folder': Is a directory");
        said([&] { study::CsvLog(folder + "/file/x", {.append = append}); }, "/file/x': Not a directory");
    }
    said([&] { study::TensorBoardLog(folder + "/file"); }, "/file': ");
    said([&] { study::TensorBoardLog(folder + "/file/x"); }, "/file/x': Not a directory");
    said([&] { study::TensorBoardLog(folder + "/loop"); }, "/loop': ");
}
