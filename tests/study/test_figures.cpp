// Heat maps, line charts and bar charts: as SVG they are well-formed and hold what was given, as text they are the same everywhere.
#include <study/xml.hpp>
#include <support/scratch.hpp>
#include <support/testing.hpp>

using namespace testing;
using study::BarChart;
using study::HeatMap;
using study::LineChart;
using study::Scale;
using study::Shades;
using study::TextStyle;

namespace {

constexpr const char* hostile = "<a & \"b\">\n\x1b[31m\xff";
constexpr const char* shown_hostile = "<a & \"b\">␊␛[31m\xEF\xBF\xBD";

bool has(const std::vector<std::string>& texts, const std::string& text) { return std::ranges::count(texts, text) > 0; }

/// Whether a text has nothing that only a terminal shows.
bool is_plain(const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c == '\n' || (0x20 <= c && c < 0x7F); });
}

LineChart two_lines() {
    return {.title = "Training",
            .x_title = "step",
            .y_title = "loss",
            .series = {{"here", {0, 10, 20, 30, 40}, {4, 2, NAN, 1, 0}}, {"there", {0, 40}, {0, 4}}}};
}

}  // namespace

TEST_CASE("heat map: the text of a matrix without a terminal is the same everywhere") {
    const HeatMap map{.title = "Weights",
                      .row_title = "q",
                      .column_title = "key",
                      .rows = {"a", "ü"},
                      .columns = {"x", "y"},
                      .values = {1, 0, 0.25, 0.75}};
    const std::string text = to_text(map, {});
    CHECK(text.starts_with("Weights\n   key\n q  x  y \n a @@@   \n ü "));
    CHECK(text.ends_with("   0   ..::--==++**##%%@@ 1\n"));
    CHECK(to_text(map, {.unicode = true}).find(" a ███") != std::string::npos);
    CHECK(to_text(map, {.unicode = true, .colors = study::Colors::palette}).find("\033[48;5;228m   \033[0m") !=
          std::string::npos);
    CHECK(to_text(map, {.unicode = true, .colors = study::Colors::true_color}).find("\033[48;2;255;240;") != std::string::npos);
}

TEST_CASE("heat map: columns that do not fit are counted, and wide labels written downwards") {
    const HeatMap map = study::heat_map(zeros({2, 50}), {.title = "wide"});
    const std::string text = to_text(map, {.width = 40});
    CHECK(text.find("(14 more columns do not fit)") != std::string::npos);
    CHECK(text.find("\n   0000000000111111111122222222223333333333\n") == std::string::npos);
    CHECK(text.find("\n   012345678911111111112222222222333333\n             01234567890123456789012345\n") !=
          std::string::npos);
}

TEST_CASE("heat map: the SVG is well-formed and has every label and number") {
    HeatMap map = study::heat_map(Tensor{{0.5, 0}, {1, 0.25}},
                                  {.title = hostile, .row_title = "query", .column_title = "key", .rows = {hostile, "b"}});
    map.values[1] = NAN;
    const XmlDocument svg(to_svg(map));
    CHECK(svg.elements[0].name == "svg");
    CHECK(svg.elements[1].name == "title");
    CHECK(svg.elements[1].text == shown_hostile);
    for (const std::string text : {shown_hostile, "query", "key", "b", "0", "1"}) CHECK(has(svg.texts("text"), text));
    CHECK(has(svg.texts("title"), std::string(shown_hostile) + ", 0: 0.50"));
    CHECK(has(svg.texts("title"), std::string(shown_hostile) + ", 1: nan"));
    CHECK(has(svg.texts("title"), "b, 0: 1.00"));
    CHECK(svg.texts("path").size() == 1);  // the cross
    const std::vector<XmlElement> squares = svg.with("rect", "fill-opacity");
    CHECK(squares.size() == 3 + 5);
    CHECK(squares[1].attributes.at("fill-opacity") == "1.00");
}

