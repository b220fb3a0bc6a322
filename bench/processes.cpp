// A training step on several processes, in numbers: what each part of it takes, what is exchanged, and what an exchange costs here.
// machines.py starts it with mpirun, and makes a table and a forecast of what it prints, which is JSON.
#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tapehead/autograd/threads.hpp>
#include <tapehead/distributed/distributed.hpp>
#include <tapehead/tapehead.hpp>
#include <xtensor/xview.hpp>

namespace {

using namespace tapehead;
using Clock = std::chrono::steady_clock;

struct Options {
    Index batch = 8, context = 64, embed_dim = 128, heads = 4, layers = 4, vocabulary = 512, steps = 20,
          bucket_bytes = Index{1} << 20;
    int threads = 1;
    bool shard = false;
    std::string trace;
};

double seconds(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double>(to - from).count(); }

double median(std::vector<double> x) {
    std::ranges::nth_element(x, x.begin() + std::ssize(x) / 2);
    return x[x.size() / 2];
}

/// A language model: tokens in, logits of the next ones out.
struct Model : Module {
    Embedding embedding;
    TransformerEncoder layers;
    Linear output;

    explicit Model(const Options& o)
        : embedding(o.vocabulary, o.embed_dim),
          layers({.embed_dim = o.embed_dim,
                  .num_heads = o.heads,
                  .num_encoder_layers = o.layers,
                  .feedforward_dim = 4 * o.embed_dim,
                  .dropout = 0,
                  .activation = gelu_tanh,
                  .norm_first = true}),
          output(o.embed_dim, o.vocabulary) {}
    Tensor loss(const Ids& ids) const {
        return cross_entropy(flatten(output(layers(embedding(ids), AttentionMask::causal())), 0, 1), Ids(xt::flatten(ids)));
    }
    void visit(Visitor& v) override {
        v("embedding", embedding);
        v("layers", layers);
        v("output", output);
    }
};

/// The times of a step, in seconds since the sweep began but for the first and the last.
struct Step {
    double forward, sweep, last_sum, update, whole;
    std::vector<double> ready;  // when each bucket was
};

/// The time of a sum of n numbers over all processes.
double time_of_sum(const mpi::Communicator& processes, Index n) {
    std::vector<Scalar> values(static_cast<std::size_t>(n));
    std::vector<double> times;
    for (int time = 0; time < 15; ++time) {
        processes.barrier();
        const auto start = Clock::now();
        processes.start_all_reduce(values.data(), n).wait();
        times.push_back(processes.all_reduce_max(seconds(start, Clock::now())));
    }
    return median(times);
}

class Training {
public:
    Training(const mpi::Communicator& processes, const Options& o)
        : o_(o),
          processes_(processes),
          model_(o),
          parallel_(processes, model_, {.bucket_bytes = o.bucket_bytes}),
          optimizer_(model_.named_parameters()),
          ids_(randint(0, o.vocabulary, {o.batch, o.context})) {
        if (o.shard) mpi::shard(processes, optimizer_);
    }

    Step step() {
        processes_.barrier();
        const auto start = Clock::now();
        const Tensor loss = model_.loss(ids_);
        optimizer_.zero_grad();
        const auto swept = Clock::now();
        parallel_.backward(loss);
        const auto summed = Clock::now();
        optimizer_.step();
        const auto end = Clock::now();
        const auto& exchanges = parallel_.exchanges();
        Step times{seconds(start, swept),  seconds(swept, exchanges[0].waited),
                   seconds(swept, summed), seconds(summed, end),
                   seconds(start, end),    {}};
        for (const auto& exchange : exchanges) times.ready.push_back(seconds(swept, exchange.started));
        return times;
    }

    void trace() {
        study::Profiler profiler(model_);
        step();
        for (const mpi::ExchangeTime& e : parallel_.exchanges()) {
            const std::string name = fmt::format("{} KB", e.bytes / 1000);
            profiler.note("sums over the processes", name, e.started, e.ended);
            if (e.ended > e.waited) profiler.note("waited for", name, e.waited, e.ended);
        }
        if (processes_.is_first()) profiler.write_trace(o_.trace);
    }

