// Memory that runs out: from the n-th request on every one fails, whichever thread makes it, until there is memory again.
//
// failing_allocator.cpp takes the place of the global operators new and delete and of aligned_alloc in the whole program, so that what
// the library and its containers ask for goes through it. What C libraries take by malloc does not.
#pragma once

#include <cstdint>

namespace testing {

/// Lets the n-th request from here on, and all after it, fail; counts from 1.
void run_out_of_memory_at(std::int64_t n);

/// Ends the shortage. Returns how many requests there were since it was set up.
std::int64_t have_memory_again();

/// How many requests failed in the last shortage.
std::int64_t failed_requests();

}  // namespace testing
