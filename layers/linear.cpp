// Linear; see linear.hpp.
#include <tapehead/layers/linear.hpp>

#include <cmath>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/matmul.hpp>
#include <tapehead/layers/init.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Linear::Linear(Index in, Index out, bool with_bias) {
    check<ValueError>(in > 0 && out > 0, "Linear: expected extents of at least 1, got in {} and out {}", in, out);
    const Real bound = 1 / std::sqrt(static_cast<Real>(in));
    weight = init::uniform_(make_parameter({out, in}), -bound, bound);
    if (with_bias) bias = init::uniform_(make_parameter({out}), -bound, bound);
}

Tensor Linear::forward(const Tensor& x) const { return linear(x, weight, bias); }

void Linear::visit(Visitor& v) {
    v("weight", weight);
    v("bias", bias);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
