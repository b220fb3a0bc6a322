// The clock of the tape and the life of its nodes; see tape.hpp.
#include <tapehead/autograd/tape.hpp>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace {
std::atomic<std::uint64_t> tape_clock{0};

// Nodes of this thread whose last owner is gone. Destroying one lets go of its inputs, which may put them here in turn.
constinit thread_local Node* dead_nodes = nullptr;
constinit thread_local bool burying = false;
}  // namespace

std::uint64_t tick() { return tape_clock.fetch_add(1, std::memory_order_relaxed) + 1; }

Node::Node(const Operation& made_by, const Shape& output_shape) : id(tick()), operation(made_by), shape(output_shape) {}
Node::~Node() = default;

void Node::mark_kept(std::span<const Tensor>, std::span<bool>) const {}
void Node::pull(const Tensor&, const Tensor&, std::span<const bool>, std::span<Tensor>) {}

void Node::dispose() noexcept {
    next_dead_ = std::exchange(dead_nodes, this);
    if (burying) return;
    burying = true;
    while (Node* node = dead_nodes) {
        dead_nodes = node->next_dead_;
        delete node;
    }
    burying = false;
}

void detail::throw_wrong_count(std::size_t expected, std::size_t got) {
    throw GradError(
        fmt::format("backward of {}: expected {} gradients from its rule, got {}", reading.operation, expected, got));
}

detail::HandleCounts::HandleCounts(std::span<const Tensor> tensors) : tensors_(tensors) {
    for (const Tensor& tensor : tensors) counts_.push_back(tensor.count_handles());
}

void detail::HandleCounts::mark_risen(std::span<bool> risen) const {
    for (std::size_t i = 0; i < tensors_.size(); ++i) risen[i] |= tensors_[i].count_handles() > counts_[i];
}

void detail::observe_record(const Operation& operation, const Tensor& result, bool recorded,
                            std::span<const std::span<const Tensor>> inputs) {
    std::vector<Tensor> all;
    for (const auto some : inputs) all.insert(all.end(), some.begin(), some.end());
    const auto kept = std::make_unique<bool[]>(all.size());
    const std::span<bool> marks(kept.get(), all.size());
    if (recorded) result.node()->mark_kept(all, marks);
    observe(RecordEvent{operation, all, result, marks, recorded && result.node()->output(), sweeping});
}

Keepsakes& Node::keepsakes() {
    if (!keepsakes_) keepsakes_ = std::make_unique<Keepsakes>();
    return *keepsakes_;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
