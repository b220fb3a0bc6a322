// The operation: its value, and one rule for each input beside it.
#include "snake.hpp"

#include <cmath>

using namespace tapehead;

namespace snake {

Tensor snake(const Tensor& x, const Tensor& a) {
    const Index width = a.numel();
    if (x.shape().rank() == 0 || a.shape() != Shape{x.size(-1)})
        throw ShapeError("snake: expected x [..., E] and a [E], got " + to_string(x.shape()) + " and " + to_string(a.shape()));

    Tensor y = Tensor::empty(x.shape());
    for (Index i = 0; i < x.numel(); ++i) {
        const Scalar value = x.data()[i], frequency = a.data()[i % width], s = std::sin(frequency * value);
        y.raw()[i] = value + s * s / frequency;
    }
    return record({"snake", "y = x + sin²(a x) / a;  dx = dy (1 + sin 2ax),  da = dy (x sin 2ax − sin²(a x) / a) / a"}, y,
                  wrt(x, [=](const Tensor& dy) { return dy * (1 + sin(2 * a * x)); }),
                  wrt(a, [=](const Tensor& dy) { return dy * (x * sin(2 * a * x) - square(sin(a * x)) / a) / a; }));
}

Snake::Snake(Index embed_dim, Real start) : frequency(init::constant_(make_parameter({embed_dim}), start)) {}

}  // namespace snake