TEST_CASE("heat map: numbers beyond 0 to 1 by their range, or in two colours around 0") {
    HeatMap map = study::heat_map(Tensor{{-4, 0, 2}}, {.shades = Shades::diverging});
    std::vector<XmlElement> squares = XmlDocument(to_svg(map)).with("rect", "fill-opacity");
    CHECK(squares[0].attributes.at("fill-opacity") == "1.00");
    CHECK(squares[0].attributes.at("fill") != "#3b82f6");
    CHECK(squares[1].attributes.at("fill-opacity") == "0.50");
    CHECK(squares[1].attributes.count("fill") == 0);
    CHECK(has(XmlDocument(to_svg(map)).texts("text"), "-4"));
    CHECK(to_text(map, {}).find(" 0  -10   .   5\n   in tenths of 4\n") != std::string::npos);
    CHECK(to_text(map, {.colors = study::Colors::palette}).find("\033[48;5;123m") != std::string::npos);

    map.shades = Shades::range;
    squares = XmlDocument(to_svg(map)).with("rect", "fill-opacity");
    CHECK(squares[0].attributes.at("fill-opacity") == "0.67");
    CHECK(squares[1].attributes.at("fill-opacity") == "1.00");
    CHECK(to_text(map, {}).find("-4   ..::--==++**##%%@@ 2") != std::string::npos);

    map.shades = Shades::unit;
    CHECK(to_text(map, {}).find(" 0       @@@\n") != std::string::npos);
    for (const Shades shades : {Shades::unit, Shades::range, Shades::diverging}) {  // nothing to scale by
        const HeatMap flat = study::heat_map(full({2, 2}, 0), {.shades = shades});
        CHECK(XmlDocument(to_svg(flat)).elements.size() > 4);
        CHECK(!to_text(flat, {}).empty());
        HeatMap none = flat;
        none.values = {NAN, INFINITY, -INFINITY, NAN};
        CHECK(XmlDocument(to_svg(none)).texts("path").size() == 2);
        CHECK(to_text(none, {}).find('x') != std::string::npos);
    }
}

TEST_CASE("heat map: what does not fit is refused") {
    CHECK_THROWS_AS(to_text(HeatMap{.rows = {"a"}, .columns = {"x", "y"}, .values = {1}}), ValueError);
    CHECK_THROWS_WITH(to_svg(HeatMap{.rows = {"a"}, .columns = {"x", "y"}, .values = {1}}),
                      "to_svg: expected 1 x 2 values, got 1");
    CHECK_THROWS_AS(study::heat_map(numbers({3})), ShapeError);
    CHECK_THROWS_AS(study::heat_map(numbers({2, 3}), {.rows = {"a"}}), ValueError);
    CHECK_THROWS_AS(write_svg(study::heat_map(numbers({2, 3})), "/nowhere/map.svg"), FileError);
    CHECK(to_text(study::heat_map(zeros({0, 3})), {}).find("0  1  2") != std::string::npos);
    CHECK(XmlDocument(to_svg(study::heat_map(zeros({3, 0})))).elements.size() > 4);
    write_svg(study::heat_map(numbers({2, 3})), scratch("map.svg"));
    CHECK(read_file(scratch("map.svg")) == to_svg(study::heat_map(numbers({2, 3}))));
}

TEST_CASE("line chart: the text without a terminal is the same everywhere") {
    CHECK(to_text(two_lines(), {.width = 24, .height = 5}) ==
          "Training\n"
          "  loss   * here   + there\n"
          " 4+**               +++\n"
          "  |  **        +++++\n"
          " 2+    **  ++++\n"
          "  |   +++++      ***\n"
          " 0++++              ***\n"
          "  ++---------+--------+\n"
          "   0        20       40\n"
          "           step\n");
}

TEST_CASE("line chart: in a terminal lines are braille, in colours if there are any") {
    const LineChart line{.series = {{"a", {0, 1}, {0, 1}}}};
    const std::string text = to_text(line, {.width = 14, .height = 3, .unicode = true});
    CHECK(text.find("⡠") != std::string::npos);
    CHECK(text.find("└") != std::string::npos);
    CHECK(text.find("\033") == std::string::npos);
    CHECK(to_text(line, {.unicode = true, .colors = study::Colors::palette}).find("\033[38;5;75m") != std::string::npos);
    CHECK(is_plain(to_text(line, {})));
}

