// What the tests of memory ask of the allocator.
#pragma once

#include <support/testing.hpp>

namespace testing {

/// Whether freed blocks are kept; under the address sanitizer they are not.
inline bool caches() {
    void* block = memory::allocate(100);
    const std::size_t before = memory_statistics().cached_bytes;
    memory::deallocate(block, 100);
    return memory_statistics().cached_bytes > before;
}

}  // namespace testing
