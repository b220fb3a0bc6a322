// Initialisation: functions that fill a tensor in place, whether it requires grad or not, and return it.
//
// The fan of a weight [out, in] is `in`, its fan out `out`; further axes multiply both, as in a convolution. All throw ValueError
// for numbers of which no distribution can be made, before anything is drawn.
#pragma once

#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::init {

Tensor constant_(Tensor x, Real value);  ///< `value` everywhere
Tensor zeros_(Tensor x);                 ///< 0 everywhere
Tensor ones_(Tensor x);                  ///< 1 everywhere
/// U[low, high)
Tensor uniform_(Tensor x, Real low = 0, Real high = 1, Generator& generator = default_generator());
/// N(mean, std²)
Tensor normal_(Tensor x, Real mean = 0, Real std = 1, Generator& generator = default_generator());
/// N(mean, std²) drawn again outside mean ± 2 std.
Tensor trunc_normal_(Tensor x, Real mean = 0, Real std = 1, Generator& generator = default_generator());
/// U(±gain √(6 / (fan_in + fan_out)))  (Glorot and Bengio 2010). Throws ShapeError for fewer than 2 axes; so do all below.
Tensor xavier_uniform_(Tensor x, Real gain = 1, Generator& generator = default_generator());
/// N(0, gain² 2 / (fan_in + fan_out))  (Glorot and Bengio 2010)
Tensor xavier_normal_(Tensor x, Real gain = 1, Generator& generator = default_generator());
/// U(±gain √(3 / fan_in)); gain √2 is for relu  (He et al. 2015)
Tensor kaiming_uniform_(Tensor x, Real gain = 1.4142135623730951, Generator& generator = default_generator());
/// N(0, gain² / fan_in); gain √2 is for relu  (He et al. 2015)
Tensor kaiming_normal_(Tensor x, Real gain = 1.4142135623730951, Generator& generator = default_generator());

}  // namespace tapehead::inline TAPEHEAD_SCALAR::init
