// Tensors from nothing; see create.hpp.
#include <tapehead/autograd/ops/create.hpp>

#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/philox.hpp>
#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

void check_extents(const char* operation, const Shape& shape) {
    for (const Index extent : shape)
        check<ShapeError>(extent >= 0, "{}: expected extents of at least 0, got {}", operation, shape);
}

}  // namespace

Tensor zeros(const Shape& shape) { return full(shape, 0); }
Tensor ones(const Shape& shape) { return full(shape, 1); }
Tensor zeros_like(const Tensor& x) { return full(x.shape(), 0); }
Tensor ones_like(const Tensor& x) { return full(x.shape(), 1); }

Tensor full(const Shape& shape, Real value) {
    check_extents("full", shape);
    Tensor y = Tensor::empty(shape);
    kernels::simd().fill(static_cast<Scalar>(value), y.raw(), y.numel());
    return y;
}

Tensor arange(Real start, Real end, Real step) {
    const Real count = std::ceil((end - start) / step);
    check<ValueError>(step != 0 && count >= 0, "arange: expected a step from {} towards {}, got {}", start, end, step);
    check<ShapeError>(count <= static_cast<Real>(max_elements), "arange: expected at most {} elements, got {}", max_elements,
                      count);
    Tensor y = Tensor::empty({static_cast<Index>(count)});
    for (Index i = 0; i < y.numel(); ++i) y.raw()[i] = static_cast<Scalar>(start + static_cast<Real>(i) * step);
    return y;
}

Tensor arange(Real end) { return arange(0, end, 1); }

Tensor eye(Index n, Index m) {
    Tensor y = zeros({n, m < 0 ? n : m});
    for (Index i = 0; i < std::min(n, y.shape()[1]); ++i) y.raw()[i * y.shape()[1] + i] = 1;
    return y;
}

Tensor rand(const Shape& shape, Generator& generator) {
    check_extents("rand", shape);
    Tensor y = Tensor::empty(shape);
    kernels::fill_uniform(generator.take(y.numel()), 0, 1, y.raw(), y.numel());
    return y;
}

Tensor randn(const Shape& shape, Generator& generator) {
    check_extents("randn", shape);
    Tensor y = Tensor::empty(shape);
    kernels::fill_normal(generator.take(y.numel()), 0, 1, y.raw(), y.numel());
    return y;
}

Ids randint(Id low, Id high, const Shape& shape, Generator& generator) {
    check<ValueError>(low < high, "randint: expected low < high, got {} and {}", low, high);
    check_extents("randint", shape);
    Ids ids = make_array<Id>(shape);
    kernels::fill_integers(generator.take(shape.numel()), low, high, ids.data(), shape.numel());
    return ids;
}

Tensor as_tensor(const Condition& condition) {
    Tensor y = Tensor::empty(condition.shape());
    std::copy_n(condition.data(), y.numel(), y.raw());
    return y;
}

Tensor as_tensor(const Ids& ids) {
    Tensor y = Tensor::empty(shape_of(ids));
    std::transform(ids.data(), ids.data() + y.numel(), y.raw(), [](Id id) { return static_cast<Scalar>(id); });
    return y;
}

Tensor one_hot(const Ids& ids, Index classes) {
    Shape shape = shape_of(ids);
    shape.push_back(classes);
    for (const Id id : ids) check<IndexError>(0 <= id && id < classes, "one_hot: expected ids in [0, {}), got {}", classes, id);
    Tensor y = zeros(shape);
    for (std::size_t i = 0; i < ids.size(); ++i) y.raw()[static_cast<Index>(i) * classes + ids.data()[i]] = 1;
    return y;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
