// Several processes, each with its part of a batch, train as one that has all of it.
#include <distributed/processes.hpp>

#include <xtensor/xview.hpp>

#include <support/scratch.hpp>

using namespace testing;

namespace {

constexpr Index vocabulary = 7, batch = 8;
const double exact = is_f64 ? 1e-12 : 2e-5;

/// A small Transformer that learns to say its source again, with embedding and output tied, and a tensor that is not learned.
struct Copier : Module {
    Embedding embedding{vocabulary, 8};
    Transformer transformer{{.embed_dim = 8,
                             .num_heads = 2,
                             .num_encoder_layers = 1,
                             .num_decoder_layers = 1,
                             .feedforward_dim = 16,
                             .dropout = 0}};
    Tensor scale = full({1}, 2);

    Tensor loss(const Ids& ids, const CrossEntropyOptions& options) {
        const Tensor x = embedding(ids) * scale;
        const Tensor logits = matmul(transformer.forward(x, x), transpose(embedding.weight));
        return cross_entropy(flatten(logits, 0, 1), Ids(xt::flatten(ids)), options);
    }
    void visit(Visitor& v) override {
        v("embedding", embedding);
        v("transformer", transformer);
        v("scale", scale);
        v("output", embedding.weight);
    }
};

/// Sequences of which the last ones end early: id 0 does not count.
Ids ragged(std::uint64_t seed) {
    Generator random(seed);
    Ids ids = randint(1, vocabulary, {batch, 5}, random);
    for (Index b = 3; b < batch; ++b)
        for (Index t = 1 + b % 4; t < 5; ++t) ids(b, t) = 0;
    return ids;
}

Ids rows(const Ids& ids, mpi::Part part) { return Ids(xt::view(ids, xt::range(part.begin, part.end))); }

Real count(const Ids& ids) {
    return static_cast<Real>(std::ranges::count_if(ids, [](Id id) { return id != 0; }));
}

const CrossEntropyOptions ignore{.ignore_index = 0};

/// The same weights on all processes.
Copier seeded() {
    manual_seed(3);
    return {};
}

/// Takes steps as one process would, with the whole batch, and as several do; returns both models.
struct Pair {
    Copier alone = seeded(), together;

    Pair() { together.load_state_dict(alone.state_dict()); }
    /// The largest difference of a weight, relative to the largest of its tensor.
    double difference() {
        double worst = 0;
        const NamedTensors expected = alone.state_dict(), actual = together.state_dict();
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const double size = amax(abs(expected[i].tensor)).item(),
                         d = amax(abs(actual[i].tensor - expected[i].tensor)).item();
            worst = std::max(worst, d / std::max(size, 1e-3));
        }
        return worst;
    }
};

}  // namespace

TEST_CASE("fifty steps on parts of uneven batches give the weights of one process") {
    for (const Index bucket_bytes : {Index{1}, Index{1} << 9, Index{1} << 30}) {
        INFO("buckets of " << bucket_bytes);
        Pair models;
        mpi::DataParallel parallel(processes(), models.together, {.bucket_bytes = bucket_bytes});
        Adam one(models.alone.named_parameters(), {.lr = 1e-3, .eps = 1e-3}),
            many(models.together.named_parameters(), {.lr = 1e-3, .eps = 1e-3});
        for (std::uint64_t step = 0; step < 50; ++step) {
            const Ids all = ragged(step), own = rows(all, mpi::part(processes(), batch));
            one.zero_grad();
            const Tensor loss = models.alone.loss(all, ignore);
            loss.backward();
            const Real norm = clip_grad_norm(models.alone.named_parameters(), 1);
            one.step();
            many.zero_grad();
            const Real mean = parallel.backward(models.together.loss(own, ignore), count(own));
            CHECK_THAT(mean, is_close(loss.item(), is_f64 ? 1e-9 : 1e-4));
            CHECK_THAT(clip_grad_norm(models.together.named_parameters(), 1), is_close(norm, is_f64 ? 1e-8 : 1e-3));
            many.step();
        }
        CHECK(models.difference() < (is_f64 ? 1e-12 : 1e-3));
        for (const auto& [name, tensor] : models.together.state_dict()) CHECK(is_same_everywhere(tensor));
    }
}

