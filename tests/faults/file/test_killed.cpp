// Programs that are killed while they save: what is found then is one whole version.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>

#include <ctime>
#include <random>

#include "formats.hpp"

using namespace testing;

namespace {

/// Saves one version after the other, and tells the number of each that is saved, until it is killed.
[[noreturn]] void save_forever(const Format& format, const std::string& path, int report) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        for (Index version = 1;; ++version) {
            format.save(path, version);
            if (write(report, &version, sizeof version) != sizeof version) break;
        }
    } catch (...) {}
    _exit(1);
}

/// Kills a program that saves, after its first version and a random time. Returns the last version that it said to have saved.
Index kill_while_saving(const Format& format, const std::string& path, std::mt19937& random) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) save_forever(format, path, ends[1]);
    close(ends[1]);
    Index last = 0, version = 0;
    REQUIRE(read(ends[0], &last, sizeof last) == sizeof last);
    const timespec moment{0, static_cast<long>(std::uniform_int_distribution<int>(0, 30'000'000)(random))};
    nanosleep(&moment, nullptr);
    kill(child, SIGKILL);
    while (read(ends[0], &version, sizeof version) == sizeof version) last = version;
    close(ends[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    return last;
}

}  // namespace

TEST_CASE("killed while saving: the file is one whole version, the last that was saved or the one on its way") {
    constexpr unsigned kills = 200;
    const std::vector<Format> all = formats();
    Index versions = 0, on_its_way = 0, drafts = 0;
    for (unsigned seed = 0; seed < kills; ++seed) {
        const Format& format = all[seed % all.size()];
        INFO(format.name << ", seed " << seed);
        const std::string folder = new_folder("killed"), path = folder + "/file";
        std::mt19937 random(seed);
        const Index saved = kill_while_saving(format, path, random);
        const Index found = format.load(path);
        CHECK((found == saved || found == saved + 1));
        if (names_in(folder) != std::set<std::string>{"file"}) {  // killed between a draft's name and its renaming
            ++drafts;
            CHECK(names_in(folder) == std::set<std::string>{".tapehead-draft0", "file"});
            write_file(folder + "/other", "");
            CHECK(names_in(folder) == std::set<std::string>{"file", "other"});
        }
        versions += saved;
        on_its_way += found - saved;
    }
    WARN("killed " << kills << " times (seeds 0 to " << kills - 1 << ") over " << versions << " saves of " << all.size()
                   << " formats; " << on_its_way << " times the file was in its place before it was reported, " << drafts
                   << " times a draft was left, which the next write took away");
}

TEST_CASE("drafts that killed programs left are taken away by the next save, and those in use are not") {
    const std::string folder = new_folder("draft"), path = folder + "/file";
    write_file(path, "old");
    // A draft as a killed program leaves it, and one that is in use.
    write_file(folder + "/.tapehead-draft0", "left behind");
    write_file(folder + "/.tapehead-draft1", "in use");
    const Descriptor in_use(open((folder + "/.tapehead-draft1").c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(flock(in_use.number(), LOCK_EX) == 0);
    write_file(path, "new");
    CHECK(read_file(path) == "new");
    CHECK(names_in(folder) == std::set<std::string>{".tapehead-draft1", "file"});
    write_file(path, "newer");
    CHECK(read_file(path) == "newer");
    CHECK(read_file(folder + "/.tapehead-draft1") == "in use");
}
