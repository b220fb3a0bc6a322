// What every test of distributed/ includes: the processes that all run the same tests, in the same order.
#pragma once

#include <support/testing.hpp>

#include <tapehead/distributed/distributed.hpp>

namespace testing {

/// All processes of the test program.
const mpi::Communicator& processes();

/// Whether a tensor has the same bits on all processes.
inline bool is_same_everywhere(const Tensor& x) {
    const std::string own(reinterpret_cast<const char*>(x.data()), static_cast<std::size_t>(x.numel()) * sizeof(Scalar));
    const bool differs = processes().broadcast(own) != own;
    return !processes().any(differs);
}

}  // namespace testing