TEST_CASE("parts are as even as they can be, and are all of it") {
    for (const Index n : {0, 1, 7, 8, 100}) {
        const auto [begin, end] = mpi::part(processes(), n);
        CHECK(processes().all_reduce(static_cast<Real>(end - begin)) == static_cast<Real>(n));
        CHECK(processes().all_reduce_max(static_cast<Real>(end - begin)) +
                  processes().all_reduce_max(static_cast<Real>(begin - end)) <=
              1);
        if (processes().is_first()) CHECK(begin == 0);
        if (processes().rank() == processes().size() - 1) CHECK(end == n);
    }
    CHECK_THROWS_AS(mpi::part(processes(), -1), ValueError);
}

TEST_CASE("one step gives each parameter the gradient of the whole batch, added to what it has") {
    Pair models;
    mpi::DataParallel parallel(processes(), models.together, {.bucket_bytes = 100});
    const Ids all = ragged(9), own = rows(all, mpi::part(processes(), batch));
    for (int time = 1; time <= 2; ++time) {  // the second is added to the first
        models.alone.loss(all, ignore).backward();
        parallel.backward(models.together.loss(own, ignore), count(own));
        const NamedTensors expected = models.alone.named_parameters(), actual = models.together.named_parameters();
        for (std::size_t i = 0; i < expected.size(); ++i) {
            INFO(expected[i].name);
            check_close(actual[i].tensor.grad(), expected[i].tensor.grad(), exact);
            CHECK(is_same_everywhere(actual[i].tensor.grad()));
        }
    }
}

TEST_CASE("micro-batches add up to the batch, whatever each of them weighs") {
    Pair models;
    mpi::DataParallel parallel(processes(), models.together);
    const Ids all = ragged(4);
    const mpi::Part part = mpi::part(processes(), batch);
    const Tensor loss = models.alone.loss(all, ignore);
    loss.backward();
    for (Index row = part.begin; row < part.end - 1; ++row) {
        const Ids one = rows(all, {row, row + 1});
        parallel.accumulate(models.together.loss(one, ignore), count(one));
    }
    const Ids last = rows(all, {part.end - 1, part.end});
    const Real mean = parallel.backward(models.together.loss(last, ignore), count(last));
    CHECK_THAT(mean, is_close(loss.item()));
    const NamedTensors expected = models.alone.named_parameters(), actual = models.together.named_parameters();
    for (std::size_t i = 0; i < expected.size(); ++i) check_close(actual[i].tensor.grad(), expected[i].tensor.grad(), exact);
}

TEST_CASE("a process without rows, and one without micro-batches of its own, take part") {
    Pair models;
    mpi::DataParallel parallel(processes(), models.together);
    const Index few = std::max(1, processes().size() - 1);  // so that the last process has none, unless it is alone
    const Ids all = rows(ragged(5), {0, few}), own = rows(all, mpi::part(processes(), few));
    models.alone.loss(all, ignore).backward();
    const NamedTensors expected = models.alone.named_parameters(), actual = models.together.named_parameters();
    const auto compare = [&] {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            INFO(expected[i].name);
            check_close(actual[i].tensor.grad(), expected[i].tensor.grad(), exact);
        }
        models.together.zero_grad();
    };
    parallel.backward(models.together.loss(own, ignore), count(own));
    compare();
    if (!processes().is_first()) parallel.accumulate(models.together.loss(own, ignore), count(own));
    const Ids last = rows(own, {0, processes().is_first() ? static_cast<Index>(own.shape(0)) : 0});
    parallel.backward(models.together.loss(last, ignore), count(last));
    compare();
}

namespace {

/// A model with dropout, and all that a run of it remembers.
struct DroppingRun {
    Sequential model{Linear(4, 8), Dropout(0.5), Linear(8, 1)};
    SGD optimizer{model.named_parameters(), {.lr = 0.1}};
    Checkpoint checkpoint;

    DroppingRun() {
        checkpoint.add("model", model);
        checkpoint.add("optimizer", optimizer);
    }
    void train(mpi::DataParallel& parallel, std::uint64_t begin, std::uint64_t end) {
        for (std::uint64_t step = begin; step < end; ++step) {
            const Tensor all = numbers({2 * processes().size() - 1, 4}, step);  // the last process has one row, the others two
            const mpi::Part part = mpi::part(processes(), all.size(0));
            optimizer.zero_grad();
            parallel.backward(mean(square(model(slice(all, 0, part.begin, part.end)) - 1)),
                              static_cast<Real>(part.end - part.begin));
            optimizer.step();
        }
    }
};

}  // namespace

