// GPT-2 from a folder as Hugging Face has them: it goes on from a prompt, or learns a text of yours and is saved in the same form.
//
// A folder holds config.json, model.safetensors, vocab.json and merges.txt. --init makes a small one of random weights, whose tokenizer
// is trained on a text, so that all of this can be tried without a download.
#include <filesystem>

#include <support/gpt2.hpp>
#include <support/program.hpp>
#include <support/training_run.hpp>
#include <tapehead/tapehead.hpp>

using namespace tapehead;
using namespace examples;

namespace {

struct Options {
    std::string model, init, prompt, fine_tune;
    TrainingRunOptions run;
    Index tokens = 100, top_k = 0, steps = 200, batch = 4, context = 128;
    Real temperature = 0.8, top_p = 0.95, lr = 5e-5;
    Index vocabulary = 1000, embed_dim = 64, heads = 4, layers = 2;  // of --init
};

constexpr const char* how_to_begin =
    R"(gpt2: expected a model, got neither --model nor --init

A model is a folder with four files. Those of GPT-2 are on the Hugging Face Hub, 550 MB in all; for larger ones put
gpt2-medium, gpt2-large or gpt2-xl in the place of the last gpt2:

    mkdir gpt2-model && cd gpt2-model
    for file in config.json model.safetensors vocab.json merges.txt; do
        curl -LO https://huggingface.co/openai-community/gpt2/resolve/main/$file
    done

Then:  gpt2 --model gpt2-model --prompt "The tape was"

Without a download, --init makes a small model of random weights with a tokenizer trained on a text, here to be trained on the
same text and saved as such a folder:

    gpt2 --init TEXT.txt --fine-tune TEXT.txt --lr 2e-3 --steps 500 --save my-model --prompt "The tape was"
)";

constexpr const char* end_of_text = "<|endoftext|>";

struct Gpt2AndTokenizer {
    GPT2 model;
    BytePairTokenizer tokenizer;
};

Gpt2AndTokenizer load(const std::string& folder) {
    BytePairTokenizer tokenizer = BytePairTokenizer::load(folder + "/vocab.json", folder + "/merges.txt");
    GPT2 model = load_gpt2(folder);
    if (tokenizer.vocab_size() > model.config.vocab_size)
        throw FileError(fmt::format("gpt2: expected a vocabulary of at most {} tokens in '{}', got {}", model.config.vocab_size,
                                    folder, tokenizer.vocab_size()));
    return {std::move(model), std::move(tokenizer)};
}

Gpt2AndTokenizer make(const Options& o) {
    BytePairTokenizer tokenizer =
        BytePairTokenizer::train(std::vector{read_file(o.init)}, {.vocab_size = o.vocabulary, .special_tokens = {end_of_text}});
    GPT2 model({.vocab_size = tokenizer.vocab_size(),
                .n_positions = o.context,
                .n_embd = o.embed_dim,
                .n_layer = o.layers,
                .n_head = o.heads,
                .source = R"({"bos_token_id": 0, "eos_token_id": 0})"});  // the special token, for other readers
    return {std::move(model), std::move(tokenizer)};
}

/// Writes the folder; then its training, which has ended, is no longer needed.
void save(Gpt2AndTokenizer& all, const TrainingRunOptions& o) {
    save_gpt2(o.save, all.model);
    all.tokenizer.save(o.save + "/vocab.json", o.save + "/merges.txt");
    std::filesystem::remove(o.file_in(o.save));
}

/// Trains on windows of a text with AdamW, a short warm-up and a cosine towards 0.
void fine_tune(Gpt2AndTokenizer& all, const Options& o, Generator& random) {
    auto& [model, tokenizer] = all;
    const std::vector<Id> text = tokenizer.encode(read_file(o.fine_tune), {.special_tokens = true});
    const Index context = std::min(o.context, model.config.n_positions);
    if (std::ssize(text) <= context)
        throw ValueError(fmt::format("--fine-tune: expected a text of more than {} tokens, got {}", context, text.size()));
    const auto [matrices, others] =
        split_parameters(model.named_parameters(), [](const NamedTensor& p) { return p.tensor.dim() == 2; });
    AdamW optimizer({{matrices, {.lr = o.lr}}, {others, {.lr = o.lr, .weight_decay = 0}}});
    Schedule schedule = Schedule::cosine(optimizer, {.warmup = o.steps / 10, .total = o.steps});
    fmt::print("GPT-2 of {} parameters learns {} tokens.\n", model.num_parameters(), text.size());
    TrainingRun run(o.run, {.steps = o.steps, .title = "GPT-2 learns a text"});
    run.parts.add("model", model);
    run.parts.add("optimizer", optimizer);
    run.parts.add("schedule", schedule);
    run.parts.add("data", random);
    run.resume();
    model.train();
    while (run.next()) {
        const Tensor loss = model.loss(random_windows(text, o.batch, context, random));
        optimizer.zero_grad();
        loss.backward();
        clip_grad_norm(model.named_parameters(), 1);
        run.record({{"loss", loss.item()}, {"lr", optimizer.lr()}});
        optimizer.step();
        schedule.step();
    }
    run.finish();
}

