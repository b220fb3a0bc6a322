// Logs of training: numbers step by step, in a CSV file or in TensorBoard's format.
//
//     study::CsvLog log("log.csv");
//     study::TensorBoardLog board("runs/first");
//     log.row(step, {{"loss", loss.item()}, {"lr", optimizer.lr()}});
//     board.scalar("loss", step, loss.item());
//     board.histogram("output.weight", step, model.output.weight);
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tapehead/autograd/tensor.hpp>
#include <tapehead/io/append_file.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// Numbers with names.
using LogValues = std::vector<std::pair<std::string, Real>>;

/// What CsvLog does with a file that is there.
struct CsvLogOptions {
    bool append = false;  ///< go on with a file that is there, of a training that is resumed; else it is replaced
    Index last_step = std::numeric_limits<Index>::max();  ///< of the rows to go on after; those of later steps are taken off
};

/// A file of comma-separated values (RFC 4180, lines end in LF): a header, then a row for each step, "step,loss,lr".
///
/// Numbers are the shortest that give back the same double. Each row is in the file when `row` returns.
class CsvLog {
public:
    /// Where a file is gone on with, a last row without its end, of a program that was killed, is taken off. Throws FileError.
    explicit CsvLog(const std::string& path, const CsvLogOptions& options = {});

    /// The first row gives the header. Throws ValueError for other names, or another order, than in the rows before, for a name that
    /// comes twice, and for "step"; FileError if the file that is gone on with has other columns, or cannot be written.
    void row(Index step, const LogValues& values);

private:
    std::vector<std::string> columns_;  // with "step"; empty before the first row
    bool is_resumed_ = false;           // the columns are the file's
    std::optional<AppendFile> file_;
};

/// A file of TensorBoard's in a folder, one for each log: `tensorboard --logdir FOLDER` shows those of all folders in it.
class TensorBoardLog {
public:
    /// Makes the folder if it is not there. Throws FileError.
    explicit TensorBoardLog(const std::string& folder);

    /// A number at a step; kept as float, as TensorBoard does. Throws FileError.
    void scalar(const std::string& tag, Index step, Real value);
    /// Several at once.
    void row(Index step, const LogValues& values);
    /// How the elements of a tensor are distributed, in buckets that grow by a tenth; what is not finite is left out. Throws FileError.
    void histogram(const std::string& tag, Index step, const Tensor& values);

    /// Of the file, "runs/first/events.out.tfevents.1700000000.host".
    const std::string& path() const { return file_->path(); }

private:
    std::optional<AppendFile> file_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
