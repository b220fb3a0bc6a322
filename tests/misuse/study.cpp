// Misuse of study: tapes, captures, figures, logs.
#include "misuse/misuse.hpp"
#include "support/scratch.hpp"

namespace testing {
namespace {

using T = Things;

std::string nowhere() { return scratch("no-such-folder/file"); }

/// A chart whose series has more x than y.
study::LineChart uneven() {
    study::LineChart chart;
    chart.series.push_back({.name = "loss", .x = {1, 2}, .y = {1}});
    return chart;
}

study::BarChart unlabelled() { return {.labels = {"a"}, .values = {1, 2}}; }

study::HeatMap ragged() { return {.rows = {"a"}, .columns = {"b", "c"}, .values = {1}}; }

/// f of a captured call of the things' attention.
template <class F>
void with_capture(T& t, F f) {
    const study::AttentionCapture capture(t.attention);
    t.attention(t.sequence);
    f(capture);
}

Misuses of_tapes() {
    return {
        {"Tape", "nothing recorded", raises<GradError>("Tape", {"recorded operations", "requires no grad"}),
         [](T& t) { Tape tape(t.y); }},
        {"Tape", "an undefined tensor", raises<GradError>("Tape", {"recorded operations"}), [](T& t) { Tape tape(t.none); }},
        {"Tape", "a result that the recorder did not see",
         raises<ValueError>("Tape", {"while the recorder watched", "another"}),
         [](T& t) { Tape tape(t.loss, study::Recorder()); }},
        {"Tape::operator[]", "an entry beyond the last", raises<IndexError>("Tape", {"a place below", "1000"}),
         [](T& t) { Tape(t.loss)[1000]; }},
        {"Tape::backward", "a seed of another shape", raises<ShapeError>("BackwardSteps", {"[]", "[3]"}),
         [](T& t) { Tape(t.loss).backward(t.row); }},
        {"study::to_json", "a sequence beyond the batch", raises<IndexError>("to_json", {"below 2", "got 2"}),
         [](T& t) {
             const study::Recorder recorder(t.attention);
             const Tensor y = t.attention(t.sequence);
             study::to_json(Tape(y, recorder), {.sequence = 2});
         }},
        {"study::write_html", "no folder", raises<FileError>("write_file", {"can be written"}),
         [](T& t) { study::write_html(Tape(t.loss), nowhere()); }},
        {"study::AttentionCapture::call", "a layer that did not attend",
         raises<ValueError>("AttentionCapture", {"attended 1 times", "'other'"}),
         [](T& t) { with_capture(t, [](const auto& capture) { capture.call("other"); }); }},
        {"study::AttentionCapture::save", "no folder", raises<FileError>("write_file", {"can be written"}),
         [](T& t) { with_capture(t, [](const auto& capture) { capture.save(nowhere()); }); }},
        {"study::CapturedAttention::head", "a head beyond the last",
         raises<IndexError>("CapturedAttention", {"a head below 2", "0 and 2"}),
         [](T& t) { with_capture(t, [](const auto& capture) { capture.calls()[0].head(0, 2); }); }},
        {"study::CapturedAttention::weights", "the lowest sequence",
         raises<IndexError>("CapturedAttention", {"a sequence below 2", "-9223372036854775808"}),
         [](T& t) { with_capture(t, [](const auto& capture) { capture.calls()[0].weights(lowest, 0); }); }},
        {"study::CapturedAttention::gradients", "no backward pass yet",
         raises<GradError>("CapturedAttention", {"a backward pass", "none"}),
         [](T& t) { with_capture(t, [](const auto& capture) { capture.calls()[0].gradients(0, 0); }); }},
        {"study::Timeline::take", "a step that is not later", raises<ValueError>("Timeline", {"after 3", "got 3"}),
         [](T& t) {
             study::Timeline timeline(t.linear);
             for (int i = 0; i < 2; ++i) timeline.take(3, 0, study::GradientFlow(t.linear), study::AttentionCapture());
         }},
        {"study::Profiler::write_trace", "no folder", raises<FileError>("write_file", {"can be written"}),
         [](T&) { study::Profiler().write_trace(nowhere()); }},
        {"study::detect_anomaly", "NaN in an input", raises<study::AnomalyError>("detect_anomaly", {"finite", "log"}),
         [](T& t) {
             const study::detect_anomaly guard;
             log(full({2}, -1) * sum(t.y * 0 + 1));
         }},
    };
}

Misuses of_figures() {
    return {
        {"study::to_text", "more x than y", raises<ValueError>("to_text", {"as many x as y", "2 and 1", "'loss'"}),
         [](T&) { study::to_text(uneven()); }},
        {"study::to_svg", "more x than y", raises<ValueError>("to_svg", {"as many x as y", "2 and 1"}),
         [](T&) { study::to_svg(uneven()); }},
        {"study::to_text", "fewer labels than values", raises<ValueError>("to_text", {"as many labels as values", "1 and 2"}),
         [](T&) { study::to_text(unlabelled()); }},
        {"study::to_svg", "fewer labels than values", raises<ValueError>("to_svg", {"as many labels as values", "1 and 2"}),
         [](T&) { study::to_svg(unlabelled()); }},
        {"study::to_text", "fewer values than cells", raises<ValueError>("to_text", {"1 x 2 values", "got 1"}),
         [](T&) { study::to_text(ragged()); }},
        {"study::to_svg", "fewer values than cells", raises<ValueError>("to_svg", {"1 x 2 values", "got 1"}),
         [](T&) { study::to_svg(ragged()); }},
        {"study::write_svg", "no folder", raises<FileError>("write_file", {"can be written"}),
         [](T&) { study::write_svg(study::LineChart(), nowhere()); }},
        {"study::write_svg", "fewer labels than values", raises<ValueError>("to_svg", {"as many labels as values"}),
         [](T&) { study::write_svg(unlabelled(), nowhere()); }},
        {"study::heat_map", "a vector", raises<ShapeError>("heat_map", {"a matrix", "[3]"}),
         [](T& t) { study::heat_map(t.row); }},
        {"study::heat_map", "labels for other rows", raises<ValueError>("heat_map", {"[2, 3]", "got 1"}),
         [](T& t) { study::heat_map(t.x, {.rows = {"a"}}); }},
        {"study::smoothed", "a weight of 1", raises<ValueError>("smoothed", {"below 1", "got 1"}),
         [](T&) {
             study::smoothed({1, 2}, 1);
         }},
        {"study::smoothed", "a weight that is no number", raises<ValueError>("smoothed", {"below 1", "nan"}),
         [](T&) {
             study::smoothed({1, 2}, nan);
         }},
        {"study::CsvLog", "no folder", raises<FileError>("AppendFile", {"can be written"}),
         [](T&) { study::CsvLog log(nowhere()); }},
        {"study::CsvLog::row", "a name given twice", raises<ValueError>("CsvLog", {"each name once", "'loss' twice"}),
         [](T&) {
             study::CsvLog(scratch("log.csv")).row(1, {{"loss", 1}, {"loss", 2}});
         }},
        {"study::CsvLog::row", "the name of the steps", raises<ValueError>("CsvLog", {"each name once", "'step' twice"}),
         [](T&) {
             study::CsvLog(scratch("log.csv")).row(1, {{"step", 1}});
         }},
        {"study::CsvLog::row", "other names than before", raises<ValueError>("CsvLog", {"step,loss", "got step,lr"}),
         [](T&) {
             study::CsvLog log(scratch("log.csv"));
             log.row(1, {{"loss", 1}});
             log.row(2, {{"lr", 1}});
         }},
        {"study::TensorBoardLog", "a folder below a file", raises<FileError>("TensorBoardLog", {"a folder that can be made"}),
         [](T&) {
             write_file(scratch("plain"), "");
             study::TensorBoardLog log(scratch("plain") + "/runs");
         }},
        {"study::TensorBoardLog::histogram", "an undefined tensor", undefined(),
         [](T& t) { study::TensorBoardLog(scratch("runs")).histogram("a", 1, t.none); }},
    };
}

}  // namespace

Misuses misuses_of_study() {
    Misuses all = of_tapes();
    const Misuses figures = of_figures();
    all.insert(all.end(), figures.begin(), figures.end());
    return all;
}

}  // namespace testing
