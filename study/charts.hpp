// Charts of numbers, in the terminal or in an SVG file: lines, such as a loss over the steps of training, and bars, such as the
// norms of gradients by parameter.
#pragma once

#include <string>
#include <vector>

#include <tapehead/study/axis.hpp>
#include <tapehead/study/gradient_flow.hpp>
#include <tapehead/study/terminal.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// Points joined by lines. A point that has no place on an axis, such as NaN, breaks the line.
struct Series {
    std::string name = {};             ///< for the legend
    std::vector<Real> x = {}, y = {};  ///< the points, as many of each
    bool is_faint = false;             ///< thin and pale, behind the others: what is shown smoothed beside it
};

/// Series over one pair of axes. The legend names them if there are several.
///
///     study::LineChart chart{.title = "Training", .x_title = "step", .y_title = "loss", .y_scale = study::Scale::log};
///     chart.series.push_back({"loss", steps, losses});
///     std::cout << to_text(chart);
///     write_svg(chart, "loss.svg");
struct LineChart {
    std::string title = {}, x_title = {}, y_title = {};  ///< of the chart and its axes; empty for none
    Scale y_scale = Scale::linear;                       ///< of the vertical axis
    std::vector<Series> series = {};                     ///< the lines
};

/// Horizontal bars with their numbers, from 0 or, on a logarithmic axis, from a power of ten below them. What has no place on the
/// axis has no bar.
struct BarChart {
    std::string title = {}, x_title = {};  ///< of the chart and its axis; empty for none
    Scale scale = Scale::linear;           ///< of the numbers
    std::vector<std::string> labels = {};  ///< of the bars, from the top
    std::vector<Real> values = {};         ///< as many as labels
};

/// The mean of what came before, weighted by `weight` to the power of the distance: what TensorBoard calls smoothing. What is not
/// finite stays as it is and has no weight. Throws ValueError unless 0 ≤ weight < 1.
std::vector<Real> smoothed(const std::vector<Real>& values, Real weight = 0.95);

/// The norms of the gradients of a model's parameters, on a logarithmic axis: where they vanish and where they explode.
BarChart gradient_chart(const GradientFlowTable& table);

/// @{
/// The chart as lines of text: braille and blocks where there are some, characters in a pipe. Throws ValueError unless there are
/// as many x as y, as many labels as values.
std::string to_text(const LineChart& chart, const TextStyle& style = terminal_style());
std::string to_text(const BarChart& chart, const TextStyle& style = terminal_style());
/// @}

/// @{
/// The chart as an SVG document that can be read on light and dark backgrounds. Throws as to_text.
std::string to_svg(const LineChart& chart);
std::string to_svg(const BarChart& chart);
/// @}

/// @{
/// Writes the SVG document to a file, as a whole or not at all. Throws as to_text, and FileError.
void write_svg(const LineChart& chart, const std::string& path);
void write_svg(const BarChart& chart, const std::string& path);
/// @}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
