// Losses of numbers against numbers, element by element; those of classes are in cross_entropy.hpp.
//
// Input and target must have the same shape: nothing is broadcast. Both can be differentiated. All throw ShapeError unless the shapes
// are equal, ValueError for a reduction that they do not have. The mean over no element is NaN.
#pragma once

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// What becomes of the losses of single elements.
enum class Reduction {
    mean,       ///< their mean, shape []
    sum,        ///< their sum, shape []
    none,       ///< as they are
    batchmean,  ///< kl_div alone: their sum over the extent of axis 0, shape []
};

/// (x − t)²
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);

/// |x − t|, with gradient 0 where they are equal
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);

/// d²/2 where |d| ≤ δ, else δ (|d| − δ/2), for d = x − t. Throws ValueError unless δ > 0. (Huber 1964)
Tensor huber_loss(const Tensor& input, const Tensor& target, Real delta = 1, Reduction reduction = Reduction::mean);

/// huber_loss / β with δ = β: |d| − β/2 for large d whatever β is; l1_loss for β = 0. Throws ValueError for β < 0.
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, Real beta = 1, Reduction reduction = Reduction::mean);

/// How elements count in binary_cross_entropy_with_logits.
struct BinaryCrossEntropyWithLogitsOptions {
    Tensor weight = {};                     ///< of each loss, broadcasting to the input's shape; undefined for none
    Tensor pos_weight = {};                 ///< of the term of t, broadcasting to the input's shape; undefined for none
    Reduction reduction = Reduction::mean;  ///< what becomes of the losses of single elements
};

/// −w (p t log σ(x) + (1 − t) log(1 − σ(x))), without overflow; the mean divides by the number of elements.
///
/// Throws ShapeError for weights that do not broadcast to the input's shape.
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BinaryCrossEntropyWithLogitsOptions& options = {});

/// How elements count in binary_cross_entropy.
struct BinaryCrossEntropyOptions {
    Tensor weight = {};                     ///< of each loss, broadcasting to the input's shape; undefined for none
    Reduction reduction = Reduction::mean;  ///< what becomes of the losses of single elements
};

/// −w (t log x + (1 − t) log(1 − x)) for probabilities x; logarithms below −100 count as −100, with gradient 0.
///
/// Throws ValueError for an input outside [0, 1], ShapeError for a weight that does not broadcast to the input's shape.
Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const BinaryCrossEntropyOptions& options = {});

/// How kl_div reads its target and sums up.
struct KlDivOptions {
    Reduction reduction = Reduction::mean;  ///< batchmean is the divergence of distributions, averaged over axis 0
    bool log_target = false;                ///< whether the target is given as log-probabilities too
};

/// t (log t − x) for log-probabilities x: the terms of the Kullback-Leibler divergence D(t ‖ eˣ).
///
/// A target of probability 0 contributes 0, with gradient 0, whatever x is.
Tensor kl_div(const Tensor& input, const Tensor& target, const KlDivOptions& options = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR
