// Profiler: where the time and the memory of a computation go, by operation and by layer.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <tapehead/study/watcher.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// What went into one operation or layer.
struct ProfileRow {
    std::string name;                                  ///< of the operation, or full of the layer
    Index count = 0;                                   ///< runs forward
    std::chrono::nanoseconds forward{0}, backward{0};  ///< a layer's include those of the layers inside it
    std::chrono::nanoseconds update{0};                ///< by an optimizer
    std::int64_t bytes = 0;                            ///< by how much the memory of tensors grew while it ran forward

    std::chrono::nanoseconds total() const { return forward + backward + update; }  ///< forward, backward and update
};

/// What a profiler measured, row by row.
using Profile = std::vector<ProfileRow>;

/// Measures every operation of this thread while it lives.
///
///     study::Profiler profiler(model);
///     train_step();
///     std::cout << profiler.by_operation() << profiler.by_layer();
///     profiler.write_trace("trace.json");     // for chrome://tracing or ui.perfetto.dev
///
/// The time of an operation forward is what went by since the event before it: what the program does between two operations
/// counts with the second. Values are not kept. While no profiler lives nothing is measured.
class Profiler : public Watcher {
public:
    /// Names the layers of `model`.
    explicit Profiler(Module& model);
    /// Without a model, layers have the names of their types.
    Profiler();

    /// Longest first.
    Profile by_operation() const;
    /// In the order of their first entry; a layer's figures include those of the layers inside it.
    Profile by_layer() const;
    /// Puts beside the operations what the program has timed itself, such as exchanges between processes, on a track of its own.
    void note(const std::string& track, const std::string& name, std::chrono::steady_clock::time_point start,
              std::chrono::steady_clock::time_point end);
    /// Writes all events in the trace event format. Throws FileError.
    void write_trace(const std::string& path) const;
    void clear();  ///< forgets what was measured

    void on_enter(const ScopeEvent& event) override;
    void on_leave(const ScopeEvent& event) noexcept override;
    void on_record(const RecordEvent& event) override;
    void on_pull(const PullEvent& event) override;
    void before_update(const UpdateEvent& event) override;
    void after_update(const UpdateEvent& event) override;

private:
    using Clock = std::chrono::steady_clock;
    enum class Kind { forward, backward, update, scope };
    struct Event {
        Kind kind;
        std::string name;  // of the operation, or of the updated parameter
        std::size_t scope;
        Clock::time_point start, end;
        std::int64_t bytes;
        Shape shape;
    };
    struct Note {
        std::string track, name;
        Clock::time_point start, end;
    };
    static void add(ProfileRow& row, const Event& event);
    /// From now on nothing has happened: what an observer did is not measured.
    void settle();

    std::vector<Event> events_;
    std::vector<Note> notes_;
    std::vector<std::size_t> open_;  // scopes entered, as indices into events_
    std::map<std::uint64_t, std::size_t> scope_of_node_;
    Clock::time_point last_event_;
    std::size_t last_bytes_ = 0;
};

/// A table: count, times in microseconds, share of all, memory.
std::ostream& operator<<(std::ostream& out, const Profile& profile);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
