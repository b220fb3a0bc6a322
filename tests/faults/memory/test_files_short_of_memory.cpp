// Files and tokenizers that run out of memory: the old file stays, what is loaded into stays as it was.
#include <filesystem>

#include <support/scratch.hpp>

#include "shortage.hpp"

using namespace testing;

namespace {

std::size_t files_beside(const std::string& path) {
    const std::filesystem::directory_iterator folder(std::filesystem::path(path).parent_path());
    return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

/// A file that is written over an old one.
struct Write final : Trial {
    std::string path, old = "old contents";
    std::function<void(const std::string&)> write;

    Write(std::string file, std::function<void(const std::string&)> f) : path(std::move(file)), write(std::move(f)) {
        write_file(path, old);
    }
    void run() override { write(path); }
    std::string state() override { return read_file(path) + fmt::format(" among {}", files_beside(path)); }
};

void write(const std::string& name, const std::function<void(const std::string&)>& f) {
    static int number = 0;
    const std::string folder = scratch(fmt::format("write{}", ++number));
    std::filesystem::create_directory(folder);
    run_short_of_memory(MakeTrial([&] { return std::make_unique<Write>(folder + "/file", f); }), name);
}

/// A whole training, to be saved and loaded.
struct Training final : Trial {
    int seeded = (manual_seed(11), 11);  // before the model
    Sequential model{Linear(3, 4), LayerNorm(4), Linear(4, 2)};
    AdamW optimizer{model.named_parameters(), {.lr = 0.01}};
    Schedule schedule = Schedule::exponential(optimizer, 0.5);
    ReduceOnPlateau plateau{optimizer, {.patience = 2}};
    ExponentialMovingAverage average{model.named_parameters()};
    Generator own{3};
    Index step = 0;
    Real best = INFINITY;
    Checkpoint checkpoint;
    std::function<void(Training&)> work;

    explicit Training(int steps, std::function<void(Training&)> f = {}) : work(std::move(f)) {
        checkpoint.add("model", model);
        checkpoint.add("optimizer", optimizer);
        checkpoint.add("schedule", schedule);
        checkpoint.add("plateau", plateau);
        checkpoint.add("average", average);
        checkpoint.add("own", own);
        checkpoint.add("step", step);
        checkpoint.add("best", best);
        for (; step < steps; ++step) {
            model.zero_grad();
            sum(square(model(randn({2, 3})))).backward();
            optimizer.step();
            schedule.step();
            plateau.step(best = 1.0 / static_cast<Real>(step + 1));
            average.update();
            own.take(5);
        }
        model.zero_grad();
    }
    void run() override { work(*this); }
    std::string state() override {
        const ScheduleState s = schedule.state_dict();
        const PlateauState p = plateau.state_dict();
        const AverageState a = average.state_dict();
        return bits(model.state_dict()) + bits(optimizer.state_dict()) + bits(own) + bits(default_generator()) +
               bits(a.averages) +
               fmt::format(" {} {} {} {} {} {} {} {}", s.step, s.base_lr, p.best, p.bad_steps, p.cooldown_left, a.updates, step,
                           best);
    }
};

void change(const std::string& name, int steps, const std::function<void(Training&)>& f) {
    run_short_of_memory(MakeTrial([&] { return std::make_unique<Training>(steps, f); }), name);
}

std::string bits(const std::vector<Id>& ids) { return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(Id)}; }

const std::vector<std::string>& texts() {
    static const std::vector<std::string> all = {"the cat sat on the mat<end>", "the hat sat on that cät, 12 times"};
    return all;
}

}  // namespace

TEST_CASE("out of memory: a file that cannot be written whole is not written, in any format") {
    const Training training(3);
    auto& model = const_cast<Training&>(training).model;
    const NamedTensors tensors{{"a", numbers({3, 2})}, {"b", numbers({5})}};
    write("write_file", [](const std::string& path) { write_file(path, std::string(1000, 'x')); });
    write("save_npy", [&](const std::string& path) { save_npy(path, tensors[0].tensor); });
    write("save_npz", [&](const std::string& path) { save_npz(path, tensors); });
    write("save_safetensors", [&](const std::string& path) {
        save_safetensors(path, tensors, {.metadata = {{"key", "value"}}, .dtype = Dtype::F16});
    });
    write("save_model", [&](const std::string& path) { save_model(path, model); });
    write("Checkpoint.save", [&](const std::string& path) { training.checkpoint.save(path, {{"note", "of the user's"}}); });
    const auto characters = CharacterTokenizer::train(texts(), {.special_tokens = {"<pad>"}});
    const auto pairs = BytePairTokenizer::train(texts(), {.vocab_size = 262, .special_tokens = {"<end>"}});
    write("CharacterTokenizer.save", [&](const std::string& path) { characters.save(path); });
    write("BytePairTokenizer.save", [&](const std::string& path) { pairs.save(path); });
}

