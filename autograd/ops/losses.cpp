// Losses element by element, composed of recorded operations so that every order of derivative is theirs.
#include <tapehead/autograd/ops/losses.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/ops/reduce.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

void check_loss(const char* operation, const Tensor& input, const Tensor& target, Reduction reduction) {
    check<ShapeError>(input.shape() == target.shape(), "{}: expected input and target of one shape, got {} and {}", operation,
                      input.shape(), target.shape());
    check<ValueError>(reduction != Reduction::batchmean, "{}: expected reduction mean, sum or none, got batchmean", operation);
}

void check_weight(const char* operation, const Tensor& weight, const Shape& shape) {
    if (weight) check_broadcasts_to(operation, weight.shape(), shape);
}

Tensor reduced(const Tensor& losses, Reduction reduction) {
    switch (reduction) {
        case Reduction::mean: return mean(losses);
        case Reduction::sum: return sum(losses);
        case Reduction::none: return losses;
        case Reduction::batchmean: break;
    }
    return losses.dim() == 0 ? losses : sum(losses) / static_cast<Real>(losses.size(0));
}

/// c (d − c/2) with c = d clamped to ±δ: d²/2 inside, δ (|d| − δ/2) outside, and smooth at 0.
Tensor huber(const Tensor& d, Real delta) {
    const Tensor c = clamp(d, -delta, delta);
    return c * (d - 0.5 * c);
}

}  // namespace

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
    check_loss("mse_loss", input, target, reduction);
    return reduced(square(input - target), reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
    check_loss("l1_loss", input, target, reduction);
    return reduced(abs(input - target), reduction);
}

Tensor huber_loss(const Tensor& input, const Tensor& target, Real delta, Reduction reduction) {
    check_loss("huber_loss", input, target, reduction);
    check<ValueError>(delta > 0, "huber_loss: expected delta > 0, got {}", delta);
    return reduced(huber(input - target, delta), reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, Real beta, Reduction reduction) {
    check_loss("smooth_l1_loss", input, target, reduction);
    check<ValueError>(beta >= 0, "smooth_l1_loss: expected beta >= 0, got {}", beta);
    const Tensor d = input - target;
    return reduced(beta == 0 ? abs(d) : huber(d, beta) / beta, reduction);
}

/// By softplus, because −log σ(x) = softplus(−x) and −log(1 − σ(x)) = softplus(x); `chain` is a product in which 0 · ∞ = 0.
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BinaryCrossEntropyWithLogitsOptions& options) {
    constexpr auto name = "binary_cross_entropy_with_logits";
    check_loss(name, input, target, options.reduction);
    check_weight(name, options.weight, input.shape());
    check_weight(name, options.pos_weight, input.shape());
    const Tensor positive = options.pos_weight ? target * options.pos_weight : target;
    const Tensor losses = chain(positive, softplus(-input)) + chain(1 - target, softplus(input));
    return reduced(options.weight ? losses * options.weight : losses, options.reduction);
}

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const BinaryCrossEntropyOptions& options) {
    check_loss("binary_cross_entropy", input, target, options.reduction);
    check_weight("binary_cross_entropy", options.weight, input.shape());
    for (const Scalar p : input.values())
        check<ValueError>(0 <= p && p <= 1, "binary_cross_entropy: expected probabilities in [0, 1], got {}", p);
    const Tensor log_p = clamp(log(input), -100), log_q = clamp(log1p(-input), -100);
    const Tensor losses = -(target * log_p + (1 - target) * log_q);
    return reduced(options.weight ? losses * options.weight : losses, options.reduction);
}

Tensor kl_div(const Tensor& input, const Tensor& target, const KlDivOptions& options) {
    const bool is_log = options.log_target;
    check_loss("kl_div", input, target, options.reduction == Reduction::batchmean ? Reduction::sum : options.reduction);
    const Condition is_nothing = (is_log ? exp(target.detach()) : target.detach()) == 0;
    const Tensor safe = masked_fill(target, is_nothing, is_log ? 0 : 1);
    const Tensor p = is_log ? exp(safe) : safe, log_p = is_log ? safe : log(safe);
    return reduced(masked_fill(p * (log_p - input), is_nothing, 0), options.reduction);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
