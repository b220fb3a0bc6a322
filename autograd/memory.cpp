// The caching allocator; see memory.hpp.
#include <tapehead/autograd/memory.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace memory {
namespace {

constexpr std::size_t alignment = 64;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool caching = false;  // so that the sanitizer sees every use after free
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool caching = false;
#else
constexpr bool caching = true;
#endif
#else
constexpr bool caching = true;
#endif

/// The size in bytes of the blocks of a class; the classes are multiples of 64 up to 1 KiB, then four to each power of two,
/// so that at most a fifth of a block is wasted.
std::size_t class_bytes(std::size_t index) {
    if (index < 16) return (index + 1) * alignment;
    const std::size_t power = 4 + (index - 16) / 4, quarter = (index - 16) % 4;
    return ((std::size_t{1} << power) + (quarter + 1) * (std::size_t{1} << (power - 2))) * alignment;
}

/// The class that serves a request.
struct SizeClass {
    std::size_t index, bytes;
    explicit SizeClass(std::size_t request) {
        const std::size_t units = std::max<std::size_t>(1, (request + alignment - 1) / alignment);
        if (units <= 16) {
            index = units - 1;
            bytes = units * alignment;
            return;
        }
        const int power = std::bit_width(units - 1) - 1;         // 2^power ≤ units − 1 < 2^(power+1)
        const std::size_t step = std::size_t{1} << (power - 2);  // a quarter of the power of two
        const std::size_t quarter = (units - 1 - (std::size_t{1} << power)) / step;
        index = 16 + static_cast<std::size_t>(power - 4) * 4 + quarter;
        bytes = class_bytes(index);
    }
};

constexpr std::size_t class_count = 16 + 4 * 50;
constexpr std::size_t small_classes = 16 + 4 * 6;           // up to 64 KiB are cached per thread
constexpr std::size_t thread_limit = std::size_t{1} << 20;  // bytes of one class that a thread keeps

struct FreeBlock {
    FreeBlock* next;
};

struct Counters {
    std::atomic<std::size_t> live{0}, peak{0}, cached{0}, requests{0};
};

/// The free lists that all threads share. Never destroyed, since tensors may outlive every static object.
struct Shared {
    std::mutex mutex;
    std::array<FreeBlock*, class_count> lists{};
    Counters counters;

    FreeBlock* take(std::size_t index) {
        const std::lock_guard lock(mutex);
        FreeBlock* block = lists[index];
        if (block) lists[index] = block->next;
        return block;
    }
    void put(std::size_t index, FreeBlock* first, FreeBlock* last) {
        const std::lock_guard lock(mutex);
        last->next = lists[index];
        lists[index] = first;
    }
};

Shared& shared() {
    static Shared& instance = *new Shared;
    return instance;
}

/// The free lists of one thread; handed to the shared ones when the thread ends.
struct ThreadCache {
    std::array<FreeBlock*, small_classes> lists{};
    std::array<std::size_t, small_classes> bytes{};

    void flush(std::size_t index) {
        FreeBlock* first = std::exchange(lists[index], nullptr);
        bytes[index] = 0;
        if (!first) return;
        FreeBlock* last = first;
        while (last->next) last = last->next;
        shared().put(index, first, last);
    }
    void flush_all() {
        for (std::size_t index = 0; index < small_classes; ++index) flush(index);
    }
    ~ThreadCache();
};

constinit thread_local bool thread_cache_is_gone = false;
thread_local ThreadCache thread_cache;

ThreadCache::~ThreadCache() {
    flush_all();
    thread_cache_is_gone = true;
}

bool is_cached_by_thread(std::size_t index) { return index < small_classes && !thread_cache_is_gone; }

void count_taken(std::size_t bytes) {
    Counters& counters = shared().counters;
    const std::size_t live = counters.live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    std::size_t peak = counters.peak.load(std::memory_order_relaxed);
    while (live > peak && !counters.peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {}
}

void* from_system(std::size_t bytes) {
    shared().counters.requests.fetch_add(1, std::memory_order_relaxed);
    void* block = std::aligned_alloc(alignment, bytes);
    if (!block) {
        release_cached_memory();
        block = std::aligned_alloc(alignment, bytes);
    }
    if (!block) throw std::bad_alloc();
    return block;
}

FreeBlock* from_cache(const SizeClass& size) {
    if (!is_cached_by_thread(size.index)) return shared().take(size.index);
    FreeBlock* block = thread_cache.lists[size.index];
    if (!block) return shared().take(size.index);
    thread_cache.lists[size.index] = block->next;
    thread_cache.bytes[size.index] -= size.bytes;
    return block;
}

}  // namespace

void* allocate(std::size_t bytes) {
    const SizeClass size(bytes);
    void* block = caching ? from_cache(size) : nullptr;
    if (block) shared().counters.cached.fetch_sub(size.bytes, std::memory_order_relaxed);
    else block = from_system(size.bytes);
    count_taken(size.bytes);
    return block;
}

void deallocate(void* memory, std::size_t bytes) noexcept {
    const SizeClass size(bytes);
    Counters& counters = shared().counters;
    counters.live.fetch_sub(size.bytes, std::memory_order_relaxed);
    if (!caching) return std::free(memory);
    counters.cached.fetch_add(size.bytes, std::memory_order_relaxed);
    auto* block = static_cast<FreeBlock*>(memory);
    if (!is_cached_by_thread(size.index)) return shared().put(size.index, block, block);
    if (thread_cache.bytes[size.index] + size.bytes > thread_limit) thread_cache.flush(size.index);
    block->next = thread_cache.lists[size.index];
    thread_cache.lists[size.index] = block;
    thread_cache.bytes[size.index] += size.bytes;
}

}  // namespace memory

MemoryStatistics memory_statistics() {
    const memory::Counters& counters = memory::shared().counters;
    return {counters.live, counters.peak, counters.cached, counters.requests};
}

void reset_peak_memory() {
    memory::Counters& counters = memory::shared().counters;
    counters.peak = counters.live.load();
}

void release_cached_memory() {
    using namespace memory;
    if (!thread_cache_is_gone) thread_cache.flush_all();
    const std::lock_guard lock(shared().mutex);
    for (std::size_t index = 0; index < class_count; ++index)
        while (FreeBlock* block = shared().lists[index]) {
            shared().lists[index] = block->next;
            shared().counters.cached.fetch_sub(class_bytes(index), std::memory_order_relaxed);
            std::free(block);
        }
}

Ref<Storage> Storage::make(Index numel) {
    static_assert(sizeof(Storage) <= header);
    void* block = memory::allocate(header + static_cast<std::size_t>(numel) * sizeof(Scalar));
    return Ref<Storage>(new (block) Storage(numel));
}

void Storage::dispose() noexcept {
    const std::size_t bytes = header + static_cast<std::size_t>(numel) * sizeof(Scalar);
    this->~Storage();
    memory::deallocate(this, bytes);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
