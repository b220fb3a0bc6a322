// The default random stream; see random.hpp.
#include <tapehead/autograd/random.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Generator& default_generator() {
    static Generator generator;
    return generator;
}

void manual_seed(std::uint64_t seed) { default_generator().manual_seed(seed); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR
