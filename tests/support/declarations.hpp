// The operations that the public headers declare, read from their text, for tests that none is forgotten.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>

namespace testing {

/// The names of the functions and operators that each header of a folder declares at namespace scope and that return what operations
/// return, by the name of the header. Throws std::runtime_error where there are fewer than a hundred: then the pattern no longer fits.
inline std::map<std::string, std::set<std::string>> declared_operations(const std::filesystem::path& folder) {
    static const std::regex declaration(R"(^(?:inline )?(?:Tensor|Tensor&|Ids|Condition|bool|AttentionResult|AttentionSteps)"
                                        R"(|std::vector<Tensor>) (operator[^\s(]+|\w+)\()");
    std::map<std::string, std::set<std::string>> operations;
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".hpp") continue;
        std::set<std::string>& names = operations[entry.path().filename()];
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);)
            if (std::smatch found; std::regex_search(line, found, declaration)) names.insert(found[1]);
        count += names.size();
    }
    if (count < 100) throw std::runtime_error("declared_operations: expected a hundred operations in " + folder.string());
    return operations;
}

}  // namespace testing
