// What a printed program needs: leaves, constants, ids and flags from lists.
#pragma once

#include <tapehead/tapehead.hpp>

namespace random_programs::paste {

using namespace tapehead;

inline Tensor constant(const Shape& shape, const std::vector<double>& values) {
    return Tensor::from_values(std::vector<Scalar>(values.begin(), values.end()), shape);
}
inline Tensor leaf(const Shape& shape, const std::vector<double>& values) { return constant(shape, values).requires_grad_(); }
inline Ids ids(const Shape& shape, const std::vector<Id>& values) {
    Ids result = make_array<Id>(shape);
    std::copy(values.begin(), values.end(), result.data());
    return result;
}
inline Condition flags(const Shape& shape, const std::vector<int>& values) {
    Condition result(shape);
    std::copy(values.begin(), values.end(), result.raw());
    return result;
}

}  // namespace random_programs::paste
