// Gradient clipping: between `backward` and `step`.
#pragma once

#include <tapehead/optim/parameters.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Which norm clip_grad_norm measures, and what it does with one that is no number.
struct ClipOptions {
    Real norm_type = 2;               ///< p of the norm, (Σ |g|ᵖ)^(1/p); infinity is the largest |g|
    bool error_if_nonfinite = false;  ///< throw GradError for a total norm that is NaN or infinite
};

/// Scales all gradients by one factor, min(1, max_norm / (total + 1e-6)), so that their total norm is at most `max_norm`;
/// returns the total before. (Pascanu et al. 2013)
///
/// A total that is NaN or infinite leaves the gradients alone. Parameters without gradient are passed over. Throws ValueError
/// for a negative max_norm or norm_type ≤ 0, an undefined parameter and one that comes twice.
Real clip_grad_norm(const Parameters& parameters, Real max_norm, ClipOptions options = {});

/// Moves every element of every gradient into [−limit, limit]. Throws ValueError for a negative limit, and as clip_grad_norm.
void clip_grad_value(const Parameters& parameters, Real limit);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
