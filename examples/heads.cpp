// How many heads? Table 3, rows (A), of "Attention Is All You Need" in small: one model at 1, 2, 4, 8 and 16 heads of constant
// width together, on the same data, with several seeds each, as a table with its spread.
#include <algorithm>
#include <numeric>

#include <support/corpus.hpp>
#include <support/program.hpp>
#include <support/progress.hpp>
#include <support/seq2seq.hpp>
#include <tapehead/data/byte_pair_tokenizer.hpp>
#include <tapehead/optim/optim.hpp>

using namespace examples;

namespace {

struct Options {
    std::vector<Index> heads = {1, 2, 4, 8, 16};
    Index seeds = 3, steps = 600, batch = 64, warmup = 200, embed_dim = 64, layers = 2, test = 500;
};

/// What all runs share: numbers in words, in tokens.
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

struct Result {
    Real loss, exact;  // on the test part: cross entropy in nats per token, percent
};

Result run_once(const Data& data, const Options& o, Index heads, std::uint64_t seed, Progress& progress, Index done) {
    manual_seed(seed);  // of the weights
    Seq2Seq model({.source_vocabulary = data.vocabulary,
                   .target_vocabulary = data.vocabulary,
                   .embed_dim = o.embed_dim,
                   .heads = heads,
                   .layers = o.layers,
                   .tied = true});
    const Batches batches(data.training, o.batch, seed + (std::uint64_t{1} << 32));
    Adam optimizer(model.named_parameters(), {.lr = 1, .betas = {0.9, 0.98}, .eps = 1e-9});
    Schedule schedule = Schedule::noam(optimizer, o.embed_dim, {.warmup = o.warmup});
    for (Index step = 1; step <= o.steps; ++step) {
        const Tensor loss = model.loss(batches.at(step - 1));
        optimizer.zero_grad();
        loss.backward();
        clip_grad_norm(model.named_parameters(), 1);
        optimizer.step();
        schedule.step();
        progress.update(done + step, loss.item());
    }
    model.eval();
    const no_grad off;
    std::vector<Sequence> sources;
    for (const SequencePair& pair : data.test) sources.push_back(pair.source);
    const std::vector<Sequence> outputs = translate(model, sources, 60);
    Index exact = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) exact += outputs[i] == data.test[i].target;
    return {model.loss(make_batch(data.test)).item(), 100 * static_cast<Real>(exact) / static_cast<Real>(outputs.size())};
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
    const auto count = static_cast<Index>(o.heads.size());
    Progress progress(count * o.seeds * o.steps);
    std::vector<std::string> rows;
    for (Index i = 0; i < count; ++i) {
        const Index heads = o.heads[static_cast<std::size_t>(i)];
        std::vector<Real> losses, exact;
        for (Index s = 0; s < o.seeds; ++s) {
            const Result result =
                run_once(data, o, heads, seed + static_cast<std::uint64_t>(s), progress, (i * o.seeds + s) * o.steps);
            losses.push_back(result.loss);
            exact.push_back(result.exact);
        }
        rows.push_back(
            fmt::format("{:>5}  {:>8}  {:<26}  {}", heads, o.embed_dim / heads, summary(losses, 4), summary(exact, 1)));
    }
    progress.finish();
    fmt::print("\nAfter {} steps, {} seeds; mean (least to most) on {} unseen numbers\n", o.steps, o.seeds, data.test.size());
    fmt::print("heads  head_dim  {:<26}  exact match, %\n", "loss, nats per token");
    for (const std::string& row : rows) fmt::print("{}\n", row);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Program program("heads", "Trains one Transformer with different numbers of attention heads, and compares them.");
    Options o;
    program.option("--heads", o.heads, "Numbers of heads to compare; each must divide the width");
    program.option("--seeds", o.seeds, "Runs of each, with seeds from --seed on")->check(between(1));
    program.option("--steps", o.steps, "Training steps of a run")->check(between(1));
    program.option("--batch", o.batch, "Pairs in a step")->check(between(1));
    program.option("--warmup", o.warmup, "Steps in which the learning rate rises")->check(between(1));
    program.option("--embed-dim", o.embed_dim, "Width of the vectors, of all heads together")->check(between(1));
    program.option("--layers", o.layers, "Layers of the encoder, and of the decoder")->check(between(1));
    program.option("--test", o.test, "Numbers to be tested on")->check(between(1, 100000));
    return program.run(argc, argv, [&] { return run(o, static_cast<std::uint64_t>(program.seed)); });
}
