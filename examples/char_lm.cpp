// A language model of characters: a decoder-only Transformer learns to continue a text, one character after another.
//
// The last tenth of the text is held out. The model is measured on it once, after training, beside an interpolated trigram model
// of the same nine tenths; then it writes a sample.
#include <cmath>
#include <numbers>

#include <xtensor/xview.hpp>

#include <support/ngram.hpp>
#include <support/program.hpp>
#include <support/training_run.hpp>
#include <tapehead/tapehead.hpp>

using namespace tapehead;
using namespace examples;

namespace {

struct Options {
    std::string text = "/usr/share/common-licenses/GPL-3", prompt;
    TrainingRunOptions run;
    bool shard = false;
    Real minutes = 4, lr = 4e-3, dropout = 0.1, temperature = 0.8;
    Index steps = 2000, batch = 8, context = 96, embed_dim = 96, heads = 4, layers = 3, sample = 400;
};

/// A Transformer that sees only what comes before.
struct CharModel : Module {
    Embedding embedding;                     // [V, E]
    SinusoidalPositionalEncoding positions;  // [T, E]
    Dropout dropout;
    TransformerEncoder layers;
    Linear output;  // E -> V

    CharModel(Index vocabulary, const Options& o)
        : embedding(vocabulary, o.embed_dim),
          positions(o.embed_dim, o.context),
          dropout(o.dropout),
          layers({.embed_dim = o.embed_dim,
                  .num_heads = o.heads,
                  .num_encoder_layers = o.layers,
                  .feedforward_dim = 4 * o.embed_dim,
                  .dropout = o.dropout,
                  .activation = gelu_tanh,
                  .norm_first = true}),
          output(o.embed_dim, vocabulary) {
        for (TransformerEncoderLayer& layer : layers.layers) layer.self_attention.dropout = 0;  // the others are enough
    }

