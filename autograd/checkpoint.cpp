// checkpoint: an operation whose rule runs its function again; see checkpoint.hpp.
//
// What f reads beside its arguments is found by watching it: its first run is not recorded, so that an input of one of its
// operations that requires grad can only come from outside. The operation has those tensors as inputs like the arguments.
#include <tapehead/autograd/checkpoint.hpp>

#include <algorithm>

#include <tapehead/autograd/backward_steps.hpp>
#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/sweep.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

bool holds(const std::vector<Tensor>& tensors, const Tensor& tensor) {
    return std::ranges::any_of(tensors,
                               [&](const Tensor& known) { return known.requires_grad() && known.node() == tensor.node(); });
}

/// Gathers the tensors older than itself that require grad and are read while it lives.
class Captures final : public Observer {
public:
    void on_record(const RecordEvent& event) override {
        for (const Tensor& input : event.inputs) add(input);
    }
    void add(const Tensor& tensor) {
        if (tensor.requires_grad() && tensor.node()->id < start_ && !holds(tensors_, tensor)) tensors_.push_back(tensor);
    }
    std::uint64_t start() const { return start_; }
    const std::vector<Tensor>& tensors() const { return tensors_; }

private:
    const std::uint64_t start_ = tick();
    std::vector<Tensor> tensors_;
};

/// A run of a function, and what it read beside its arguments.
struct Run {
    Tensor y;
    std::uint64_t start;
    std::vector<Tensor> captures;
};

Run watch(const Function& f, const std::vector<Tensor>& arguments) {
    Captures seen;
    const Tensor y = f(arguments);
    seen.add(y);
    return {y, seen.start(), seen.tensors()};
}

/// What stays of a function that was run: all that it takes to run it again.
struct Segment {
    Function f;
    std::vector<Tensor> xs, captures;
    std::vector<kernels::PhiloxKey> draws;
    Shape shape;  // of the result

    /// f(xs), with nothing recorded.
    Tensor run() {
        const no_grad off;
        std::vector<Tensor> arguments;
        for (const Tensor& x : xs) arguments.push_back(x ? x.detach() : x);
        detail::Draws drawn;
        Run first = watch(f, arguments);
        captures = std::move(first.captures);
        draws = drawn.keys();
        shape = first.y.shape();
        return first.y;
    }

    /// The rule: the gradients of xs and captures. Arguments are aliases, newer than all that f may have captured, so that an x that
    /// it captured as well gets its gradient in two parts.
    std::vector<Tensor> operator()(const Tensor& dy) const {
        const bool create_graph = grad_enabled();
        const enable_grad on;
        std::vector<Tensor> arguments;
        for (const Tensor& x : xs) arguments.push_back(x.requires_grad() ? detail::alias(x) : x);
        std::vector<Tensor> ends = arguments;
        ends.insert(ends.end(), captures.begin(), captures.end());
        const Run second = run_again(arguments, ends);
        return detail::gradients_since(second.start, second.y, ends, dy, create_graph);
    }

    Run run_again(const std::vector<Tensor>& arguments, const std::vector<Tensor>& known) const {
        detail::Draws same(draws);
        Run second = watch(f, arguments);
        check<GradError>(second.y.shape() == shape, "checkpoint: expected f to return shape {} again, got {}", shape,
                         second.y.shape());
        for (const Tensor& tensor : second.captures)
            check<GradError>(holds(known, tensor),
                             "checkpoint: expected f to read the same tensors again, got another one of shape {}",
                             tensor.shape());
        return second;
    }
};

}  // namespace

Tensor checkpoint(const Function& f, const std::vector<Tensor>& xs) {
    detail::check_function("checkpoint", f);
    if (!grad_enabled()) return f(xs);
    Segment segment{f, xs, {}, {}, {}};
    Tensor y = segment.run();
    std::vector<Tensor> inputs = xs;
    inputs.insert(inputs.end(), segment.captures.begin(), segment.captures.end());
    return record({"checkpoint", "y = f(x);  dx = dy ∂f/∂x, for which f runs again"}, std::move(y),
                  wrt(inputs, std::move(segment)));
}

Tensor checkpoint(const UnaryFunction& f, const Tensor& x) { return checkpoint(detail::of_list(f), {x}); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR
