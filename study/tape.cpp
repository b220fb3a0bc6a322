// The tape as an object, a table and a graph; see tape.hpp.
#include <tapehead/study/tape.hpp>

#include <algorithm>
#include <ostream>
#include <set>
#include <unordered_map>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// All nodes that lead to one, oldest first.
std::vector<Ref<Node>> nodes_before(const Ref<Node>& result) {
    std::vector<Ref<Node>> all{result}, open{result};
    std::set<const Node*> seen{result.get()};
    while (!open.empty()) {
        const Ref<Node> node = std::exchange(open.back(), {});
        open.pop_back();
        for (const Ref<Node>& input : node->inputs())
            if (input && seen.insert(input.get()).second) {
                all.push_back(input);
                open.push_back(input);
            }
    }
    std::ranges::sort(all, {}, [](const Ref<Node>& node) { return node->id; });
    return all;
}

/// The name that the tensor of a node was given; empty if none.
std::string name_given_to(const Ref<Node>& node) {
    const Keepsakes* keepsakes = node ? node->find_keepsakes() : nullptr;
    return keepsakes ? keepsakes->name : "";
}

/// What a node tells of itself.
TapeEntry entry_of(const Ref<Node>& node) {
    TapeEntry entry;
    entry.kind = node->is_leaf() ? TapeEntry::Kind::leaf : TapeEntry::Kind::operation;
    if (!node->is_leaf()) entry.operation = node->operation;
    entry.shape = node->shape;
    if (node->output()) entry.value = Tensor::over(node->output(), node->shape);
    entry.name = name_given_to(node);
    if (const Keepsakes* keepsakes = node->find_keepsakes()) entry.gradient = keepsakes->gradient;
    entry.node = node;
    return entry;
}

std::string bytes_text(std::size_t bytes) {
    constexpr std::size_t kib = 1024, mib = kib * kib;
    if (bytes < 10 * kib) return fmt::format("{} B", bytes);
    if (bytes < 10 * mib) return fmt::format("{} KiB", bytes / kib);
    return fmt::format("{} MiB", bytes / mib);
}

std::string microseconds(const std::optional<std::chrono::nanoseconds>& time) {
    return time ? fmt::format("{:.1f}", std::chrono::duration<Real, std::micro>(*time).count()) : "";
}

/// How an entry is called in a table or graph.
std::string title_of(const TapeEntry& entry) {
    return entry.kind == TapeEntry::Kind::operation ? entry.operation->name : to_string(entry.kind);
}

}  // namespace

Tape::Tape(const Tensor& result) : result_(result), scopes_(1) {
    check<GradError>(result.requires_grad(),
                     "Tape: expected a result of recorded operations, got a tensor that requires no grad");
    std::unordered_map<const Node*, std::size_t> place;
    for (const Ref<Node>& node : nodes_before(result.node())) {
        place[node.get()] = entries_.size();
        TapeEntry entry = entry_of(node);
        for (const Ref<Node>& input : node->inputs())
            if (input) entry.inputs.push_back(place.at(input.get()));
        entries_.push_back(std::move(entry));
    }
    if (!entries_.back().value) entries_.back().value = result.detach();
}

Tape::Tape(const Tensor& result, const study::Recorder& recorder) : result_(result), scopes_(recorder.scopes()) {
    const std::vector<TapeEntry>& all = recorder.entries();
    const auto made = std::find_if(all.rbegin(), all.rend(), [&](const TapeEntry& entry) {
        return entry.node ? entry.node == result.node() : entry.value.storage() == result.storage();
    });
    check<ValueError>(made != all.rend(), "Tape: expected a result that was made while the recorder watched, got another one");
    const auto last = static_cast<std::size_t>(all.rend() - made) - 1;

    std::vector<bool> leads_there(last + 1, false);
    leads_there[last] = true;
    for (std::size_t i = last + 1; i-- > 0;)
        if (leads_there[i])
            for (const std::size_t input : all[i].inputs) leads_there[input] = true;

    std::vector<std::size_t> place(last + 1);
    for (std::size_t i = 0; i <= last; ++i) {
        if (!leads_there[i]) continue;
        place[i] = entries_.size();
        TapeEntry& entry = entries_.emplace_back(all[i]);
        if (entry.name.empty()) entry.name = name_given_to(entry.node);
        for (std::size_t& input : entry.inputs) input = place[input];
    }
    for (const study::CapturedAttention& call : recorder.attention().calls())
        for (std::size_t i = 0; i < entries_.size(); ++i)
            if (entries_[i].node && entries_[i].node == call.output.node()) attention_.push_back({i, call});
}

