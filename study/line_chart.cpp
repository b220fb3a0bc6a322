// Line charts as text and SVG; see charts.hpp.
#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/study/charts.hpp>
#include <tapehead/study/svg.hpp>
#include <tapehead/study/text_canvas.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

using detail::xml_escaped;

void check_sizes(const char* operation, const LineChart& chart) {
    for (const Series& s : chart.series)
        check<ValueError>(s.x.size() == s.y.size(), "{}: expected as many x as y, got {} and {} in series '{}'", operation,
                          s.x.size(), s.y.size(), s.name);
}

/// The two axes, and where a point stands between them.
struct Axes {
    Axis x, y;

    Axes(const LineChart& chart, int most_x_ticks, int most_y_ticks)
        : x(axis(chart, true, most_x_ticks)), y(axis(chart, false, most_y_ticks)) {}

    /// Calls `f(points)` for each unbroken part of a series, with the points' places from 0 to 1, upwards. Points so close together
    /// that `columns` do not tell them apart are thinned out to the first, the lowest, the highest and the last.
    template <class F>
    void for_each_part(const Series& s, int columns, const F& f) const {
        std::vector<std::pair<Real, Real>> part, column;
        const auto settle = [&] {
            if (column.size() > 4) {
                auto [low, high] = std::ranges::minmax_element(column, {}, &std::pair<Real, Real>::second);
                if (high < low) std::swap(low, high);  // in the order in which they came
                column = {column.front(), *low, *high, column.back()};
            }
            part.insert(part.end(), column.begin(), column.end());
            column.clear();
        };
        const auto end_part = [&] {
            settle();
            if (!part.empty()) f(std::as_const(part));
            part.clear();
        };
        const auto column_of = [&](Real place) { return std::floor(place * columns); };
        for (std::size_t i = 0; i < s.x.size(); ++i) {
            if (!x.has_place(s.x[i]) || !y.has_place(s.y[i])) {
                end_part();
                continue;
            }
            const std::pair point(x.place(s.x[i]), y.place(s.y[i]));
            if (!column.empty() && column_of(column.back().first) != column_of(point.first)) settle();
            column.push_back(point);
        }
        end_part();
    }

private:
    /// Only points that have a place on both axes count.
    static Axis axis(const LineChart& chart, bool is_x, int most_ticks) {
        std::vector<Real> numbers;
        for (const Series& s : chart.series)
            for (std::size_t i = 0; i < s.x.size(); ++i)
                if (std::isfinite(s.x[i]) && std::isfinite(s.y[i]) && (chart.y_scale == Scale::linear || s.y[i] > 0))
                    numbers.push_back(is_x ? s.x[i] : s.y[i]);
        return {is_x ? Scale::linear : chart.y_scale, numbers, most_ticks, !is_x};
    }
};

/// Faint series first, so that the others lie over them.
std::vector<std::size_t> drawing_order(const LineChart& chart) {
    std::vector<std::size_t> order;
    for (const bool is_faint : {true, false})
        for (std::size_t i = 0; i < chart.series.size(); ++i)
            if (chart.series[i].is_faint == is_faint) order.push_back(i);
    return order;
}

int widest(const std::vector<std::string>& labels) {
    std::size_t width = 0;
    for (const std::string& label : labels) width = std::max(width, label.size());
    return static_cast<int>(width);
}

/// Where the parts of the SVG document are, in pixels.
struct Layout {
    static constexpr int width = 760, right = 24, plot_height = 300, item_height = 20;
    int left, top, height;

    Layout(const LineChart& chart, const Axes& axes) {
        left = 24 + 8 * widest(axes.y.labels()) + (chart.y_title.empty() ? 0 : 26);
        top = chart.title.empty() ? 16 : 44;
        if (chart.series.size() > 1) top += legend_rows(chart) * item_height;
        height = top + plot_height + (chart.x_title.empty() ? 36 : 60);
    }
    int plot_width() const { return width - left - right; }
    Real x(Real place) const { return left + place * plot_width(); }
    Real y(Real place) const { return top + (1 - place) * plot_height; }