TEST_CASE("line chart: the SVG is well-formed and has titles, ticks, a legend and unbroken parts") {
    LineChart chart = two_lines();
    chart.series[1].name = hostile;
    const XmlDocument svg(to_svg(chart));
    CHECK(svg.elements[1].text == "Training");
    for (const std::string text : {"Training", "step", "loss", "here", shown_hostile, "0", "40", "4.0"})
        CHECK(has(svg.texts("text"), text));
    std::vector<std::string> lines;
    for (const XmlElement& path : svg.with("path", "d"))
        if (path.attributes.at("d").find('L') != std::string::npos) lines.push_back(path.attributes.at("d"));
    REQUIRE(lines.size() == 3);  // the first series in two parts
    CHECK(std::ranges::count(lines[0], 'L') == 1);
    CHECK(std::ranges::count(lines[1], 'L') == 1);

    chart.series.resize(1);
    CHECK(!has(XmlDocument(to_svg(chart)).texts("text"), "here"));  // no legend for one
}

TEST_CASE("line chart: a point alone is a dot, and what has no place breaks the line") {
    const LineChart log{.y_scale = Scale::log, .series = {{"a", {0, 1, 2, 3, NAN, 5}, {1, 0, 10, -1, 5, 100}}}};
    std::size_t dots = 0;
    for (const XmlElement& path : XmlDocument(to_svg(log)).with("path", "d")) dots += path.attributes.at("d").ends_with("h0");
    CHECK(dots == 3);
    CHECK(std::ranges::count(to_text(log, {.width = 40}), '*') == 3);
    for (const LineChart& empty : {LineChart{}, LineChart{.series = {{}}}, LineChart{.series = {{"a", {1}, {NAN}}}}}) {
        CHECK(XmlDocument(to_svg(empty)).elements.size() > 4);
        CHECK(!to_text(empty, {}).empty());
    }
}