TEST_CASE("a run with dropout that is resumed has the bits of one that never stopped, though processes draw unlike numbers") {
    const std::string path = processes().broadcast(scratch("dropping.safetensors"));
    manual_seed(4);
    DroppingRun whole;
    mpi::DataParallel parallel(processes(), whole.model);
    const auto position = [] { return static_cast<Real>(default_generator().position()); };
    const Real before = position();
    whole.model(ones({2 - (processes().rank() == processes().size() - 1 ? 1 : 0), 4}));
    const Real drawn = position() - before, most = processes().all_reduce_max(drawn);
    if (processes().size() > 1) CHECK(processes().any(drawn != most));
    whole.train(parallel, 0, 3);
    if (processes().is_first()) whole.checkpoint.save(path);
    processes().barrier();
    whole.train(parallel, 3, 6);

    DroppingRun resumed;
    resumed.checkpoint.load(path);
    mpi::DataParallel parallel_again(processes(), resumed.model);
    resumed.train(parallel_again, 3, 6);
    const NamedTensors expected = whole.model.state_dict(), actual = resumed.model.state_dict();
    for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(std::ranges::equal(actual[i].tensor.values(), expected[i].tensor.values()));
}

namespace {

/// Layers of which a loss may use any.
struct Several : Module {
    std::vector<Linear> layers{Linear(2, 2), Linear(2, 2), Linear(2, 2)};
    void visit(Visitor& v) override {
        for (std::size_t i = 0; i < layers.size(); ++i) v(std::to_string(i), layers[i]);
    }
};

}  // namespace

TEST_CASE("what some processes do not use counts as 0 there, and what none uses has no gradient") {
    Several model;
    mpi::DataParallel parallel(processes(), model, {.bucket_bytes = 1});
    const bool is_last = processes().rank() == processes().size() - 1;
    Tensor y = sum(model.layers[0](ones({1, 2})));
    if (is_last) y = y + sum(model.layers[1](ones({1, 2})));
    parallel.backward(y);
    const double n = processes().size();
    check_close(model.layers[0].weight.grad(), ones({2, 2}));
    check_close(model.layers[1].weight.grad(), full({2, 2}, 1 / n));
    CHECK_FALSE(model.layers[2].weight.grad().defined());
}

TEST_CASE("a process whose weight is 0 takes part without a say, even where its loss is no number") {
    Several model;
    mpi::DataParallel parallel(processes(), model);
    const bool has_none = processes().size() > 1 && processes().is_first();
    const Tensor y = sum(model.layers[0](ones({1, 2})));
    const Real mean = parallel.backward(has_none ? y * NAN : y, has_none ? 0 : 2);
    CHECK_THAT(mean, is_close(y.item()));
    check_close(model.layers[0].weight.grad(), ones({2, 2}));
    model.zero_grad();
    parallel.accumulate(sum(model.layers[0](ones({1, 2}))) * (has_none ? NAN : 1), has_none ? 0 : 2);
    parallel.backward(has_none ? zeros({}) : sum(model.layers[0](ones({1, 2}))), has_none ? 0 : 1);  // nothing to sweep
    check_close(model.layers[0].weight.grad(), ones({2, 2}));
}

TEST_CASE("what was accumulated is forgotten with the gradients") {
    Several model;
    mpi::DataParallel parallel(processes(), model);
    parallel.accumulate(sum(model.layers[0](ones({1, 2}))) * 100, 3);
    model.zero_grad();
    const Tensor y = sum(model.layers[0](ones({1, 2})));
    CHECK_THAT(parallel.backward(y), is_close(y.item()));
    check_close(model.layers[0].weight.grad(), ones({2, 2}));
}

TEST_CASE("a sweep that throws leaves the gradients, and the next says that exchanges are on their way") {
    Several model;
    mpi::DataParallel parallel(processes(), model, {.bucket_bytes = 1});
    const auto loss = [&] { return sum(model.layers[2](model.layers[1](model.layers[0](ones({1, 2}))))); };
    parallel.backward(loss());
    const Tensor before = clone(model.layers[1].weight.grad());
    const Index hook = model.layers[0].bias.register_hook([](const Tensor&) -> Tensor { throw std::runtime_error("a hook"); });
    CHECK_THROWS_WITH(parallel.backward(loss()), "a hook");
    check_close(model.layers[1].weight.grad(), before);
    model.layers[0].bias.remove_hook(hook);
    CHECK_THROWS_AS(parallel.backward(loss()), mpi::CommunicationError);
    processes().barrier();
}

TEST_CASE("parameters are neither frozen nor set free behind its back") {
    Several model;
    mpi::DataParallel parallel(processes(), model);
    model.layers[1].weight.requires_grad_(false);
    CHECK_THROWS_WITH(parallel.backward(sum(model.layers[0](ones({1, 2})))), Catch::Contains("got '1.weight' without"));
    model.layers[1].weight.requires_grad_();
    parallel.backward(sum(model.layers[0](ones({1, 2}))));
}

