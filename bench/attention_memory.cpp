// Peak memory and time of causal attention, forward and backward, against the length of the sequence.
//
// Each length runs in a process of its own, whose peak the system reports. The exponent p of memory ~ T^p is fitted by least
// squares on logarithms; attention that keeps its weights has 2.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <tapehead/tapehead.hpp>

using namespace tapehead;

namespace {

struct Sizes {
    Index batch = 1, heads = 8, head_dim = 32;
    bool written_out = false;
};

struct Measurement {
    double forward, backward;  // seconds
    double start, peak;        // MB: of the process before and at its largest
};

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double peak_megabytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

Measurement run(Index length, const Sizes& s) {
    const double start = peak_megabytes();
    const Shape shape{s.batch, s.heads, length, s.head_dim};
    const Tensor q = randn(shape).requires_grad_(), k = randn(shape).requires_grad_(), v = randn(shape).requires_grad_();
    const AttentionOptions options{.mask = AttentionMask::causal()};
    const double t0 = seconds();
    const Tensor y = s.written_out ? scaled_dot_product_attention_with_weights(q, k, v, options).output
                                   : scaled_dot_product_attention(q, k, v, options);
    const double t1 = seconds();
    y.backward(ones(y.shape()));
    return {t1 - t0, seconds() - t1, start, peak_megabytes()};
}

/// The same in a process of its own.
Measurement run_apart(Index length, const Sizes& s) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("attention_memory: no pipe");
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("attention_memory: no process");
    if (child == 0) {
        const Measurement m = run(length, s);
        _exit(write(ends[1], &m, sizeof m) == sizeof m ? 0 : 1);
    }
    close(ends[1]);
    Measurement m{};
    const bool whole = read(ends[0], &m, sizeof m) == sizeof m;
    close(ends[0]);
    waitpid(child, nullptr, 0);
    if (!whole) throw std::runtime_error(fmt::format("attention_memory: {} tokens did not fit", length));
    return m;
}

/// p of y ~ x^p.
double fitted_exponent(const std::vector<double>& x, const std::vector<double>& y) {
    double mx = 0, my = 0, xx = 0, xy = 0;
    const auto n = static_cast<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        mx += std::log(x[i]) / n;
        my += std::log(y[i]) / n;
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
        xx += (std::log(x[i]) - mx) * (std::log(x[i]) - mx);
        xy += (std::log(x[i]) - mx) * (std::log(y[i]) - my);
    }
    return xy / xx;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Peak memory and time of causal attention, forward and backward.", "attention_memory");
    std::vector<Index> lengths = {1024, 2048, 4096, 8192, 16384};
    Sizes sizes;
    app.add_option("--lengths", lengths, "Tokens")->capture_default_str();
    app.add_option("--batch", sizes.batch, "Sequences")->capture_default_str();
    app.add_option("--heads", sizes.heads, "Heads")->capture_default_str();
    app.add_option("--head-dim", sizes.head_dim, "Width of a head")->capture_default_str();
    app.add_flag("--written-out", sizes.written_out, "The path that keeps the weights, for comparison");
    CLI11_PARSE(app, argc, argv);
    try {
        fmt::print("causal attention, B {} H {} D {}\n   tokens  peak MB  of it attention  forward ms  backward ms\n",
                   sizes.batch, sizes.heads, sizes.head_dim);
        std::vector<double> x, y;
        for (const Index length : lengths) {
            const Measurement m = run_apart(length, sizes);
            x.push_back(static_cast<double>(length));
            y.push_back(m.peak - m.start);
            fmt::print("{:>9}  {:>7.0f}  {:>15.1f}  {:>10.1f}  {:>11.1f}\n", length, m.peak, m.peak - m.start, 1e3 * m.forward,
                       1e3 * m.backward);
            std::fflush(stdout);
        }
        if (x.size() > 1) fmt::print("memory grows as T^{:.2f}\n", fitted_exponent(x, y));
    } catch (const std::exception& error) {
        fmt::print(stderr, "error: {}\n", error.what());
        return 1;
    }
}
