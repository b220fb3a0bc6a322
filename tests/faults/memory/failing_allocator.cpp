// The operators new and delete and aligned_alloc of the program; see failing_allocator.hpp.
#include "failing_allocator.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

constinit std::atomic<std::int64_t> requests{0}, first_to_fail{never}, failed{0};

/// Whether a request is to fail, which is counted.
bool is_refused() {
    if (requests.fetch_add(1, std::memory_order_relaxed) + 1 < first_to_fail.load(std::memory_order_relaxed)) return false;
    failed.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void* request(std::size_t bytes) { return is_refused() ? nullptr : std::malloc(bytes > 0 ? bytes : 1); }

void* request_aligned(std::size_t bytes, std::size_t alignment) {
    void* block = nullptr;
    if (is_refused() ||
        posix_memalign(&block, alignment < sizeof(void*) ? sizeof(void*) : alignment, bytes > 0 ? bytes : 1) != 0)
        return nullptr;
    return block;
}

void* or_throw(void* block) {
    if (!block) throw std::bad_alloc();
    return block;
}

std::size_t number(std::align_val_t alignment) { return static_cast<std::size_t>(alignment); }

}  // namespace

void testing::run_out_of_memory_at(std::int64_t n) {
    requests = 0;
    failed = 0;
    first_to_fail = n;
}

std::int64_t testing::have_memory_again() {
    first_to_fail = never;
    return requests;
}

std::int64_t testing::failed_requests() { return failed; }

extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept { return request_aligned(bytes, alignment); }

void* operator new(std::size_t bytes) { return or_throw(request(bytes)); }
void* operator new[](std::size_t bytes) { return or_throw(request(bytes)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return request(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return request(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return or_throw(request_aligned(bytes, number(alignment)));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return or_throw(request_aligned(bytes, number(alignment)));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return request_aligned(bytes, number(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return request_aligned(bytes, number(alignment));
}

void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept { std::free(block); }
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept { std::free(block); }
