// Training runs; see training_run.hpp.
#include <support/training_run.hpp>

#include <unistd.h>

#include <filesystem>
#include <utility>

#include <tapehead/io/safetensors.hpp>

namespace examples {

using namespace tapehead;

namespace {

using Clock = std::chrono::steady_clock;

/// A check for an option that names what is written later, with the folders that are not there yet.
CLI::Validator in_writable_folder() {
    const auto check = [](const std::string& path) {
        std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
        while (!std::filesystem::exists(folder)) folder = folder.parent_path();
        return std::filesystem::is_directory(folder) && access(folder.c_str(), W_OK | X_OK) == 0
                   ? std::string()
                   : fmt::format("expected a path that can be written, got {}", path);
    };
    return {check, ""};
}

/// Takes --resume for --save where there is no other. Throws CLI::ValidationError where the options contradict each other or the files
/// that are there.
void settle_options(TrainingRunOptions& o) {
    std::error_code none;
    if (o.save.empty() || std::filesystem::equivalent(o.save, o.resume, none)) o.save = o.resume;
    if (o.checkpoint_every > 0 && o.save.empty())
        throw CLI::ValidationError("--checkpoint-every: expected --save with it, got none");
    if (o.file.empty() && std::filesystem::is_directory(o.save, none))
        throw CLI::ValidationError(fmt::format("--save: expected a file, got the folder '{}'", o.save));
    if (o.save != o.resume && std::filesystem::exists(o.file_in(o.save)))
        throw CLI::ValidationError(fmt::format(
            "--save: expected a place for a new training, got '{}', which is one; go on with it by --resume, or remove it",
            o.file_in(o.save)));
}

}  // namespace

void TrainingRunOptions::add_to(Program& p) {
    program = &p;
    const bool has_folder = !file.empty();
    p.option("--save", save,
             has_folder ? "Write the model to this folder; until it is trained, Ctrl-C leaves the training there"
                        : "Keep the training in this file, at its end and on Ctrl-C")
        ->check(in_writable_folder());
    p.option("--resume", resume,
             fmt::format("Go on with the training in this {}, and keep it there", has_folder ? "folder" : "file"))
        ->check(has_folder ? CLI::Validator(CLI::ExistingDirectory) : CLI::Validator(CLI::ExistingFile));
    p.option("--checkpoint-every", checkpoint_every, "Keep the training every so many steps too; 0 for never")
        ->check(between(0));
    log.add_to(p);
    p.after_parsing([this, &p] {
        settle_options(*this);
        if (!resume.empty()) p.take_settings(SafetensorsFile(file_in(resume)).metadata(), resume);
    });
}

TrainingRun::TrainingRun(const TrainingRunOptions& options, TrainingPlan plan) : options_(options), plan_(std::move(plan)) {
    parts.add("step", step_);
    parts.add("seconds", seconds_);
}

void TrainingRun::resume() {
    if (options_.resume.empty()) return;
    parts.load(options_.file_in(options_.resume));
    if (options_.save == options_.resume) saved_ = step_;
    fmt::print("Going on after step {} of '{}'.\n", step_, options_.resume);
}

void TrainingRun::read_clock() {
    const auto now = Clock::now();
    seconds_ += team::of_first(std::chrono::duration<Real>(now - read_at_).count());
    read_at_ = now;
}

Real TrainingRun::share_of_time() const { return plan_.minutes > 0 ? seconds_ / (60 * plan_.minutes) : 0; }

void TrainingRun::save() {
    read_clock();
    saved_ = step_;
    if (!team::is_first()) return parts.collect();
    const std::string path = options_.file_in(options_.save);
    std::filesystem::create_directories(std::filesystem::absolute(path).parent_path());
    parts.save(path, options_.program->settings());
}

bool TrainingRun::next() {
    if (!progress_) {
        interrupt_.emplace();
        read_at_ = Clock::now();
        log_.emplace(team::is_first() ? options_.log : TrainingLogOptions(), plan_.title, step_);
        progress_.emplace(plan_.steps, ProgressOptions{.measure = plan_.measure,
                                                       .minutes = plan_.minutes * (1 - share_of_time()),
                                                       .first = step_});
    }
    read_clock();
    const bool is_due = options_.checkpoint_every > 0 && step_ > 0 && step_ % options_.checkpoint_every == 0;
    if (is_due && step_ != saved_) save();
    if (team::any(interrupt_->requested()) || step_ >= plan_.steps || share_of_time() >= 1) return false;
    ++step_;
    return true;
}

void TrainingRun::record(const study::LogValues& values) {
    log_->row(step_, values);
    progress_->update(step_, values.at(0).second);
}

void TrainingRun::finish() {
    progress_->finish();
    if (!options_.save.empty() && step_ != saved_) save();
    log_->finish();
    const bool is_interrupted = team::any(interrupt_->requested());
    interrupt_.reset();
    if (is_interrupted)
        throw Interrupted(fmt::format("stopped after step {} of {}; {}", step_, plan_.steps,
                                      options_.save.empty() ? "with --save it would be kept" : "--resume goes on with it"));
}

}  // namespace examples
