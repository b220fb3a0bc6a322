// Translates: the encoder-decoder Transformer of "Attention Is All You Need" learns numbers in English and German words, or any
// file of sentence pairs.
//
// "two hundred forty-one" becomes "zweihunderteinundvierzig": German turns tens and units around, so that the attention crosses.
// What it is tested on it has never seen.
#include <algorithm>
#include <memory>

#include <support/corpus.hpp>
#include <support/metrics.hpp>
#include <support/program.hpp>
#include <support/seq2seq.hpp>
#include <support/training_run.hpp>
#include <tapehead/data/data.hpp>
#include <tapehead/optim/optim.hpp>

using namespace examples;

namespace {

struct Options {
    std::string pairs, svg;
    TrainingRunOptions run;
    Index vocabulary = 0, max_characters = 100, test = 2000, beams = 1;
    Index steps = 0, batch = 64, warmup = 400, embed_dim = 128, heads = 4, layers = 2;
    Real minutes = 10, dropout = -1, label_smoothing = 0.1, lr_factor = 1;
    bool characters = false, separate = false, shard = false;
};

Corpus file_corpus(const Options& o, std::uint64_t seed) {
    const PairFile file = read_pairs(o.pairs, static_cast<std::size_t>(o.max_characters));
    fmt::print("{}: {} pairs; left out: {} duplicates, {} longer than {} characters\n", o.pairs, file.pairs.size(),
               file.duplicates, file.too_long, o.max_characters);
    const SplitPairs split = split_pairs(file.pairs, {.seed = seed});
    if (split.training.empty() || split.test.empty()) throw ValueError("--pairs: expected more pairs, for training and test");
    return {split.training, split.validation, split.test};
}

std::unique_ptr<Tokenizer> make_tokenizer(const std::vector<std::string>& texts, const Options& o) {
    if (o.characters)
        return std::make_unique<CharacterTokenizer>(
            CharacterTokenizer::train(texts, {.special_tokens = special_tokens, .byte_fallback = true}));
    return std::make_unique<BytePairTokenizer>(
        BytePairTokenizer::train(texts, {.vocab_size = o.vocabulary, .special_tokens = special_tokens}));
}

/// The mean loss on pairs that are not learned from.
Real validation_loss(const Seq2Seq& model, const std::vector<SequencePair>& pairs) {
    const no_grad off;
    return model.loss(make_batch(pairs)).item();
}

/// Adam and the schedule of the paper (section 5.3), until the steps or the minutes are used up.
void train(Seq2Seq& model, const Batches& batches, std::vector<SequencePair> validation, const Options& o) {
    Adam optimizer(model.named_parameters(), {.lr = 1, .betas = {0.9, 0.98}, .eps = 1e-9});
    Schedule schedule = Schedule::noam(optimizer, o.embed_dim, {.warmup = o.warmup, .factor = o.lr_factor});
    ExponentialMovingAverage average(model.named_parameters(), {.decay = 0.995, .warmup = true});
    TrainingRun run(o.run, {.steps = o.steps, .minutes = o.minutes, .title = "A Transformer learns to translate"});
    run.parts.add("model", model);
    run.parts.add("optimizer", optimizer);
    run.parts.add("schedule", schedule);
    run.parts.add("average", average);
    run.resume();
    Team team(model, optimizer, o.shard);
    while (run.next()) {
        const Batch batch = team_part(batches.at(run.step() - 1));
        optimizer.zero_grad();
        const Real loss = team.backward(model.loss(batch, o.label_smoothing), num_targets(batch));
        clip_grad_norm(model.named_parameters(), 1);
        run.record({{"loss", loss}, {"lr", optimizer.lr()}});
        optimizer.step();
        schedule.step();
        average.update();
    }
    run.finish();
    average.swap();
    model.eval();
    if (!validation.empty()) fmt::print("validation loss {:.4f} nats per token\n", validation_loss(model, validation));
}

struct Translations {
    std::vector<std::string> sources, outputs, references;
    Index exact = 0;
};

Translations translate_all(const Seq2Seq& model, const Tokenizer& tokenizer, const std::vector<SentencePair>& pairs,
                           const Options& o) {
    Translations result;
    std::vector<Sequence> sources;
    std::size_t longest = 0;
    for (const SentencePair& pair : pairs) {
        sources.push_back(encode(tokenizer, pair.source));
        longest = std::max(longest, sources.back().size());
    }
    for (const Sequence& output : translate(model, sources, static_cast<Index>(2 * longest + 20), o.beams))
        result.outputs.push_back(decode(tokenizer, output));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        result.sources.push_back(pairs[i].source);
        result.references.push_back(pairs[i].target);
        result.exact += result.outputs[i] == pairs[i].target;
    }
    return result;
}