std::ostream& operator<<(std::ostream& out, const Tape& tape) {
    std::size_t operation = 9, scope = 0, inputs = 6, shape = 5;
    const auto inputs_of = [](const TapeEntry& entry) { return fmt::format("{}", fmt::join(entry.inputs, " ")); };
    const auto scope_of = [&](const TapeEntry& entry) {
        return entry.name.empty() ? tape.scopes()[entry.scope].name : entry.name;
    };
    for (const TapeEntry& entry : tape) {
        operation = std::max(operation, title_of(entry).size());
        scope = std::max(scope, scope_of(entry).size());
        inputs = std::max(inputs, inputs_of(entry).size());
        shape = std::max(shape, to_string(entry.shape).size());
    }
    const auto line = [&](const auto& number, const auto& name, const auto& where, const auto& from, const auto& extents,
                          const auto& saved, const auto& forward, const auto& backward) {
        std::string text = fmt::format("{:>5}  {:{}}  {:{}}  {:>{}}  {:{}}  {:>9}  {:>10}  {:>11}", number, name, operation,
                                       where, scope, from, inputs, extents, shape, saved, forward, backward);
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << "\n";
    };
    line("#", "operation", scope ? "scope or name" : "", "inputs", "shape", "saved", "forward us", "backward us");
    for (std::size_t i = 0; i < tape.size(); ++i) {
        const TapeEntry& entry = tape[i];
        line(i, title_of(entry), scope_of(entry), inputs_of(entry), to_string(entry.shape),
             entry.saved_bytes ? bytes_text(*entry.saved_bytes) : "", microseconds(entry.forward_time),
             microseconds(entry.backward_time));
    }
    return out;
}

namespace study {
namespace {

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (c == '\n') result += "\\n";
        else result += c;
    }
    return result + "\"";
}

/// Scopes as a tree by their names.
struct Cluster {
    std::map<std::string, Cluster> inside;
    std::vector<std::size_t> entries;
};

void write_clusters(std::string& dot, const Tape& tape, const Cluster& cluster, const std::string& name, int depth,
                    int& number) {
    const std::string indent(static_cast<std::size_t>(2 * depth), ' ');
    for (const std::size_t i : cluster.entries) {
        const TapeEntry& entry = tape[i];
        const bool is_operation = entry.kind == TapeEntry::Kind::operation;
        const std::string label = (entry.name.empty() ? title_of(entry) : entry.name) + "\n" + to_string(entry.shape);
        dot += fmt::format("{}n{} [label={}, shape={}{}];\n", indent, i, quoted(label), is_operation ? "box" : "ellipse",
                           entry.kind == TapeEntry::Kind::constant ? ", style=dashed" : "");
    }
    for (const auto& [part, inner] : cluster.inside) {
        const std::string full = name.empty() ? part : fmt::format("{}.{}", name, part);
        dot += fmt::format("{}subgraph cluster_{} {{\n{}  label={};\n", indent, number++, indent, quoted(full));
        write_clusters(dot, tape, inner, full, depth + 1, number);
        dot += indent + "}\n";
    }
}

}  // namespace

std::string to_dot(const Tape& tape) {
    Cluster root;
    for (std::size_t i = 0; i < tape.size(); ++i) {
        Cluster* cluster = &root;
        std::string_view rest = tape.scopes()[tape[i].scope].name;
        while (!rest.empty()) {
            const std::size_t dot = rest.find('.');
            cluster = &cluster->inside[std::string(rest.substr(0, dot))];
            rest = dot == std::string_view::npos ? "" : rest.substr(dot + 1);
        }
        cluster->entries.push_back(i);
    }
    std::string dot = "digraph tape {\n  node [fontname=\"sans-serif\", fontsize=10];\n";
    int number = 0;
    write_clusters(dot, tape, root, "", 1, number);
    for (std::size_t i = 0; i < tape.size(); ++i)
        for (const std::size_t input : tape[i].inputs) dot += fmt::format("  n{} -> n{};\n", input, i);
    return dot + "}\n";
}

}  // namespace study
}  // namespace tapehead::inline TAPEHEAD_SCALAR
