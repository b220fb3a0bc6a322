// Events with their times, summed up or written as a trace; see profiler.hpp.
#include <tapehead/study/profiler.hpp>

#include <algorithm>
#include <ostream>

#include <nlohmann/json.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

Profiler::Profiler(Module& model) : Watcher(model) { settle(); }
Profiler::Profiler() { settle(); }

void Profiler::settle() {
    last_bytes_ = memory_statistics().live_bytes;
    last_event_ = Clock::now();
}

void Profiler::clear() {
    events_.clear();
    notes_.clear();
    open_.clear();
    scope_of_node_.clear();
    settle();
}

void Profiler::on_enter(const ScopeEvent& event) {
    Watcher::on_enter(event);
    try {
        const auto now = Clock::now();
        events_.push_back({Kind::scope, scope_name(), scope(), now, now, 0, {}});
        open_.push_back(events_.size() - 1);
    } catch (...) {
        Watcher::on_leave(event);
        throw;
    }
    settle();
}

void Profiler::on_leave(const ScopeEvent& event) noexcept {
    if (!open_.empty()) {
        events_[open_.back()].end = Clock::now();
        open_.pop_back();
    }
    Watcher::on_leave(event);
    settle();
}

void Profiler::on_record(const RecordEvent& event) {
    const auto now = Clock::now();
    if (event.in_sweep && !event.result.requires_grad()) return;  // counts with the rule
    const auto grown = static_cast<std::int64_t>(memory_statistics().live_bytes) - static_cast<std::int64_t>(last_bytes_);
    if (event.result.node()) scope_of_node_[event.result.node()->id] = scope();
    events_.push_back({Kind::forward, event.operation.name, scope(), last_event_, now, grown, event.result.shape()});
    settle();
}

void Profiler::on_pull(const PullEvent& event) {
    const auto now = Clock::now();
    if (!event.node.is_leaf()) {
        const auto known = scope_of_node_.find(event.node.id);
        const std::size_t in_scope = known != scope_of_node_.end() ? known->second : 0;
        events_.push_back({Kind::backward, event.node.operation.name, in_scope, event.started, now, 0, event.node.shape});
        if (known != scope_of_node_.end()) scope_of_node_.erase(known);
    }
    settle();
}

void Profiler::before_update(const UpdateEvent&) { settle(); }

void Profiler::after_update(const UpdateEvent& event) {
    events_.push_back({Kind::update, std::string(event.optimizer), 0, last_event_, Clock::now(), 0, event.parameter.shape()});
    settle();
}

void Profiler::add(ProfileRow& row, const Event& event) {
    const auto time = event.end - event.start;
    if (event.kind == Kind::forward) {
        ++row.count;
        row.forward += time;
        row.bytes += event.bytes;
    }
    if (event.kind == Kind::backward) row.backward += time;
    if (event.kind == Kind::update) row.update += time;
}

Profile Profiler::by_operation() const {
    std::map<std::string, ProfileRow> rows;
    for (const Event& event : events_)
        if (event.kind != Kind::scope) add(rows[event.name], event);
    Profile profile;
    for (auto& [name, row] : rows) {
        row.name = name;
        profile.push_back(row);
    }
    std::ranges::stable_sort(profile, std::greater(), &ProfileRow::total);
    return profile;
}

Profile Profiler::by_layer() const {
    Profile profile;
    for (const ScopeInfo& scope : scopes()) profile.push_back({.name = scope.name});
    const auto is_inside = [](const std::string& inner, const std::string& outer) {
        return outer.empty() || inner == outer || inner.starts_with(outer + ".");
    };
    for (const Event& event : events_)
        for (ProfileRow& row : profile)
            if (event.kind != Kind::scope && is_inside(scopes()[event.scope].name, row.name)) add(row, event);
    return profile;
}

void Profiler::note(const std::string& track, const std::string& name, Clock::time_point start, Clock::time_point end) {
    notes_.push_back({track, name, start, end});
}

void Profiler::write_trace(const std::string& path) const {
    using Microseconds = std::chrono::duration<Real, std::micro>;
    nlohmann::json lines = nlohmann::json::array();
    const Clock::time_point zero = events_.empty() ? Clock::time_point() : events_.front().start;
    const auto add_line = [&](const std::string& name, const char* category, Clock::time_point start, Clock::time_point end,
                              std::size_t track) -> nlohmann::json& {
        return lines.emplace_back(nlohmann::json{{"name", name},
                                                 {"cat", category},
                                                 {"ph", "X"},
                                                 {"ts", Microseconds(start - zero).count()},
                                                 {"dur", Microseconds(end - start).count()},
                                                 {"pid", 1},
                                                 {"tid", track}});
    };
    static constexpr const char* kinds[] = {"forward", "backward", "update", "scope"};
    for (const Event& event : events_) {
        const bool is_root = event.kind == Kind::scope && event.name.empty();
        nlohmann::json& line =
            add_line(is_root ? scopes()[0].type : event.name, kinds[static_cast<int>(event.kind)], event.start, event.end, 1);
        line["args"]["scope"] = scopes()[event.scope].name;
        if (event.kind != Kind::scope) line["args"]["shape"] = to_string(event.shape);
        if (event.kind == Kind::forward) line["args"]["bytes"] = event.bytes;
    }
    std::vector<std::string> tracks;
    for (const Note& note : notes_) {
        auto track = std::ranges::find(tracks, note.track);
        if (track == tracks.end()) {
            track = tracks.insert(tracks.end(), note.track);
            lines.push_back({{"name", "thread_name"},
                             {"ph", "M"},
                             {"pid", 1},
                             {"tid", tracks.size() + 1},
                             {"args", {{"name", note.track}}}});
        }
        add_line(note.name, "note", note.start, note.end, static_cast<std::size_t>(track - tracks.begin()) + 2);
    }
    write_file(path, nlohmann::json{{"traceEvents", std::move(lines)}, {"displayTimeUnit", "ns"}}.dump());
}

std::ostream& operator<<(std::ostream& out, const Profile& profile) {
    using Microseconds = std::chrono::duration<Real, std::micro>;
    std::size_t name = 4;
    std::chrono::nanoseconds all{0};
    for (const ProfileRow& row : profile) {
        name = std::max(name, row.name.size());
        all = std::max(all, row.total());
    }
    std::chrono::nanoseconds sum{0};
    for (const ProfileRow& row : profile) sum += row.total();
    const bool nested = !profile.empty() && profile.front().name.empty();  // the outermost layer holds all others
    const Real whole = Microseconds(nested ? all : sum).count();
    out << fmt::format("{:{}}  {:>6}  {:>11}  {:>11}  {:>10}  {:>6}  {:>10}\n", "", name, "runs", "forward us", "backward us",
                       "update us", "share", "KiB grown");
    for (const ProfileRow& row : profile)
        out << fmt::format("{:{}}  {:>6}  {:>11.1f}  {:>11.1f}  {:>10.1f}  {:>5.1f}%  {:>10}\n",
                           row.name.empty() ? "(all)" : row.name, name, row.count, Microseconds(row.forward).count(),
                           Microseconds(row.backward).count(), Microseconds(row.update).count(),
                           whole > 0 ? 100 * Microseconds(row.total()).count() / whole : 0, row.bytes / 1024);
    return out;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
