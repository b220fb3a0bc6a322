// Dropout as a layer; see dropout.hpp.
#include <tapehead/layers/dropout.hpp>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Dropout::Dropout(Real probability) : p(probability) {
    check<ValueError>(0 <= p && p <= 1, "Dropout: expected a probability in [0, 1], got {}", p);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
