// The accuracy of every kernel in float, in units of the last place, as a table; fails where one is above its bound.
//
// The reference is the same kernel in double, which other tests hold to independent values. The instruction set is the processor's
// best, or what TAPEHEAD_ISA names.
#include "cases.hpp"

#include <cmath>
#include <cstdio>
#include <fstream>
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

/// The fields of kernels::Simd that no case names.
std::set<std::string> kernels_without_a_case(const std::vector<Case>& cases) {
    std::set<std::string> missing;
    std::ifstream header(TAPEHEAD_SOURCE_DIR "/autograd/kernels/simd.hpp");
    if (!header) throw std::runtime_error("accuracy: expected autograd/kernels/simd.hpp, cannot read it");
    static const std::regex field(R"(^\s+(?:void|bool) \(\*(\w+)\)\()");
    for (std::string line; std::getline(header, line);)
        if (std::smatch found; std::regex_search(line, found, field)) missing.insert(found[1]);
    for (const Case& each : cases) {
        std::istringstream words(each.kernels);
        for (std::string word; words >> word;) missing.erase(word);
    }
    return missing;
}

int run() {
    const std::vector<Case> in_float = cases_f32(), in_double = cases_f64();
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
    fmt::print("\n{} cases, {} above their bound, {} kernels without a case\n", in_float.size(), above, missing.size());
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