    /// ids [B, T] → logits of each next character [B, T, V]
    Tensor forward(const Ids& ids) const {
        const Tensor x = dropout(positions(embedding(ids)));  // [B, T, E]
        return output(layers(x, AttentionMask::causal()));    // [B, T, V]
    }
    void visit(Visitor& v) override {
        v("embedding", embedding);
        v("positions", positions);
        v("dropout", dropout);
        v("layers", layers);
        v("output", output);
    }
};

Tensor loss_of(const CharModel& model, const TokenWindows& windows, const CrossEntropyOptions& options = {}) {
    return cross_entropy(flatten(model.forward(windows.inputs), 0, 1), Ids(xt::flatten(windows.targets)), options);
}

/// Trains until the steps or the minutes are used up, whichever comes first, and leaves the averaged weights in the model.
void train(CharModel& model, std::span<const Id> text, const Options& o, Generator& random) {
    const auto [matrices, others] =
        split_parameters(model.named_parameters(), [](const auto& p) { return p.tensor.dim() == 2; });
    AdamW optimizer({{matrices, {.lr = o.lr, .betas = {0.9, 0.99}, .weight_decay = 0.1}},
                     {others, {.lr = o.lr, .betas = {0.9, 0.99}, .weight_decay = 0}}});
    TrainingRun run(o.run, {.steps = o.steps,
                            .minutes = o.minutes,
                            .title = "A Transformer learns to write",
                            .measure = "bits per character"});
    Schedule schedule(optimizer, [&](Index step, Real lr) {  // linear warm-up, then along a cosine towards 0
        const Real done = std::max(static_cast<Real>(step) / static_cast<Real>(o.steps), run.share_of_time());
        const Real falling = (1 + std::cos(std::numbers::pi * std::min<Real>(1, done))) / 2;
        return lr * std::min<Real>(static_cast<Real>(step + 1) / 100, falling);
    });
    ExponentialMovingAverage average(model.named_parameters(), {.decay = 0.995, .warmup = true});
    run.parts.add("model", model);
    run.parts.add("optimizer", optimizer);
    run.parts.add("schedule", schedule);
    run.parts.add("average", average);
    run.parts.add("data", random);
    run.resume();
    Team team(model, optimizer, o.shard);
    while (run.next()) {
        const TokenWindows windows = random_windows(text, o.batch, o.context, random);
        const Ids inputs = team::part(windows.inputs), targets = team::part(windows.targets);
        optimizer.zero_grad();
        const Real loss = team.backward(loss_of(model, {inputs, targets}), static_cast<Real>(targets.size()));
        clip_grad_norm(model.named_parameters(), 1);
        run.record({{"bits per character", loss / std::numbers::ln2}, {"lr", optimizer.lr()}});
        optimizer.step();
        schedule.step();
        average.update();
    }
    run.finish();
    average.swap();
}

/// The mean of −log₂ p over the characters from `first` on, each predicted once from at least 3/4 of the context. Each process takes
/// its part of the windows.
Real bits_per_character(const CharModel& model, std::span<const Id> text, Index first, Index context) {
    const no_grad off;
    const auto end = static_cast<Index>(text.size());
    const Index stride = std::max<Index>(1, context / 4);
    Real nats = 0;
    const auto [from, to] = team::part((end - first + stride - 1) / stride);
    for (Index window_number = from; window_number < to; ++window_number) {
        const Index at = first + window_number * stride, last = std::min(at + stride, end);
        TokenWindows window = token_windows(text, Ids{last - context - 1}, context);
        std::fill_n(window.targets.begin(), context - (last - at), CrossEntropyOptions{}.ignore_index);
        nats += loss_of(model, window, {.reduction = Reduction::sum}).item();
    }
    return team::sum(nats) / std::numbers::ln2 / static_cast<Real>(end - first);
}

/// Characters that go on from a prompt, drawn from softmax(logits / temperature), or the likeliest at temperature 0.
std::vector<Id> continuation(const CharModel& model, const std::vector<Id>& prompt, const Options& o, Generator& random) {
    std::vector<Id> text;
    const StepModel steps{.next =
                              [&](const Ids& tokens) {
                                  text.insert(text.end(), tokens.begin(), tokens.end());
                                  const TokenSequence seen(text.end() - std::min(std::ssize(text), o.context), text.end());
                                  return select(model.forward(pad_sequences({&seen, 1}).ids), 1, -1);  // [1, V]
                              },
                          .reorder = [](const Ids&) {}};
    return sample_decode(steps, pad_sequences({&prompt, 1}).ids, {.max_length = o.sample},
                         {.temperature = o.temperature, .generator = &random})[0];
}

int run(const Options& o, std::uint64_t seed) {
    const std::string characters = read_file(o.text);
    const CharacterTokenizer tokenizer = CharacterTokenizer::train({&characters, 1});
    const std::vector<Id> text = tokenizer.encode(characters);
    const Index size = std::ssize(text), first = size * 9 / 10;  // of the held-out part
    if (first < o.context + 2)
        throw ValueError(fmt::format("--text: expected more than {} characters, for a context of {}, got {}",
                                     (o.context + 2) * 10 / 9, o.context, size));
    const std::vector<Id> prompt = o.prompt.empty() ? std::vector{text[0]} : tokenizer.encode(o.prompt);
    const auto training = std::span(text).first(static_cast<std::size_t>(first));
    Generator pieces(seed + (std::uint64_t{1} << 32)), sampling(seed + (std::uint64_t{2} << 32));  // streams of their own

    CharModel model(tokenizer.vocab_size(), o);
    fmt::print("A Transformer of {} parameters reads {} of {} characters, {} different ones; the last {} are held out.\n",
               model.num_parameters(), first, size, tokenizer.vocab_size(), size - first);
    train(model, training, o, pieces);
    model.eval();
    const Real bits = bits_per_character(model, text, first, o.context);
    const Real trigram = TrigramModel(training, static_cast<std::size_t>(tokenizer.vocab_size()))
                             .bits_per_character(text, static_cast<std::size_t>(first));

    if (o.sample > 0)
        fmt::print("\nA sample:\n{}{}\n\n", tokenizer.decode(prompt),
                   tokenizer.decode(continuation(model, prompt, o, sampling)));
    const bool is_better = bits < trigram;
    if (!is_better && team::is_first())
        fmt::print(stderr, "char_lm: expected less than the trigram model; try more --steps and --minutes\n");
    fmt::print("char_lm: {:.3f} bits per character on held-out text, interpolated trigram {:.3f}\n", bits, trigram);
    return is_better ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Program program("char_lm",
                    "Trains a small Transformer on a text, compares it with a trigram model on the part that it has not "
                    "seen, and lets it write.");
    Options o;
    program.setting("--text", o.text, "The text, in UTF-8");
    program.limit("--steps", o.steps, "Training steps")->check(between(1));
    program.limit("--minutes", o.minutes, "The most time that training may take; 0 for no limit")->check(between(0));
    program.setting("--lr", o.lr, "The highest learning rate")->check(between(0));
    program.setting("--batch", o.batch, "Pieces of text in a step")->check(between(1));
    program.setting("--context", o.context, "Characters that the model sees")->check(between(1));
    program.setting("--embed-dim", o.embed_dim, "Width of the vectors")->check(between(1));
    program.setting("--heads", o.heads, "Attention heads; must divide the width")->check(between(1));
    program.setting("--layers", o.layers, "Layers")->check(between(1));
    program.setting("--dropout", o.dropout, "Share of activations dropped in training")->check(between(0, 0.99));
    program.option("--sample", o.sample, "Characters to write after training")->check(between(0));
    program.option("--prompt", o.prompt, "What the sample goes on from; the first character of the text if not given");
    program.flag("--shard", o.shard, "Under mpirun: spread what the optimizer remembers over the processes");
    o.run.add_to(program);
    program.option("--temperature", o.temperature, "Of the sample: near 0 the likeliest, above 1 the surprising")
        ->check(between(0));
    return team::run(argc, argv,
                     [&] { return program.run(argc, argv, [&] { return run(o, static_cast<std::uint64_t>(program.seed)); }); });
}
