// random_programs: makes random programs and checks them against the reference, until one fails or all have passed.
//
// Each program has a seed; what fails is made smaller and printed as C++. Exit status: 0 if all passed, 1 otherwise.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <reliability/check.hpp>
#include <reliability/coverage.hpp>
#include <reliability/faults.hpp>
#include <reliability/generator.hpp>
#include <reliability/shrink.hpp>

namespace random_programs {
namespace {

using Clock = std::chrono::steady_clock;
using Choice = std::vector<const Operation*>;

constexpr const char* scalar = is_f64 ? "f64" : "f32";

struct Options {
    std::uint64_t programs = 10000, seed = 1, program = 0;
    double minutes = 0;
    bool is_self_test = false, lists_operations = false;
};

volatile std::uint64_t current_seed = 0;

/// A program that the library dies of must be named too; it cannot be made smaller.
extern "C" void tell_seed(int signal) {
    char text[120];
    const int n = std::snprintf(text, sizeof text, "\nFAILED, program %llu: signal %d\n",
                                static_cast<unsigned long long>(current_seed), signal);
    if (write(STDOUT_FILENO, text, static_cast<std::size_t>(n)) < n) std::_Exit(2);
    std::_Exit(1);
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Choice all_operations() {
    Choice result;
    for (const Operation& operation : operations()) result.push_back(&operation);
    return result;
}

/// Whether shrinking can keep it: refusals belong to lines that were changed at random.
bool can_shrink(const Failure& failure) {
    for (const char* kind : {"accepted", "refused", "changed", "foreign exception"})
        if (failure.kind == kind) return false;
    return true;
}

Program smallest(const Program& program, const Failure& failure) {
    return shrink(program, [&](const Program& candidate) {
        Figures ignored;
        const auto found = check(candidate, ignored);
        forget_leaked();
        return found && found->kind == failure.kind;
    });
}

void report(const Program& program, const Failure& failure) {
    fmt::print("\nFAILED, program {}: {}: {}\n", program.seed, failure.kind, failure.message);
    if (!can_shrink(failure)) return;
    const Program small = smallest(program, failure);
    Figures ignored;
    const auto again = check(small, ignored);
    fmt::print("Shrunk from {} lines to {}: {}\n{}", program.lines.size(), small.lines.size(), again ? again->message : "",
               to_text(small));
    std::fflush(stdout);
}

void print(const Figures& f, std::uint64_t failures, double seconds) {
    fmt::print("operations and how often:");
    for (const Operation& operation : operations()) {
        const auto found = f.operations.find(operation.name);
        fmt::print(" {} {},", operation.name, found == f.operations.end() ? 0 : found->second);
    }
    fmt::print(
        "\n{}: {} programs, {} failed, {:.0f} s; {} calls (deepest {}) of {} operations; {} values of {} elements; {} "
        "gradients along {} directions ({} not compared), {} second derivatives; {} recorded, {} in checkpoints, {} without "
        "grad, {} on 1 and 3 threads; {} wrong lines refused, {} changed ones accepted; worst errors: value {:.2g}, gradient "
        "{:.2g}, second derivative {:.2g}; of their tolerances {:.2g}, {:.2g}, {:.2g}\n",
        scalar, f.programs, failures, seconds, f.lines, f.deepest, f.operations.size(), f.values, f.elements, f.gradients,
        f.directions, f.not_compared, f.second_derivatives, f.recorded, f.checkpoints, f.unrecorded, f.threads, f.refused,
        f.accepted, f.worst_value, f.worst_gradient, f.worst_second, f.nearest_value, f.nearest_gradient, f.nearest_second);
}

int run(const Options& options) {
    const Choice from = all_operations();
    const auto start = Clock::now();
    double told = 0;
    Figures figures;
    std::uint64_t failures = 0;
    constexpr std::uint64_t most_failures = 10;
    for (std::uint64_t i = 0; options.minutes > 0 ? seconds_since(start) < 60 * options.minutes : i < options.programs; ++i) {
        current_seed = options.seed + i;
        const Program program = generate(options.seed + i, from);
        if (const auto failure = check(program, figures)) {
            report(program, *failure);
            if (++failures == most_failures) break;
        }
        if (options.minutes > 0 && seconds_since(start) - told > 30) {
            told = seconds_since(start);
            fmt::print("{}: {:.0f} s, {} programs to seed {}, {} failed\n", scalar, told, i + 1, options.seed + i, failures);
            std::fflush(stdout);
        }
    }
    print(figures, failures, seconds_since(start));
    if (100 * figures.not_compared > figures.directions) {
        fmt::print("FAILED: more than one gradient of a hundred had no difference to compare with\n");
        return 1;
    }
    std::uint64_t unused = 0;
    for (const Operation* operation : from)
        if (figures.programs >= 2000 && figures.operations.count(operation->name) == 0) {
            fmt::print("FAILED: no program used {}\n", operation->name);
            ++unused;
        }
    return failures + unused == 0 ? 0 : 1;
}

int run_one(std::uint64_t seed) {
    const Program program = generate(seed, all_operations());
    fmt::print("{}", to_text(program));
    Figures figures;
    const auto failure = check(program, figures);
    if (failure) report(program, *failure);
    else print(figures, 0, 0);
    return failure ? 1 : 0;
}

/// Every wrong operation must be found, among right ones, and be left in at most three lines.
int self_test() {
    constexpr std::uint64_t most_programs = 3000, most_lines = 3;
    int missed = 0;
    for (const Operation& wrong : wrong_operations()) {
        Choice from = all_operations();
        from.insert(from.end(), from.size() / 20, &wrong);
        std::optional<Failure> failure;
        Program program;
        for (std::uint64_t seed = 1; !failure && seed <= most_programs; ++seed) {
            Figures ignored;
            program = generate(seed, from);
            failure = check(program, ignored);
            forget_leaked();
        }
        const Program small = failure && can_shrink(*failure) ? smallest(program, *failure) : Program();
        const std::string text = failure ? failure->message + to_text(small) : "";
        const bool is_found = text.find(wrong.name) != std::string::npos && small.lines.size() <= most_lines;
        fmt::print("{} {}: {}, {} lines shrunk to {}\n{}{}\n", is_found ? "found" : "MISSED", wrong.name,
                   failure ? failure->kind : "nothing", program.lines.size(), small.lines.size(),
                   failure ? failure->message + '\n' : "", small.lines.empty() ? "" : to_text(small));
        missed += is_found ? 0 : 1;
    }
    return missed == 0 ? 0 : 1;
}

int list_operations() {
    for (const Operation& operation : operations()) fmt::print("{:45} {}\n", operation.name, operation.code);
    const auto faults = coverage_faults(TAPEHEAD_SOURCE_DIR "/autograd/ops");
    for (const std::string& fault : faults) fmt::print("FAILED: {}\n", fault);
    return faults.empty() ? 0 : 1;
}

int main(int argc, char** argv) {
    CLI::App app("Makes random programs and checks Tapehead against plain loops over doubles.");
    Options options;
    app.add_option("--programs", options.programs, "how many");
    app.add_option("--seed", options.seed, "of the first; the others follow");
    app.add_option("--minutes", options.minutes, "go on for as long, instead of a number of programs");
    const auto* one = app.add_option("--program", options.program, "print and check the one of this seed");
    app.add_flag("--self-test", options.is_self_test, "find operations that are wrong on purpose");
    app.add_flag("--operations", options.lists_operations, "list them, and what of the headers is not among them");
    CLI11_PARSE(app, argc, argv);
#if !defined(TAPEHEAD_SANITIZED)  // who tells more of a signal
    for (const int signal : {SIGFPE, SIGSEGV, SIGABRT, SIGBUS}) std::signal(signal, tell_seed);
#endif
    if (options.is_self_test) return self_test();
    if (options.lists_operations) return list_operations();
    return one->count() > 0 ? run_one(options.program) : run(options);
}

}  // namespace
}  // namespace random_programs

int main(int argc, char** argv) { return random_programs::main(argc, argv); }
