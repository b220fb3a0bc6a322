// The accuracy of every kernel in float, in units of the last place, as a table; fails where one is above its bound.
//
// The reference is the same kernel in double, which other tests hold to independent values. The instruction set is the processor's
// best, or what TAPEHEAD_ISA names.
#include "cases.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace {

using namespace accuracy;

/// The distance between the floats around x; that of the smallest normal number below it.
double last_place(double x) {
    const double least = std::numeric_limits<float>::min();
    return std::ldexp(1.0, std::ilogb(std::max(std::abs(x), least)) + 1 - std::numeric_limits<float>::digits);
}

struct Errors {
    std::size_t count = 0;
    double worst = 0, mean = 0;
};

Errors compare(const Numbers& actual, const Numbers& expected, Scale scale) {
    if (actual.size() != expected.size()) throw std::logic_error("accuracy: expected results of one size");
    double largest = 0;
    for (const double e : expected) largest = std::max(largest, std::abs(e));
    Errors errors{.count = actual.size()};
    for (std::size_t i = 0; i < actual.size(); ++i) {
        const double a = actual[i], e = expected[i];
        if (a == e || a == static_cast<double>(static_cast<float>(e)) || (std::isnan(a) && std::isnan(e))) continue;
        const double error = std::abs(a - e) / last_place(scale == Scale::element ? e : largest);
        errors.worst = std::isnan(error) ? double{INFINITY} : std::max(errors.worst, error);
        errors.mean += error / static_cast<double>(actual.size());
    }
    return errors;
}

/// The names of a list of the header: enum class Unary { ... } without the comments.
void insert_enumerators(const std::string& header, const std::string& name, std::set<std::string>& names) {
    const std::size_t begin = header.find("enum class " + name + " {"), end = header.find("};", begin);
    if (begin == std::string::npos) throw std::runtime_error("accuracy: expected a list " + name + " in simd.hpp");
    const std::string list =
        std::regex_replace(header.substr(begin, end - begin), std::regex(R"(//[^\n]*|enum class \w+ \{)"), "");
    static const std::regex word(R"(\w+)");
    for (auto found = std::sregex_iterator(list.begin(), list.end(), word); found != std::sregex_iterator(); ++found)
        names.insert(found->str());
}

/// The fields of kernels::Simd, and the functions that some of them choose from, that no case names.
std::set<std::string> kernels_without_a_case(const std::vector<Case>& cases) {
    std::ifstream file(TAPEHEAD_SOURCE_DIR "/autograd/kernels/simd.hpp");
    const std::string header{std::istreambuf_iterator<char>(file), {}};
    static const std::regex field(R"((?:void|bool) \(\*(\w+)\)\()");
    std::set<std::string> missing;
    for (auto found = std::sregex_iterator(header.begin(), header.end(), field); found != std::sregex_iterator(); ++found)
        missing.insert((*found)[1]);
    for (const char* list : {"Unary", "Binary", "Compare", "Reduce"}) insert_enumerators(header, list, missing);
    if (missing.size() < 70)
        throw std::runtime_error("accuracy: expected 70 kernels and functions in autograd/kernels/simd.hpp");
    for (const Case& each : cases) {
        std::istringstream words(each.kernels);
        for (std::string word; words >> word;) missing.erase(word);
    }
    return missing;
}

int run() {
    const std::vector<Case> in_float = cases_f32(), in_double = cases_f64();
    if (in_float.size() != in_double.size()) throw std::logic_error("accuracy: expected the same cases in float and in double");
    const char* wanted = std::getenv("TAPEHEAD_ISA");
    if (wanted && *wanted && instruction_set_f32() != std::string(wanted))
        throw std::runtime_error(fmt::format("accuracy: expected kernels for {}, got {}", wanted, instruction_set_f32()));
    fmt::print("Float against double, {} kernels, in units of the last place of float\n\n", instruction_set_f32());
    fmt::print("| kernel | inputs | results | measured at | worst | mean | bound |\n|---|---|--:|---|--:|--:|--:|\n");
    int above = 0;
    for (std::size_t i = 0; i < in_float.size(); ++i) {
        const Case& each = in_float[i];
        const Errors errors = compare(each.run(), in_double[i].run(), each.scale);
        const bool is_within = errors.worst <= each.most;
        above += is_within ? 0 : 1;
        fmt::print("| {} | {} | {} | {} | {:.2f} | {:.3f} | {:g}{} |\n", each.kernels, each.inputs, errors.count,
                   each.scale == Scale::element ? "each" : "largest", errors.worst, errors.mean, each.most,
                   is_within ? "" : " EXCEEDED");
        std::fflush(stdout);
    }
    const std::set<std::string> missing = kernels_without_a_case(in_float);
    for (const std::string& kernel : missing) fmt::print("kernel without a case in tests/accuracy/cases.cpp: {}\n", kernel);
    fmt::print("\n{}: {} cases, {} above their bound, {} kernels without a case\n", instruction_set_f32(), in_float.size(),
               above, missing.size());
    return above == 0 && missing.empty() ? 0 : 1;
}

}  // namespace

int main() {
    try {
        return run();
    } catch (const std::exception& e) {
        fmt::print(stderr, "{}\n", e.what());
        return 1;
    }
}
