// Learns to copy: an encoder-decoder Transformer reads a sequence of symbols and writes it out again, one by one.
//
// The synthetic task of "The Annotated Transformer". Trained on random sequences, tested by greedy decoding on sequences that
// were not among them; ends with a picture of where the decoder looks.
#include <algorithm>
#include <cmath>
#include <set>

#include <xtensor/xbuilder.hpp>
#include <xtensor/xview.hpp>

#include <support/heat_map.hpp>
#include <support/program.hpp>
#include <support/progress.hpp>
#include <support/random_sequences.hpp>
#include <tapehead/tapehead.hpp>

using namespace tapehead;
using namespace examples;

namespace {

struct Options {
    Index steps = 800, batch = 64;
    Real lr = 2.5e-3;  // the highest
    Index embed_dim = 64, heads = 4, layers = 2;
    Index length = 12, vocabulary = 20;
    Real minimum = 99;
    std::string svg;
};

/// The Transformer of the paper, with one matrix as the embedding of source and target and before the softmax (section 3.4).
struct CopyModel : Module {
    Embedding embedding;                     // [V, E]
    SinusoidalPositionalEncoding positions;  // [T, E]
    Transformer transformer;

    explicit CopyModel(const Options& o)
        : embedding(num_special + o.vocabulary, o.embed_dim),
          positions(o.embed_dim),
          transformer({.embed_dim = o.embed_dim,
                       .num_heads = o.heads,
                       .num_encoder_layers = o.layers,
                       .num_decoder_layers = o.layers,
                       .feedforward_dim = 4 * o.embed_dim,
                       .dropout = 0}) {  // every step has fresh sequences: nothing to learn by heart
        init::normal_(embedding.weight, 0, 1 / scale());
    }

    Real scale() const { return std::sqrt(static_cast<Real>(embedding.weight.size(1))); }
    Tensor embed(const Ids& ids) const { return positions(scale() * embedding(ids)); }  // [B, T] → [B, T, E]

    /// source [B, Ts] → memory [B, Ts, E]
    Tensor encode(const Ids& source, const AttentionMask& real) const { return transformer.encoder(embed(source), real); }

    /// target [B, Tt], memory [B, Ts, E] → logits of the next symbols [B, Tt, V]
    Tensor decode(const Ids& target, const Tensor& memory, const AttentionMask& real) const {
        const Tensor y = transformer.decoder(embed(target), memory, AttentionMask::causal(), real);  // [B, Tt, E]
        return linear(y, embedding.weight);                                                          // [B, Tt, V]
    }

    /// The attention of the last decoder layer to the source, as the mean over its heads: [B, Tt, Ts]
    Tensor attention(const Ids& target, const Tensor& memory, const AttentionMask& real) const {
        Tensor x = embed(target);  // [B, Tt, E]
        const auto& layers = transformer.decoder.layers.items;
        for (std::size_t i = 0; i + 1 < layers.size(); ++i) x = layers[i](x, memory, AttentionMask::causal(), real);
        const TransformerDecoderLayer& last = layers.back();
        x = last.norm1(x + last.self_attention(x, AttentionMask::causal()));
        return last.cross_attention.forward_with_weights(x, memory, memory, real, true).weights;
    }

