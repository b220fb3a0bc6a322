// Losses of classification: scores of C classes against the right class, or against a distribution.
#pragma once

#include <tapehead/autograd/ops/losses.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// How classes and targets count in cross_entropy.
struct CrossEntropyOptions {
    Tensor weight = {};                     ///< w [C], how much each class counts; undefined for 1
    Id ignore_index = -100;                 ///< targets of this class do not count: their loss and gradient are 0
    Reduction reduction = Reduction::mean;  ///< what becomes of the losses of single targets
    Real label_smoothing = 0;               ///< ε: the part of the target distribution that is spread evenly over all classes
};

/// −Σ_c q_c log softmax(x)_c with q_c = w_c ((1 − ε) [c = target] + ε / C), without overflow.
///
/// logits [N, C], [N, C, d1, ...] or [C] with targets [N], [N, d1, ...] or []; the losses have the targets' shape. The mean
/// divides by Σ w_target over the targets that count; if none counts it is 0 with gradient 0. Throws ShapeError; IndexError for
/// a target outside [0, C) that is not ignore_index; ValueError for ε outside [0, 1] or batchmean. (Label smoothing: Szegedy et
/// al. 2016)
Tensor cross_entropy(const Tensor& logits, const Ids& targets, const CrossEntropyOptions& options = {});

/// The same for target distributions p in the shape of the logits: q_c = w_c ((1 − ε) p_c + ε / C).
///
/// The mean divides by the number of distributions, weighted or not. All targets count: throws ValueError for an ignore_index
/// that is a class.
Tensor cross_entropy(const Tensor& logits, const Tensor& target_probabilities, const CrossEntropyOptions& options = {});

/// The same written in plain operations: what the fused one is differentiated through, and tested against.
Tensor cross_entropy_composite(const Tensor& logits, const Ids& targets, const CrossEntropyOptions& options = {});

/// How classes and targets count in nll_loss.
struct NllLossOptions {
    Tensor weight = {};                     ///< w [C], how much each class counts; undefined for 1
    Id ignore_index = -100;                 ///< targets of this class do not count: their loss and gradient are 0
    Reduction reduction = Reduction::mean;  ///< what becomes of the losses of single targets
};

/// −w_target x_target, the negative log-likelihood of log-probabilities x; shapes, mean and errors as in cross_entropy.
Tensor nll_loss(const Tensor& log_probs, const Ids& targets, const NllLossOptions& options = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR
