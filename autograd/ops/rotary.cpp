// Rotary position embedding. A rotation's gradient is the rotation back.
#include <tapehead/autograd/ops/rotary.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// The first and the second elements of all pairs, [..., R/2] each.
struct Pairs {
    Tensor a, b;
};

Pairs pairs_of(const Tensor& x, Index half, RotaryLayout layout) {
    if (layout == RotaryLayout::half_split) return {slice(x, -1, 0, half), slice(x, -1, half, 2 * half)};
    return {slice(x, -1, 0, 2 * half, 2), slice(x, -1, 1, 2 * half, 2)};
}

/// Angles as rows [rows, R/2], each for as many neighbouring rows of x, which take them in turn.
struct AngleRows {
    Index rows, neighbours;
    Tensor cos, sin;
};

/// One set of T rows where only one axis of x has angles of its own, and one row for each of x's otherwise.
AngleRows in_rows(const Tensor& cos, const Tensor& sin, Shape x, Index half) {
    x[-1] = half;
    Index axis = cos.dim() - 1, neighbours = 1;  // `axis` comes to be the last one but R/2 that is longer than 1
    while (axis > 0 && cos.size(axis - 1) == 1) neighbours *= x[--axis - cos.dim()];
    const Index rows = axis > 0 ? cos.size(axis - 1) : 1;
    if (half > 0 && cos.numel() == rows * half) return {rows, neighbours, cos, sin};
    return {x.slice(0, x.rank() - 1).numel(), 1, expand(cos, x), expand(sin, x)};
}

}  // namespace

/// y = (a c − b s, a s + b c), dy = (p, q);  dx = (p c + q s, −p s + q c),  dc = p a + q b,  ds = q a − p b
Tensor rotary_embedding(const Tensor& x, const Tensor& cos, const Tensor& sin, RotaryLayout layout) {
    check<ShapeError>(x.dim() >= 2, "rotary_embedding: expected x [..., T, D], got {}", x.shape());
    check<ShapeError>(cos.dim() >= 1 && cos.shape() == sin.shape() && 2 * cos.size(-1) <= x.size(-1),
                      "rotary_embedding: expected cos and sin of one shape [..., T, R/2] with R at most {}, got {} and {}",
                      x.size(-1), cos.shape(), sin.shape());
    const Index half = cos.size(-1);
    Shape full = x.shape();
    full[-1] = half;
    check_broadcasts_to("rotary_embedding", cos.shape(), full);

    Tensor y = Tensor::empty(x.shape());
    {
        const no_grad off;
        const AngleRows angles = in_rows(cos, sin, x.shape(), half);
        const Index rows = x.size(-1) == 0 ? 0 : x.numel() / x.size(-1);
        const kernels::Rotation rotation{.adjacent = layout == RotaryLayout::adjacent,
                                         .width = x.size(-1),
                                         .half = half,
                                         .angle_rows = std::max<Index>(1, angles.rows),
                                         .neighbours = std::max<Index>(1, angles.neighbours)};
        kernels::simd().rotate(rotation, x.data(), angles.cos.data(), angles.sin.data(), y.raw(), rows);
    }
    return record({"rotary_embedding",
                   "(u, v) = (a cos − b sin, a sin + b cos) for each pair (a, b) of x;  dx = the pairs of dy turned back"},
                  y, wrt(x, [=](const Tensor& dy) { return rotary_embedding(dy, cos, -sin, layout); }),
                  wrt(cos,
                      [=](const Tensor& dy) {
                          const Pairs d = pairs_of(dy, half, layout), u = pairs_of(x, half, layout);
                          return d.a * u.a + d.b * u.b;
                      }),
                  wrt(sin, [=](const Tensor& dy) {
                      const Pairs d = pairs_of(dy, half, layout), u = pairs_of(x, half, layout);
                      return d.b * u.a - d.a * u.b;
                  }));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
