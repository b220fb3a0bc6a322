// A training run that can be watched, stopped and resumed: its progress, its logs, and all that it remembers in one file.
//
//     TrainingRunOptions options;
//     options.add_to(program);                            // --save, --resume, --checkpoint-every, --log, ...
//     ...
//     TrainingRun run(options, {.steps = steps, .title = "A model learns"});
//     run.parts.add("model", model);
//     run.parts.add("optimizer", optimizer);
//     run.resume();
//     while (run.next()) {
//         ...
//         run.record({{"loss", loss.item()}, {"lr", optimizer.lr()}});
//     }
//     run.finish();
//
// A run that is resumed ends with the same bits as one that was never stopped, on the same number of threads and processes, and without a
// limit in minutes. Several processes (team.hpp) take its steps together: the first one shows, saves and has the clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <support/interrupt.hpp>
#include <support/program.hpp>
#include <support/progress.hpp>
#include <support/training_log.hpp>
#include <tapehead/io/checkpoint.hpp>

namespace examples {

/// Where a run is kept, and written down.
struct TrainingRunOptions {
    std::string save, resume;  // files, or the folders that the file below is in; empty for none
    std::string file;          // of the run while a model is trained that is then saved in the same folder; empty without
    tapehead::Index checkpoint_every = 0;  // steps; 0 for at the end only
    TrainingLogOptions log;
    const Program* program = nullptr;  // whose settings are kept with the run

    /// Adds the options. Settings that are not on the command line are then those of the run that is resumed.
    void add_to(Program& program);
    /// The file of a run, with `place` one of save and resume.
    std::string file_in(const std::string& place) const { return file.empty() ? place : place + "/" + file; }
};

struct TrainingPlan {
    tapehead::Index steps;
    tapehead::Real minutes = 0;    // the most that it may take, those before it was resumed included; 0 for no limit
    std::string title;             // of the curve
    std::string measure = "loss";  // the first of the numbers of a step
};

class TrainingRun {
public:
    TrainingRun(const TrainingRunOptions& options, TrainingPlan plan);
    TrainingRun(const TrainingRun&) = delete;
    TrainingRun& operator=(const TrainingRun&) = delete;

    tapehead::Checkpoint parts;  // what the run remembers, beside its step and the time that it took

    /// If a run is to be resumed, puts all parts where they were. Throws as Checkpoint::load.
    void resume();
    /// Begins the next step, after saving what is due. False when the run has reached its end or the user has pressed Ctrl-C. Throws
    /// FileError, also for logs that cannot be written.
    bool next();
    /// What the step gave; the first number is the one that is watched.
    void record(const tapehead::study::LogValues& values);
    /// Saves, and draws the curve; from then on Ctrl-C ends the program again. Throws Interrupted if it was the user who ended the run.
    void finish();

    tapehead::Index step() const { return step_; }  // that has begun, from 1
    /// The part of its minutes that the run has taken; 0 where they have no limit.
    tapehead::Real share_of_time() const;

private:
    void save();
    /// Reads the clock, for all processes alike.
    void read_clock();

    TrainingRunOptions options_;
    TrainingPlan plan_;
    tapehead::Index step_ = 0, saved_ = -1;  // the last that was begun, and saved
    tapehead::Real seconds_ = 0;             // that the run has taken, when the clock was read
    std::chrono::steady_clock::time_point read_at_ = std::chrono::steady_clock::now();
    std::optional<Progress> progress_;
    std::optional<TrainingLog> log_;
    std::optional<InterruptGuard> interrupt_;
};

}  // namespace examples
