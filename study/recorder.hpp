// Recorder: everything that happens on the tape while it lives, with values, scopes, times and gradients.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tapehead/study/attention_capture.hpp>
#include <tapehead/study/watcher.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// One line of the tape: an operation with its result, or a value that one reads.
struct TapeEntry {
    /// What an entry stands for.
    enum class Kind {
        operation,  ///< was recorded, or ran while nothing was
        parameter,  ///< a leaf of the model
        leaf,       ///< requires grad, made by no operation
        constant    ///< has no gradient, or its maker is unknown
    };

    Kind kind = Kind::operation;                            ///< what it stands for
    std::optional<Operation> operation;                     ///< of an operation
    std::string name;                                       ///< empty if it has none
    std::size_t scope = 0;                                  ///< an index into the scopes of the tape
    std::vector<std::size_t> inputs;                        ///< earlier entries
    Shape shape;                                            ///< of the value
    std::optional<std::size_t> saved_bytes;                 ///< of inputs and result that the rules keep for the backward pass
    std::optional<std::chrono::nanoseconds> forward_time;   ///< of the operation
    std::optional<std::chrono::nanoseconds> backward_time;  ///< of its rules, where a backward pass was watched
    Tensor value;                                           ///< undefined where it is not known
    Tensor gradient;                                        ///< of the result of the tape, from the last backward pass
    Ref<Node> node;                                         ///< null if nothing was recorded for it
};

/// "operation", "parameter", "leaf" or "constant".
const char* to_string(TapeEntry::Kind kind);

namespace study {

/// Notes every operation of this thread while it lives, and what a backward pass sends back.
///
///     study::Recorder recorder(model);
///     const Tensor loss = model.loss(batch);
///     loss.backward();
///     study::write_html(Tape(loss, recorder), "tape.html");
///
/// The time of an operation is what went by since the event before it: the operation or scope that came last. All values stay alive
/// as long as the recorder does; those of parameters are copied, as they were when first read.
class Recorder : public Watcher {
public:
    /// Names the layers and parameters of `model`.
    explicit Recorder(Module& model);
    /// Without a model, layers have the names of their types.
    Recorder();

    const std::vector<TapeEntry>& entries() const { return entries_; }  ///< oldest first
    /// What attention did meanwhile.
    const AttentionCapture& attention() const { return attention_; }
    /// Forgets all; the names stay.
    void clear();

    void on_enter(const ScopeEvent& event) override;
    void on_leave(const ScopeEvent& event) noexcept override;
    void on_record(const RecordEvent& event) override;
    void on_pull(const PullEvent& event) override;

private:
    using Clock = std::chrono::steady_clock;
    std::size_t entry_of(const Tensor& input);
    std::size_t add(TapeEntry entry, const Tensor& tensor);

    AttentionCapture attention_;
    std::vector<TapeEntry> entries_;
    std::map<const void*, std::size_t> by_tensor_;
    std::map<const Node*, std::size_t> by_node_;
    std::vector<Tensor> held_;  // so that no address is used twice
    Clock::time_point last_event_;
};

}  // namespace study
}  // namespace tapehead::inline TAPEHEAD_SCALAR
