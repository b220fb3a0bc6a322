// The allocator's counts of bytes and tensors while several threads take and free, and after they have ended.
#include "allocator.hpp"

#include <atomic>
#include <barrier>
#include <thread>

using namespace testing;

namespace {

/// Sizes that are size classes, so that live bytes are known exactly; two are not cached per thread.
constexpr std::size_t exact_sizes[] = {64, 128, 192, 1024, 2048, 16384, 65536, 262144};

struct Block {
    void* memory;
    std::size_t bytes;
};

std::vector<Block> take_blocks(std::size_t count, std::size_t shift) {
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t bytes = exact_sizes[(i + shift) % std::size(exact_sizes)];
        blocks.push_back({memory::allocate(bytes), bytes});
    }
    return blocks;
}

std::size_t bytes_of(const std::vector<Block>& blocks) {
    std::size_t sum = 0;
    for (const Block& block : blocks) sum += block.bytes;
    return sum;
}

void give_back(std::vector<Block>& blocks) {
    for (const Block& block : blocks) memory::deallocate(block.memory, block.bytes);
    blocks.clear();
}

/// The most that counts which a thread has not shared yet can come to.
constexpr std::size_t slack_of_a_thread = 64 * 1024;

}  // namespace

TEST_CASE("live bytes are exact while threads free each other's blocks, and after they have ended") {
    constexpr std::size_t count = 4;
    std::vector<std::vector<Block>> held(count);
    std::barrier step(count + 1);
    const std::size_t before = memory_statistics().live_bytes;
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < count; ++t)
        threads.emplace_back([&, t] {
            for (int round = 0; round < 3; ++round) {
                held[t] = take_blocks(50 + t, t);
                step.arrive_and_wait();  // all hold blocks
                step.arrive_and_wait();
                give_back(held[(t + 1) % count]);
                step.arrive_and_wait();  // nobody does
                step.arrive_and_wait();
            }
            held[t] = take_blocks(20 + t, t);  // freed after the thread has ended
        });
    const auto held_bytes = [&] {
        std::size_t sum = 0;
        for (const auto& blocks : held) sum += bytes_of(blocks);
        return sum;
    };
    for (int round = 0; round < 3; ++round) {
        step.arrive_and_wait();
        CHECK(memory_statistics().live_bytes == before + held_bytes());
        CHECK(memory_statistics().peak_bytes >= memory_statistics().live_bytes);
        step.arrive_and_wait();
        step.arrive_and_wait();
        CHECK(memory_statistics().live_bytes == before);
        step.arrive_and_wait();
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(memory_statistics().live_bytes == before + held_bytes());
    for (auto& blocks : held) give_back(blocks);
    CHECK(memory_statistics().live_bytes == before);
}

TEST_CASE("live tensors are exact while threads destroy each other's tensors, and after they have ended") {
    constexpr std::size_t count = 4;
    std::vector<std::vector<Tensor>> held(count);
    std::barrier step(count + 1);
    const Index tensors = live_tensors();
    const std::size_t bytes = memory_statistics().live_bytes;
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < count; ++t)
        threads.emplace_back([&, t] {
            const auto fill = [&] {
                for (std::size_t i = 0; i < 10 + t; ++i) held[t].push_back(zeros({static_cast<Index>(1 + i * 700)}));
            };
            fill();
            step.arrive_and_wait();  // all hold tensors
            step.arrive_and_wait();
            held[(t + 1) % count].clear();
            step.arrive_and_wait();  // nobody does
            step.arrive_and_wait();
            fill();
        });
    step.arrive_and_wait();
    CHECK(live_tensors() == tensors + 10 + 11 + 12 + 13);
    step.arrive_and_wait();
    step.arrive_and_wait();
    CHECK(live_tensors() == tensors);
    CHECK(memory_statistics().live_bytes == bytes);
    step.arrive_and_wait();
    for (std::thread& thread : threads) thread.join();
    CHECK(live_tensors() == tensors + 10 + 11 + 12 + 13);
    held.clear();
    CHECK(live_tensors() == tensors);
    CHECK(memory_statistics().live_bytes == bytes);
}

TEST_CASE("the peak of one thread's small blocks is right to 64 KiB and never above the truth") {
    const std::size_t before = memory_statistics().live_bytes;
    for (const std::size_t count : {10, 60, 64, 100, 1000}) {
        reset_peak_memory();
        CHECK(memory_statistics().peak_bytes == before);
        std::vector<Block> blocks;
        for (std::size_t i = 0; i < count; ++i) blocks.push_back({memory::allocate(1024), 1024});
        give_back(blocks);
        const MemoryStatistics after = memory_statistics();
        INFO(count << " KiB");
        CHECK(after.live_bytes == before);
        CHECK(after.peak_bytes <= before + count * 1024);
        CHECK(after.peak_bytes + slack_of_a_thread >= before + count * 1024);
    }
}

