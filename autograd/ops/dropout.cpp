// Dropout: linear in x, so that its rule is itself with the same key.
#include <tapehead/autograd/ops/dropout.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

Tensor drop(const Tensor& x, Real p, kernels::PhiloxKey key) {
    Tensor y = Tensor::empty(x.shape());
    kernels::dropout(key, p, x.data(), y.raw(), x.numel());
    return record({"dropout", "y = x m(key) / (1 − p);  dx = dy m(key) / (1 − p)"}, y,
                  wrt(x, [=](const Tensor& dy) { return drop(dy, p, key); }));
}

}  // namespace

Tensor dropout(const Tensor& x, Real p, bool training, Generator& generator) {
    check<ValueError>(0 <= p && p <= 1, "dropout: expected a probability in [0, 1], got {}", p);
    return training && p > 0 ? drop(x, p, generator.take(x.numel())) : x;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
