// The sweep: the tape walked from a result back to what it came from, newest node first.
//
// Gradients in flight live here, in a table of pending nodes, so that sweeps over separate graphs can run at the same time.
// A node is taken when all that used it have been passed, which creation order guarantees; no sort, recursion or visited set.
#include <tapehead/autograd/sweep.hpp>

#include <algorithm>

#include <tapehead/autograd/backward_steps.hpp>
#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using detail::CachedVector;
using detail::NodeGradient;

/// Whether a sum may be added to in place: nobody else can see it, and the sweep is not recorded.
bool is_added_in_place(const Tensor& sum) { return !grad_enabled() && sum.is_sole_owner(); }

/// sum += term
void accumulate(Tensor& sum, Tensor term) {
    if (!sum) sum = std::move(term);
    else if (is_added_in_place(sum)) kernels::simd().axpy(1, term.data(), sum.raw(), sum.numel());
    else sum = add(sum, term);
}

bool is_older(const Node* a, const Node* b) { return a->id < b->id; }

/// Makes a gradient that somebody else made safe to read, whenever it was last changed in place.
inline void forget_changes(Tensor& gradient) {
    if (gradient.storage()->changed_at != 0) [[unlikely]]
        gradient = clone(gradient);
}

/// Makes of what a rule returned the gradient of an input: summed over the axes on which that was broadcast.
inline void fit(Tensor& dx, const Node& input, const Node& operation) {
    forget_changes(dx);
    if (dx.shape() == input.shape) [[likely]]
        return;
    check<ShapeError>(broadcasts_to(input.shape, dx.shape()), "backward of {}: expected a gradient that sums to {}, got {}",
                      operation.operation.name, input.shape, dx.shape());
    dx = sum_to(dx, input.shape);
}

/// Lets the values that a rule reads be checked against the time its operation was recorded.
class ReadingGuard {
public:
    explicit ReadingGuard(const Node& node) : before_(detail::reading) { detail::reading = {node.id, node.operation.name}; }
    ~ReadingGuard() { detail::reading = before_; }
    ReadingGuard(const ReadingGuard&) = delete;
    ReadingGuard& operator=(const ReadingGuard&) = delete;

private:
    detail::Reading before_;
};

/// Tells observers apart what a sweep computes.
class Sweeping {
public:
    Sweeping() : before_(std::exchange(detail::sweeping, true)) {}
    ~Sweeping() { detail::sweeping = before_; }
    Sweeping(const Sweeping&) = delete;
    Sweeping& operator=(const Sweeping&) = delete;

private:
    bool before_;
};

Tensor apply_hooks(const Keepsakes& keepsakes, Tensor gradient) {
    const auto hooks = keepsakes.hooks;  // a copy, since a hook may remove itself
    for (const auto& [number, hook] : hooks)
        if (Tensor replaced = hook(gradient)) {
            check<ShapeError>(replaced.shape() == gradient.shape(), "register_hook: expected a gradient of shape {}, got {}",
                              gradient.shape(), replaced.shape());
            gradient = std::move(replaced);
            forget_changes(gradient);
        }
    return gradient;
}

/// The node to start from. Throws if nothing was recorded.
const Ref<Node>& checked_root(const char* operation, const Tensor& y) {
    check<GradError>(y.requires_grad(), "{}: expected a result of recorded operations, got a tensor that requires no grad",
                     operation);
    return y.node();
}

/// The seed of a sweep from y, 1 for a single element. Throws before anything is swept.
Tensor checked_seed(const char* operation, const Tensor& y, const Tensor& seed) {
    if (!seed) {
        check<GradError>(y.numel() == 1, "{}: expected one element or a seed gradient, got shape {} without one", operation,
                         y.shape());
        return ones(y.shape());
    }
    check<ShapeError>(seed.shape() == y.shape(), "{}: expected a seed of shape {}, got {}", operation, y.shape(), seed.shape());
    return seed;
}

/// What was found for a tensor; undefined if nothing was.
Tensor gradient_of(const Tensor& x, const CachedVector<NodeGradient>& found) {
    if (!x.requires_grad()) return {};
    const auto entry = std::find_if(found.begin(), found.end(), [&](const auto& e) { return e.node == x.node(); });
    return entry != found.end() ? entry->gradient : Tensor();
}

