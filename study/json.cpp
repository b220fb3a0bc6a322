// The tape as JSON; docs/tape.schema.json describes the format.
#include <algorithm>
#include <cmath>
#include <set>

#include <nlohmann/json.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/study/numbers.hpp>
#include <tapehead/study/page.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

using Json = nlohmann::ordered_json;

/// Six significant digits; what JSON has no number for, as a string.
Json number(Real x) {
    if (std::isnan(x)) return "NaN";
    if (std::isinf(x)) return x > 0 ? "Infinity" : "-Infinity";
    return Json::parse(fmt::format("{:.6g}", x));
}

Json extents(const Shape& shape) { return std::vector<Index>(shape.begin(), shape.end()); }

Json numbers(const Tensor& x, Index max_values) {
    const Summary s = summarize(x, max_values);
    Json json{{"shape", extents(s.shape)}, {"min", number(s.min)},   {"max", number(s.max)}, {"mean", number(s.mean)},
              {"std", number(s.std)},      {"norm", number(s.norm)}, {"zeros", s.zeros},     {"nonfinite", s.nonfinite}};
    if (x.numel() > 1) json["histogram"] = {{"lower", number(s.min)}, {"upper", number(s.max)}, {"counts", s.histogram}};
    json["rows"] = s.rows;
    json["columns"] = s.columns;
    Json& values = json[s.is_exact ? "values" : "means"] = Json::array();
    for (const Real value : s.values) values.push_back(number(value));
    return json;
}

/// A formula in its parts: the value, and after a semicolon the gradient.
Json formula(std::string_view text) {
    const std::size_t end = std::min(text.find(';'), text.size()), next = text.find_first_not_of("; ", end);
    Json json{{"value", text.substr(0, end)}};
    if (next != std::string_view::npos) json["gradient"] = text.substr(next);
    return json;
}

bool has_length(const std::vector<std::string>& labels, Index n) { return static_cast<Index>(labels.size()) == n; }

/// Makes the JSON, part by part, with a share of the numbers for each.
class Writer {
public:
    Writer(const Tape& tape, const PageOptions& options) : tape_(tape), options_(options) {
        const auto shown = 2 * static_cast<Index>(tape.size());
        per_entry_ = std::clamp<Index>(options.max_numbers / 2 / std::max<Index>(shown, 1), 16, 1024);
        Index maps = 0;
        for (const Snapshot& snapshot : options.snapshots) maps += static_cast<Index>(snapshot.attention.size());
        per_map_ = std::clamp<Index>(options.max_numbers / 4 / std::max<Index>(maps, 1), 64, 4096);
    }

    Json write() const {
        Json json{{"format", "tapehead-tape"},
                  {"version", 1},
                  {"scalar", sizeof(Scalar) == 8 ? "f64" : "f32"},
                  {"title", options_.title},
                  {"result", tape_.size() - 1}};
        json["scopes"] = scopes();
        json["nodes"] = Json::array();
        for (std::size_t i = 0; i < tape_.size(); ++i) json["nodes"].push_back(entry(i));
        json["attention"] = Json::array();
        for (const Tape::Attention& a : tape_.attention()) json["attention"].push_back(attention(a));
        json["snapshots"] = Json::array();
        for (const Snapshot& snapshot : options_.snapshots) json["snapshots"].push_back(training_step(snapshot));
        return json;
    }

private:
    /// The scopes of the entries, and those around them.
    Json scopes() const {
        std::set<std::string> used;
        for (const TapeEntry& entry : tape_) used.insert(tape_.scopes()[entry.scope].name);
        Json json = Json::array();
        std::vector<ScopeInfo> sorted = tape_.scopes();
        std::ranges::stable_sort(sorted, {}, [](const ScopeInfo& scope) { return scope.name.size(); });  // parents first
        for (const ScopeInfo& scope : sorted) {
            const bool is_needed = std::ranges::any_of(used, [&](const std::string& name) {
                return name == scope.name || name.starts_with(scope.name + ".");
            });
            if (scope.name.empty() || !is_needed) continue;
            Json line{{"name", scope.name}};
            if (!scope.type.empty()) line["type"] = scope.type;
            if (!scope.place.empty()) line["place"] = scope.place;
            json.push_back(std::move(line));
        }
        return json;
    }

