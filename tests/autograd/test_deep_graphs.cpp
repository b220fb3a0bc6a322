// Graphs a million operations deep: neither the sweep nor the release may recurse.
#include <support/testing.hpp>

#include <chrono>

#include <pthread.h>

using namespace testing;

namespace {

Tensor chain_of_additions(const Tensor& x, int length) {
    Tensor y = x;
    for (int i = 0; i < length; ++i) y = y + 1;
    return y;
}

struct Small {
    double swept = 0;
    bool finished = false;
};

/// What A19 asks for, on a stack far too small for a recursion.
void* run_with_small_stack(void* where) {
    auto& result = *static_cast<Small*>(where);
    const Tensor x = leaf(0);
    chain_of_additions(x, 200000).backward();
    result.swept = x.grad().item();
    chain_of_additions(x, 200000);  // released without a sweep
    Tensor wide = x;
    for (int i = 0; i < 100000; ++i) wide = wide * wide;  // two edges a node
    wide = Tensor();
    result.finished = true;
    return nullptr;
}

}  // namespace

TEST_CASE("A19: a chain of 200,000 additions is swept and released, or released alone") {
    const Tensor x = leaf(0);
    {
        const Tensor y = chain_of_additions(x, 200000);
        CHECK(y.item() == 200000);
        y.backward();
        check_close(x.grad(), 1);
    }
    { const Tensor dropped = chain_of_additions(x, 200000); }
    SUCCEED("released");
}

TEST_CASE("A19: the same works in a thread with a stack of 512 KiB") {
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstacksize(&attributes, 512 * 1024) == 0);
    pthread_t thread;
    Small result;
    REQUIRE(pthread_create(&thread, &attributes, run_with_small_stack, &result) == 0);
    REQUIRE(pthread_join(thread, nullptr) == 0);
    pthread_attr_destroy(&attributes);
    CHECK(result.swept == 1);
    CHECK(result.finished);
}

TEST_CASE("a chain of a million additions runs forward, backward and is freed") {
    const Index before = live_tensors();
    {
        const Tensor x = leaf(Tensor{1, 2});
        const Tensor y = sum(chain_of_additions(x, 1000000));
        CHECK(y.item() == 2000003);
        y.backward();
        check_close(x.grad(), Tensor{1, 1});
    }
    CHECK(live_tensors() == before);
}

TEST_CASE("a long recurrence is swept with create_graph and its second derivative released") {
    const Tensor x = leaf(1.00001);
    Tensor y = x;
    for (int i = 0; i < 20000; ++i) y = y * x;
    const Tensor g = grad(y, {x}, {.create_graph = true})[0];
    const double n = 20001;
    CHECK_THAT(g.item(), is_close(n * std::pow(x.item(), n - 1), is_f64 ? 1e-9 : 1e-2));
    CHECK_THAT(grad(g, {x})[0].item() / (n * (n - 1) * std::pow(x.item(), n - 2)), is_close(1, is_f64 ? 1e-9 : 1e-2));
}

TEST_CASE("a graph with many users of one node is swept in time that grows with its size") {
    const Tensor x = leaf(1);
    const Tensor shared = x * 2;
    Tensor total = shared;
    for (int i = 0; i < 100000; ++i) total = total + shared * shared;
    total.backward();
    check_close(x.grad(), 2 + 100000 * 8.0);
}
