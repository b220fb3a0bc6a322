// Whether some random program can use each operation that the public headers declare, or a reason stands here.
#include <reliability/coverage.hpp>

#include <map>
#include <set>

#include <reliability/program.hpp>
#include <support/declarations.hpp>

namespace random_programs {
namespace {

/// Operations that no random program uses, and why.
const std::map<std::string, std::string> left_out = {
    {"rand", "gives random numbers, which tests/ops compares with a Philox written out"},
    {"randn", "as rand"},
    {"randint", "as rand"},
};

}  // namespace

std::vector<std::string> coverage_faults(const std::string& folder) {
    std::set<std::string> used, exists;
    for (const Operation& operation : operations())
        for (const std::string& name : covered(operation)) used.insert(name);
    for (const auto& [header, names] : testing::declared_operations(folder)) exists.insert(names.begin(), names.end());
    std::vector<std::string> faults;
    for (const std::string& name : exists)
        if (used.count(name) == 0 && left_out.count(name) == 0) faults.push_back(name + " is used by no random program");
    for (const auto& [name, reason] : left_out)
        if (used.count(name) != 0 || exists.count(name) == 0) faults.push_back(name + " is left out, but used or not there");
    return faults;
}

}  // namespace random_programs
