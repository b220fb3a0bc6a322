// Graphs built and swept on several threads at once, and results that do not depend on the number of threads.
#include <support/testing.hpp>

#include <thread>

#include <tapehead/autograd/threads.hpp>

using namespace testing;

namespace {

/// The gradients of a small network after 300 rounds of training, from the thread's own leaf and graph.
std::vector<double> train(int which) {
    const Tensor x = Tensor{{0.1, 0.2, 0.3}, {-0.4, 0.5, 0.6}} * (1 + 0.1 * which), target{{1}, {-1}};
    Tensor w1 = leaf(Tensor{{0.3, -0.2, 0.1}, {0.5, 0.4, -0.3}, {-0.6, 0.2, 0.7}, {0.1, 0.1, 0.1}}),
           w2 = leaf(Tensor{{0.2, -0.4, 0.3, 0.9}});
    for (int round = 0; round < 300; ++round) {
        w1.zero_grad();
        w2.zero_grad();
        const Tensor y = linear(layer_norm(gelu(linear(x, w1)), {4}), w2);
        mean(square(y - target)).backward();
        const no_grad off;
        w1.add_(w1.grad(), -0.05);
        w2.add_(w2.grad(), -0.05);
    }
    std::vector<double> result(w1.grad().values().begin(), w1.grad().values().end());
    result.insert(result.end(), w2.grad().values().begin(), w2.grad().values().end());
    return result;
}

}  // namespace

TEST_CASE("A22: eight threads with graphs of their own get the gradients of a single one, bit for bit") {
    constexpr int count = 8;
    std::vector<std::vector<double>> together(count), alone(count);
    for (int i = 0; i < count; ++i) alone[static_cast<std::size_t>(i)] = train(i);
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&, i] { together[static_cast<std::size_t>(i)] = train(i); });
    for (std::thread& thread : threads) thread.join();
    CHECK(together == alone);
    CHECK(alone[0] != alone[1]);
}

TEST_CASE("separate graphs over one shared leaf can be built and swept for values at the same time") {
    const Tensor w = leaf(Tensor{1, 2, 3});
    std::vector<double> found(8);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < found.size(); ++i)
        threads.emplace_back([&, i] {
            for (int round = 0; round < 200; ++round) found[i] = grad(sum(w * w * static_cast<double>(i + 1)), {w})[0](1);
        });
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == 4.0 * static_cast<double>(i + 1));
    CHECK_FALSE(w.grad().defined());
}

TEST_CASE("a tensor made on one thread can be used and freed on another") {
    const Index before = live_tensors();
    Tensor y;
    Tensor x = leaf(full({1000}, 2));
    std::thread([&] { y = sum(square(x)); }).join();
    std::thread([&] {
        y.backward();
        y = Tensor();
    }).join();
    check_close(x.grad(), full({1000}, 4));
    x = Tensor();
    CHECK(live_tensors() == before);
}

TEST_CASE("the number of threads can be set, to one at least") {
    const int before = num_threads();
    set_num_threads(3);
    CHECK(num_threads() == 3);
    CHECK_THROWS_AS(set_num_threads(0), ValueError);
    CHECK_THROWS_AS(set_num_threads(-1), ValueError);
    CHECK(num_threads() == 3);
    set_num_threads(before);
}
