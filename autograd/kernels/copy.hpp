// Moving elements: permutes, slices, gathers and scatters. No arithmetic but addition.
//
// Knows raw memory, extents and strides. Ids are checked before they come here.
#pragma once

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// y[i…] = x[i…] over `extents`, each side with strides of its own (0 repeats, negative walks backwards).
///
/// Merges axes and goes tile by tile where the fastest axes of the two sides differ, so that a transpose runs near the
/// speed of memory. x and y must not overlap.
void strided_copy(Index rank, const Index* extents, const Scalar* x, const Index* x_strides, Scalar* y, const Index* y_strides);

/// y[o, j, i] = x[o, ids[j], i];  x[outer, n, inner] → y[outer, count, inner]
void take(const Scalar* x, const Id* ids, Scalar* y, Index outer, Index n, Index count, Index inner);

/// y[o, ids[j], i] += x[o, j, i];  x[outer, count, inner] → y[outer, n, inner]. The order of the sums is that of j.
void take_backward(const Scalar* x, const Id* ids, Scalar* y, Index outer, Index n, Index count, Index inner);

/// y[o, j, i] = x[o, ids[o, j, i], i];  x[outer, n, inner], ids and y[outer, count, inner]
void gather(const Scalar* x, const Id* ids, Scalar* y, Index outer, Index n, Index count, Index inner);

/// y[o, ids[o, j, i], i] += x[o, j, i];  the adjoint of gather
void gather_backward(const Scalar* x, const Id* ids, Scalar* y, Index outer, Index n, Index count, Index inner);

/// y = running sum of x over n, x[outer, n, inner]; from the end if `reverse`, without the element itself if `exclusive`.
void cumsum(const Scalar* x, Scalar* y, Index outer, Index n, Index inner, bool reverse, bool exclusive);

/// y[o, i] = position of the largest (or smallest) of x[o, :, i]; the first of equals; the first NaN if there is one.
void argmax(const Scalar* x, Id* y, Index outer, Index n, Index inner, bool smallest);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
