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

/// Angles [..., T, R/2] as rows that x's rows take in turn: one set of T rows where no leading axis has angles of its own.
Tensor in_rows(const Tensor& angles, const Shape& x, Index half) {
    const Shape shared{x[-2], half};
    if (angles.numel() == shared.numel() && angles.dim() >= 2 && angles.size(-2) == x[-2]) return reshape(angles, shared);
    Shape full = x;
    full[-1] = half;
    return expand(angles, full);
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
        const Tensor c = in_rows(cos, x.shape(), half), s = in_rows(sin, x.shape(), half);
        const Index rows = x.size(-1) == 0 ? 0 : x.numel() / x.size(-1);
        const kernels::Rotation rotation{.adjacent = layout == RotaryLayout::adjacent,
                                         .width = x.size(-1),
                                         .half = half,
                                         .angle_rows = half == 0 ? 1 : std::max<Index>(1, c.numel() / half)};
        kernels::simd().rotate(rotation, x.data(), c.data(), s.data(), y.raw(), rows);
    }
    return record("rotary_embedding", y, wrt(x, [=](const Tensor& dy) { return rotary_embedding(dy, cos, -sin, layout); }),
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
