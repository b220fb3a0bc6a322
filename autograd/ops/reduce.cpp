// Reductions: kernels see one run of neighbouring axes at a time, [outer, n, inner]; rules see the axes kept with extent 1.
#include <tapehead/autograd/ops/reduce.hpp>

#include <cmath>
#include <limits>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/copy.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using kernels::Reduce;
using kernels::simd;

constexpr Real infinity = std::numeric_limits<Real>::infinity();

/// Calls reduce_run(x, view) for each run of neighbouring axes in `axes`, last run first, and reshapes to the final shape.
template <class F>
Tensor reduce_runs(Tensor x, const Shape& axes, bool keepdim, F reduce_run) {
    const Shape final_shape = reduced_shape(x.shape(), axes, keepdim);
    for (Index last = axes.rank() - 1; last >= 0;) {
        Index first = last;
        while (first > 0 && axes[first - 1] == axes[first] - 1) --first;
        Shape shape = x.shape();
        for (Index i = first; i <= last; ++i) shape[axes[i]] = 1;
        x = reduce_run(x, AxisView(x.shape(), axes[first], axes[last] + 1), shape);
        last = first - 1;
    }
    return Tensor::over(x.storage(), final_shape);  // a tensor of its own even where no axis is reduced
}

Tensor reduce(Reduce f, const Tensor& x, const Shape& axes, bool keepdim) {
    return reduce_runs(x, axes, keepdim, [f](const Tensor& part, const AxisView& view, const Shape& shape) {
        Tensor y = Tensor::empty(shape);
        simd().reduce(f, part.data(), y.raw(), view.outer, view.n, view.inner);
        return y;
    });
}

Index count(const Shape& shape, const Shape& axes) {
    Index n = 1;
    for (const Index axis : axes) n *= shape[axis];
    return n;
}

/// A reduced tensor with its reduced axes back, at extent 1.
Tensor restore(const Tensor& y, const Shape& shape, const Shape& axes) { return reshape(y, reduced_shape(shape, axes, true)); }

/// The rule of amax and amin: dy shared evenly by the elements that equal y.
Tensor share(const Tensor& x, const Tensor& y, const Tensor& dy, const Shape& axes) {
    const Tensor hit = as_tensor(x == restore(y.detach(), x.shape(), axes));
    return chain(restore(dy, x.shape(), axes), hit / sum(hit, axes, true));
}

Tensor extremum(const Operation& operation, Reduce f, const Tensor& x, const Axes& given, bool keepdim) {
    const Shape axes = normalize_axes(operation.name, given, x.dim());
    return record(operation, reduce(f, x, axes, keepdim),
                  wrt(x, [x, axes](const Tensor& dy, const Tensor& y) { return share(x, y, dy, axes); }));
}

/// √x with gradient 0 where it is 0.
Tensor sqrt_or_zero(const Tensor& x) {
    const Condition is_zero = x == 0;
    return where(is_zero, 0, sqrt(where(is_zero, 1, x)));
}

/// Σ (x − mean)² / (n − correction)
Tensor variance(const char* operation, const Tensor& x, const Axes& axes, Real correction, bool keepdim) {
    const auto n = static_cast<Real>(count(x.shape(), normalize_axes(operation, axes, x.dim())));
    check<ValueError>(n > correction, "{}: expected more than {} elements, got {}", operation, correction, n);
    return sum(square(x - mean(x, axes, true)), axes, keepdim) / (n - correction);
}

Ids position(const char* operation, const Tensor& x, Index axis, bool keepdim, bool smallest) {
    axis = normalize_axis(operation, axis, x.dim());
    check<ValueError>(x.shape()[axis] > 0, "{}: expected at least one element along axis {}, got shape {}", operation, axis,
                      x.shape());
    Ids y = make_array<Id>(reduced_shape(x.shape(), {axis}, keepdim));
    const AxisView view(x.shape(), axis);
    kernels::argmax(x.data(), y.data(), view.outer, view.n, view.inner, smallest);
    return y;
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& given, bool keepdim) {
    const Shape axes = normalize_axes("sum", given, x.dim());
    if (axes.empty()) return x;
    return record({"sum", "y = Σ x;  dx = dy at every element"}, reduce(Reduce::sum, x, axes, keepdim),
                  wrt(x, [shape = x.shape(), axes](const Tensor& dy) { return expand(restore(dy, shape, axes), shape); }));
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
    const auto n = static_cast<Real>(count(x.shape(), normalize_axes("mean", axes, x.dim())));
    return sum(x, axes, keepdim) / n;
}

/// Halves are multiplied elementwise until one element is left, so that no gradient needs a division.
Tensor prod(const Tensor& x, const Axes& given, bool keepdim) {
    const Shape axes = normalize_axes("prod", given, x.dim());
    const Shape final_shape = reduced_shape(x.shape(), axes, keepdim);
    Tensor y = x;
    for (Index i = axes.rank() - 1; i >= 0; --i) {
        const AxisView view(y.shape(), axes[i]);
        Shape shape = y.shape();
        shape[axes[i]] = 1;
        y = reshape(y, {view.outer, view.n, view.inner});
        if (view.n == 0) y = ones({view.outer, 1, view.inner});
        while (y.size(1) > 1) {
            const Index n = y.size(1), half = n / 2;
            const Tensor product = slice(y, 1, 0, half) * slice(y, 1, half, 2 * half);
            y = n % 2 ? concat({product, slice(y, 1, n - 1)}, 1) : product;
        }
        y = reshape(y, shape);
    }
    return reshape(y, final_shape);
}

