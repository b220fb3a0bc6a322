// Logs and curves of training; see training_log.hpp.
#include <support/training_log.hpp>

#include <algorithm>
#include <utility>

namespace examples {

using namespace tapehead;

TrainingLog::TrainingLog(const TrainingLogOptions& options, std::string title, Index step)
    : curve_(options.curve), title_(std::move(title)) {
    if (!options.csv.empty()) csv_.emplace(options.csv, study::CsvLogOptions{.append = step > 0, .last_step = step});
    if (!options.tensorboard.empty()) tensorboard_.emplace(options.tensorboard);
}

void TrainingLog::row(Index step, const study::LogValues& values) {
    if (csv_) csv_->row(step, values);
    if (tensorboard_) tensorboard_->row(step, values);
    measure_ = values.at(0).first;
    steps_.push_back(static_cast<Real>(step));
    measures_.push_back(values[0].second);
}

void TrainingLog::finish() const {
    if (curve_.empty() || steps_.empty()) return;
    const bool is_positive = std::ranges::all_of(measures_, [](Real x) { return !(x <= 0); });
    study::LineChart chart{.title = title_,
                           .x_title = "step",
                           .y_title = measure_,
                           .y_scale = is_positive ? study::Scale::log : study::Scale::linear};
    chart.series = {{"each step", steps_, measures_, true}, {"smoothed", steps_, study::smoothed(measures_)}};
    fmt::print("\n{}", to_text(chart));
    write_svg(chart, curve_);
}

}  // namespace examples
