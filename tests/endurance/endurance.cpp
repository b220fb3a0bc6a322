// A long training in short form: many steps of a tiny model on sequences of changing length, as overnight runs have them.
//
// Prints memory, live tensors and speed for each tenth. Fails where memory grows, a tensor stays behind, or the loss is no number;
// speed is only printed, as a machine may be busy.
#include <chrono>
#include <cmath>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <xtensor/xview.hpp>

#include <tapehead/tapehead.hpp>

namespace {

using namespace tapehead;

constexpr Index vocabulary = 16, embed_dim = 16, longest = 24;
constexpr double allowed_growth_mb = 1;  // from the end of the first tenth to the end of the last

struct Decoder : Module {
    Embedding tokens, positions;
    TransformerEncoder layers;
    Linear output;

    Decoder()
        : tokens(vocabulary, embed_dim),
          positions(longest, embed_dim),
          layers({.embed_dim = embed_dim, .num_heads = 2, .num_encoder_layers = 1, .feedforward_dim = 32, .dropout = 0.1}),
          output(embed_dim, vocabulary) {}

    /// ids [B, T] → logits [B, T, V]
    Tensor forward(const Ids& ids) const {
        const auto time = static_cast<Index>(ids.shape(1));
        return output(layers(tokens(ids) + positions(Ids(xt::arange<Id>(0, time))), AttentionMask::causal()));
    }
    void visit(Visitor& v) override {
        v("tokens", tokens);
        v("positions", positions);
        v("layers", layers);
        v("output", output);
    }
};

/// Megabytes of the process that are in memory.
double resident_mb() {
    std::ifstream file("/proc/self/statm");
    double total = 0, resident = 0;
    if (!(file >> total >> resident)) throw std::runtime_error("endurance: expected /proc/self/statm, cannot read it");
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

/// A batch of 1 to 4 counting sequences of 1 to `longest` tokens: the next token is 1, 2 or 3 further on.
struct Sequences {
    Ids inputs, targets;

    explicit Sequences(std::size_t step) {
        const std::size_t batch = 1 + step * 7 % 4, time = 1 + step * 13 % static_cast<std::size_t>(longest);
        inputs = Ids::from_shape({batch, time});
        targets = Ids::from_shape({batch, time});
        for (std::size_t b = 0; b < batch; ++b)
            for (std::size_t t = 0; t < time; ++t) {
                const auto place = static_cast<Id>(step + b), stride = static_cast<Id>(1 + (step + b) % 3);
                inputs(b, t) = (place + static_cast<Id>(t) * stride) % vocabulary;
                targets(b, t) = (place + static_cast<Id>(t + 1) * stride) % vocabulary;
            }
    }
};

struct Training {
    Decoder model;
    AdamW optimizer{model.parameters(), {.lr = 1e-3}};

    Real step(std::size_t number) {
        const Sequences batch(number);
        optimizer.zero_grad();
        const Tensor logits = flatten(model.forward(batch.inputs), 0, 1);
        const Tensor loss = cross_entropy(logits, Ids(xt::flatten(batch.targets)));
        loss.backward();
        clip_grad_norm(model.parameters(), 1);
        optimizer.step();
        const Real value = loss.item();
        if (!std::isfinite(value)) throw std::runtime_error(fmt::format("endurance: loss {} in step {}", value, number));
        return value;
    }
};

/// What is left after a tenth of the steps.
struct Tenth {
    double resident_mb, steps_per_second, loss;
    Index live_tensors;
    std::size_t live_bytes, system_requests;
};

Tenth run_tenth(Training& training, std::size_t first, std::size_t steps) {
    const auto start = std::chrono::steady_clock::now();
    double loss = 0;
    for (std::size_t i = 0; i < steps; ++i) loss += training.step(first + i) / static_cast<double>(steps);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const MemoryStatistics memory = memory_statistics();
    return {.resident_mb = resident_mb(),
            .steps_per_second = static_cast<double>(steps) / seconds,
            .loss = loss,
            .live_tensors = live_tensors(),
            .live_bytes = memory.live_bytes,
            .system_requests = memory.system_requests};
}

/// What the tenths must have in common, or where they have not.
std::string complaint(const std::vector<Tenth>& tenths) {
    const Tenth &first = tenths.front(), &last = tenths.back();
    if (const double growth = last.resident_mb - first.resident_mb; growth > allowed_growth_mb)
        return fmt::format("memory grew by {:.1f} MB after the first tenth", growth);
    for (const Tenth& tenth : tenths)
        if (tenth.live_tensors != first.live_tensors) return "the number of live tensors changed";
    if (last.system_requests > first.system_requests) return "the system was asked for memory after the first tenth";
    if (last.live_bytes > first.live_bytes) return "the bytes of live tensors grew";
    if (last.loss >= first.loss) return "nothing was learned";
    return "";
}

int run(std::size_t steps) {
    manual_seed(1);
    Training training;
    fmt::print("{} steps, batches of 1 to 4 sequences of 1 to {} tokens\n\n", steps, longest);
    fmt::print("| steps | resident MB | live tensors | live KiB | blocks from the system | steps/s | loss |\n");
    fmt::print("|--:|--:|--:|--:|--:|--:|--:|\n");
    std::vector<Tenth> tenths;
    for (std::size_t i = 0; i < 10; ++i) {
        const Tenth& t = tenths.emplace_back(run_tenth(training, i * (steps / 10), steps / 10));
        fmt::print("| {} | {:.1f} | {} | {:.0f} | {} | {:.0f} | {:.3f} |\n", (i + 1) * (steps / 10), t.resident_mb,
                   t.live_tensors, static_cast<double>(t.live_bytes) / 1024, t.system_requests, t.steps_per_second, t.loss);
        std::fflush(stdout);
    }
    const std::string wrong = complaint(tenths);
    fmt::print("\nmemory {:+.2f} MB, speed {:.2f} times, from the first tenth to the last{}{}\n",
               tenths.back().resident_mb - tenths.front().resident_mb,
               tenths.back().steps_per_second / tenths.front().steps_per_second, wrong.empty() ? "" : "\nendurance: ", wrong);
    return wrong.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Trains a tiny model for many steps and watches memory and speed");
    std::size_t steps = 20'000;
    app.add_option("--steps", steps, "steps of training, in ten parts")
        ->check(CLI::Range(10, 1'000'000'000))
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        return run(steps);
    } catch (const std::exception& e) {
        fmt::print(stderr, "{}\n", e.what());
        return 1;
    }
}
