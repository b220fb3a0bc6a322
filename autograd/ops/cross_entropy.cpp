// Losses of classification: everything becomes rows [M, C] against M classes; fused row kernels for cross entropy, their
// written-out twin beside them.
#include <tapehead/autograd/ops/cross_entropy.hpp>

#include <memory>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/indexing.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/ops/softmax.hpp>
#include <tapehead/autograd/sweep.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using kernels::simd;

/// Checked classes of M rows, −1 for a row that does not count; shared by an operation and its rule.
using Classes = std::shared_ptr<const std::vector<Id, memory::Allocator<Id>>>;

/// The class axis: 1, or 0 where it is the only one.
Index class_axis(const Tensor& x) { return x.dim() == 1 ? 0 : 1; }

/// The extents of the losses: all but that of the classes.
Shape loss_shape(const Tensor& x) { return reduced_shape(x.shape(), {class_axis(x)}, false); }

void check_options(const char* operation, const Tensor& x, const Tensor& weight, Reduction reduction, Real label_smoothing) {
    check<ShapeError>(x.dim() >= 1, "{}: expected input [C] or [N, C, ...], got {}", operation, x.shape());
    const Shape shape{x.shape()[class_axis(x)]};
    check<ShapeError>(!weight || weight.shape() == shape, "{}: expected weight {}, got {}", operation, shape,
                      weight ? weight.shape() : Shape());
    check<ValueError>(reduction != Reduction::batchmean, "{}: expected reduction mean, sum or none, got batchmean", operation);
    check<ValueError>(0 <= label_smoothing && label_smoothing <= 1, "{}: expected label_smoothing in [0, 1], got {}", operation,
                      label_smoothing);
}

Classes checked_classes(const char* operation, const Tensor& x, const Ids& targets, Id ignore_index) {
    check<ShapeError>(shape_of(targets) == loss_shape(x), "{}: expected targets {} for input {}, got {}", operation,
                      loss_shape(x), x.shape(), shape_of(targets));
    const Id n = x.shape()[class_axis(x)];
    using Values = std::vector<Id, memory::Allocator<Id>>;
    auto classes = std::allocate_shared<Values>(memory::Allocator<Values>(), targets.begin(), targets.end());
    for (Id& target : *classes) {
        if (target == ignore_index) target = -1;
        else check<IndexError>(0 <= target && target < n, "{}: expected targets in [0, {}), got {}", operation, n, target);
    }
    return classes;
}

/// [C], [N, C] or [N, C, d1, ...] as rows [M, C].
Tensor rows_of(const Tensor& x) {
    Shape order;
    for (Index axis = 0; axis < x.dim(); ++axis)
        if (axis != class_axis(x)) order.push_back(axis);
    order.push_back(class_axis(x));
    return reshape(x.dim() <= 2 ? x : permute(x, order), {loss_shape(x).numel(), x.shape()[class_axis(x)]});
}

Condition is_ignored(const Classes& classes) {
    Condition ignored(Shape{static_cast<Index>(classes->size())});
    std::transform(classes->begin(), classes->end(), ignored.raw(), [](Id target) { return target < 0; });
    return ignored;
}

/// The classes with 0 in the place of −1, to look something up.
Ids readable(const Classes& classes) {
    Ids ids = make_array<Id>({static_cast<Index>(classes->size())});
    std::transform(classes->begin(), classes->end(), ids.begin(), [](Id target) { return std::max<Id>(target, 0); });
    return ids;
}

/// −w_target x_target of each row [M, C] → [M]; 0 with gradient 0 where the target does not count. `chain` is a product in
/// which 0 · ∞ = 0.
Tensor nll_rows(const Tensor& x, const Classes& classes, const Tensor& weight) {
    if (x.numel() == 0) return sum(x, 1);  // no row, or all ignored
    Ids ids = readable(classes);
    const Tensor w = weight ? index_select(weight, 0, ids) : Tensor();
    ids.reshape({ids.size(), std::size_t{1}});
    const Tensor nll = -squeeze(gather(x, 1, ids), 1);
    return masked_fill(w ? chain(w, nll) : nll, is_ignored(classes), 0);
}

/// Cross entropy of each row [M, C] → [M] in plain operations.
Tensor cross_entropy_rows_composite(const Tensor& x, const Classes& classes, const Tensor& weight, Real smoothing) {
    if (x.numel() == 0) return sum(x, 1);
    const Condition ignored = is_ignored(classes);
    const Tensor log_p = log_softmax(masked_fill(x, ignored.reshape({x.size(0), 1}), 0), 1);
    Tensor own = nll_rows(log_p, classes, weight);
    if (smoothing == 0) return own;
    const Tensor even = sum(weight ? chain(weight, -log_p) : -log_p, 1) / static_cast<Real>(x.size(1));
    return masked_fill((1 - smoothing) * own + smoothing * even, ignored, 0);
}