TEST_CASE("a new measurement of the peak starts from what is in use, also just after small blocks were freed or taken") {
    const std::size_t before = memory_statistics().live_bytes;
    for (const std::size_t freed : {20, 60}) {
        std::vector<Block> blocks;
        for (std::size_t i = 0; i < 100; ++i) blocks.push_back({memory::allocate(1024), 1024});
        CHECK(memory_statistics().live_bytes == before + 100 * 1024);
        for (std::size_t i = 0; i < freed; ++i) memory::deallocate(blocks[i].memory, 1024);
        blocks.erase(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(freed));
        reset_peak_memory();
        CHECK(memory_statistics().peak_bytes == before + (100 - freed) * 1024);
        give_back(blocks);
        CHECK(memory_statistics().peak_bytes == before + (100 - freed) * 1024);
    }
    reset_peak_memory();
}

TEST_CASE("the peak of several threads is right to 64 KiB a thread") {
    constexpr std::size_t count = 4, slack = (count + 1) * slack_of_a_thread;
    for (const std::size_t small : {40, 200})
        for (const std::size_t large : {std::size_t{0}, std::size_t{1} << 20}) {
            const std::size_t before = memory_statistics().live_bytes, each = small * 1024 + large;
            reset_peak_memory();
            std::barrier step(count);
            std::vector<std::thread> threads;
            for (std::size_t t = 0; t < count; ++t)
                threads.emplace_back([&] {
                    std::vector<Block> blocks;
                    for (std::size_t i = 0; i < small; ++i) blocks.push_back({memory::allocate(1024), 1024});
                    if (large > 0) blocks.push_back({memory::allocate(large), large});
                    step.arrive_and_wait();
                    give_back(blocks);
                });
            for (std::thread& thread : threads) thread.join();
            const MemoryStatistics after = memory_statistics();
            INFO(small << " KiB in small blocks and " << large << " bytes");
            CHECK(after.live_bytes == before);
            CHECK(after.peak_bytes <= before + count * each + slack);
            CHECK(after.peak_bytes + slack >= before + count * each);
            reset_peak_memory();
            CHECK(memory_statistics().peak_bytes == before);
        }
}

TEST_CASE("the peak does not creep up while one thread makes what another frees") {
    const std::size_t before = memory_statistics().live_bytes;
    reset_peak_memory();
    std::vector<Block> blocks;
    std::barrier step(2);
    constexpr int rounds = 200;
    std::thread consumer([&] {
        for (int i = 0; i < rounds; ++i) {
            step.arrive_and_wait();
            give_back(blocks);
            step.arrive_and_wait();
        }
    });
    for (int i = 0; i < rounds; ++i) {
        for (int j = 0; j < 50; ++j) blocks.push_back({memory::allocate(1024), 1024});
        step.arrive_and_wait();
        step.arrive_and_wait();
    }
    consumer.join();
    CHECK(memory_statistics().live_bytes == before);
    CHECK(memory_statistics().peak_bytes <= before + 50 * 1024 + 2 * slack_of_a_thread);
    reset_peak_memory();
}

TEST_CASE("statistics read while other threads allocate are of a possible size") {
    constexpr std::size_t count = 3, base = 8 << 20, most = 3 * 65536, slack = count * (slack_of_a_thread + 65536);
    void* block = memory::allocate(base);
    const std::size_t before = memory_statistics().live_bytes;
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < count; ++t)
        threads.emplace_back([&, t] {
            for (std::size_t i = t; !stop; ++i) {
                std::vector<Block> blocks;
                for (const std::size_t bytes : {64 + 64 * (i % 16), std::size_t{16384}, std::size_t{65536}})
                    blocks.push_back({memory::allocate(bytes), bytes});
                give_back(blocks);
            }
        });
    std::size_t least = before, largest = before;
    for (int i = 0; i < 2000; ++i) {
        const std::size_t live = memory_statistics().live_bytes;
        least = std::min(least, live);
        largest = std::max(largest, live);
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(least + slack >= before);
    CHECK(largest <= before + count * most + slack);
    CHECK(memory_statistics().live_bytes == before);
    memory::deallocate(block, base);
}

TEST_CASE("tensors and blocks that outlive their thread's cache are counted when they go") {
    struct Holder {
        Tensor tensor;
        std::vector<Block> blocks;
        ~Holder() { give_back(blocks); }
    };
    const std::size_t bytes = memory_statistics().live_bytes;
    const Index tensors = live_tensors();
    for (int round = 0; round < 3; ++round) {
        std::thread([] {
            thread_local Holder holder;  // made before the thread allocates, and so destroyed after its cache
            holder.blocks.clear();
            holder.tensor = zeros({1000});
            holder.blocks = take_blocks(20, 0);
        }).join();
        CHECK(memory_statistics().live_bytes == bytes);
        CHECK(live_tensors() == tensors);
    }
}

TEST_CASE("a thread keeps no more than a part of what it frees, so that others can have it") {
    if (!caches()) return;
    release_cached_memory();  // so that none of the blocks below come from what other tests left
    std::vector<Block> blocks;
    for (int i = 0; i < 4000; ++i) blocks.push_back({memory::allocate(1024), 1024});
    std::barrier step(2);
    std::thread other([&] {
        give_back(blocks);
        step.arrive_and_wait();  // it goes on living, with its cache
        step.arrive_and_wait();
    });
    step.arrive_and_wait();
    const std::size_t requests = memory_statistics().system_requests;
    for (int i = 0; i < 2500; ++i) blocks.push_back({memory::allocate(1024), 1024});
    CHECK(memory_statistics().system_requests == requests);
    step.arrive_and_wait();
    other.join();
    give_back(blocks);
}
