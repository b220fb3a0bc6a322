// Learns a task on sequences: an encoder-decoder Transformer reads symbols and writes others, one by one.
//
// Copying is the synthetic task of "The Annotated Transformer"; reversing, sorting and adding numbers ask for more. Trained on
// random pairs, tested by greedy decoding on pairs that were held out; ends with a picture of where the decoder looks.
#include <algorithm>

#include <support/program.hpp>
#include <support/seq2seq.hpp>
#include <support/training_run.hpp>
#include <tapehead/optim/optim.hpp>
#include <tapehead/study/study.hpp>

using namespace examples;

namespace {

struct Options {
    std::string task = "copy", svg, html;
    TrainingRunOptions run;
    Index steps = 0, batch = 64;
    Real lr = 2.5e-3, minimum = 0;  // the highest learning rate; percent
    Index embed_dim = 64, heads = 4, layers = 2;
    Index length = 12, vocabulary = 20, digits = 3;
};

/// How many steps a task takes at the default sizes.
Index usual_steps(Task task) {
    switch (task) {
        case Task::copy: return 800;
        case Task::reverse: return 1500;
        case Task::sort: return 2000;
        case Task::add: return 4000;
    }
    return 0;
}

/// Trains the model; if a page is asked for, snapshots are taken at the first step and at every tenth of the way.
void train(Seq2Seq& model, const SequenceTask& task, const Options& o, Generator& random, study::Timeline& timeline) {
    Adam optimizer(model.named_parameters(), {.lr = o.lr, .betas = {0.9, 0.98}, .eps = 1e-9});
    Schedule schedule = Schedule::cosine(optimizer, {.warmup = o.steps / 10, .total = o.steps});
    TrainingRun run(o.run, {.steps = o.steps, .title = "A Transformer learns to " + o.task});
    run.parts.add("model", model);
    run.parts.add("optimizer", optimizer);
    run.parts.add("schedule", schedule);
    run.parts.add("data", random);
    run.resume();
    const auto train_step = [&] {
        const Tensor loss = model.loss(make_batch(random_pairs(task, Part::training, o.batch, random)));
        optimizer.zero_grad();
        loss.backward();
        clip_grad_norm(model.named_parameters(), 1);
        optimizer.step();
        schedule.step();
        return loss;
    };
    const Index between_snapshots = std::max<Index>(1, o.steps / 10);
    while (run.next()) {
        const bool is_watched = !o.html.empty() && (run.step() == 1 || run.step() % between_snapshots == 0);
        const Real lr = optimizer.lr();
        const Tensor loss = is_watched ? timeline.watch(run.step(), train_step) : train_step();
        run.record({{"loss", loss.item()}, {"lr", lr}});
    }
    run.finish();
}

/// Writes a page of the tape of a few unseen pairs, the longest first, and of the snapshots of training.
void write_page(Seq2Seq& model, const SequenceTask& task, std::vector<SequencePair> pairs, const study::Timeline& timeline,
                const Options& o) {
    std::ranges::stable_sort(pairs, std::greater(), [](const SequencePair& pair) { return pair.source.size(); });
    pairs.resize(std::min<std::size_t>(pairs.size(), 4));
    std::vector<std::string> source, target{"BOS"};
    for (const Id id : pairs[0].source) source.push_back(task.label(id));
    for (const Id id : pairs[0].target) target.push_back(task.label(id));

    study::Recorder recorder(model);
    const Tensor loss = model.loss(make_batch(pairs));
    loss.backward();
    study::write_html(Tape(loss, recorder), o.html,
                      {.title = "A Transformer learns to " + o.task,
                       .labels = [&](const std::string& scope) -> study::AttentionLabels {
                           if (scope.find("encoder") != std::string::npos) return {source, source};
                           return {target, scope.ends_with("cross_attention") ? source : target};
                       },
                       .snapshots = timeline.snapshots()});
    fmt::print("\nThe tape, its gradients and attention: {}\n", o.html);
}

/// Draws the attention map of one pair, and writes it to a file if one is named.
void show(const Seq2Seq& model, const SequenceTask& task, const SequencePair& pair, const std::string& svg) {
    const study::HeatMap map = attention_map(model, pair, [&](Id id) { return task.label(id); });
    fmt::print("\n{}\n{} -> {}\n", to_text(map), task.text(pair.source), task.text(pair.target));
    if (!svg.empty()) write_svg(map, svg);
}

int run(Options o, std::uint64_t seed) {
    Generator training(seed + (std::uint64_t{1} << 32)), testing(seed + (std::uint64_t{2} << 32));  // streams of their own
    const SequenceTask task(task_named(o.task), {.length = o.length, .vocabulary = o.vocabulary, .digits = o.digits});
    if (o.steps == 0) o.steps = usual_steps(task_named(o.task));
    Seq2Seq model({.source_vocabulary = task.vocabulary(),
                   .target_vocabulary = task.vocabulary(),
                   .embed_dim = o.embed_dim,
                   .heads = o.heads,
                   .layers = o.layers,
                   .tied = true});
    fmt::print("A Transformer of {} parameters learns the task {}, from up to {} symbols to up to {}.\n",
               model.num_parameters(), o.task, task.longest_source(), task.longest_target());
    study::Timeline timeline(model);
    train(model, task, o, training, timeline);

    model.eval();
    constexpr Index count = 1000;
    const std::vector<SequencePair> pairs = random_pairs(task, Part::test, count, testing);
    std::vector<Sequence> sources;
    for (const SequencePair& pair : pairs) sources.push_back(pair.source);
    const std::vector<Sequence> outputs = translate(model, sources, task.longest_target() + 1);
    Index exact = 0;
    for (std::size_t i = 0; i < pairs.size(); ++i) exact += outputs[i] == pairs[i].target;
    const Real percent = 100.0 * static_cast<Real>(exact) / count;
    const auto longest = static_cast<std::size_t>(std::ranges::max_element(sources, {}, &Sequence::size) - sources.begin());
    show(model, task, {sources[longest], outputs[longest]}, o.svg);
    if (!o.html.empty()) write_page(model, task, pairs, timeline, o);
    if (percent < o.minimum)
        fmt::print(stderr, "sequence: expected at least {}%; try more --steps or another --seed\n", o.minimum);
    fmt::print("{}: exact match {:.4g}% on {} unseen sequences\n", o.task, percent, count);
    return percent < o.minimum ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    Program program("sequence", "Trains a small Transformer to copy, reverse or sort symbols or to add numbers.");
    Options o;
    program.setting("--task", o.task, "copy, reverse, sort or add")->check(CLI::IsMember({"copy", "reverse", "sort", "add"}));
    program.limit("--steps", o.steps, "Training steps; 0 for as many as the task usually takes")->check(between(0));
    program.setting("--batch", o.batch, "Sequences in a step")->check(between(1));
    program.setting("--lr", o.lr, "Highest learning rate, after the warm-up")->check(between(0));
    program.setting("--embed-dim", o.embed_dim, "Width of the vectors")->check(between(1));
    program.setting("--heads", o.heads, "Attention heads; must divide the width")->check(between(1));
    program.setting("--layers", o.layers, "Layers of the encoder, and of the decoder")->check(between(1));
    program.setting("--length", o.length, "Symbols in the longest sequence")->check(between(1));
    program.setting("--vocabulary", o.vocabulary, "Different symbols")->check(between(2, 10000));
    program.setting("--digits", o.digits, "Digits of the largest number to add")->check(between(1, 6));
    program.option("--minimum", o.minimum, "Percent of exact matches below which the exit status is 1")->check(between(0, 100));
    o.run.add_to(program);
    program.option("--svg", o.svg, "Write the attention map to this SVG file")->check(writable_file());
    program.option("--html", o.html, "Write a page that shows the tape and the training to this file")->check(writable_file());
    return program.run(argc, argv, [&] { return run(o, static_cast<std::uint64_t>(program.seed)); });
}