/// The same by kernels: one pass forward, one backward.
Tensor cross_entropy_rows(const Tensor& x, const Classes& classes, const Tensor& weight, Real smoothing) {
    if (weight.requires_grad()) return cross_entropy_rows_composite(x, classes, weight, smoothing);
    const Index rows = x.size(0), n = x.size(1);
    const auto weights = [weight] { return weight ? weight.data() : nullptr; };
    Tensor losses = Tensor::empty({rows}), shift = Tensor::empty({rows}), log_sum = Tensor::empty({rows});
    simd().cross_entropy(x.data(), classes->data(), weights(), smoothing, losses.raw(), shift.raw(), log_sum.raw(), rows, n);
    return record({"cross_entropy", "y = log Σ eˣ − x[target], smoothed and weighted;  dx = dy (softmax(x) − one_hot(target))"},
                  losses, wrt(x, [=](const Tensor& dy) {
                      if (grad_enabled())
                          return gradients_of(
                              [&](const std::vector<Tensor>& in) {
                                  return cross_entropy_rows_composite(in[0], classes, weight, smoothing);
                              },
                              {x}, dy)[0];
                      Tensor dx = Tensor::empty(x.shape());
                      simd().cross_entropy_backward(x.data(), classes->data(), weights(), smoothing, shift.data(),
                                                    log_sum.data(), dy.data(), dx.raw(), rows, n);
                      return dx;
                  }));
}

/// Σ w_target over the targets that count.
Tensor counted(const Classes& classes, const Tensor& weight) {
    if (!weight || weight.numel() == 0)
        return Tensor(std::count_if(classes->begin(), classes->end(), [](Id target) { return target >= 0; }));
    return sum(masked_fill(index_select(weight, 0, readable(classes)), is_ignored(classes), 0));
}

/// The losses [M] in the shape of the targets, or their sum, or their mean over what counts.
Tensor reduced(const Tensor& losses, const Shape& shape, const Classes& classes, const Tensor& weight, Reduction reduction) {
    if (reduction == Reduction::none) return reshape(losses, shape);
    Tensor total = sum(losses);
    if (reduction == Reduction::sum) return total;
    const Tensor count = counted(classes, weight);
    return total / (count.item() == 0 ? Tensor(1) : count);
}

template <class F>
Tensor cross_entropy_by(const F& row_losses, const Tensor& logits, const Ids& targets, const CrossEntropyOptions& options) {
    check_options("cross_entropy", logits, options.weight, options.reduction, options.label_smoothing);
    const Classes classes = checked_classes("cross_entropy", logits, targets, options.ignore_index);
    const Tensor losses = row_losses(rows_of(logits), classes, options.weight, options.label_smoothing);
    return reduced(losses, loss_shape(logits), classes, options.weight, options.reduction);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Ids& targets, const CrossEntropyOptions& options) {
    return cross_entropy_by(cross_entropy_rows, logits, targets, options);
}

Tensor cross_entropy_composite(const Tensor& logits, const Ids& targets, const CrossEntropyOptions& options) {
    return cross_entropy_by(cross_entropy_rows_composite, logits, targets, options);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target_probabilities, const CrossEntropyOptions& options) {
    check_options("cross_entropy", logits, options.weight, options.reduction, options.label_smoothing);
    check<ShapeError>(target_probabilities.shape() == logits.shape(), "cross_entropy: expected target probabilities {}, got {}",
                      logits.shape(), target_probabilities.shape());
    check<ValueError>(options.ignore_index < 0, "cross_entropy: expected no ignore_index for target probabilities, got {}",
                      options.ignore_index);
    const Tensor log_p = log_softmax(rows_of(logits), 1);
    const Real even = log_p.size(1) == 0 ? 0 : options.label_smoothing / static_cast<Real>(log_p.size(1));
    Tensor q = affine(rows_of(target_probabilities), 1 - options.label_smoothing, even);
    if (options.weight) q = q * options.weight;
    const Tensor losses = sum(chain(q, -log_p), 1);
    if (options.reduction == Reduction::none) return reshape(losses, loss_shape(logits));
    return options.reduction == Reduction::sum || losses.numel() == 0 ? sum(losses) : mean(losses);
}

Tensor nll_loss(const Tensor& log_probs, const Ids& targets, const NllLossOptions& options) {
    check_options("nll_loss", log_probs, options.weight, options.reduction, 0);
    const Classes classes = checked_classes("nll_loss", log_probs, targets, options.ignore_index);
    const Tensor losses = nll_rows(rows_of(log_probs), classes, options.weight);
    return reduced(losses, loss_shape(log_probs), classes, options.weight, options.reduction);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