    Json entry(std::size_t i) const {
        const TapeEntry& entry = tape_[i];
        Json json{{"id", i}, {"kind", to_string(entry.kind)}, {"operation", entry.operation ? entry.operation->name : ""}};
        if (!entry.name.empty()) json["name"] = entry.name;
        json["scope"] = tape_.scopes()[entry.scope].name;
        if (entry.operation) {
            if (*entry.operation->formula) json["formula"] = formula(entry.operation->formula);
            json["place"] = to_string(entry.operation->place);
        }
        json["inputs"] = entry.inputs;
        json["shape"] = extents(entry.shape);
        if (entry.saved_bytes) json["saved_bytes"] = *entry.saved_bytes;
        if (entry.forward_time) json["forward_ns"] = entry.forward_time->count();
        if (entry.backward_time) json["backward_ns"] = entry.backward_time->count();
        if (entry.value) json["value"] = numbers(entry.value, per_entry_);
        if (entry.gradient) json["gradient"] = numbers(entry.gradient, per_entry_);
        return json;
    }

    /// How many heads are shown, and how many numbers of each matrix.
    Json attention(const Tape::Attention& a) const {
        const CapturedAttention& call = a.call;
        check<IndexError>(0 <= options_.sequence && options_.sequence < call.batch,
                          "to_json: expected a sequence below {}, got {}", call.batch, options_.sequence);
        Json json{{"node", a.entry},         {"scope", call.scope},       {"batch", call.batch},
                  {"heads", call.heads},     {"kv_heads", call.kv_heads}, {"queries", call.queries},
                  {"keys", call.keys},       {"head_dim", call.head_dim}, {"scale", number(call.scale)},
                  {"softcap", call.softcap}, {"dropout", call.dropout},   {"sequence", options_.sequence}};
        const AttentionLabels labels = options_.labels ? options_.labels(call.scope) : AttentionLabels();
        if (has_length(labels.queries, call.queries)) json["query_labels"] = labels.queries;
        if (has_length(labels.keys, call.keys)) json["key_labels"] = labels.keys;

        const Index numbers_of_head = 14 * std::max(call.queries, call.head_dim) * std::max(call.keys, call.head_dim);
        const auto calls = static_cast<Index>(tape_.attention().size());
        const Index room = options_.max_numbers / 2 / calls;
        const Index shown =
            std::clamp<Index>(room / std::max<Index>(std::min<Index>(numbers_of_head, 14 * 576), 1), 1, call.heads);
        const Index most = std::max<Index>(room / shown / 14, 64);
        json["shown"] = Json::array();
        for (Index head = 0; head < shown; ++head) {
            Json line{{"head", head}};
            add_steps(line, call.head(options_.sequence, head), most);
            if (call.output_gradient) add_steps(line["gradients"], call.gradients(options_.sequence, head), most);
            json["shown"].push_back(std::move(line));
        }
        return json;
    }

    static void add_steps(Json& json, const AttentionHead& head, Index most) {
        for (const auto& [step, member] : attention_head_steps) json[step] = numbers(head.*member, most);
    }

    Json training_step(const Snapshot& snapshot) const {
        Json json{{"step", snapshot.step}, {"loss", number(snapshot.loss)}};
        json["parameters"] = Json::array();
        for (const ParameterFlow& row : snapshot.parameters) {
            Json line{{"name", row.name}, {"value_norm", number(row.value_norm)}};
            if (row.gradient_norm) line["gradient_norm"] = number(*row.gradient_norm);
            if (row.update_ratio) line["update_ratio"] = number(*row.update_ratio);
            json["parameters"].push_back(std::move(line));
        }
        json["attention"] = Json::array();
        for (const Snapshot::Attention& a : snapshot.attention)
            json["attention"].push_back({{"scope", a.scope}, {"head", a.head}, {"weights", numbers(a.weights, per_map_)}});
        return json;
    }

    const Tape& tape_;
    const PageOptions& options_;
    Index per_entry_, per_map_;
};

}  // namespace

std::string to_json(const Tape& tape, const PageOptions& options) {
    // Names, labels and titles are the user's: what is no UTF-8 in them is replaced.
    return Writer(tape, options).write().dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
