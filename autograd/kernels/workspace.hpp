// Room for a thread's numbers between the steps of a kernel, kept from call to call.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

/// Declared thread_local where it is used; grows to the largest request.
class Workspace {
public:
    /// Room for n numbers; what it held before is lost.
    Scalar* of(Index n) {
        if (room_.size() < static_cast<std::size_t>(n)) room_.resize(static_cast<std::size_t>(n));
#if defined(TAPEHEAD_FILL_MEMORY)
        std::fill(room_.begin(), room_.end(), std::numeric_limits<Scalar>::quiet_NaN());
#endif
        return room_.data();
    }

private:
    std::vector<Scalar> room_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
