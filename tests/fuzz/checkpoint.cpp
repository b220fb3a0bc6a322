// Any texts as what the parts of a checkpoint remember, a line each: put back, or refused with FileError or StateError and nothing
// changed. What was put back is saved and loaded again, and trained with for a step.
#include <fuzz/target.hpp>

#include <support/scratch.hpp>

using namespace fuzz;

namespace {

/// One of each kind of part that a checkpoint can have.
struct Run {
    Linear model{2, 1};
    AdamW optimizer{model.named_parameters(), {.lr = 0.1}};
    Schedule schedule = Schedule::cosine(optimizer, {.warmup = 2, .total = 10});
    ReduceOnPlateau plateau{optimizer};
    ExponentialMovingAverage average{model.named_parameters()};
    Generator generator{3};
    Index epoch = 2;
    Real best = 0.5;
    Checkpoint checkpoint;

    Run() {
        checkpoint.add("model", model);
        checkpoint.add("optimizer", optimizer);
        checkpoint.add("schedule", schedule);
        checkpoint.add("plateau", plateau);
        checkpoint.add("average", average);
        checkpoint.add("generator", generator);
        checkpoint.add("epoch", epoch);
        checkpoint.add("best", best);
    }
    void step() {
        optimizer.zero_grad();
        sum(model(Tensor{{1, 2}})).backward();
        optimizer.step();
        schedule.step();
        average.update();
        plateau.step(1);
    }
    std::string saved() const {
        const std::string path = testing::scratch("run.safetensors");
        checkpoint.save(path);
        return read_file(path);
    }
};

constexpr const char* parts[] = {"optimizer", "schedule", "plateau", "average", "generator", "epoch", "best", "random"};

/// A checkpoint with the tensors of a run, and the lines of the text as what its parts remember.
std::string checkpoint_with(const Run& run, std::string_view text) {
    const std::string path = testing::scratch("changed.safetensors");
    run.checkpoint.save(path);
    const SafetensorsFile file(path);
    std::map<std::string, std::string> metadata = file.metadata();
    for (const char* part : parts) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (!line.empty()) metadata["tapehead." + std::string(part)] = line;  // else what it is
    }
    save_safetensors(path, file.tensors(), {.metadata = metadata});
    return path;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    manual_seed(5);
    Run run;
    run.step();
    const std::string before = run.saved();
    std::string path;
    if (!accepts<ValueError>([&] { path = checkpoint_with(run, text_of(data, size)); })) return 0;  // not UTF-8
    if (!accepts<FileError, StateError>([&] { run.checkpoint.load(path); })) {
        require(run.saved() == before, "a run as it was where loading failed");
        return 0;
    }
    const std::string after = run.saved();
    write_file(path, after);
    run.checkpoint.load(path);
    require(run.saved() == after, "the same run when it is saved and loaded again");
    accepts<ValueError>([&] { run.step(); });  // for a rate that the schedule must not have
    return 0;
}
