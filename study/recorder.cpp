// What was recorded, entry by entry; see recorder.hpp.
#include <tapehead/study/recorder.hpp>

#include <set>

#include <tapehead/autograd/ops/shaping.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

const char* to_string(TapeEntry::Kind kind) {
    static constexpr const char* names[] = {"operation", "parameter", "leaf", "constant"};
    return names[static_cast<int>(kind)];
}

namespace study {
namespace {

/// The bytes of what the rules of an operation keep, each value once.
std::size_t saved_bytes(const RecordEvent& event) {
    std::set<const Storage*> kept;
    for (std::size_t i = 0; i < event.inputs.size(); ++i)
        if (event.kept[i] && event.inputs[i]) kept.insert(event.inputs[i].storage().get());
    if (event.keeps_result) kept.insert(event.result.storage().get());
    std::size_t bytes = 0;
    for (const Storage* storage : kept) bytes += static_cast<std::size_t>(storage->numel) * sizeof(Scalar);
    return bytes;
}

}  // namespace

Recorder::Recorder(Module& model) : Watcher(model), attention_(model), last_event_(Clock::now()) {}
Recorder::Recorder() : last_event_(Clock::now()) {}

void Recorder::clear() {
    attention_.clear();
    entries_.clear();
    by_tensor_.clear();
    by_node_.clear();
    held_.clear();
    last_event_ = Clock::now();
}

void Recorder::on_enter(const ScopeEvent& event) {
    Watcher::on_enter(event);
    last_event_ = Clock::now();
}

void Recorder::on_leave(const ScopeEvent& event) noexcept {
    Watcher::on_leave(event);
    last_event_ = Clock::now();
}

/// The entry of an input; one that is not known yet is a parameter, a leaf or a constant.
std::size_t Recorder::entry_of(const Tensor& input) {
    if (const auto known = by_tensor_.find(input.identity()); known != by_tensor_.end()) return known->second;
    if (input.node())  // a handle of its own to a result that is known
        if (const auto made = by_node_.find(input.node().get()); made != by_node_.end()) {
            by_tensor_[input.identity()] = made->second;
            return made->second;
        }

    TapeEntry entry;
    const bool is_leaf = input.requires_grad() && input.is_leaf();
    entry.name = name_of(input);
    entry.kind = !is_leaf ? TapeEntry::Kind::constant : entry.name.empty() ? TapeEntry::Kind::leaf : TapeEntry::Kind::parameter;
    entry.scope = scope();
    entry.shape = input.shape();
    entry.value = clone(input.detach());
    entry.node = input.node();
    return add(std::move(entry), input);
}

/// In an order in which nothing leads to what is not there, should memory run out.
std::size_t Recorder::add(TapeEntry entry, const Tensor& tensor) {
    const std::size_t place = entries_.size();
    held_.push_back(tensor);
    entries_.push_back(std::move(entry));
    by_tensor_[tensor.identity()] = place;
    if (const Node* node = entries_[place].node.get()) by_node_[node] = place;
    return place;
}

void Recorder::on_record(const RecordEvent& event) {
    if (event.in_sweep && !event.result.requires_grad()) return;  // the inside of a backward pass
    const no_grad off;
    const auto now = Clock::now();
    TapeEntry entry;
    entry.operation = event.operation;
    for (const Tensor& input : event.inputs)
        if (input) entry.inputs.push_back(entry_of(input));
    entry.name = event.result.name();
    entry.scope = scope();
    entry.shape = event.result.shape();
    if (event.result.requires_grad()) entry.saved_bytes = saved_bytes(event);
    entry.forward_time = now - last_event_;
    entry.value = event.result.detach();
    entry.node = event.result.node();
    add(std::move(entry), event.result);
    last_event_ = Clock::now();
}

void Recorder::on_pull(const PullEvent& event) {
    const auto now = Clock::now();
    if (const auto known = by_node_.find(&event.node); known != by_node_.end()) {
        TapeEntry& entry = entries_[known->second];
        entry.gradient = event.dy;
        if (!event.node.is_leaf()) entry.backward_time = now - event.started;
    }
    last_event_ = Clock::now();
}

}  // namespace study
}  // namespace tapehead::inline TAPEHEAD_SCALAR