    std::vector<Index> bucket_bytes() const {
        std::vector<Index> bytes;
        for (const auto& exchange : parallel_.exchanges()) bytes.push_back(exchange.bytes);
        return bytes;
    }
    Index weight_bytes() { return model_.num_parameters() * static_cast<Index>(sizeof(Scalar)); }
    Index state_bytes() const {
        Index n = 0;
        for (const Trained& trained : optimizer_.trained())
            for (const Tensor& tensor : trained.state) n += tensor.numel();
        return n * static_cast<Index>(sizeof(Scalar));
    }

private:
    Options o_;
    mpi::Communicator processes_;
    Model model_;
    mpi::DataParallel parallel_;
    AdamW optimizer_;
    Ids ids_;
};

int run(const mpi::Communicator& processes, const Options& o) {
    set_num_threads(o.threads);
    Training training(processes, o);
    for (int i = 0; i < 3; ++i) training.step();
    reset_peak_memory();
    std::vector<Step> steps;
    for (Index i = 0; i < o.steps; ++i) steps.push_back(training.step());
    const auto peak = static_cast<Real>(memory_statistics().peak_bytes);
    const auto middle = [&](const std::function<double(const Step&)>& part) {
        std::vector<double> times;
        for (const Step& step : steps) times.push_back(part(step));
        return processes.all_reduce_max(median(times));
    };
    const auto bytes = training.bucket_bytes();
    std::vector<double> ready;
    for (std::size_t b = 0; b < bytes.size(); ++b) ready.push_back(middle([b](const Step& s) { return s.ready[b]; }));
    const double forward = middle(&Step::forward), sweep = middle(&Step::sweep), last_sum = middle(&Step::last_sum),
                 update = middle(&Step::update), whole = middle(&Step::whole);
    const Real state = processes.all_reduce_max(static_cast<Real>(training.state_bytes())),
               most = processes.all_reduce_max(peak);
    constexpr Index large = Index{1} << 20;
    const double sum_of_one = time_of_sum(processes, 1), sum_of_large = time_of_sum(processes, large);
    if (!o.trace.empty()) training.trace();
    if (processes.is_first())
        fmt::print(
            R"({{"processes":{},"threads":{},"batch":{},"forward":{},"sweep":{},"last_sum":{},"update":{},"step":{},"buckets":[{}],)"
            R"("ready":[{}],"weight_bytes":{},"state_bytes":{},"peak_bytes":{},"sum_of_one":{},"sum_of_large":{},"large_bytes":{}}})"
            "\n",
            processes.size(), o.threads, o.batch, forward, sweep, last_sum, update, whole, fmt::join(bytes, ","),
            fmt::join(ready, ","), training.weight_bytes(), state, most, sum_of_one, sum_of_large,
            large * static_cast<Index>(sizeof(Scalar)));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Times a training step on the processes that mpirun starts.", "processes");
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    Options o;
    app.add_option("--batch", o.batch, "Sequences in a step, on each process")->capture_default_str();
    app.add_option("--context", o.context, "Their length")->capture_default_str();
    app.add_option("--embed-dim", o.embed_dim, "Width of the model")->capture_default_str();
    app.add_option("--heads", o.heads, "Attention heads")->capture_default_str();
    app.add_option("--layers", o.layers, "Layers")->capture_default_str();
    app.add_option("--steps", o.steps, "Steps that are measured")->capture_default_str();
    app.add_option("--bucket-bytes", o.bucket_bytes, "Gradients in one exchange")->capture_default_str();
    app.add_option("--threads", o.threads, "Threads of each process")->capture_default_str();
    app.add_flag("--shard", o.shard, "Spread the optimizer's state");
    app.add_option("--trace", o.trace, "Write the last step as a trace to this file");
    CLI11_PARSE(app, argc, argv);
    return mpi::run(argc, argv, [&](const mpi::Communicator& processes) { return run(processes, o); });
}
