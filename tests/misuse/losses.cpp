// Misuse of the losses.
#include "misuse/misuse.hpp"

namespace testing {

Misuses misuses_of_losses() {
    using T = Things;
    constexpr auto bce = "binary_cross_entropy", with_logits = "binary_cross_entropy_with_logits";
    return {
        {"mse_loss", "a target of another shape", raises<ShapeError>("mse_loss", {"[2, 3]", "[2, 4]"}),
         [](T& t) { mse_loss(t.x, t.w); }},
        {"mse_loss", "a target that would broadcast", raises<ShapeError>("mse_loss", {"one shape", "[2, 3]", "[3]"}),
         [](T& t) { mse_loss(t.x, t.row); }},
        {"mse_loss", "batchmean", raises<ValueError>("mse_loss", {"mean, sum or none", "batchmean"}),
         [](T& t) { mse_loss(t.x, t.y, Reduction::batchmean); }},
        {"l1_loss", "a target of another shape", raises<ShapeError>("l1_loss", {"[2, 3]", "[2, 4]"}),
         [](T& t) { l1_loss(t.x, t.w); }},
        {"l1_loss", "batchmean", raises<ValueError>("l1_loss", {"batchmean"}),
         [](T& t) { l1_loss(t.x, t.y, Reduction::batchmean); }},
        {"huber_loss", "a target of another shape", raises<ShapeError>("huber_loss", {"[2, 3]", "[2, 4]"}),
         [](T& t) { huber_loss(t.x, t.w); }},
        {"huber_loss", "a delta of 0", raises<ValueError>("huber_loss", {"delta > 0", "got 0"}),
         [](T& t) { huber_loss(t.x, t.y, 0); }},
        {"huber_loss", "a delta that is no number", raises<ValueError>("huber_loss", {"delta > 0", "nan"}),
         [](T& t) { huber_loss(t.x, t.y, nan); }},
        {"smooth_l1_loss", "a negative beta", raises<ValueError>("smooth_l1_loss", {"beta >= 0", "-1"}),
         [](T& t) { smooth_l1_loss(t.x, t.y, -1); }},
        {"smooth_l1_loss", "a target of another shape", raises<ShapeError>("smooth_l1_loss", {"[2, 3]", "[2, 4]"}),
         [](T& t) { smooth_l1_loss(t.x, t.w); }},
        {bce, "a target of another shape", raises<ShapeError>(bce, {"[2, 3]", "[2, 4]"}),
         [](T& t) { binary_cross_entropy(sigmoid(t.x), t.w); }},
        {bce, "numbers that are no probabilities", raises<ValueError>(bce, {"[0, 1]"}),
         [](T& t) { binary_cross_entropy(t.x, t.y); }},
        {bce, "NaN for a probability", raises<ValueError>(bce, {"[0, 1]", "nan"}),
         [](T& t) {
             binary_cross_entropy(full({2, 3}, nan), t.y);
         }},
        {bce, "a weight that does not broadcast", raises<ShapeError>(bce, {"[2, 3]", "[2, 4]"}),
         [](T& t) { binary_cross_entropy(sigmoid(t.x), t.y, {.weight = t.w}); }},
        {with_logits, "a target of another shape", raises<ShapeError>(with_logits, {"[2, 3]", "[2, 4]"}),
         [](T& t) { binary_cross_entropy_with_logits(t.x, t.w); }},
        {with_logits, "a pos_weight that does not broadcast", raises<ShapeError>(with_logits, {"[2, 3]", "[2, 4]"}),
         [](T& t) { binary_cross_entropy_with_logits(t.x, t.y, {.pos_weight = t.w}); }},
        {with_logits, "batchmean", raises<ValueError>(with_logits, {"batchmean"}),
         [](T& t) { binary_cross_entropy_with_logits(t.x, t.y, {.reduction = Reduction::batchmean}); }},
        {"kl_div", "a target of another shape", raises<ShapeError>("kl_div", {"[2, 3]", "[2, 4]"}),
         [](T& t) { kl_div(t.x, t.w); }},
        {"cross_entropy", "a scalar", raises<ShapeError>("cross_entropy", {"[C] or [N, C, ...]", "[]"}),
         [](T& t) { cross_entropy(t.scalar, t.ids); }},
        {"cross_entropy", "targets of another batch", raises<ShapeError>("cross_entropy", {"[2]", "[2, 3]", "[3]"}),
         [](T& t) {
             cross_entropy(t.x, Ids{0, 1, 2});
         }},
        {"cross_entropy", "a target beyond the classes", raises<IndexError>("cross_entropy", {"[0, 3)", "got 3"}),
         [](T& t) {
             cross_entropy(t.x, Ids{0, 3});
         }},
        {"cross_entropy", "the lowest target", raises<IndexError>("cross_entropy", {"[0, 3)", "-9223372036854775808"}),
         [](T& t) {
             cross_entropy(t.x, Ids{0, lowest});
         }},
        {"cross_entropy", "a weight for other classes", raises<ShapeError>("cross_entropy", {"weight [3]", "[2, 4]"}),
         [](T& t) { cross_entropy(t.x, t.ids, {.weight = t.w}); }},
        {"cross_entropy", "a smoothing above 1", raises<ValueError>("cross_entropy", {"[0, 1]", "1.5"}),
         [](T& t) { cross_entropy(t.x, t.ids, {.label_smoothing = 1.5}); }},
        {"cross_entropy", "a smoothing that is no number", raises<ValueError>("cross_entropy", {"[0, 1]", "nan"}),
         [](T& t) { cross_entropy(t.x, t.ids, {.label_smoothing = nan}); }},
        {"cross_entropy", "batchmean", raises<ValueError>("cross_entropy", {"mean, sum or none", "batchmean"}),
         [](T& t) { cross_entropy(t.x, t.ids, {.reduction = Reduction::batchmean}); }},
        {"cross_entropy", "probabilities of another shape", raises<ShapeError>("cross_entropy", {"[2, 3]", "[2, 4]"}),
         [](T& t) { cross_entropy(t.x, t.w); }},
        {"cross_entropy", "probabilities and an ignore_index",
         raises<ValueError>("cross_entropy", {"no ignore_index", "got 1"}),
         [](T& t) { cross_entropy(t.x, t.y, {.ignore_index = 1}); }},
        {"cross_entropy_composite", "a target beyond the classes", raises<IndexError>("cross_entropy", {"[0, 3)", "got 3"}),
         [](T& t) {
             cross_entropy_composite(t.x, Ids{0, 3});
         }},
        {"nll_loss", "targets of another batch", raises<ShapeError>("nll_loss", {"[2]", "[2, 3]"}),
         [](T& t) { nll_loss(t.x, Ids{0}); }},
        {"nll_loss", "a negative target", raises<IndexError>("nll_loss", {"[0, 3)", "-1"}),
         [](T& t) {
             nll_loss(t.x, Ids{0, -1});
         }},
        {"nll_loss", "a weight for other classes", raises<ShapeError>("nll_loss", {"weight [3]", "[2, 3]"}),
         [](T& t) { nll_loss(t.x, t.ids, {.weight = t.y}); }},
    };
}

}  // namespace testing
