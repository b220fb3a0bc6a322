// The pool of threads behind parallel_for.
//
// The caller works on its own loop, and threads that are awake help. On a machine that is busy with other programs a helper may be
// late: then the caller has done the work before it comes. Nobody waits by spinning for long, as OpenMP's threads do, and takes the
// core from the one that it waits for.
#include <tapehead/autograd/kernels/parallel.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <omp.h>

#include <tapehead/autograd/error.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace {

constinit thread_local bool in_parallel_loop = false;

/// Marks this thread as one that runs ranges of a loop: what it calls is not shared out again.
class InLoop {
public:
    InLoop() : before_(std::exchange(in_parallel_loop, true)) {}
    ~InLoop() { in_parallel_loop = before_; }
    InLoop(const InLoop&) = delete;
    InLoop& operator=(const InLoop&) = delete;

private:
    bool before_;
};

/// Waits a few tens of microseconds for `done`: about what going to sleep and being woken would take.
template <class F>
bool spin_until(const F& done) {
    for (int i = 0; i < 1000; ++i) {
        if (done()) return true;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    return false;
}

/// One loop at a time, whose ranges are handed out one by one. Never destroyed: its threads wait for work until the program ends.
class Pool {
public:
    void run(Index ranges, void (*range)(const void*, Index), const void* context) {
        const std::unique_lock lock(busy_, std::try_to_lock);
        if (!lock) {  // another thread's loop has the helpers
            const InLoop here;
            for (Index r = 0; r < ranges; ++r) range(context, r);
            return;
        }
        hire(std::min<Index>(ranges, num_threads()) - 1);
        range_ = range;
        context_ = context;
        unfinished_.store(static_cast<std::uint32_t>(ranges), std::memory_order_relaxed);
        const std::uint32_t loop = loop_.load(std::memory_order_relaxed) + 1;
        left_.store(std::uint64_t{loop} << 32 | static_cast<std::uint32_t>(ranges), std::memory_order_release);
        loop_.store(loop);  // sequentially consistent: notify looks next for sleepers, and must not look before this is seen
        if (ranges > 2) loop_.notify_all();
        else loop_.notify_one();

        help<true>();
        if (!spin_until([&] { return unfinished_.load(std::memory_order_acquire) == 0; }))
            for (std::uint32_t left; (left = unfinished_.load(std::memory_order_acquire)) != 0;) unfinished_.wait(left);
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    /// Takes ranges of the present loop until none is left: the caller from the first on, helpers from the last on, so that on two
    /// cores each finds in its cache what it left there in the loop before.
    template <bool is_caller>
    void help() {
        const InLoop here;
        for (std::uint64_t left = left_.load(std::memory_order_acquire);;) {
            const std::uint64_t first = left >> 16 & 0xFFFF, end = left & 0xFFFF;
            if (first == end) break;
            // The number of the loop stands beside its ranges: one of an earlier loop cannot be taken by mistake.
            if (!left_.compare_exchange_weak(left, is_caller ? left + (1 << 16) : left - 1, std::memory_order_acq_rel,
                                             std::memory_order_acquire))
                continue;
            try {
                range_(context_, static_cast<Index>(is_caller ? first : end - 1));
            } catch (...) {
                const std::lock_guard lock(failing_);
                if (!error_) error_ = std::current_exception();
            }
            if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
            left = left_.load(std::memory_order_acquire);
        }
    }

    /// Sees to it that there are at least so many helpers, if the system has threads and memory to give: the caller can do without.
    void hire(Index helpers) noexcept {
        try {
            for (; helpers_ < helpers; ++helpers_) std::thread([this] { wait_and_help(); }).detach();
        } catch (const std::system_error&) {
        } catch (const std::bad_alloc&) {}
    }

    [[noreturn]] void wait_and_help() {
        omp_set_num_threads(1);  // of this thread: a BLAS that it calls runs on it alone
        for (std::uint32_t seen = 0;;) {
            const auto next_loop = [&] { return loop_.load(std::memory_order_acquire) != seen; };
            if (!spin_until(next_loop)) loop_.wait(seen, std::memory_order_acquire);
            seen = loop_.load(std::memory_order_acquire);
            help<false>();
        }
    }

    std::mutex busy_, failing_;
    Index helpers_ = 0;
    void (*range_)(const void*, Index) = nullptr;
    const void* context_ = nullptr;
    std::exception_ptr error_;
    std::atomic<std::uint64_t> left_{0};        // loop << 32 | first << 16 | end: the ranges that nobody has taken
    std::atomic<std::uint32_t> loop_{0};        // what helpers wait for
    std::atomic<std::uint32_t> unfinished_{0};  // ranges; what the caller waits for
};

/// Made in place: a loop that must not fail needs no memory for it.
Pool& pool() {
    alignas(Pool) static std::byte room[sizeof(Pool)];
    static Pool& instance = *new (room) Pool;
    return instance;
}

std::atomic<int>& thread_setting() {
    static std::atomic<int> setting{omp_get_max_threads()};
    return setting;
}

}  // namespace

void set_num_threads(int n) {
    if (n < 1) throw ValueError("set_num_threads: expected at least 1 thread, got " + std::to_string(n));
    thread_setting().store(n, std::memory_order_relaxed);
}

int num_threads() { return thread_setting().load(std::memory_order_relaxed); }

Index kernels::range_count(Index n, Index grain) {
    if (n < 2 * grain || in_parallel_loop || omp_in_parallel()) return 1;
    constexpr Index most = 0xFFFF;  // that the pool can count
    return std::min({n / std::max(grain, Index{1}), Index{num_threads()}, most});
}

void kernels::run_ranges(Index ranges, void (*range)(const void* context, Index r), const void* context) {
    pool().run(ranges, range, context);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
