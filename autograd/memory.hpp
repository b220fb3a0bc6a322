// Memory: a caching allocator for values, nodes and closures, and the counted references that own them.
//
// A freed block goes to a free list of its size class and is handed out again, so that after its first steps a training loop
// asks the system for no more memory for its tensors. Small blocks are cached per thread, large ones in one place. Knows nothing of
// tensors.
#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// What the allocator holds and how often it had to ask the system.
struct MemoryStatistics {
    std::size_t live_bytes;       ///< in use now
    std::size_t peak_bytes;       ///< the most that was in use at one time, to 64 KiB a thread
    std::size_t cached_bytes;     ///< freed, kept for reuse
    std::size_t system_requests;  ///< blocks asked from the system since the start
};

/// The figures as they are now, of all threads.
MemoryStatistics memory_statistics();

/// Starts a new measurement of the peak from what is in use now.
void reset_peak_memory();

/// How many tensors exist in the program.
Index live_tensors();

/// Returns what is cached to the system: all large blocks, and the calling thread's small ones.
void release_cached_memory();

namespace memory {

/// A block of at least `bytes`, aligned for any vector instruction. Throws std::bad_alloc.
void* allocate(std::size_t bytes);

/// Takes back a block of `bytes` from allocate().
void deallocate(void* block, std::size_t bytes) noexcept;

/// Counts a tensor made (+1) or destroyed (−1).
void count_tensors(Index change) noexcept;

/// The caching allocator for standard containers.
template <class T>
struct Allocator {
    using value_type = T;  ///< what the container holds
    /// All allocators are one.
    Allocator() = default;
    template <class U>
    Allocator(const Allocator<U>&) noexcept {}  ///< for another type; the same memory
    /// Room for n objects, not constructed.
    T* allocate(std::size_t n) { return static_cast<T*>(memory::allocate(n * sizeof(T))); }
    /// Takes back what allocate(n) gave.
    void deallocate(T* block, std::size_t n) noexcept { memory::deallocate(block, n * sizeof(T)); }
    friend bool operator==(const Allocator&, const Allocator&) { return true; }  ///< always
};

/// A base whose objects, of any derived type, live in the caching allocator.
struct Cached {
    /// @{
    /// Through memory::allocate and memory::deallocate; in place as usual.
    static void* operator new(std::size_t bytes) { return allocate(bytes); }
    static void* operator new(std::size_t, void* place) { return place; }
    static void operator delete(void* block, std::size_t bytes) noexcept { deallocate(block, bytes); }
    /// @}
};

}  // namespace memory

/// A counted reference to an object that counts its own owners: T has `owners`, and `dispose()` for when it reaches zero.
template <class T>
class Ref {
public:
    /// No object.
    Ref() = default;
    /// Shares ownership of an object, which may be null.
    explicit Ref(T* object) : object_(object) { retain(); }
    /// Shares the object of another.
    Ref(const Ref& other) : object_(other.object_) { retain(); }
    /// Takes the object of another, which holds none then.
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    /// Holds the object of another, and lets its own go.
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    /// Lets the object go; its last owner disposes of it.
    ~Ref() {
        if (!object_) return;
        // A sole owner cannot be joined by another, and need not lock the count.
        if (is_sole_owner() || object_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) object_->dispose();
    }

    T* get() const { return object_; }                             ///< the object, null for none
    T* operator->() const { return object_; }                      ///< a member of the object
    T& operator*() const { return *object_; }                      ///< the object
    explicit operator bool() const { return object_ != nullptr; }  ///< whether it holds one
    /// Whether nobody else holds the object.
    bool is_sole_owner() const { return object_->owners.load(std::memory_order_acquire) == 1; }
    /// Whether both hold the same object.
    friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

private:
    void retain() const {
        if (object_) object_->owners.fetch_add(1, std::memory_order_relaxed);
    }
    T* object_ = nullptr;
};

/// Contiguous elements shared by tensors, with the time of their last change in place.
///
/// The time is a reading of the tape's clock (tape.hpp), 0 for values that never changed: a rule that finds its inputs changed
/// after its operation was recorded throws.
struct Storage {
    std::atomic<int> owners{0};                ///< for Ref
    std::atomic<std::uint64_t> changed_at{0};  ///< the time of the last change in place
    Index numel;                               ///< how many elements there are

    /// Uninitialised elements.
    static Ref<Storage> make(Index numel);
    void dispose() noexcept;  ///< gives the memory back; for Ref
    Scalar* data() { return reinterpret_cast<Scalar*>(reinterpret_cast<std::byte*>(this) + header); }  ///< the elements

private:
    explicit Storage(Index n) : numel(n) {}
    static constexpr std::size_t header = 64;  // keeps the elements aligned as the block is
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