TEST_CASE("line chart: many points become few, and keep the peaks") {
    LineChart chart{.series = {{.name = "a"}}};
    for (int i = 0; i < 100'000; ++i) {
        chart.series[0].x.push_back(i);
        chart.series[0].y.push_back(i == 54'321 ? 9 : i % 7 * 0.1);
    }
    const std::string svg = to_svg(chart);
    CHECK(svg.size() < 60'000);
    const XmlDocument document(svg);
    const auto paths = document.with("path", "d");
    const std::string& line = std::ranges::max_element(paths, {}, [](const XmlElement& e) {
                                  return e.attributes.at("d").size();
                              })->attributes.at("d");
    CHECK(line.find(" 46.0L") != std::string::npos);  // of 16 + 300 down, (10 - 9) / 10 from the top
}

TEST_CASE("line chart: series of unequal lengths are refused") {
    const LineChart chart{.series = {{"a", {1, 2}, {1}}}};
    CHECK_THROWS_WITH(to_svg(chart), "to_svg: expected as many x as y, got 2 and 1 in series 'a'");
    CHECK_THROWS_AS(to_text(chart), ValueError);
    CHECK_THROWS_AS(write_svg(chart, scratch("chart.svg")), ValueError);
    CHECK_THROWS_AS(write_svg(LineChart{}, "/nowhere/chart.svg"), FileError);
}

TEST_CASE("smoothed: the weighted mean of what came before") {
    const std::vector<Real> y = study::smoothed({1, 3, NAN, 5}, 0.5);
    CHECK_THAT(y[0], is_close(1));
    CHECK_THAT(y[1], is_close((0.5 * 1 + 3) / 1.5));
    CHECK(std::isnan(y[2]));
    CHECK_THAT(y[3], is_close((0.25 * 1 + 0.5 * 3 + 5) / 1.75));
    CHECK(study::smoothed({2, 4}, 0) == std::vector<Real>{2, 4});
    CHECK(study::smoothed({}).empty());
    CHECK_THROWS_AS(study::smoothed({1}, 1), ValueError);
    CHECK_THROWS_AS(study::smoothed({1}, NAN), ValueError);
}

TEST_CASE("bar chart: the text without a terminal is the same everywhere") {
    CHECK(to_text(BarChart{.title = "Norms", .x_title = "norm", .labels = {"w", "bias"}, .values = {4, 1}}, {.width = 33}) ==
          "Norms\n"
          "    w|################ 4\n"
          " bias|#### 1\n"
          "     ++-------+------+\n"
          "      0       2      4\n"
          "            norm\n");
}

TEST_CASE("bar chart: bars on both sides of 0, and on decades") {
    const BarChart sides{.labels = {"up", "down", "none", "nan"}, .values = {3, -2, 0, NAN}};
    const std::string text = to_text(sides, {.width = 40});
    CHECK(text.find("down|       #####") != std::string::npos);
    CHECK(text.find("none| ") != std::string::npos);
    CHECK(text.find("nan| nan\n") != std::string::npos);
    CHECK(XmlDocument(to_svg(sides)).with("rect", "width").size() == 2);

    const BarChart decades{.scale = Scale::log, .labels = {"a", "b", "c", "d"}, .values = {1e-3, 1, 0, -1}};
    const std::vector<XmlElement> bars = XmlDocument(to_svg(decades)).with("rect", "width");
    REQUIRE(bars.size() == 2);
    CHECK(bars[0].attributes.at("width") == "105.0");  // one decade of four
    CHECK(bars[1].attributes.at("width") == "420.0");
    CHECK(has(XmlDocument(to_svg(decades)).texts("text"), "0.001"));
    CHECK(to_text(decades, {.unicode = true}).find("█") != std::string::npos);
}

TEST_CASE("bar chart: the SVG is well-formed, labels too wide for a line are cut, and none is missing") {
    const BarChart chart{.title = hostile, .x_title = hostile, .labels = {hostile}, .values = {2}};
    const XmlDocument svg(to_svg(chart));
    CHECK(std::ranges::count(svg.texts("text"), shown_hostile) == 3);
    CHECK(has(svg.texts("title"), std::string(shown_hostile) + ": 2"));
    CHECK(to_text(BarChart{.labels = {"encoder.layers.0.weight"}, .values = {1}}, {.width = 30})
              .starts_with(" ~ayers.0.weight|"));
    CHECK_THROWS_WITH(to_svg(BarChart{.labels = {"a"}}), "to_svg: expected as many labels as values, got 1 and 0");
    CHECK_THROWS_AS(to_text(BarChart{.values = {1}}), ValueError);
    CHECK_THROWS_AS(write_svg(BarChart{}, "/nowhere/chart.svg"), FileError);
    CHECK(XmlDocument(to_svg(BarChart{})).elements.size() > 3);
}

TEST_CASE("bar chart: the gradients of a model by parameter") {
    Linear layer(3, 2);
    sum(square(layer(numbers({4, 3})))).backward();
    const BarChart chart = study::gradient_chart(study::gradient_flow(layer));
    CHECK(chart.labels == std::vector<std::string>{"weight", "bias"});
    CHECK(chart.scale == Scale::log);
    CHECK_THAT(chart.values[1], is_close(std::sqrt(static_cast<Real>(sum(square(layer.bias.grad())).item())), 1e-5));
}

TEST_CASE("printable: control characters are pictured, and only UTF-8 is let through") {
    CHECK(study::printable("a\tb\x7f") == "a␉b␡");
    CHECK(study::printable("grün 漢 😀") == "grün 漢 😀");
    const std::string replaced = "\xEF\xBF\xBD";
    CHECK(study::printable("\xC3") == replaced);
    CHECK(study::printable("\xC0\xAF") == replaced + replaced);                 // longer than it must be
    CHECK(study::printable("\xED\xA0\x80") == replaced + replaced + replaced);  // half of a pair
    CHECK(study::printable("\xC2\x9B") == replaced + replaced);                 // a control character of terminals
    CHECK(study::printable("\xEF\xBF\xBF") == replaced + replaced + replaced);  // no character
}
