// Positions; see positional.hpp.
#include <tapehead/layers/positional.hpp>

#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/layers/init.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// The last position that a first one may be: those of a sequence after it are still different numbers.
constexpr Index last_position = Index{1} << 52;

void check_first(const char* operation, Index first) {
    check<IndexError>(0 <= first && first <= last_position, "{}: expected a first position in [0, {}], got {}", operation,
                      last_position, first);
}

void check_sequence(const char* operation, const Tensor& x, Index embed_dim, Index first) {
    check<ShapeError>(x.dim() == 3 && x.size(2) == embed_dim, "{}: expected x [B, T, {}], got {}", operation, embed_dim,
                      x.shape());
    check_first(operation, first);
}

/// f of the angles of positions first … first + length − 1: [length, half].
template <class F>
Tensor rotary_table(Index length, Index first, Index half, const RotaryOptions& o, F f) {
    Tensor table = Tensor::empty({length, half});
    for (Index t = 0; t < length; ++t)
        for (Index i = 0; i < half; ++i) {
            const Real speed = std::pow(o.base, -static_cast<Real>(i) / static_cast<Real>(half));
            table.raw()[t * half + i] = static_cast<Scalar>(f(static_cast<Real>(first + t) / o.scaling * speed));
        }
    return table;
}

Real cosine(Real angle) { return std::cos(angle); }
Real sine(Real angle) { return std::sin(angle); }

}  // namespace

Tensor sinusoidal_positions(Index length, Index embed_dim, Index first) {
    check<ValueError>(length >= 0 && embed_dim > 0 && first >= 0 && first <= last_position,
                      "sinusoidal_positions: expected length >= 0, embed_dim > 0 and first in [0, {}], got {}, {} and {}",
                      last_position, length, embed_dim, first);
    Tensor table = Tensor::empty({length, embed_dim});
    for (Index t = 0; t < length; ++t)
        for (Index e = 0; e < embed_dim; ++e) {
            const Real exponent = static_cast<Real>(e - e % 2) / static_cast<Real>(embed_dim);
            const Real angle = static_cast<Real>(first + t) / std::pow(10000.0, exponent);
            table.raw()[t * embed_dim + e] = static_cast<Scalar>(e % 2 ? std::cos(angle) : std::sin(angle));
        }
    return table;
}

SinusoidalPositionalEncoding::SinusoidalPositionalEncoding(Index embed_dim, Index max_length)
    : table(sinusoidal_positions(max_length, embed_dim)) {}

Tensor SinusoidalPositionalEncoding::forward(const Tensor& x, Index first) const {
    check_sequence("SinusoidalPositionalEncoding", x, table.size(1), first);
    const Index length = x.size(1);
    return x + (first + length <= table.size(0) ? slice(table, 0, first, first + length)
                                                : sinusoidal_positions(length, table.size(1), first));
}

LearnedPositionalEncoding::LearnedPositionalEncoding(Index embed_dim, Index max_length) {
    check<ValueError>(max_length > 0 && embed_dim > 0,
                      "LearnedPositionalEncoding: expected extents of at least 1, got {} and {}", embed_dim, max_length);
    weight = init::normal_(make_parameter({max_length, embed_dim}), 0, 0.02);
}

Tensor LearnedPositionalEncoding::forward(const Tensor& x, Index first) const {
    check_sequence("LearnedPositionalEncoding", x, weight.size(1), first);
    check<IndexError>(first + x.size(1) <= weight.size(0),
                      "LearnedPositionalEncoding: expected positions in [0, {}), got up to {}", weight.size(0),
                      first + x.size(1) - 1);
    return x + slice(weight, 0, first, first + x.size(1));
}

RotaryEmbedding::RotaryEmbedding(Index head_dim, const RotaryOptions& rotary, Index max_length) : options(rotary) {
    const Index width = options.dim ? options.dim : head_dim;
    check<ValueError>(width > 0 && width % 2 == 0 && width <= head_dim,
                      "RotaryEmbedding: expected an even number of elements of at most {}, got {}", head_dim, width);
    check<ValueError>(options.base > 0 && options.scaling > 0 && std::isfinite(options.base) && std::isfinite(options.scaling),
                      "RotaryEmbedding: expected base and scaling > 0, got {} and {}", options.base, options.scaling);
    check<ValueError>(max_length >= 0, "RotaryEmbedding: expected max_length >= 0, got {}", max_length);
    cos = rotary_table(max_length, 0, width / 2, options, cosine);
    sin = rotary_table(max_length, 0, width / 2, options, sine);
}

Tensor RotaryEmbedding::forward(const Tensor& x, Index first, Index time_axis) const {
    check<ShapeError>(x.dim() >= 2, "RotaryEmbedding: expected x [..., T, D], got {}", x.shape());
    check_first("RotaryEmbedding", first);
    const Index axis = normalize_axis("RotaryEmbedding", time_axis, x.dim());
    check<IndexError>(axis < x.dim() - 1, "RotaryEmbedding: expected a time axis before the last of {}, got {}", x.shape(),
                      time_axis);
    const Index length = x.size(axis), half = cos.size(1), end = first + length;
    Shape shape{length};  // of the angles: [T, 1, ..., R/2]
    for (Index i = axis + 1; i < x.dim() - 1; ++i) shape.push_back(1);
    shape.push_back(half);
    const auto turn = [&](const Tensor& c, const Tensor& s) {
        return rotary_embedding(x, reshape(c, shape), reshape(s, shape), options.layout);
    };
    if (end <= cos.size(0)) return turn(slice(cos, 0, first, end), slice(sin, 0, first, end));
    return turn(rotary_table(length, first, half, options, cosine), rotary_table(length, first, half, options, sine));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
