// Graphs built and swept on several threads at once, and results that do not depend on the number of threads.
#include <support/testing.hpp>

#include <algorithm>
#include <set>
#include <thread>

#include <xtensor/xview.hpp>

#include <support/scratch.hpp>
#include <tapehead/autograd/threads.hpp>
#include <tapehead/io/safetensors.hpp>

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

/// A model of 2 layers that several threads use at once: embeddings [V, E], causal layers, logits through the same matrix.
struct SharedModel {
    static constexpr Index vocabulary = 11, embed_dim = 16;
    Embedding embedding{vocabulary, embed_dim};
    TransformerEncoder layers{{.embed_dim = embed_dim,
                               .num_heads = 2,
                               .num_encoder_layers = 2,
                               .feedforward_dim = 32,
                               .dropout = 0.1,
                               .norm_first = true}};

    SharedModel() {
        layers.eval();
        Generator generator(3);
        init::normal_(embedding.weight, 0, 0.5, generator);
    }
    Tensor logits(const Tensor& y) const { return linear(y, embedding.weight); }

    /// What follows a token, from a cache of the caller's own.
    TokenSequence write(Id first) const {
        const no_grad off;
        std::vector<KeyValueCache> caches = layers.make_cache(1, 40);
        const StepModel steps{.next =
                                  [&](const Ids& ids) { return logits(select(layers.forward(embedding(ids), caches), 1, -1)); },
                              .reorder = [&](const Ids& rows) { reorder(caches, rows); }};
        Ids prompt = make_array<Id>({1, 1});
        prompt(0, 0) = first;
        return greedy_decode(steps, prompt, {.max_length = 30})[0];
    }

    /// The gradients of every weight for a batch of the caller's own; `.grad` is left alone.
    std::vector<Tensor> gradients(Index seed) {
        Ids ids = Ids::from_shape({4, 24});
        for (std::size_t i = 0; i < ids.size(); ++i)
            ids.flat(i) = static_cast<Id>(i * i + 5 * i + static_cast<std::size_t>(seed)) % vocabulary;
        const Tensor y = logits(layers(embedding(ids), AttentionMask::causal()));
        std::vector<Tensor> weights = {embedding.weight};
        for (const Tensor& weight : layers.parameters()) weights.push_back(weight);
        return grad(cross_entropy(flatten(y, 0, 1), Ids(xt::flatten(ids))), weights);
    }
};

/// f(0), f(1), ... on a thread each, all at the same time.
template <class F>
auto on_threads(int count, const F& f) {
    std::vector<decltype(f(0))> results(static_cast<std::size_t>(count));
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&, i] { results[static_cast<std::size_t>(i)] = f(i); });
    for (std::thread& thread : threads) thread.join();
    return results;
}

}  // namespace

TEST_CASE("threads write with one model at the same time, each from a cache of its own") {
    const SharedModel model;
    const auto together = on_threads(6, [&](int i) { return model.write(i); });
    for (int i = 0; i < 6; ++i) CHECK(together[static_cast<std::size_t>(i)] == model.write(i));
    CHECK(std::set<TokenSequence>(together.begin(), together.end()).size() > 1);
}

TEST_CASE(
    "threads differentiate one model's weights at the same time, each for data of its own, on any number of threads below") {
    SharedModel model;
    const int before = num_threads();
    for (const int threads : {1, 3}) {
        set_num_threads(threads);
        const auto together = on_threads(4, [&](int i) { return model.gradients(i); });
        for (int i = 0; i < 4; ++i) {
            const std::vector<Tensor> alone = model.gradients(i);
            for (std::size_t j = 0; j < alone.size(); ++j)
                CHECK(std::ranges::equal(together[static_cast<std::size_t>(i)][j].values(), alone[j].values()));
        }
    }
    set_num_threads(before);
    CHECK_FALSE(model.embedding.weight.grad().defined());
}

TEST_CASE("threads with generators of their own draw what one thread draws from each") {
    const auto draw = [](int i) {
        Generator generator(static_cast<std::uint64_t>(i));
        const Tensor x = leaf(randn({50, 20}, generator));
        return grad(sum(dropout(x, 0.3, true, generator)), {x})[0];
    };
    const auto together = on_threads(4, draw);
    for (int i = 0; i < 4; ++i) CHECK(std::ranges::equal(together[static_cast<std::size_t>(i)].values(), draw(i).values()));
}

TEST_CASE("threads read the tensors of one open file at the same time") {
    NamedTensors tensors;
    for (int i = 0; i < 12; ++i) tensors.push_back({"t" + std::to_string(i), randn({40, 10})});
    save_safetensors(scratch("shared.safetensors"), tensors, {.dtype = Dtype::F16});
    const SafetensorsFile file(scratch("shared.safetensors"));
    const auto read_all = [&](int first) {
        std::vector<Scalar> values;
        for (int i = 0; i < 12; ++i) {
            const Tensor tensor = file.tensor("t" + std::to_string((first + i) % 12));
            values.insert(values.end(), tensor.values().begin(), tensor.values().end());
        }
        return values;
    };
    const auto together = on_threads(4, read_all);
    for (int i = 0; i < 4; ++i) CHECK(together[static_cast<std::size_t>(i)] == read_all(i));
}

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