TEST_CASE("hooks have their word before gradients are exchanged") {
    Several model;
    mpi::DataParallel parallel(processes(), model);
    model.layers[0].weight.register_hook([](const Tensor& g) { return g * (1.0 + processes().rank()); });
    parallel.backward(sum(model.layers[0](ones({1, 2}))));
    check_close(model.layers[0].weight.grad(), full({2, 2}, (1.0 + processes().size()) / 2));
    check_close(model.layers[0].bias.grad(), ones({2}));
}

TEST_CASE("segments that are computed again give what they give without") {
    Pair models;
    mpi::DataParallel parallel(processes(), models.together, {.bucket_bytes = 64});
    const Ids all = ragged(2), own = rows(all, mpi::part(processes(), batch));
    models.alone.loss(all, ignore).backward();
    const Tensor loss = checkpoint([&](const Tensor& one) { return models.together.loss(own, ignore) * one; }, ones({}));
    parallel.backward(loss, count(own));
    const NamedTensors expected = models.alone.named_parameters(), actual = models.together.named_parameters();
    for (std::size_t i = 0; i < expected.size(); ++i) check_close(actual[i].tensor.grad(), expected[i].tensor.grad(), exact);
}

TEST_CASE("exchanges begin before the sweep has ended, in one order") {
    Copier model;
    mpi::DataParallel parallel(processes(), model, {.bucket_bytes = 256});
    struct Counting : Observer {
        explicit Counting(const mpi::DataParallel& of) : parallel(of) {}
        void on_pull(const PullEvent& event) override {
            if (!event.node.is_leaf()) begun = parallel.exchanges().size();
        }
        const mpi::DataParallel& parallel;
        std::size_t begun = 0;  // before the last operation was passed
    } counting(parallel);
    parallel.backward(model.loss(ragged(1), ignore));
    CHECK(counting.begun > 3);
    const auto& exchanges = parallel.exchanges();
    REQUIRE(exchanges.size() > 5);
    Index bytes = 0;
    for (std::size_t i = 0; i < exchanges.size(); ++i) {
        if (i > 0) CHECK(exchanges[i - 1].started <= exchanges[i].started);
        CHECK(exchanges[i].started <= exchanges[i].waited);
        CHECK(exchanges[i].started <= exchanges[i].ended);
        bytes += exchanges[i].bytes;
    }
    CHECK(exchanges[0].started < exchanges.back().started);
    CHECK(bytes == static_cast<Index>(sizeof(Scalar)) * (model.num_parameters() + std::ssize(model.named_parameters())));
}

TEST_CASE("all begin with the weights of process 0, and draw different numbers") {
    manual_seed(static_cast<std::uint64_t>(processes().rank()) + 1);
    Copier model;
    const mpi::DataParallel parallel(processes(), model);
    for (const auto& [name, tensor] : model.state_dict()) CHECK(is_same_everywhere(tensor));
    const Tensor drawn = rand({4});
    if (processes().size() > 1) CHECK_FALSE(is_same_everywhere(drawn));
}

TEST_CASE("DataParallel says what does not fit, and gradients stay") {
    Several model;
    CHECK_THROWS_AS(mpi::DataParallel(processes(), model, {.bucket_bytes = 0}), ValueError);
    mpi::DataParallel parallel(processes(), model);
    const Tensor y = sum(model.layers[0](ones({1, 2})));
    parallel.backward(y);
    const Tensor before = clone(model.layers[0].weight.grad());
    CHECK_THROWS_WITH(parallel.backward(y, -1),
                      Catch::Contains("DataParallel.backward: expected a weight that is finite and not negative, got -1"));
    CHECK_THROWS_AS(parallel.backward(sum(model.layers[0](ones({1, 2}))), 0), ValueError);  // on all processes
    CHECK_THROWS_AS(parallel.backward(y), GradError);                                       // the graph is gone
    CHECK_THROWS_AS(parallel.backward(ones({2})), ShapeError);
    check_close(model.layers[0].weight.grad(), before);
    if (processes().size() > 1) {  // all say so, those whose model is that of process 0 too
        Linear other(2, processes().rank() == 1 ? 3 : 2);
        CHECK_THROWS_WITH(
            mpi::DataParallel(processes(), other),
            "DataParallel: expected one model on all processes, got weight [2, 2] on process 0 and weight [3, 2] on process 1");
    }
}
