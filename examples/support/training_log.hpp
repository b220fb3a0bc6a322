// What programs write down of their training: numbers step by step as CSV and for TensorBoard, and the curve of the first of them.
//
//     TrainingLogOptions log;
//     log.add_to(program);                                   // --log, --tensorboard, --curve
//     ...
//     TrainingLog record(log, "Training");
//     record.row(step, {{"loss", loss.item()}, {"lr", optimizer.lr()}});
//     record.finish();
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <support/program.hpp>
#include <tapehead/study/charts.hpp>
#include <tapehead/study/training_log.hpp>

namespace examples {

/// Where to; empty for nowhere.
struct TrainingLogOptions {
    std::string csv, tensorboard, curve;

    void add_to(Program& program) {
        program.option("--log", csv, "Write the loss and learning rate of each step to this CSV file")->check(writable_file());
        program.option("--tensorboard", tensorboard, "Write them for TensorBoard, to a file in this folder");
        program.option("--curve", curve, "Print the loss curve, and write it to this SVG file")->check(writable_file());
    }
};

class TrainingLog {
public:
    /// Opens the files; those of a training that is resumed after `step` steps are gone on with from there. Throws FileError.
    TrainingLog(const TrainingLogOptions& options, std::string title, tapehead::Index step = 0);

    /// The numbers of a step; the first is the one that the curve shows.
    void row(tapehead::Index step, const tapehead::study::LogValues& values);
    /// Prints and writes the curve, each step faintly and smoothed, if it is wanted.
    void finish() const;

private:
    std::string curve_, title_, measure_;
    std::optional<tapehead::study::CsvLog> csv_;
    std::optional<tapehead::study::TensorBoardLog> tensorboard_;
    std::vector<tapehead::Real> steps_, measures_;
};

}  // namespace examples
