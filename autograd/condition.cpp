// The logic of conditions; see condition.hpp.
#include <tapehead/autograd/condition.hpp>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

template <class F>
Condition combine(const char* operation, const Condition& a, const Condition& b, F f) {
    const Shape shape = broadcast_shapes(operation, a.shape(), b.shape());
    const Shape sa = broadcast_strides(a.shape(), shape), sb = broadcast_strides(b.shape(), shape);
    Condition y(shape);
    Shape position = shape;
    std::fill(position.begin(), position.end(), 0);
    Index ia = 0, ib = 0;
    for (Index i = 0; i < y.numel(); ++i) {
        y.raw()[i] = f(a.data()[ia], b.data()[ib]);
        for (Index axis = shape.rank() - 1; axis >= 0; --axis) {  // an odometer over the position
            ia += sa[axis];
            ib += sb[axis];
            if (++position[axis] < shape[axis]) break;
            ia -= sa[axis] * shape[axis];
            ib -= sb[axis] * shape[axis];
            position[axis] = 0;
        }
    }
    return y;
}

}  // namespace

Condition Condition::reshape(const Shape& shape) const {
    check<ShapeError>(checked_numel("reshape", shape) == numel(), "reshape: expected {} elements, got shape {}", numel(),
                      shape);
    Condition result = *this;
    result.shape_ = shape;
    return result;
}

bool Condition::any() const { return std::find(data(), data() + numel(), true) != data() + numel(); }
bool Condition::all() const { return std::find(data(), data() + numel(), false) == data() + numel(); }

Condition operator!(const Condition& a) {
    Condition y(a.shape());
    std::transform(a.data(), a.data() + a.numel(), y.raw(), std::logical_not<>());
    return y;
}

Condition operator&(const Condition& a, const Condition& b) { return combine("&", a, b, std::logical_and<>()); }
Condition operator|(const Condition& a, const Condition& b) { return combine("|", a, b, std::logical_or<>()); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR
