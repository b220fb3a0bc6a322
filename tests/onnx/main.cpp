// onnx_conformance: runs ONNX's operator cases through Tapehead's public operations, and compares.
//
// Takes every *.safetensors file of a folder, $TAPEHEAD_VECTORS/onnx if none is named; it knows operators, and no list of cases.
// Exit status: 0 if all passed or were skipped with a reason, 1 if one failed, 77 without a folder (a skipped test to CTest).
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <onnx/node.hpp>

namespace onnx {
namespace {

namespace fs = std::filesystem;

constexpr int no_cases = 77;

struct Counts {
    int passed = 0, failed = 0, skipped = 0;

    void print(const char* what) const { fmt::print("{:28} {:6} {:6} {:6}\n", what, passed, failed, skipped); }
};

struct Report {
    Counts total;
    std::map<std::string, Counts> operators;
    std::map<std::string, int> skips;  // by reason
};

Operators all_operators() {
    Operators operators;
    add_pointwise(operators);
    add_arithmetic(operators);
    add_reductions(operators);
    add_shaping(operators);
    add_slicing(operators);
    add_indexing(operators);
    add_normalizations(operators);
    add_losses(operators);
    add_attention(operators);
    add_optimizers(operators);
    return operators;
}

std::vector<fs::path> cases_in(const fs::path& folder, const std::string& filter) {
    std::vector<fs::path> result;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const fs::path& path = entry.path();
        if (path.extension() == ".safetensors" && path.stem().string().find(filter) != std::string::npos)
            result.push_back(path);
    }
    std::sort(result.begin(), result.end());
    return result;
}

/// What is wrong with the operator's outputs; empty if nothing. Throws Skip.
std::string fault(const Operators& operators, const Node& node) {
    const auto found = operators.find(node.op());
    if (found == operators.end()) throw Skip(missing_reason(node.op()));
    return difference(node, found->second(node));
}

void run(const fs::path& path, const Operators& operators, bool verbose, Report& report) {
    std::string op = "(unreadable)", wrong;
    const std::string name = path.stem().string();
    try {
        const Node node(path.string());
        op = node.op();
        wrong = fault(operators, node);
    } catch (const Skip& skip) {
        ++report.total.skipped, ++report.operators[op].skipped;
        ++report.skips[op + ": " + skip.what()];
        if (verbose) fmt::print("skipped {}: {}\n", name, skip.what());
        return;
    } catch (const std::exception& error) {
        wrong = error.what();
    }
    if (wrong.empty()) {
        ++report.total.passed, ++report.operators[op].passed;
        if (verbose) fmt::print("passed  {}\n", name);
    } else {
        ++report.total.failed, ++report.operators[op].failed;
        fmt::print("FAILED  {} ({}): {}\n", name, op, wrong);
    }
}

void print(const Report& report) {
    fmt::print("\n{:28} {:>6} {:>6} {:>6}\n", "operator", "passed", "failed", "skipped");
    for (const auto& [op, counts] : report.operators) counts.print(op.c_str());
    report.total.print("all");
    if (!report.skips.empty()) fmt::print("\nskipped, and why:\n");
    for (const auto& [reason, count] : report.skips) fmt::print("  {} ({})\n", reason, count);
    fmt::print("\n{} passed, {} failed, {} skipped\n", report.total.passed, report.total.failed, report.total.skipped);
}

int run_cases(int argc, char** argv) {
    CLI::App app("Runs ONNX's operator cases through Tapehead.");
    std::string folder, filter;
    bool verbose = false;
    app.add_option("folder", folder, "of *.safetensors files; $TAPEHEAD_VECTORS/onnx if not given");
    app.add_option("--filter", filter, "only cases with this in their names");
    app.add_flag("--verbose", verbose, "name the cases that pass or are skipped, too");
    CLI11_PARSE(app, argc, argv);

    const char* set = std::getenv("TAPEHEAD_VECTORS");
    const std::string vectors = set == nullptr ? "" : set;
    if (folder.empty() && vectors.empty()) {
        fmt::print("SKIPPED: NO CASE OF ONNX WAS RUN. TAPEHEAD_VECTORS does not say where they are.\n");
        return no_cases;
    }
    if (folder.empty()) folder = fs::path(vectors) / "onnx";
    const auto cases = fs::is_directory(folder) ? cases_in(folder, filter) : std::vector<fs::path>();
    if (cases.empty()) {
        fmt::print(stderr, "onnx_conformance: no cases in {}\n", folder);
        return 1;
    }
    const Operators operators = all_operators();
    Report report;
    for (const fs::path& path : cases) run(path, operators, verbose, report);
    print(report);
    return report.total.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace onnx

int main(int argc, char** argv) { return onnx::run_cases(argc, argv); }