void show(const Seq2Seq& model, const Tokenizer& tokenizer, const Translations& t, std::size_t example,
          const std::string& svg) {
    const study::HeatMap map =
        attention_map(model, {encode(tokenizer, t.sources[example]), encode(tokenizer, t.outputs[example])},
                      [&](Id id) { return id < num_special ? std::string(special_label(id)) : tokenizer.label(id); });
    fmt::print("\n{}\n", to_text(map));
    if (!svg.empty() && team::is_first()) write_svg(map, svg);
    for (std::size_t i = 0; i < std::min<std::size_t>(5, t.sources.size()); ++i)
        fmt::print("{} -> {}{}\n", t.sources[i], t.outputs[i],
                   t.outputs[i] == t.references[i] ? "" : fmt::format("  (expected {})", t.references[i]));
}

int run(Options o, std::uint64_t seed) {
    Generator choosing(seed + (std::uint64_t{1} << 32));  // a stream of its own
    const bool numbers = o.pairs.empty();
    if (o.steps == 0) o.steps = numbers ? 2500 : 6000;
    if (o.vocabulary == 0) o.vocabulary = numbers ? 360 : 4000;
    if (o.dropout < 0) o.dropout = numbers ? 0 : 0.1;
    const Corpus corpus = numbers ? number_corpus(o.test, choosing) : file_corpus(o, seed);
    const std::unique_ptr<Tokenizer> made = make_tokenizer(texts_of(corpus.training), o);
    const Tokenizer& tokenizer = *made;
    const Index vocabulary = tokenizer.vocab_size();
    Seq2Seq model({.source_vocabulary = vocabulary,
                   .target_vocabulary = vocabulary,
                   .embed_dim = o.embed_dim,
                   .heads = o.heads,
                   .layers = o.layers,
                   .dropout = o.dropout,
                   .tied = !o.separate});
    fmt::print("A Transformer of {} parameters and {} tokens learns from {} pairs; {} are held out.\n", model.num_parameters(),
               vocabulary, corpus.training.size(), corpus.test.size());
    const Batches batches(encode(tokenizer, corpus.training), o.batch, seed + (std::uint64_t{2} << 32));
    train(model, batches, encode(tokenizer, corpus.validation), o);
    const Translations t = translate_all(model, tokenizer, corpus.test, o);
    const auto example = std::ranges::max_element(t.references, {}, &std::string::size) - t.references.begin();
    show(model, tokenizer, t, numbers ? static_cast<std::size_t>(example) : 0, o.svg);
    const Real percent = 100 * static_cast<Real>(t.exact) / static_cast<Real>(t.outputs.size());
    if (!numbers)
        fmt::print("\nheld out: BLEU {:.2f}, chrF {:.2f}; copying the source: BLEU {:.2f}, chrF {:.2f}\n",
                   bleu(t.outputs, t.references), chrf(t.outputs, t.references), bleu(t.sources, t.references),
                   chrf(t.sources, t.references));
    fmt::print("translate: exact match {:.4g}% on {} unseen {}\n", percent, t.outputs.size(), numbers ? "numbers" : "pairs");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Program program("translate", "Trains a Transformer to translate numbers in words, or a file of sentence pairs.");
    Options o;
    program.setting("--pairs", o.pairs, "Sentence pairs, source TAB target; without it numbers in English and German");
    program.setting("--vocabulary", o.vocabulary, "Tokens of the byte pair encoding; 0 for a fitting number")
        ->check(between(0));
    program.setting("--characters", o.characters, "Characters as tokens instead of byte pairs");
    program.setting("--max-characters", o.max_characters, "Longer sentences are left out")->check(between(1));
    program.setting("--test", o.test, "Numbers to be tested on")->check(between(1, 100000));
    program.option("--beams", o.beams, "Beams of the search; 1 takes the likeliest token each time")->check(between(1, 100));
    program.limit("--steps", o.steps, "Training steps; 0 for 2500 with numbers, 6000 with a file")->check(between(0));
    program.limit("--minutes", o.minutes, "The most time that training may take; 0 for no limit")->check(between(0));
    program.setting("--batch", o.batch, "Pairs in a step")->check(between(1));
    program.setting("--warmup", o.warmup, "Steps in which the learning rate rises")->check(between(1));
    program.setting("--lr-factor", o.lr_factor, "Multiplies the learning rate of the paper's schedule")->check(between(0));
    program.setting("--embed-dim", o.embed_dim, "Width of the vectors")->check(between(1));
    program.setting("--heads", o.heads, "Attention heads; must divide the width")->check(between(1));
    program.setting("--layers", o.layers, "Layers of the encoder, and of the decoder")->check(between(1));
    program.setting("--dropout", o.dropout, "Share of activations dropped; -1 for a fitting one")->check(between(-1, 0.99));
    program.setting("--label-smoothing", o.label_smoothing, "Probability spread over all tokens")->check(between(0, 0.99));
    program.setting("--separate", o.separate, "Embeddings and output with matrices of their own, not one for all");
    program.flag("--shard", o.shard, "Under mpirun: spread what the optimizer remembers over the processes");
    o.run.add_to(program);
    program.option("--svg", o.svg, "Write the attention map to this SVG file")->check(writable_file());
    return team::run(argc, argv,
                     [&] { return program.run(argc, argv, [&] { return run(o, static_cast<std::uint64_t>(program.seed)); }); });
}