Tensor amax(const Tensor& x, const Axes& axes, bool keepdim) {
    return extremum({"amax", "y = max x;  dx = dy, shared evenly where x = y"}, Reduce::max, x, axes, keepdim);
}
Tensor amin(const Tensor& x, const Axes& axes, bool keepdim) {
    return extremum({"amin", "y = min x;  dx = dy, shared evenly where x = y"}, Reduce::min, x, axes, keepdim);
}

Tensor var(const Tensor& x, const Axes& axes, Real correction, bool keepdim) {
    return variance("var", x, axes, correction, keepdim);
}

Tensor std(const Tensor& x, const Axes& axes, Real correction, bool keepdim) {
    return sqrt_or_zero(variance("std", x, axes, correction, keepdim));
}

Tensor norm(const Tensor& x, Real p, const Axes& axes, bool keepdim) {
    check<ValueError>(p > 0, "norm: expected p > 0, got {}", p);
    const Shape reduced = reduced_shape(x.shape(), normalize_axes("norm", axes, x.dim()), keepdim);
    if (x.numel() == 0 || p == 1) return sum(p == 1 ? abs(x) : x, axes, keepdim);  // over nothing: 0
    if (p == infinity) return amax(abs(x), axes, keepdim);
    // The largest |x| is taken out, so that the powers neither overflow nor vanish. The norm does not depend on it.
    const Tensor largest = amax(abs(x.detach()), axes, true);
    const Tensor scale = where((largest == 0) | (largest == infinity), 1, largest);
    const Condition is_nothing = x == 0;  // |x|ᵖ is steep at 0 for p < 1: no gradient from there
    const Tensor power = p == 2 ? square(x / scale) : where(is_nothing, 0, pow(where(is_nothing, 1, abs(x / scale)), p));
    const Tensor total = sum(power, axes, true);
    const Condition is_zero = total == 0;
    const Tensor root = p == 2 ? sqrt(where(is_zero, 1, total)) : pow(where(is_zero, 1, total), 1 / p);
    return reshape(where(is_zero, 0, root * scale), reduced);
}

/// dx = dy eˣ⁻ʸ, 0 where y = −∞
Tensor logsumexp(const Tensor& x, const Axes& given, bool keepdim) {
    const Shape axes = normalize_axes("logsumexp", given, x.dim());
    const Tensor y = reduce_runs(x, axes, keepdim, [](const Tensor& part, const AxisView& view, const Shape& shape) {
        Tensor partial = Tensor::empty(shape);
        simd().logsumexp(part.data(), partial.raw(), view.outer, view.n, view.inner);
        return partial;
    });
    return record({"logsumexp", "y = log Σ eˣ;  dx = dy softmax(x)"}, y,
                  wrt(x, [x, axes](const Tensor& dy, const Tensor& result) {
                      const Tensor finite = where(result == -infinity, 0, result);
                      return chain(restore(dy, x.shape(), axes), exp(x - restore(finite, x.shape(), axes)));
                  }));
}

Tensor cumsum(const Tensor& x, Index axis, CumsumOptions options) {
    const Index normal = normalize_axis("cumsum", axis, x.dim());
    const AxisView view(x.shape(), normal);
    Tensor y = Tensor::empty(x.shape());
    kernels::cumsum(x.data(), y.raw(), view.outer, view.n, view.inner, options.reverse, options.exclusive);
    return record({"cumsum", "y[i] = Σ x[j], j ≤ i;  dx = running sum of dy from the other side"}, y,
                  wrt(x, [normal, options](const Tensor& dy) {
                      return cumsum(dy, normal, {.reverse = !options.reverse, .exclusive = options.exclusive});
                  }));
}

Ids argmax(const Tensor& x, Index axis, bool keepdim) { return position("argmax", x, axis, keepdim, false); }
Ids argmin(const Tensor& x, Index axis, bool keepdim) { return position("argmin", x, axis, keepdim, true); }
Ids argmax(const Tensor& x) { return position("argmax", reshape(x.detach(), {x.numel()}), 0, false, false); }
Ids argmin(const Tensor& x) { return position("argmin", reshape(x.detach(), {x.numel()}), 0, false, true); }

bool all_finite(const Tensor& x) { return simd().all_finite(x.data(), x.numel()); }

/// dx = dy, broadcast back
Tensor sum_to(const Tensor& x, const Shape& shape) {
    check_broadcasts_to("sum_to", shape, x.shape());
    if (x.shape() == shape) return x;
    Shape axes;
    for (Index axis = 0; axis < x.dim(); ++axis) {
        const Index target = axis - (x.dim() - shape.rank());
        if (target < 0 || (shape[target] == 1 && x.shape()[axis] != 1)) axes.push_back(axis);
    }
    const Tensor total = reduce(Reduce::sum, x, axes, true);
    return record({"sum_to", "y = Σ x over broadcast axes;  dx = dy, repeated"}, Tensor::over(total.storage(), shape),
                  wrt(x, [before = x.shape()](const Tensor& dy) { return expand(dy, before); }));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