    int item_width(const std::string& name) const { return 46 + 8 * display_width(printable(name)); }
    /// Calls `f(i, x, row)` for each entry of the legend; returns the number of rows.
    template <class F>
    int for_each_item(const LineChart& chart, const F& f) const {
        int x = left, row = 0;
        for (std::size_t i = 0; i < chart.series.size(); ++i) {
            const int item = item_width(chart.series[i].name);
            if (x > left && x + item > width - right) {
                x = left;
                ++row;
            }
            f(i, x, row);
            x += item;
        }
        return row + 1;
    }
    int legend_rows(const LineChart& chart) const {
        return for_each_item(chart, [](std::size_t, int, int) {});
    }
};

std::string stroke(const LineChart& chart, std::size_t i) {
    const std::string_view color = detail::series_colors[i % detail::series_colors.size()];
    if (chart.series[i].is_faint) return fmt::format("stroke=\"{}\" stroke-width=\"1\" stroke-opacity=\"0.4\"", color);
    const char* dashes = i < detail::series_colors.size() ? "" : " stroke-dasharray=\"6 5\"";  // all colours used once
    return fmt::format("stroke=\"{}\" stroke-width=\"2\"{}", color, dashes);
}

void add_axes(detail::Svg& svg, const LineChart& chart, const Axes& axes, const Layout& at) {
    svg.add("<g stroke=\"{}\" stroke-opacity=\"0.25\">\n", detail::grey);
    for (const Real tick : axes.y.ticks())
        svg.add("<path d=\"M{} {:.1f}h{}\"/>\n", at.left, at.y(axes.y.place(tick)), at.plot_width());
    for (const Real tick : axes.x.ticks())
        svg.add("<path d=\"M{:.1f} {}v{}\"/>\n", at.x(axes.x.place(tick)), at.top, Layout::plot_height);
    svg.add("</g>\n<g font-size=\"12\">\n");
    for (std::size_t i = 0; i < axes.x.ticks().size(); ++i)
        svg.add("<text x=\"{:.1f}\" y=\"{}\">{}</text>\n", at.x(axes.x.place(axes.x.ticks()[i])),
                at.top + Layout::plot_height + 18, axes.x.labels()[i]);
    svg.add("<g text-anchor=\"end\">\n");
    for (std::size_t i = 0; i < axes.y.ticks().size(); ++i)
        svg.add("<text x=\"{}\" y=\"{:.1f}\">{}</text>\n", at.left - 8, at.y(axes.y.place(axes.y.ticks()[i])) + 4,
                axes.y.labels()[i]);
    svg.add("</g>\n</g>\n");
    if (!chart.x_title.empty())
        svg.add("<text x=\"{}\" y=\"{}\">{}</text>\n", at.left + at.plot_width() / 2, at.height - 14,
                xml_escaped(chart.x_title));
    if (!chart.y_title.empty())
        svg.add("<text transform=\"translate(18 {}) rotate(-90)\">{}</text>\n", at.top + Layout::plot_height / 2,
                xml_escaped(chart.y_title));
}

void add_legend(detail::Svg& svg, const LineChart& chart, const Layout& at) {
    svg.add("<g text-anchor=\"start\">\n");
    at.for_each_item(chart, [&](std::size_t i, int x, int row) {
        const int y = at.top + (row - at.legend_rows(chart)) * Layout::item_height + 4;
        svg.add("<path d=\"M{} {}h22\" fill=\"none\" {}/>\n<text x=\"{}\" y=\"{}\">{}</text>\n", x, y, stroke(chart, i), x + 28,
                y + 5, xml_escaped(chart.series[i].name));
    });
    svg.add("</g>\n");
}

}  // namespace