/// The prompt and what the model writes after it; without a prompt it begins a text of its own.
std::string write(Gpt2AndTokenizer& all, const Options& o, Generator& random) {
    auto& [model, tokenizer] = all;
    const bool has_end = !tokenizer.special_tokens().empty();
    const Id end = has_end ? tokenizer.special_token(end_of_text) : no_id;
    std::vector<Id> prompt = tokenizer.encode(o.prompt);
    if (prompt.empty() && has_end) prompt.push_back(end);
    model.eval();
    const TokenSequence written =
        sample_decode(gpt2_steps(model, tokenizer.vocab_size()), pad_sequences({&prompt, 1}).ids,
                      {.max_length = o.tokens, .end = end},
                      {.temperature = o.temperature, .top_k = o.top_k, .top_p = o.top_p, .generator = &random})[0];
    return o.prompt + valid_utf8(tokenizer.decode(written));
}

int run(const Options& o, std::uint64_t seed) {
    if (o.model.empty() && o.init.empty()) {
        fmt::print(stderr, "{}", how_to_begin);
        return 2;
    }
    Generator pieces(seed + (std::uint64_t{1} << 32)), sampling(seed + (std::uint64_t{2} << 32));  // streams of their own
    Gpt2AndTokenizer all = o.model.empty() ? make(o) : load(o.model);
    if (!o.run.save.empty()) std::filesystem::create_directories(o.run.save);  // a wrong path shows before the work, not after
    if (!o.fine_tune.empty()) fine_tune(all, o, pieces);
    if (!o.run.save.empty()) save(all, o.run);
    if (!o.prompt.empty() || (o.fine_tune.empty() && o.run.save.empty())) fmt::print("{}\n", write(all, o, sampling));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Program program("gpt2",
                    "Writes with GPT-2, and trains it on a text. Without --model and --init it says how to get a model.");
    Options o;
    CLI::Option* model = program.setting("--model", o.model, "A folder with a model");
    program.setting("--init", o.init, "Make a small model instead, with a tokenizer trained on this text")->excludes(model);
    program.option("--prompt", o.prompt, "What to go on from");
    program.option("--tokens", o.tokens, "The most tokens to write")->check(between(0));
    program.option("--temperature", o.temperature, "Near 0 the likeliest tokens, above 1 the surprising")->check(between(0));
    program.option("--top-k", o.top_k, "Draw among so many of the likeliest tokens; 0 for all")->check(between(0));
    program.option("--top-p", o.top_p, "Draw among the likeliest that hold this share of all probability")
        ->check(between(1e-6, 1));
    program.setting("--fine-tune", o.fine_tune, "Train on this text first");
    program.limit("--steps", o.steps, "Training steps")->check(between(1));
    program.setting("--lr", o.lr, "The highest learning rate; a model from --init learns best at about 2e-3")
        ->check(between(0));
    program.setting("--batch", o.batch, "Pieces of text in a step")->check(between(1));
    program.setting("--context", o.context, "Tokens of a piece, and the most that a model from --init sees")->check(between(1));
    program.setting("--vocabulary", o.vocabulary, "Of --init: tokens")->check(between(257));
    program.setting("--embed-dim", o.embed_dim, "Of --init: width of the vectors")->check(between(1));
    program.setting("--heads", o.heads, "Of --init: attention heads; must divide the width")->check(between(1));
    program.setting("--layers", o.layers, "Of --init: layers")->check(between(1));
    o.run.file = "training.safetensors";
    o.run.add_to(program);
    return program.run(argc, argv, [&] { return run(o, static_cast<std::uint64_t>(program.seed)); });
}