    void visit(Visitor& v) override {
        v("embedding", embedding);
        v("positions", positions);
        v("transformer", transformer);
    }
};

/// Trains on random sequences and returns them all.
std::set<Sequence> train(CopyModel& model, const Options& o, Generator& random) {
    Adam optimizer(model.named_parameters(), {.lr = o.lr, .betas = {0.9, 0.98}, .eps = 1e-9});
    Schedule schedule = Schedule::cosine(optimizer, {.warmup = o.steps / 10, .total = o.steps});
    std::set<Sequence> seen;
    Progress progress(o.steps);
    for (Index step = 1; step <= o.steps; ++step) {
        const std::vector<Sequence> sequences = random_sequences(o.batch, o.length, o.vocabulary, random);
        seen.insert(sequences.begin(), sequences.end());
        const Batch batch = make_batch(sequences);
        const AttentionMask real = AttentionMask::lengths(batch.lengths);
        const Tensor memory = model.encode(batch.source, real);             // [B, Ts, E]
        const Tensor logits = model.decode(batch.target_in, memory, real);  // [B, Tt, V]
        const Tensor loss = cross_entropy(flatten(logits, 0, 1), Ids(xt::flatten(batch.target_out)), {.ignore_index = pad_id});
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        schedule.step();
        progress.update(step, loss.item());
    }
    return seen;
}

/// What the model writes for each source: always the likeliest symbol, until the end symbol.
std::vector<Sequence> greedy_decode(const CopyModel& model, const std::vector<Sequence>& sources, Index max_length) {
    const no_grad off;
    const Batch batch = make_batch(sources);
    const AttentionMask real = AttentionMask::lengths(batch.lengths);
    const Tensor memory = model.encode(batch.source, real);               // [B, Ts, E]
    Ids written = xt::view(batch.target_in, xt::all(), xt::range(0, 1));  // [B, 1], the begin symbols
    for (Index t = 0; t <= max_length; ++t) {
        const Tensor logits = select(model.decode(written, memory, real), 1, -1);  // [B, V], after the last symbol
        const Ids next = argmax(logits, -1, true);                                 // [B, 1]
        written = Ids(xt::concatenate(xt::xtuple(written, next), 1));              // [B, 2 + t]
    }
    return sequences_of(written);
}

/// Draws the attention map of one source, and writes it to a file if one is named.
void show_attention(const CopyModel& model, const Sequence& source, const Sequence& output, const std::string& svg) {
    const no_grad off;
    const Batch from = make_batch({source}), to = make_batch({output});
    const Tensor weights = model.attention(to.target_in, model.encode(from.source, {}), {});  // [1, Tt, Ts]
    const HeatMap map{.title = "Where the decoder looks when it writes a symbol",
                      .row_title = "written",
                      .column_title = "source",
                      .rows = labels(to.target_out),
                      .columns = labels(from.source),
                      .values = {weights.values().begin(), weights.values().end()}};
    fmt::print("\n{}\n{} -> {}\n", to_text(map), text_of(source), text_of(output));
    if (!svg.empty()) write_svg(map, svg);
}

int run(const Options& o, std::uint64_t seed) {
    Generator training(seed + (std::uint64_t{1} << 32)), testing(seed + (std::uint64_t{2} << 32));  // streams of their own
    CopyModel model(o);
    fmt::print("A Transformer of {} parameters learns to copy up to {} of {} symbols.\n", model.num_parameters(), o.length,
               o.vocabulary);
    const std::set<Sequence> seen = train(model, o, training);

    model.eval();
    constexpr Index count = 1000;
    const std::vector<Sequence> sources = unseen_sequences(count, o.length, o.vocabulary, testing, seen);
    const std::vector<Sequence> outputs = greedy_decode(model, sources, o.length);
    Index exact = 0;
    for (std::size_t i = 0; i < sources.size(); ++i) exact += outputs[i] == sources[i];
    const Real percent = 100.0 * static_cast<Real>(exact) / count;
    const auto longest = std::ranges::max_element(sources, {}, &Sequence::size) - sources.begin();
    show_attention(model, sources[longest], outputs[longest], o.svg);
    if (percent < o.minimum) fmt::print(stderr, "copy: expected at least {}%; try more --steps or another --seed\n", o.minimum);
    fmt::print("copy: exact match {:.4g}% on {} unseen sequences\n", percent, count);
    return percent < o.minimum ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    // One thread: a model this small gains little by a second, which on a busy machine is mostly waited for.
    Program program("copy", "Trains a small Transformer to copy symbols, and tests it on sequences it has never seen.", 1);
    Options o;
    program.option("--steps", o.steps, "Training steps")->check(between(1));
    program.option("--batch", o.batch, "Sequences in a step")->check(between(1));
    program.option("--lr", o.lr, "Highest learning rate, after the warm-up")->check(between(0));
    program.option("--embed-dim", o.embed_dim, "Width of the vectors")->check(between(1));
    program.option("--heads", o.heads, "Attention heads; must divide the width")->check(between(1));
    program.option("--layers", o.layers, "Layers of the encoder, and of the decoder")->check(between(1));
    program.option("--length", o.length, "Symbols in the longest sequence")->check(between(1));
    program.option("--vocabulary", o.vocabulary, "Different symbols")->check(between(2, 10000));
    program.option("--minimum", o.minimum, "Percent of exact matches below which the exit status is 1")->check(between(0, 100));
    program.option("--svg", o.svg, "Write the attention map to this SVG file")->check(writable_file());
    return program.run(argc, argv, [&] { return run(o, static_cast<std::uint64_t>(program.seed)); });
}
