// Arithmetic of two tensors: values from broadcasting kernels, rules beside them. Gradients are summed over broadcast axes in
// the sweep, not here.
#include <tapehead/autograd/ops/arithmetic.hpp>

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using kernels::Binary;
using kernels::Compare;
using kernels::simd;

kernels::Extents extents(const Shape& shape) { return {shape.data(), shape.rank()}; }

Tensor combine(const char* operation, Binary f, const Tensor& a, const Tensor& b) {
    Tensor y = Tensor::empty(broadcast_shapes(operation, a.shape(), b.shape()));
    simd().binary(f, kernels::make_walk(extents(y.shape()), extents(a.shape()), extents(b.shape())), a.data(), b.data(),
                  y.raw());
    return y;
}

Condition compare(const char* operation, Compare f, const Tensor& a, const Tensor& b) {
    Condition y(broadcast_shapes(operation, a.shape(), b.shape()));
    simd().compare(f, kernels::make_walk(extents(y.shape()), extents(a.shape()), extents(b.shape())), a.data(), b.data(),
                   y.raw());
    return y;
}

/// How much of a's gradient it keeps in max(a, b): 1 where it is larger, half where they are equal.
Tensor share_of_larger(const Tensor& a, const Tensor& b) { return as_tensor(a > b) + 0.5 * as_tensor(a == b); }

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
    return record({"add", "y = a + b;  da = dy,  db = dy"}, combine("add", Binary::add, a, b),
                  wrt(a, [](const Tensor& dy) { return dy; }), wrt(b, [](const Tensor& dy) { return dy; }));
}

Tensor sub(const Tensor& a, const Tensor& b) {
    return record({"sub", "y = a − b;  da = dy,  db = −dy"}, combine("sub", Binary::sub, a, b),
                  wrt(a, [](const Tensor& dy) { return dy; }), wrt(b, [](const Tensor& dy) { return -dy; }));
}

Tensor mul(const Tensor& a, const Tensor& b) {
    return record({"mul", "y = a b;  da = dy b,  db = dy a"}, combine("mul", Binary::mul, a, b),
                  wrt(a, [b](const Tensor& dy) { return chain(dy, b); }),
                  wrt(b, [a](const Tensor& dy) { return chain(dy, a); }));
}

Tensor chain(const Tensor& dy, const Tensor& slope) {
    Tensor y = combine("chain", Binary::chain, dy, slope);
    // As in most sweeps, which need not pay for the rules.
    if (!grad_enabled() && !detail::is_observed()) return y;
    return record({"chain", "y = dy s, 0 where dy = 0;  ddy = dz s,  ds = dy dz"}, std::move(y),
                  wrt(dy, [slope](const Tensor& d) { return chain(d, slope); }),
                  wrt(slope, [dy](const Tensor& d) { return chain(dy, d); }));
}

Tensor div(const Tensor& a, const Tensor& b) {
    return record({"div", "y = a / b;  da = dy / b,  db = −dy y / b"}, combine("div", Binary::div, a, b),
                  wrt(a, [b](const Tensor& dy) { return chain(dy, reciprocal(b)); }),
                  wrt(b, [b](const Tensor& dy, const Tensor& y) { return -chain(dy, y / b); }));
}

Tensor pow(const Tensor& a, const Tensor& b) {
    return record({"pow", "y = aᵇ;  da = dy b aᵇ⁻¹ (0 where b = 0),  db = dy y log a (0 where a = 0)"},
                  combine("pow", Binary::pow, a, b),
                  wrt(a,
                      [a, b](const Tensor& dy) { return chain(dy, chain(b, pow(a, where((a == 0) & (b == 0), 1, b) - 1))); }),
                  wrt(b, [a](const Tensor& dy, const Tensor& y) { return chain(dy, y * log(where(a == 0, 1, a))); }));
}

Tensor pow(const Tensor& x, Real exponent) {
    Tensor y = Tensor::empty(x.shape());
    simd().unary(kernels::Unary::pow, static_cast<Scalar>(exponent), 0, x.data(), y.raw(), x.numel());
    return record({"pow", "y = xᵖ;  dx = dy p xᵖ⁻¹"}, y, wrt(x, [x, exponent](const Tensor& dy) {
                      return exponent == 0 ? Tensor() : chain(dy, exponent * pow(x, exponent - 1));
                  }));
}

Tensor maximum(const Tensor& a, const Tensor& b) {
    return record({"maximum", "y = max(a, b);  da = dy (a > b, half where equal),  db = dy (b > a, half where equal)"},
                  combine("maximum", Binary::maximum, a, b),
                  wrt(a, [a, b](const Tensor& dy) { return chain(dy, share_of_larger(a, b)); }),
                  wrt(b, [a, b](const Tensor& dy) { return chain(dy, share_of_larger(b, a)); }));
}

Tensor minimum(const Tensor& a, const Tensor& b) {
    return record({"minimum", "y = min(a, b);  da = dy (a < b, half where equal),  db = dy (b < a, half where equal)"},
                  combine("minimum", Binary::minimum, a, b),
                  wrt(a, [a, b](const Tensor& dy) { return chain(dy, share_of_larger(b, a)); }),
                  wrt(b, [a, b](const Tensor& dy) { return chain(dy, share_of_larger(a, b)); }));
}

Tensor affine(const Tensor& x, Real scale, Real shift) {
    Tensor y = Tensor::empty(x.shape());
    simd().unary(kernels::Unary::affine, static_cast<Scalar>(scale), static_cast<Scalar>(shift), x.data(), y.raw(), x.numel());
    return record({"affine", "y = p x + q;  dx = p dy"}, y,
                  wrt(x, [scale](const Tensor& dy) { return scale == 1 ? dy : affine(dy, scale, 0); }));
}

Condition eq(const Tensor& a, const Tensor& b) { return compare("eq", Compare::eq, a, b); }
Condition ne(const Tensor& a, const Tensor& b) { return compare("ne", Compare::ne, a, b); }
Condition lt(const Tensor& a, const Tensor& b) { return compare("lt", Compare::lt, a, b); }
Condition le(const Tensor& a, const Tensor& b) { return compare("le", Compare::le, a, b); }
Condition gt(const Tensor& a, const Tensor& b) { return compare("gt", Compare::gt, a, b); }
Condition ge(const Tensor& a, const Tensor& b) { return compare("ge", Compare::ge, a, b); }

Tensor where(const Condition& condition, const Tensor& a, const Tensor& b) {
    const Shape& c = condition.shape();
    Tensor y = Tensor::empty(broadcast_shapes("where", c, broadcast_shapes("where", a.shape(), b.shape())));
    simd().where(kernels::make_walk(extents(y.shape()), extents(c), extents(a.shape()), extents(b.shape())), condition.data(),
                 a.data(), b.data(), y.raw());
    return record({"where", "y = c ? a : b;  da = c ? dy : 0,  db = c ? 0 : dy"}, y,
                  wrt(a, [condition](const Tensor& dy) { return where(condition, dy, 0); }),
                  wrt(b, [condition](const Tensor& dy) { return where(condition, 0, dy); }));
}

Tensor masked_fill(const Tensor& x, const Condition& condition, Real value) {
    check_broadcasts_to("masked_fill", condition.shape(), x.shape());
    return where(condition, value, x);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
