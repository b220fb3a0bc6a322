// How many heads? Table 3, rows (A), of "Attention Is All You Need" in small: one model at 1, 2, 4, 8 and 16 heads of constant
// width together, on the same data, with several seeds each, as a table with its spread.
#include <algorithm>
#include <memory>
#include <numeric>
#include <span>

#include <support/corpus.hpp>
#include <support/program.hpp>
#include <support/seq2seq.hpp>
#include <support/training_run.hpp>
#include <tapehead/data/byte_pair_tokenizer.hpp>
#include <tapehead/optim/optim.hpp>

using namespace examples;

namespace {

struct Options {
    std::vector<Index> heads = {1, 2, 4, 8, 16};
    Index seeds = 3, steps = 600, batch = 64, warmup = 200, embed_dim = 64, layers = 2, test = 500;
    TrainingRunOptions run;
};

/// What all models share: numbers in words, in tokens.
struct Data {
    Index vocabulary;
    std::vector<SequencePair> training, test;
};

Data make_data(const Options& o) {
    Generator random(1);
    const Corpus corpus = number_corpus(o.test, random);
    const BytePairTokenizer tokenizer =
        BytePairTokenizer::train(texts_of(corpus.training), {.vocab_size = 360, .special_tokens = special_tokens});
    return {tokenizer.vocab_size(), encode(tokenizer, corpus.training), encode(tokenizer, corpus.test)};
}

/// A model with what trains it.
struct Trial {
    Seq2Seq model;
    Batches batches;
    Adam optimizer;
    Schedule schedule;

    /// Draws the weights from the default random stream.
    Trial(const Data& data, const Options& o, Index heads, std::uint64_t seed)
        : model({.source_vocabulary = data.vocabulary,
                 .target_vocabulary = data.vocabulary,
                 .embed_dim = o.embed_dim,
                 .heads = heads,
                 .layers = o.layers,
                 .tied = true}),
          batches(data.training, o.batch, seed + (std::uint64_t{1} << 32)),
          optimizer(model.named_parameters(), {.lr = 1, .betas = {0.9, 0.98}, .eps = 1e-9}),
          schedule(Schedule::noam(optimizer, o.embed_dim, {.warmup = o.warmup})) {}

    /// Takes a step, from 0; returns its loss.
    Real step(Index number) {
        const Tensor loss = model.loss(batches.at(number));
        optimizer.zero_grad();
        loss.backward();
        clip_grad_norm(model.named_parameters(), 1);
        optimizer.step();
        schedule.step();
        return loss.item();
    }
};

using Trials = std::vector<std::unique_ptr<Trial>>;

/// For each number of heads one with each seed.
Trials make_trials(const Data& data, const Options& o, std::uint64_t first_seed) {
    Trials trials;
    for (const Index heads : o.heads)
        for (Index s = 0; s < o.seeds; ++s) {
            const std::uint64_t seed = first_seed + static_cast<std::uint64_t>(s);
            manual_seed(seed);
            trials.push_back(std::make_unique<Trial>(data, o, heads, seed));
        }
    return trials;
}

/// Trains them one after the other, in a run that can be stopped anywhere.
void train(const Trials& trials, const Options& o) {
    TrainingRun run(o.run, {.steps = std::ssize(trials) * o.steps, .title = "One model after the other"});
    for (std::size_t i = 0; i < trials.size(); ++i) {
        run.parts.add(fmt::format("model{}", i), trials[i]->model);
        run.parts.add(fmt::format("optimizer{}", i), trials[i]->optimizer);
        run.parts.add(fmt::format("schedule{}", i), trials[i]->schedule);
    }
    run.resume();
    while (run.next()) {
        const Index done = run.step() - 1;
        Trial& trial = *trials[static_cast<std::size_t>(done / o.steps)];
        const Real lr = trial.optimizer.lr();
        run.record({{"loss", trial.step(done % o.steps)}, {"lr", lr}});
    }
    run.finish();
}

struct Result {
    Real loss, exact;  // cross entropy in nats per token, percent
};

Result test(Seq2Seq& model, const std::vector<SequencePair>& pairs) {
    model.eval();
    const no_grad off;
    std::vector<Sequence> sources;
    for (const SequencePair& pair : pairs) sources.push_back(pair.source);
    const std::vector<Sequence> outputs = translate(model, sources, 60);
    Index exact = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) exact += outputs[i] == pairs[i].target;
    return {model.loss(make_batch(pairs)).item(), 100 * static_cast<Real>(exact) / static_cast<Real>(outputs.size())};
}

/// "0.123 (0.120 to 0.130)"
std::string summary(const std::vector<Real>& values, int digits) {
    const auto [low, high] = std::ranges::minmax(values);
    const Real mean = std::accumulate(values.begin(), values.end(), Real{0}) / static_cast<Real>(values.size());
    return fmt::format("{:.{}f} ({:.{}f} to {:.{}f})", mean, digits, low, digits, high, digits);
}

int run(const Options& o, std::uint64_t seed) {
    for (const Index heads : o.heads)
        if (heads < 1 || o.embed_dim % heads != 0)
            throw ValueError(fmt::format("--heads: expected numbers that divide the width {}, got {}", o.embed_dim, heads));
    const Data data = make_data(o);
    const Trials trials = make_trials(data, o, seed);
    train(trials, o);
    fmt::print("\nAfter {} steps, {} seeds; mean (least to most) on {} unseen numbers\n", o.steps, o.seeds, data.test.size());
    fmt::print("heads  head_dim  {:<26}  exact match, %\n", "loss, nats per token");
    for (std::size_t i = 0; i < o.heads.size(); ++i) {
        const auto seeds = static_cast<std::size_t>(o.seeds);
        std::vector<Real> losses, exact;
        for (const auto& trial : std::span(trials).subspan(i * seeds, seeds)) {
            const Result result = test(trial->model, data.test);
            losses.push_back(result.loss);
            exact.push_back(result.exact);
        }
        fmt::print("{:>5}  {:>8}  {:<26}  {}\n", o.heads[i], o.embed_dim / o.heads[i], summary(losses, 4), summary(exact, 1));
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Program program("heads", "Trains one Transformer with different numbers of attention heads, and compares them.");
    Options o;
    program.setting("--heads", o.heads, "Numbers of heads to compare, 1,2,4; each must divide the width");
    program.setting("--seeds", o.seeds, "Models of each, with seeds from --seed on")->check(between(1));
    program.setting("--steps", o.steps, "Training steps of a model")->check(between(1));
    program.setting("--batch", o.batch, "Pairs in a step")->check(between(1));
    program.setting("--warmup", o.warmup, "Steps in which the learning rate rises")->check(between(1));
    program.setting("--embed-dim", o.embed_dim, "Width of the vectors, of all heads together")->check(between(1));
    program.setting("--layers", o.layers, "Layers of the encoder, and of the decoder")->check(between(1));
    program.setting("--test", o.test, "Numbers to be tested on")->check(between(1, 100000));
    o.run.add_to(program);
    return program.run(argc, argv, [&] { return run(o, static_cast<std::uint64_t>(program.seed)); });
}
