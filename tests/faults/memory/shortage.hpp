// Every request for memory of a piece of work fails once, and all after it: what must hold then.
//
// A trial is an object with run(), the work; state(), all bytes that a failed run must leave as they are and that a whole one brings to
// the same end each time; and clear(), which lets go of what the work may leave behind.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>

#include <fmt/format.h>

#include <support/testing.hpp>

#include "failing_allocator.hpp"

namespace testing {

/// The bytes of all elements.
inline std::string bits(const Tensor& x) {
    if (!x) return "undefined";
    return {reinterpret_cast<const char*>(x.data()), static_cast<std::size_t>(x.numel()) * sizeof(Scalar)};
}

inline std::string bits(const NamedTensors& tensors) {
    std::string all;
    for (const auto& [name, tensor] : tensors) all += name + "=" + bits(tensor) + ";";
    return all;
}

inline std::string bits(const OptimizerState& state) {
    std::string all = fmt::format("{} {} {}", state.kind, state.step_count, state.lr);
    for (const auto& group : state.groups) {
        for (const auto& [name, value] : group.hyperparameters) all += fmt::format(" {}={}", name, value);
        for (const auto& p : group.parameters) all += fmt::format(" {} {} {}", p.name, p.steps, bits(p.tensors));
    }
    return all;
}

inline std::string bits(const Generator& generator) { return fmt::format(" {}@{}", generator.seed(), generator.position()); }

/// What is tried.
struct Trial {
    virtual ~Trial() = default;
    virtual void run() = 0;
    virtual std::string state() = 0;
    virtual void clear() {}
};

using MakeTrial = std::function<std::unique_ptr<Trial>()>;

/// How often memory ran out, and how often the work came through all the same.
struct Shortages {
    std::int64_t tried = 0, survived = 0;
};

/// What went wrong in one run short of memory from its n-th request on; empty for nothing. Counts, and says whether it ran out at all.
inline std::string try_short_of_memory(const MakeTrial& make, std::int64_t n, const std::string& whole, Shortages& shortages,
                                       bool& ran_out) {
    const auto trial = make();
    const std::string before = trial->state();
    const Index tensors = live_tensors();
    const std::size_t bytes = memory_statistics().live_bytes;
    release_cached_memory();
    bool threw = false;
    std::string other;
    run_out_of_memory_at(n);
    try {
        trial->run();
    } catch (const std::bad_alloc&) {
        threw = true;
    } catch (const std::exception& error) {
        have_memory_again();
        other = error.what();
    }
    have_memory_again();
    if (!other.empty()) return "another exception: " + other;
    ran_out = failed_requests() > 0;
    if (!ran_out) return threw ? "bad_alloc though no request failed" : trial->state() == whole ? "" : "another result";
    ++shortages.tried;
    if (!threw) {
        ++shortages.survived;
        return trial->state() == whole ? "" : "no exception, and another result";
    }
    if (trial->state() != before) return "a failed run changed something";
    trial->clear();
    if (!grad_enabled() || detail::is_observed() || detail::sweeping || detail::draws) return "a mode was left on";
    if (live_tensors() != tensors) return fmt::format("{} tensors are left", live_tensors() - tensors);
    if (memory_statistics().live_bytes != bytes)
        return fmt::format("{} bytes are left", memory_statistics().live_bytes - bytes);
    trial->run();
    const std::string after = trial->state();
    const auto differ = std::mismatch(after.begin(), after.end(), whole.begin(), whole.end()).first;
    return after == whole ? ""
                          : fmt::format("the run after the failed one came to another result, from byte {} of {} on",
                                        differ - after.begin(), after.size());
}

/// Runs out of memory at the first request, at the second, and so on, until all get by; each time in a thread of its own, whose caches are
/// empty.
inline Shortages run_short_of_memory(const MakeTrial& make, const std::string& name) {
    const auto in_thread = [](const auto& f) { std::thread(f).join(); };
    std::string whole;
    in_thread([&] {
        const auto trial = make();
        trial->run();
        whole = trial->state();
    });
    Shortages shortages;
    bool ran_out = true;
    for (std::int64_t n = 1; ran_out; ++n) {
        std::string wrong;
        release_cached_memory();
        in_thread([&] { wrong = try_short_of_memory(make, n, whole, shortages, ran_out); });
        INFO(name << ", out of memory from request " << n << " on");
        REQUIRE(wrong == "");
    }
    WARN(name << ": ran out of memory at " << shortages.tried << " requests, got by in " << shortages.survived);
    REQUIRE(shortages.tried > 0);
    return shortages;
}

/// The same for work that gives a result and changes nothing.
inline Shortages run_short_of_memory(const std::function<std::string()>& work, const std::string& name) {
    struct Work final : Trial {
        explicit Work(const std::function<std::string()>& f) : work(f) {}
        void run() override { result = work(); }
        std::string state() override { return result; }
        const std::function<std::string()>& work;
        std::string result;
    };
    return run_short_of_memory(MakeTrial([&] { return std::make_unique<Work>(work); }), name);
}

}  // namespace testing