std::vector<Real> smoothed(const std::vector<Real>& values, Real weight) {
    check<ValueError>(0 <= weight && weight < 1, "smoothed: expected a weight from 0 to below 1, got {}", weight);
    std::vector<Real> result;
    Real sum = 0, weights = 0;
    for (const Real value : values) {
        if (std::isfinite(value)) {
            sum = weight * sum + (1 - weight) * value;
            weights = weight * weights + (1 - weight);
        }
        result.push_back(std::isfinite(value) ? sum / weights : value);
    }
    return result;
}

std::string to_svg(const LineChart& chart) {
    check_sizes("to_svg", chart);
    const Axes axes(chart, 9, 8);
    const Layout at(chart, axes);
    detail::Svg svg(Layout::width, at.height, chart.title);
    add_axes(svg, chart, axes, at);
    if (chart.series.size() > 1) add_legend(svg, chart, at);
    svg.add("<g fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n");
    for (const std::size_t i : drawing_order(chart)) {
        svg.add("<g {}>\n<title>{}</title>\n", stroke(chart, i), xml_escaped(chart.series[i].name));
        axes.for_each_part(chart.series[i], at.plot_width(), [&](const auto& part) {
            svg.add("<path d=\"");
            char command = 'M';
            for (const auto& [x, y] : part) svg.add("{}{:.1f} {:.1f}", std::exchange(command, 'L'), at.x(x), at.y(y));
            svg.add("{}\"/>\n", part.size() == 1 ? "h0" : "");  // a dot
        });
        svg.add("</g>\n");
    }
    svg.add("</g>\n");
    return svg.finish();
}

void write_svg(const LineChart& chart, const std::string& path) { write_file(path, to_svg(chart)); }

std::string to_text(const LineChart& chart, const TextStyle& style) {
    check_sizes("to_text", chart);
    const Axes axes(chart, std::max(2, style.width / 14), std::max(2, style.height / 2));
    const int margin = std::max(widest(axes.y.labels()), 1) + 1;
    detail::TextCanvas canvas(std::max(8, style.width - margin - 2), std::max(3, style.height), style);
    const auto column = [&](Real place) { return static_cast<int>(std::lround(place * (canvas.dots_across() - 1))); };
    const auto row = [&](Real place) { return static_cast<int>(std::lround((1 - place) * (canvas.dots_down() - 1))); };
    for (const std::size_t i : drawing_order(chart))
        axes.for_each_part(chart.series[i], canvas.dots_across(), [&](const auto& part) {
            auto [last_x, last_y] = part.front();
            for (const auto& [x, y] : part) {
                canvas.line(column(last_x), row(last_y), column(x), row(y), i);
                std::tie(last_x, last_y) = std::tie(x, y);
            }
        });

    std::string text = chart.title.empty() ? "" : printable(chart.title) + "\n";
    text += align_right("", margin) + printable(chart.y_title);
    if (chart.series.size() > 1)
        for (std::size_t i = 0; i < chart.series.size(); ++i)
            text += fmt::format("   {} {}", canvas.sample(i), printable(chart.series[i].name));
    text += "\n";
    std::vector<std::string> labels(static_cast<std::size_t>(canvas.rows()));
    for (std::size_t i = 0; i < axes.y.ticks().size(); ++i) {
        const Real place = axes.y.place(axes.y.ticks()[i]);
        labels[static_cast<std::size_t>(std::lround((1 - place) * (canvas.rows() - 1)))] = axes.y.labels()[i];
    }
    for (int i = 0; i < canvas.rows(); ++i) {
        const std::string& label = labels[static_cast<std::size_t>(i)];
        text += align_right(label, margin) + detail::frame(label.empty() ? detail::Frame::side : detail::Frame::tick, style);
        text += canvas.row(i) + "\n";
    }
    text += align_right("", margin) + detail::axis_text(axes.x, canvas.columns(), margin, style);
    if (!chart.x_title.empty())
        text += align_right("", margin + 1 + std::max(0, canvas.columns() - display_width(chart.x_title)) / 2) +
                printable(chart.x_title) + "\n";
    return text;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