/// Adds what was found to the gradients that the nodes keep, to all or, where memory runs out, to none. Kept gradients share memory
/// with nothing, so that they may be changed in place.
void keep(CachedVector<NodeGradient>& found) {
    CachedVector<Tensor> sums(found.size());  // undefined for those that are made in place
    for (std::size_t i = 0; i < found.size(); ++i) {
        const Tensor& kept = found[i].node->keepsakes().gradient;
        if (kept && is_added_in_place(kept)) continue;
        const Tensor gradient = std::exchange(found[i].gradient, {});
        sums[i] = kept ? add(kept, gradient) : gradient.is_sole_owner() ? gradient : clone(gradient);
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        Tensor& kept = found[i].node->keepsakes().gradient;
        if (sums[i]) kept = std::move(sums[i]);
        else kernels::simd().axpy(1, found[i].gradient.data(), kept.raw(), kept.numel());
    }
}

}  // namespace

// The nodes whose gradient is being gathered

namespace detail {

void Pending::add(const Ref<Node>& node, Tensor gradient) {
    if (2 * (newest_.size() + 1) > table_.size()) grow();
    NodeGradient& entry = table_[find(node.get())];
    if (!entry.node) {
        entry.node = node;
        newest_.push_back(node.get());
        std::push_heap(newest_.begin(), newest_.end(), is_older);
    }
    accumulate(entry.gradient, std::move(gradient));
}

NodeGradient Pending::take_newest() {
    std::pop_heap(newest_.begin(), newest_.end(), is_older);
    const std::size_t place = find(newest_.back());
    newest_.pop_back();
    NodeGradient taken = std::move(table_[place]);
    close_gap(place);
    return taken;
}

std::size_t Pending::home(const Node* node) const { return (node->id * 0x9E3779B97F4A7C15u >> 32) & (table_.size() - 1); }

/// Where the node is, or the empty place where it would go.
std::size_t Pending::find(const Node* node) const {
    std::size_t place = home(node);
    while (table_[place].node && table_[place].node.get() != node) place = (place + 1) & (table_.size() - 1);
    return place;
}

/// Moves up the entries after an emptied place that would no longer be found past it.
void Pending::close_gap(std::size_t gap) {
    const std::size_t mask = table_.size() - 1;
    table_[gap] = {};
    for (std::size_t place = (gap + 1) & mask; table_[place].node; place = (place + 1) & mask) {
        const std::size_t distance_from_home = (place - home(table_[place].node.get())) & mask;
        if (distance_from_home < ((place - gap) & mask)) continue;
        table_[gap] = std::exchange(table_[place], {});
        gap = place;
    }
}

void Pending::grow() {
    CachedVector<NodeGradient> old(std::max<std::size_t>(16, 2 * table_.size()));
    old.swap(table_);
    for (NodeGradient& entry : old)
        if (entry.node) table_[find(entry.node.get())] = std::move(entry);
}

std::vector<NodeGradient> Pending::list() const {
    std::vector<NodeGradient> all;
    for (const Node* node : newest_) all.push_back(table_[find(node)]);
    std::ranges::sort(all, [](const auto& a, const auto& b) { return a.node->id > b.node->id; });
    return all;
}

}  // namespace detail

// The sweep

BackwardSteps::BackwardSteps(const Ref<Node>& root, const Tensor& seed, BackwardOptions options, CachedVector<Node*> targets,
                             std::uint64_t since)
    : options_(options), targets_(std::move(targets)), since_(since), stop_(since) {
    if (!targets_.empty()) stop_ = std::max(since, (*std::ranges::min_element(targets_, is_older))->id);
    const GradMode mode(options_.create_graph);
    Tensor gradient = seed;
    forget_changes(gradient);
    pending_.add(root, std::move(gradient));
}

BackwardSteps::BackwardSteps(const Tensor& y, const Tensor& seed, BackwardOptions options)
    : BackwardSteps(checked_root("BackwardSteps", y),
                    (checked_root("BackwardSteps", y), checked_seed("BackwardSteps", y, seed)), options, {}) {
}  // first the root: arguments have no order

bool BackwardSteps::is_target(const Node* node) const {
    return std::find(targets_.begin(), targets_.end(), node) != targets_.end();
}

/// Whether the sweep must go on to an input: only what is newer than a target can lead to it.
bool BackwardSteps::is_wanted(const Node* input) const {
    return input && (targets_.empty() || is_target(input) || (!input->is_leaf() && input->id > stop_));
}

