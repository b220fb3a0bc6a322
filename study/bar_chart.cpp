// Bar charts as text and SVG; see charts.hpp.
#include <algorithm>
#include <array>
#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/study/charts.hpp>
#include <tapehead/study/svg.hpp>
#include <tapehead/study/text_canvas.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

using detail::xml_escaped;

void check_sizes(const char* operation, const BarChart& chart) {
    check<ValueError>(chart.labels.size() == chart.values.size(), "{}: expected as many labels as values, got {} and {}",
                      operation, chart.labels.size(), chart.values.size());
}

/// An axis on which every bar has a length: it reaches 0, or on a logarithmic one less than the least number.
Axis axis_of(const BarChart& chart, int most_ticks) {
    std::vector<Real> numbers = chart.values;
    if (chart.scale == Scale::linear) {
        numbers.push_back(0);
    } else {
        Real least = 0;
        for (const Real x : chart.values)
            if (std::isfinite(x) && x > 0 && (least == 0 || x < least)) least = x;
        if (least > 0) numbers.push_back(std::pow(Real{10}, std::ceil(std::log10(least) - 1)));
    }
    return {chart.scale, numbers, most_ticks, true};
}

/// From where to where a bar reaches, 0 to 1; nothing for a number without a place.
struct Reach {
    Real from = 0, to = 0;

    Reach(const Axis& axis, Scale scale, Real value) {
        if (!axis.has_place(value)) return;
        const Real base = scale == Scale::log ? 0 : axis.place(0), end = axis.place(value);
        from = std::min(base, end);
        to = std::max(base, end);
    }
};

std::string number(Real x) { return fmt::format("{:.3g}", x); }

int widest(const std::vector<std::string>& labels) {
    int width = 0;
    for (const std::string& label : labels) width = std::max(width, display_width(printable(label)));
    return width;
}

/// The last part of a label that is too wide: the names of parameters differ at their end.
std::string shortened(const std::string& label, int width, const TextStyle& style) {
    std::string text = printable(label);
    if (display_width(text) <= width) return text;
    while (display_width(text) >= width) {
        std::size_t end = 1;
        while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
        text.erase(0, end);
    }
    return (style.unicode ? "…" : "~") + text;
}

std::string bar(const Reach& reach, int columns, const TextStyle& style) {
    static constexpr std::array<const char*, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int from = static_cast<int>(std::lround(reach.from * columns));
    if (!style.unicode) return repeated(" ", from) + repeated("#", static_cast<int>(std::lround(reach.to * columns)) - from);
    const int filled = static_cast<int>(std::lround(reach.to * columns * 8)) - 8 * from;
    if (filled <= 0 || reach.from == reach.to) return repeated(" ", from);
    return repeated(" ", from) + repeated("█", filled / 8) + eighths[static_cast<std::size_t>(filled % 8)];
}

}  // namespace

BarChart gradient_chart(const GradientFlowTable& table) {
    BarChart chart{.title = "Gradients by parameter", .x_title = "norm", .scale = Scale::log};
    for (const ParameterFlow& row : table) {
        if (!row.gradient_norm) continue;
        chart.labels.push_back(row.name);
        chart.values.push_back(*row.gradient_norm);
    }
    return chart;
}

std::string to_svg(const BarChart& chart) {
    check_sizes("to_svg", chart);
    constexpr int plot_width = 420, row_height = 22, bar_height = 14, value_width = 72;
    const Axis axis = axis_of(chart, 6);
    const int left = 24 + 8 * widest(chart.labels), top = chart.title.empty() ? 16 : 44;
    const int plot_height = row_height * static_cast<int>(chart.values.size());
    const int height = top + plot_height + (chart.x_title.empty() ? 32 : 56);
    const auto x = [&](Real place) { return left + place * plot_width; };
    detail::Svg svg(left + plot_width + value_width, height, chart.title);
    svg.add("<g stroke=\"{}\" stroke-opacity=\"0.25\">\n", detail::grey);
    for (const Real tick : axis.ticks()) svg.add("<path d=\"M{:.1f} {}v{}\"/>\n", x(axis.place(tick)), top, plot_height);
    svg.add("</g>\n<g font-size=\"12\">\n");
    for (std::size_t i = 0; i < axis.ticks().size(); ++i)
        svg.add("<text x=\"{:.1f}\" y=\"{}\">{}</text>\n", x(axis.place(axis.ticks()[i])), top + plot_height + 18,
                axis.labels()[i]);
    svg.add("</g>\n");
    if (!chart.x_title.empty())
        svg.add("<text x=\"{}\" y=\"{}\">{}</text>\n", left + plot_width / 2, height - 14, xml_escaped(chart.x_title));
    for (std::size_t i = 0; i < chart.values.size(); ++i) {
        const Reach reach(axis, chart.scale, chart.values[i]);
        const int y = top + row_height * static_cast<int>(i);
        const std::string label = xml_escaped(chart.labels[i]), value = number(chart.values[i]);
        svg.add("<text x=\"{}\" y=\"{}\" font-size=\"13\" text-anchor=\"end\">{}</text>\n", left - 8, y + 16, label);
        if (reach.to > reach.from)
            svg.add(
                "<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\" fill=\"{}\"><title>{}: "
                "{}</title></rect>\n",
                x(reach.from), y + (row_height - bar_height) / 2, (reach.to - reach.from) * plot_width, bar_height,
                detail::blue, label, value);
        svg.add("<text x=\"{:.1f}\" y=\"{}\" font-size=\"12\" text-anchor=\"start\">{}</text>\n", x(reach.to) + 6, y + 15,
                value);
    }
    return svg.finish();
}

void write_svg(const BarChart& chart, const std::string& path) { write_file(path, to_svg(chart)); }

std::string to_text(const BarChart& chart, const TextStyle& style) {
    check_sizes("to_text", chart);
    constexpr int value_width = 10;
    const int margin = std::min(widest(chart.labels), std::max(8, style.width / 2)) + 1;
    const int columns = std::max(8, style.width - margin - 2 - value_width);
    const Axis axis = axis_of(chart, std::max(2, columns / 9));
    std::string text = chart.title.empty() ? "" : printable(chart.title) + "\n";
    for (std::size_t i = 0; i < chart.values.size(); ++i) {
        text += align_right(shortened(chart.labels[i], margin - 1, style), margin) + detail::frame(detail::Frame::side, style);
        text += bar(Reach(axis, chart.scale, chart.values[i]), columns, style) + " " + number(chart.values[i]) + "\n";
    }
    text += align_right("", margin) + detail::axis_text(axis, columns, margin, style);
    if (!chart.x_title.empty())
        text += align_right("", margin + 1 + std::max(0, columns - display_width(chart.x_title)) / 2) +
                printable(chart.x_title) + "\n";
    return text;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
