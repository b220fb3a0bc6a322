// Time of one step of decoding against the number of positions in the key-value cache, beside the full pass it saves.
//
// The exponent p of time ~ length^p says how the cost grows: at most 1 if a step reads the cache once.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <tapehead/tapehead.hpp>

using namespace tapehead;

namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The median time of a call.
template <class F>
double median_time(int repeats, const F& f) {
    std::vector<double> times;
    for (int i = 0; i < repeats; ++i) {
        const double start = seconds();
        f();
        times.push_back(seconds() - start);
    }
    std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
    return times[static_cast<std::size_t>(repeats / 2)];
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Time of one step of decoding against the length of the cache.", "decoding");
    std::vector<Index> lengths = {128, 256, 512, 1024, 2048, 4096};
    Index batch = 1, embed_dim = 256, heads = 8, layers = 4;
    int repeats = 41;
    app.add_option("--lengths", lengths, "Positions in the cache")->capture_default_str();
    app.add_option("--batch", batch, "Sequences")->capture_default_str();
    app.add_option("--embed-dim", embed_dim, "Width of the vectors")->capture_default_str();
    app.add_option("--heads", heads, "Heads")->capture_default_str();
    app.add_option("--layers", layers, "Layers")->capture_default_str();
    app.add_option("--repeats", repeats, "Steps measured, of which the median counts")->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    const no_grad off;
    TransformerEncoder model({.embed_dim = embed_dim,
                              .num_heads = heads,
                              .num_encoder_layers = layers,
                              .feedforward_dim = 4 * embed_dim,
                              .norm_first = true,
                              .rotary = RotaryOptions{}});
    model.eval();
    fmt::print("B {} E {} H {} L {}\n   length  step ms  full pass ms\n", batch, embed_dim, heads, layers);
    double first_time = 0, last_time = 0;
    for (const Index length : lengths) {
        auto caches = model.make_cache(batch, length);
        if (length > 1) model.forward(randn({batch, length - 1, embed_dim}), caches);
        const Tensor x = randn({batch, 1, embed_dim}), all = randn({batch, length, embed_dim});
        const double step = median_time(repeats, [&] {
            model.forward(x, caches);
            for (KeyValueCache& cache : caches) cache.truncate(length - 1);
        });
        const double full = median_time(3, [&] { model(all, AttentionMask::causal()); });
        if (first_time == 0) first_time = step;
        last_time = step;
        fmt::print("{:>9}  {:>7.3f}  {:>12.2f}\n", length, 1e3 * step, 1e3 * full);
    }
    if (lengths.size() > 1)
        fmt::print("a step grows as length^{:.2f}\n",
                   std::log(last_time / first_time) /
                       std::log(static_cast<double>(lengths.back()) / static_cast<double>(lengths.front())));
}