void BackwardSteps::pass(const Ref<Node>& node, const Tensor& dy) {
    if (node->id <= stop_) return;  // nothing that is asked for is older
    check<GradError>(!node->is_released(),
                     "backward: expected a recorded graph, got one that an earlier sweep freed at '{}'; give that sweep "
                     "retain_graph = true",
                     node->operation.name);
    const auto inputs = node->inputs();
    bool few[8];
    const auto many = inputs.size() > std::size(few) ? std::make_unique<bool[]>(inputs.size()) : nullptr;
    const std::span<bool> wanted(many ? many.get() : few, inputs.size());
    bool any_wanted = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) any_wanted |= wanted[i] = is_wanted(inputs[i].get());
    if (!any_wanted) return;  // what leads nowhere stays, for a later sweep
    dx_.resize(inputs.size());
    Tensor y;
    if (node->output()) {
        y = Tensor::over(node->output(), node->shape);
        y.set_node(node);
    }
    const bool observed = detail::is_observed();
    const auto started = observed ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    {
        const ReadingGuard reading(*node);
        node->pull(dy, y, wanted, dx_);
    }
    if (observed) [[unlikely]]
        show(PullEvent{*node, dy, dx_, wanted, started});
    for (std::size_t i = 0; i < inputs.size(); ++i)
        if (wanted[i] && dx_[i]) {
            fit(dx_[i], *inputs[i], *node);
            pending_.add(inputs[i], std::move(dx_[i]));
        }
    dx_.clear();
    if (!options_.retain_graph && !options_.create_graph) node->release();
}

/// Tells the observers of a node passed, once its gradients are as its inputs will get them.
void BackwardSteps::show(const PullEvent& event) {
    const auto inputs = event.node.inputs();
    for (std::size_t i = 0; i < inputs.size(); ++i)
        if (event.wanted[i] && dx_[i]) fit(dx_[i], *inputs[i], event.node);
    detail::observe(event);
}

void BackwardSteps::take(NodeGradient& current) {
    auto& [node, dy] = current;
    const bool is_own = node->id > since_;  // not the business of a sweep around this one
    const Keepsakes* keepsakes = node->find_keepsakes();
    if (keepsakes && is_own) dy = apply_hooks(*keepsakes, std::move(dy));
    if (targets_.empty() ? keepsakes && keepsakes->keeps_gradient : is_target(node.get())) found_.push_back(current);
    if (!node->is_leaf()) pass(node, dy);
    else if (is_own && detail::is_observed()) [[unlikely]]
        detail::observe(PullEvent{*node, dy, {}, {}, std::chrono::steady_clock::now()});
}

/// Takes one step, or all that are left. One function for both, so that there is one copy of what a step does, in its loop.
void BackwardSteps::advance(bool to_the_end) {
    const GradMode mode(options_.create_graph);
    const Sweeping sweeping;
    do {
        current_ = pending_.take_newest();
        take(current_);
    } while (to_the_end && !done());
}

const NodeGradient& BackwardSteps::next() {
    check<ValueError>(!done(), "BackwardSteps: expected nodes still to come, got none");
    advance(false);
    return current_;
}

CachedVector<NodeGradient> BackwardSteps::run() {
    advance(true);
    current_ = {};  // which would share the last gradient, so that whoever keeps it had to copy it
    return std::move(found_);
}

// What is made of it

void Tensor::backward(const Tensor& seed, BackwardOptions options) const {
    const Ref<Node>& root = checked_root("backward", *this);
    BackwardSteps steps(root, checked_seed("backward", *this, seed), options, {});
    auto found = steps.run();
    const GradMode mode(options.create_graph);
    const Sweeping sweeping;
    keep(found);
}

std::vector<Tensor> grad(const Tensor& y, const std::vector<Tensor>& xs, const GradOptions& options) {
    CachedVector<Node*> targets;
    for (const Tensor& x : xs) {
        check<GradError>(x.requires_grad(), "grad: expected every x to require grad, got one that does not");
        targets.push_back(x.node().get());
    }
    const Tensor seed = checked_seed("grad", y, options.seed);
    CachedVector<NodeGradient> found;
    if (y.requires_grad() && !xs.empty())
        found = BackwardSteps(y.node(), seed, {options.retain_graph, options.create_graph}, targets).run();
    std::vector<Tensor> gradients;
    for (const Tensor& x : xs) {
        const Tensor gradient = gradient_of(x, found);
        gradients.push_back(gradient ? gradient : zeros(x.shape()));
    }
    return gradients;
}

std::vector<Tensor> detail::gradients_since(std::uint64_t since, const Tensor& y, const std::vector<Tensor>& ends,
                                            const Tensor& dy, bool create_graph) {
    CachedVector<Node*> targets;
    for (const Tensor& end : ends)
        if (end.requires_grad()) targets.push_back(end.node().get());
    CachedVector<NodeGradient> found;
    if (y.requires_grad() && !targets.empty())
        found = BackwardSteps(y.node(), dy, {.create_graph = create_graph}, targets, since).run();
    std::vector<Tensor> gradients(ends.size());
    for (std::size_t i = 0; i < ends.size(); ++i) gradients[i] = gradient_of(ends[i], found);
    return gradients;
}

Tensor detail::alias(const Tensor& x) {
    return record({"alias", "y = x;  dx = dy"}, Tensor::over(x.storage(), x.shape()),
                  wrt(x, [](const Tensor& dy) { return dy; }));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