TEST_CASE("out of memory: what cannot be loaded whole changes nothing") {
    const std::string path = scratch("whole.safetensors"), model_path = scratch("model.safetensors");
    Training saved(4);
    saved.checkpoint.save(path);
    save_model(model_path, saved.model);
    const OptimizerState optimizer = saved.optimizer.state_dict();
    const NamedTensors model = saved.model.state_dict();
    const AverageState average = saved.average.state_dict();
    change("Checkpoint.load", 2, [&](Training& to) { to.checkpoint.load(path); });
    change("Checkpoint.load, before the first step", 0, [&](Training& to) { to.checkpoint.load(path); });
    change("load_model", 2, [&](Training& to) { load_model(model_path, to.model); });
    change("Module.load_state_dict", 2, [&](Training& to) { to.model.load_state_dict(model); });
    change("Optimizer.load_state_dict", 2, [&](Training& to) { to.optimizer.load_state_dict(optimizer); });
    change("ExponentialMovingAverage.load_state_dict", 2, [&](Training& to) { to.average.load_state_dict(average); });
}

TEST_CASE("out of memory: reading, in any format, comes out by an exception") {
    const NamedTensors tensors{{"a", numbers({3, 2})}, {"b", numbers({5})}};
    save_npy(scratch("r.npy"), tensors[0].tensor);
    save_npz(scratch("r.npz"), tensors);
    save_safetensors(scratch("r.safetensors"), tensors, {.metadata = {{"key", "value"}}});
    const auto run = [](const std::string& name, const std::function<std::string()>& work) { run_short_of_memory(work, name); };
    run("read_file", [] { return read_file(scratch("r.npz")); });
    run("load_npy", [] { return bits(load_npy(scratch("r.npy"))); });
    run("load_npz", [] { return bits(load_npz(scratch("r.npz"))); });
    run("load_safetensors", [] { return bits(load_safetensors(scratch("r.safetensors"))); });
}

TEST_CASE("out of memory: tokenizers come out by an exception, and go on") {
    const auto run = [](const std::string& name, const std::function<std::string()>& work) { run_short_of_memory(work, name); };
    const auto characters = CharacterTokenizer::train(texts(), {.special_tokens = {"<pad>"}});
    const auto pairs = BytePairTokenizer::train(texts(), {.vocab_size = 262, .special_tokens = {"<end>"}});
    characters.save(scratch("characters.json"));
    pairs.save(scratch("pairs.json"));
    pairs.save(scratch("vocab.json"), scratch("merges.txt"));
    run("CharacterTokenizer.train", [] { return bits(CharacterTokenizer::train(texts()).encode(texts()[0])); });
    run("CharacterTokenizer.load",
        [] { return bits(CharacterTokenizer::load(scratch("characters.json")).encode(texts()[0])); });
    run("BytePairTokenizer.train",
        [] { return bits(BytePairTokenizer::train(texts(), {.vocab_size = 262}).encode(texts()[0])); });
    run("BytePairTokenizer.load", [] { return bits(BytePairTokenizer::load(scratch("pairs.json")).encode(texts()[1])); });
    run("BytePairTokenizer.load of two files", [] {
        return bits(BytePairTokenizer::load(scratch("vocab.json"), scratch("merges.txt"), {"<end>"}).encode(texts()[1]));
    });
    run("encode and decode", [&] {
        const std::vector<Id> ids = pairs.encode(texts()[1]);
        return bits(ids) + pairs.decode(ids) + pairs.label(ids[0]);
    });
}

TEST_CASE("out of memory: decoding comes out by an exception") {
    manual_seed(5);
    struct Model {
        Embedding embedding{6, 8};
        TransformerEncoder encoder{{.embed_dim = 8, .num_heads = 2, .num_encoder_layers = 2, .feedforward_dim = 8}};
        Linear output{8, 6};
    } model;
    model.encoder.eval();
    const auto decode = [&](const std::string& name, const auto& search) {
        run_short_of_memory(
            [&] {
                const no_grad off;
                auto caches = model.encoder.make_cache(2, 12);
                const StepModel steps{.next =
                                          [&](const Ids& ids) {
                                              const Tensor y =
                                                  model.output(model.encoder.forward(model.embedding(ids), caches));
                                              return reshape(slice(y, 1, y.size(1) - 1, y.size(1)), {y.size(0), 6});
                                          },
                                      .reorder = [&](const Ids& rows) { reorder(caches, rows); }};
                Ids prompt = make_array<Id>(Shape{2, 2});
                prompt.fill(1);
                return search(steps, prompt);
            },
            name);
    };
    const auto all = [](const std::vector<TokenSequence>& rows) {
        std::string text;
        for (const TokenSequence& row : rows) text += bits(row) + ";";
        return text;
    };
    decode("greedy_decode", [&](const StepModel& m, const Ids& p) { return all(greedy_decode(m, p, {.max_length = 3})); });
    decode("sample_decode", [&](const StepModel& m, const Ids& p) {
        Generator generator(1);
        return all(sample_decode(m, p, {.max_length = 3}, {.top_k = 3, .generator = &generator}));
    });
    decode("beam_search", [&](const StepModel& m, const Ids& p) {
        std::string text;
        for (const Hypothesis& h : beam_search(m, p, {.max_length = 3}, {.beams = 2}))
            text += bits(h.tokens) + fmt::format(" {};", h.score);
        return text;
    });
}
