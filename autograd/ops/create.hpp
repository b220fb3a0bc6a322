// Tensors from nothing: constants, ranges, random numbers.
#pragma once

#include <tapehead/autograd/condition.hpp>
#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Tensor zeros(const Shape& shape);             ///< 0 everywhere
Tensor ones(const Shape& shape);              ///< 1 everywhere
Tensor full(const Shape& shape, Real value);  ///< `value` everywhere
Tensor zeros_like(const Tensor& x);           ///< 0 in the shape of x
Tensor ones_like(const Tensor& x);            ///< 1 in the shape of x

/// The numbers start, start + step, ... before end: shape [n]. Throws ValueError for a step of 0 or away
/// from end, and for more numbers than max_elements.
Tensor arange(Real start, Real end, Real step = 1);
/// 0, 1, ... before end.
Tensor arange(Real end);
/// The identity [n, m]; square without m.
Tensor eye(Index n, Index m = -1);

/// U[0, 1)
Tensor rand(const Shape& shape, Generator& generator = default_generator());
/// N(0, 1)
Tensor randn(const Shape& shape, Generator& generator = default_generator());
/// Uniform integers in [low, high). Throws ValueError for an empty range.
Ids randint(Id low, Id high, const Shape& shape, Generator& generator = default_generator());

/// 1 where the condition holds, else 0; the condition's shape.
Tensor as_tensor(const Condition& condition);
/// Integers as numbers; the ids' shape.
Tensor as_tensor(const Ids& ids);
/// y[..., c] = 1 where c is the id, else 0: ids[...] → [..., classes]. Throws IndexError for an id outside [0, classes),
/// ValueError for classes < 0.
Tensor one_hot(const Ids& ids, Index classes);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
