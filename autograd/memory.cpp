// The caching allocator; see memory.hpp.
#include <tapehead/autograd/memory.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <limits>
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

/// The free lists and counts of one thread. Only its thread writes; the counts may be read by all, without a lock or a locked
/// instruction, which would cost more than the rest of a small allocation.
struct ThreadCache {
    std::array<FreeBlock*, small_classes> lists;
    std::array<std::size_t, small_classes> bytes;
    std::atomic<Index> live_bytes, live_tensors;  // changes that the shared counts do not have yet
    ThreadCache *previous, *next;                 // in the list of all
    enum { unknown, listed, gone } state;

    static void add(std::atomic<Index>& count, Index change) {
        count.store(count.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
    }
};

/// What all threads share. Never destroyed, since tensors may outlive every static object.
struct Shared {
    std::mutex mutex;
    std::array<FreeBlock*, class_count> lists{};
    ThreadCache threads{};  // the head of the list of all
    std::atomic<Index> live_bytes{0}, peak_bytes{0}, live_tensors{0};
    std::atomic<std::size_t> owned_bytes{0}, requests{0};  // from the system

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
    void count_live(Index change) {
        const Index live = live_bytes.fetch_add(change, std::memory_order_relaxed) + change;
        Index peak = peak_bytes.load(std::memory_order_relaxed);
        while (live > peak && !peak_bytes.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {}
    }
};

Shared& shared() {
    static Shared& instance = *new Shared;
    return instance;
}

constinit thread_local ThreadCache thread_cache{};

void flush(std::size_t index) {
    FreeBlock* first = std::exchange(thread_cache.lists[index], nullptr);
    thread_cache.bytes[index] = 0;
    if (!first) return;
    FreeBlock* last = first;
    while (last->next) last = last->next;
    shared().put(index, first, last);
}

void flush_all() {
    for (std::size_t index = 0; index < small_classes; ++index) flush(index);
}

/// Moves what this thread has counted to the shared counts.
void publish() {
    const Index change = thread_cache.live_bytes.exchange(0, std::memory_order_relaxed);
    if (change != 0) shared().count_live(change);
    shared().live_tensors.fetch_add(thread_cache.live_tensors.exchange(0, std::memory_order_relaxed),
                                    std::memory_order_relaxed);
}

/// Hands to the shared lists and counts what a thread holds when it ends. The cache has no destructor of its own, which every use of
/// it would pay for.
struct AtThreadEnd {
    ~AtThreadEnd() {
        flush_all();
        publish();
        const std::lock_guard lock(shared().mutex);
        thread_cache.previous->next = thread_cache.next;
        if (thread_cache.next) thread_cache.next->previous = thread_cache.previous;
        thread_cache.state = ThreadCache::gone;
    }
};

void enlist() {
    thread_local AtThreadEnd at_end;
    [[maybe_unused]] const auto* used = &at_end;
    const std::lock_guard lock(shared().mutex);
    ThreadCache& head = shared().threads;
    thread_cache.previous = &head;
    thread_cache.next = std::exchange(head.next, &thread_cache);
    if (thread_cache.next) thread_cache.next->previous = &thread_cache;
    thread_cache.state = ThreadCache::listed;
}

/// Whether the calling thread still has a cache; lists it for its first use.
bool has_cache() {
    if (thread_cache.state == ThreadCache::unknown) [[unlikely]]
        enlist();
    return thread_cache.state == ThreadCache::listed;
}

bool is_cached_by_thread(std::size_t index) { return index < small_classes && has_cache(); }

/// Counts bytes taken (or, below 0, given back) by a thread with a cache: small ones there until they are many.
void count_live(Index bytes) {
    constexpr Index many = 64 * 1024;
    if (!has_cache()) return shared().count_live(bytes);
    ThreadCache::add(thread_cache.live_bytes, bytes);
    if (std::abs(thread_cache.live_bytes.load(std::memory_order_relaxed)) >= many) publish();
}

void* from_system(std::size_t bytes) {
    shared().requests.fetch_add(1, std::memory_order_relaxed);
    void* block = std::aligned_alloc(alignment, bytes);
    if (!block) {
        release_cached_memory();
        block = std::aligned_alloc(alignment, bytes);
    }
    if (!block) throw std::bad_alloc();
    shared().owned_bytes.fetch_add(bytes, std::memory_order_relaxed);
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

void to_system(void* block, std::size_t bytes) noexcept {
    shared().owned_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    std::free(block);
}

}  // namespace

void* allocate(std::size_t bytes) {
    const SizeClass size(bytes);
    void* block = caching ? from_cache(size) : nullptr;
    if (!block) block = from_system(size.bytes);
    count_live(static_cast<Index>(size.bytes));
    return block;
}

void deallocate(void* memory, std::size_t bytes) noexcept {
    const SizeClass size(bytes);
    count_live(-static_cast<Index>(size.bytes));
    if (!caching) return to_system(memory, size.bytes);
    auto* block = static_cast<FreeBlock*>(memory);
    if (!is_cached_by_thread(size.index)) return shared().put(size.index, block, block);
    if (thread_cache.bytes[size.index] + size.bytes > thread_limit) flush(size.index);
    block->next = thread_cache.lists[size.index];
    thread_cache.lists[size.index] = block;
    thread_cache.bytes[size.index] += size.bytes;
}

void count_tensors(Index change) noexcept {
    if (has_cache()) ThreadCache::add(thread_cache.live_tensors, change);
    else shared().live_tensors.fetch_add(change, std::memory_order_relaxed);
}

}  // namespace memory

namespace {

/// A count that threads keep parts of: what is shared and what is not yet. While others go on it may miss a change on its way from
/// one to the other, but not fall below 0.
Index total(const std::atomic<Index>& common, std::atomic<Index> memory::ThreadCache::*part) {
    const std::lock_guard lock(memory::shared().mutex);
    Index sum = common.load(std::memory_order_relaxed);
    for (const memory::ThreadCache* thread = memory::shared().threads.next; thread; thread = thread->next)
        sum += (thread->*part).load(std::memory_order_relaxed);
    return std::max<Index>(sum, 0);
}

}  // namespace

MemoryStatistics memory_statistics() {
    memory::Shared& common = memory::shared();
    if (memory::has_cache()) memory::publish();
    const auto live = static_cast<std::size_t>(total(common.live_bytes, &memory::ThreadCache::live_bytes));
    const std::size_t owned = std::max(live, common.owned_bytes.load());  // of another moment, while other threads go on
    return {live, std::max(live, static_cast<std::size_t>(common.peak_bytes)), owned - live, common.requests};
}

void reset_peak_memory() {
    memory::Shared& common = memory::shared();
    if (memory::has_cache()) memory::publish();
    common.peak_bytes = common.live_bytes.load();
}

Index live_tensors() { return total(memory::shared().live_tensors, &memory::ThreadCache::live_tensors); }

void release_cached_memory() {
    using namespace memory;
    if (has_cache()) flush_all();
    const std::lock_guard lock(shared().mutex);
    for (std::size_t index = 0; index < class_count; ++index)
        while (FreeBlock* block = shared().lists[index]) {
            shared().lists[index] = block->next;
            to_system(block, class_bytes(index));
        }
}

Ref<Storage> Storage::make(Index numel) {
    static_assert(sizeof(Storage) <= header);
    void* block = memory::allocate(header + static_cast<std::size_t>(numel) * sizeof(Scalar));
    Ref<Storage> storage(new (block) Storage(numel));
#if defined(TAPEHEAD_FILL_MEMORY)
    std::fill_n(storage->data(), numel, std::numeric_limits<Scalar>::quiet_NaN());
#endif
    return storage;
}

void Storage::dispose() noexcept {
    const std::size_t bytes = header + static_cast<std::size_t>(numel) * sizeof(Scalar);
    this->~Storage();
    memory::deallocate(this, bytes);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
