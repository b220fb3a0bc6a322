// The caching allocator, and that a training loop neither leaks tensors nor asks the system for memory after its first step.
#include "allocator.hpp"

#include <thread>

using namespace testing;

namespace {

struct Network {
    Tensor w1 = leaf(Tensor{{0.3, -0.2}, {0.5, 0.4}, {-0.6, 0.2}}), b1 = leaf(Tensor{0, 0.1, 0.2}),
           w2 = leaf(Tensor{{0.2, -0.4, 0.3}});

    double step() {
        const Tensor x = reshape(sin(arange(64)), {32, 2}), y = linear(dropout(gelu(linear(x, w1, b1)), 0.1, true), w2);
        const Tensor loss = mean(square(y - sum(x, 1, true)));
        for (Tensor* w : {&w1, &b1, &w2}) w->zero_grad();
        loss.backward();
        const no_grad off;
        for (Tensor* w : {&w1, &b1, &w2}) w->add_(w->grad(), -0.1);
        return loss.item();
    }
};

}  // namespace

TEST_CASE("the count of live tensors returns to its start after a training step and after the model") {
    const Index before = live_tensors();
    {
        Network network;
        network.step();
        const Index between = live_tensors();
        for (int i = 0; i < 5; ++i) {
            network.step();
            CHECK(live_tensors() == between);
        }
    }
    CHECK(live_tensors() == before);
}

TEST_CASE("a training loop asks the system for no memory from its second step on") {
    if (!caches()) return;
    Network network;
    const double first = network.step();
    network.step();
    const std::size_t requests = memory_statistics().system_requests;
    double last = 0;
    for (int i = 0; i < 50; ++i) last = network.step();
    CHECK(memory_statistics().system_requests == requests);
    CHECK(last < first);
}

TEST_CASE("the sweep frees saved values as it goes") {
    const Tensor x = leaf(full({1 << 16}, 0.5));
    Tensor y = x;
    for (int i = 0; i < 10; ++i) y = tanh(y);
    y = sum(y);
    const std::size_t before = memory_statistics().live_bytes;
    y.backward();
    const std::size_t value = x.values().size_bytes();
    CHECK(memory_statistics().live_bytes + 8 * value <= before);
}

TEST_CASE("a leaf keeps the gradient that the sweep made, and no copy of it, whether it is the oldest or not") {
    Tensor first = leaf(numbers({100})), second = leaf(numbers({100}, 2));
    const Scalar *of_first = nullptr, *of_second = nullptr;
    first.register_hook([&](const Tensor& gradient) { return of_first = gradient.data(), gradient; });
    second.register_hook([&](const Tensor& gradient) { return of_second = gradient.data(), gradient; });
    sum(tanh(first) + tanh(second)).backward();
    CHECK(first.grad().data() == of_first);
    CHECK(second.grad().data() == of_second);
}

TEST_CASE("blocks are aligned for any vector instruction and hold what was asked for") {
    for (const std::size_t bytes :
         {1, 63, 64, 65, 1000, 1024, 1025, 1280, 4096, 5000, 65536, 65537, 100000, 1 << 20, (1 << 20) + 1, 3 << 20}) {
        auto* block = static_cast<unsigned char*>(memory::allocate(bytes));
        CHECK(reinterpret_cast<std::uintptr_t>(block) % 64 == 0);
        std::fill_n(block, bytes, static_cast<unsigned char>(0xA5));
        CHECK(block[bytes - 1] == 0xA5);
        memory::deallocate(block, bytes);
    }
    CHECK(reinterpret_cast<std::uintptr_t>(zeros({3}).data()) % 64 == 0);
}

TEST_CASE("a freed block is handed out again for a request of its class") {
    if (!caches()) return;
    for (const std::size_t bytes : {10, 200, 3000, 70000, 5 << 20}) {
        void* first = memory::allocate(bytes);
        memory::deallocate(first, bytes);
        void* second = memory::allocate(bytes - 1);
        CHECK(second == first);
        memory::deallocate(second, bytes - 1);
    }
}

TEST_CASE("live blocks do not overlap") {
    std::vector<std::pair<unsigned char*, std::size_t>> blocks;
    for (std::size_t i = 0; i < 300; ++i) {
        const std::size_t bytes = 1 + i * i * 7 % 5000;
        blocks.emplace_back(static_cast<unsigned char*>(memory::allocate(bytes)), bytes);
        std::fill_n(blocks.back().first, bytes, static_cast<unsigned char>(i));
    }
    std::size_t i = 0;
    for (const auto& [block, bytes] : blocks) {
        CHECK(std::all_of(block, block + bytes, [&](unsigned char c) { return c == static_cast<unsigned char>(i); }));
        ++i;
        memory::deallocate(block, bytes);
    }
}

TEST_CASE("statistics count live, peak and cached bytes") {
    constexpr std::size_t bytes = 3 << 20;
    const MemoryStatistics before = memory_statistics();
    reset_peak_memory();
    void* block = memory::allocate(bytes);
    const MemoryStatistics held = memory_statistics();
    CHECK(held.live_bytes >= before.live_bytes + bytes);
    CHECK(held.live_bytes <= before.live_bytes + bytes * 5 / 4);
    memory::deallocate(block, bytes);
    CHECK(memory_statistics().live_bytes == before.live_bytes);
    CHECK(memory_statistics().peak_bytes == held.live_bytes);
    reset_peak_memory();
    CHECK(memory_statistics().peak_bytes == before.live_bytes);
    if (!caches()) return;
    CHECK(memory_statistics().cached_bytes >= bytes);
    release_cached_memory();
    CHECK(memory_statistics().cached_bytes == 0);
    const std::size_t requests = memory_statistics().system_requests;
    memory::deallocate(memory::allocate(bytes), bytes);
    CHECK(memory_statistics().system_requests == requests + 1);
}

TEST_CASE("blocks can be freed on another thread, which hands its cache on when it ends") {
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; ++i) blocks.push_back(memory::allocate(256));
    const std::size_t live = memory_statistics().live_bytes;
    std::thread([&] {
        for (void* block : blocks) memory::deallocate(block, 256);
    }).join();
    CHECK(memory_statistics().live_bytes == live - 256000);
    if (!caches()) return;
    release_cached_memory();
    CHECK(memory_statistics().cached_bytes == 0);
}

TEST_CASE("a reference shares and releases its object") {
    Tensor x{1, 2};
    CHECK(x.is_sole_owner());
    const Tensor alias = x.detach();
    CHECK_FALSE(x.is_sole_owner());
    CHECK(x.storage() == alias.storage());
    Ref<Storage> storage = x.storage();
    const Ref<Storage> moved = std::move(storage);
    CHECK_FALSE(static_cast<bool>(storage));
    CHECK(moved->owners == 3);
    storage = moved;
    CHECK(moved->owners == 4);
}
