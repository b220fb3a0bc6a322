// The sweep itself: the tape walked back one node at a time, newest first.
//
// `backward` and `grad` run it to its end; whoever wants to look at each gradient on the way takes the steps one by one.
#pragma once

#include <vector>

#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace detail {

template <class T>
using CachedVector = std::vector<T, memory::Allocator<T>>;

/// A node with the gradient of its output.
struct NodeGradient {
    Ref<Node> node;
    Tensor gradient;
};

/// The nodes whose gradient is being gathered: a heap by age over a hash table by address. Inline where sweep.cpp, alone, uses it.
class Pending {
public:
    bool empty() const { return newest_.empty(); }
    /// Adds to the gradient of a node.
    inline void add(const Ref<Node>& node, Tensor gradient);
    inline NodeGradient take_newest();
    /// All that is gathered, newest first.
    std::vector<NodeGradient> list() const;

private:
    inline std::size_t home(const Node* node) const;
    inline std::size_t find(const Node* node) const;
    inline void close_gap(std::size_t gap);
    inline void grow();

    CachedVector<NodeGradient> table_;
    CachedVector<Node*> newest_;
};

/// The gradients of y at `ends`, undefined where an end has none or requires none: a sweep within a sweep.
///
/// Goes no further than to what was recorded after the time `since`. What is older, the ends among it, is left to the sweep around
/// this one: its rules, its hooks and its observers.
std::vector<Tensor> gradients_since(std::uint64_t since, const Tensor& y, const std::vector<Tensor>& ends, const Tensor& dy,
                                    bool create_graph);

}  // namespace detail

/// A sweep from a result back, in steps.
///
///     for (BackwardSteps steps(loss); !steps.done();) {
///         const auto& [node, gradient] = steps.next();
///         std::cout << node->operation.name << " " << gradient << "\n";
///     }
///
/// Each step takes the newest node whose gradient is known, runs its rules, and adds what they return to the gradients of its
/// inputs. Leaves `.grad` alone.
class BackwardSteps {
public:
    /// From y, whose gradient is `seed` (1 if y has one element and none is given), over all that led to it. Throws GradError and
    /// ShapeError as Tensor::backward.
    explicit BackwardSteps(const Tensor& y, const Tensor& seed = {}, BackwardOptions options = {.retain_graph = true});

    bool done() const { return pending_.empty(); }  ///< whether no node is left
    /// Takes a step; returns the node and the whole gradient of its output. Throws what a rule throws, GradError for a graph that
    /// an earlier sweep has freed, and ValueError if all is done.
    const detail::NodeGradient& next();
    /// The nodes that are still to come, with what has been gathered for them so far; newest first.
    std::vector<detail::NodeGradient> pending() const { return pending_.list(); }

private:
    friend class Tensor;
    friend std::vector<Tensor> grad(const Tensor& y, const std::vector<Tensor>& xs, const struct GradOptions& options);
    friend std::vector<Tensor> detail::gradients_since(std::uint64_t since, const Tensor& y, const std::vector<Tensor>& ends,
                                                       const Tensor& dy, bool create_graph);

    /// Gathers for `targets`, or for every node that keeps its gradient if there are none; passes nothing older than `since`.
    BackwardSteps(const Ref<Node>& root, const Tensor& seed, BackwardOptions options, detail::CachedVector<Node*> targets,
                  std::uint64_t since = 0);
    /// Takes all steps; what was gathered for the targets, after all of it is known.
    detail::CachedVector<detail::NodeGradient> run();

    void advance(bool to_the_end);
    // Inlined into the loop of all sweeps, the one place that calls them: a small operation notices.
    /// Takes a node with its whole gradient: hooks, the gradients that are kept, and what lies before it.
    [[gnu::always_inline]] inline void take(detail::NodeGradient& current);
    inline bool is_target(const Node* node) const;
    inline bool is_wanted(const Node* input) const;
    /// Runs the rules of a node, and adds what they return to the gradients of its inputs.
    [[gnu::always_inline]] inline void pass(const Ref<Node>& node, const Tensor& dy);
    void show(const PullEvent& event);

    BackwardOptions options_;
    detail::CachedVector<Node*> targets_;
    std::uint64_t since_;
    std::uint64_t stop_;  // the newest time from which no node is passed: it leads to no target
    detail::Pending pending_;
    detail::NodeGradient current_;
    detail::CachedVector<Tensor> dx_;  // what a rule returns, kept for its memory
    detail::CachedVector<detail::NodeGradient> found_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
