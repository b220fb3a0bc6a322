// Programs within the test program: a forked child that may be killed, limited or refused, and what it says at its end.
//
// The parent has no threads of the library's pool, which a child would not have either.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include <support/scratch.hpp>
#include <support/testing.hpp>

namespace testing {

/// The names of what is in a folder.
inline std::set<std::string> names_in(const std::string& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename());
    return names;
}

/// A new folder of that name among the test's files.
inline std::string new_folder(const std::string& name) {
    const std::string folder = scratch(name);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    return folder;
}

/// What `work` returns in a process of its own; "killed by 25" and the like where that does not come to its end.
inline std::string in_child(const std::function<std::string()>& work) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (const int fatal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGTERM}) std::signal(fatal, SIG_DFL);
        std::string answer;
        try {
            answer = work();
        } catch (const std::exception& error) {
            answer = std::string("exception: ") + error.what();
        }
        const ssize_t written = write(ends[1], answer.data(), answer.size());
        _exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    }
    close(ends[1]);
    std::string answer;
    char buffer[1024];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) answer.append(buffer, static_cast<std::size_t>(n));
    close(ends[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) return "killed by " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) return "ended with " + std::to_string(WEXITSTATUS(status));
    return answer;
}

/// What a FileError of `work` says, or that there was none.
template <class F>
std::string file_error(const F& work) {
    try {
        work();
    } catch (const FileError& error) {
        return error.what();
    } catch (const std::exception& error) {
        return std::string("not a FileError: ") + error.what();
    }
    return "no exception";
}

}  // namespace testing
