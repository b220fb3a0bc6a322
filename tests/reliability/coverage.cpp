// Reads the declarations at namespace scope in the headers, as tests/ops/test_operation_table.cpp does.
#include <reliability/coverage.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include <reliability/program.hpp>

namespace random_programs {
namespace {

/// Operations that no random program uses, and why.
const std::map<std::string, std::string> left_out = {
    {"rand", "gives random numbers, which tests/ops compares with a Philox written out"},
    {"randn", "as rand"},
    {"randint", "as rand"},
};

std::set<std::string> declared(const std::filesystem::path& header) {
    static const std::regex declaration(
        R"(^(?:inline )?(?:Tensor|Tensor&|Ids|Condition|bool|AttentionResult|AttentionSteps|std::vector<Tensor>) (operator[^\s(]+|\w+)\()");
    std::set<std::string> names;
    std::ifstream file(header);
    for (std::string line; std::getline(file, line);)
        if (std::smatch found; std::regex_search(line, found, declaration)) names.insert(found[1]);
    return names;
}

}  // namespace

std::vector<std::string> coverage_faults(const std::string& folder) {
    std::set<std::string> used, exists;
    for (const Operation& operation : operations())
        for (const std::string& name : covered(operation)) used.insert(name);
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".hpp") exists.merge(declared(entry.path()));
    std::vector<std::string> faults;
    for (const std::string& name : exists)
        if (used.count(name) == 0 && left_out.count(name) == 0) faults.push_back(name + " is used by no random program");
    for (const auto& [name, reason] : left_out)
        if (used.count(name) != 0 || exists.count(name) == 0) faults.push_back(name + " is left out, but used or not there");
    if (exists.size() < 100) faults.push_back("the headers declare only " + std::to_string(exists.size()) + " operations");
    return faults;
}

}  // namespace random_programs
