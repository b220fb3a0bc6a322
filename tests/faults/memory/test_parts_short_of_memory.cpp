// Parts of a training that run out of memory: a sweep, clipping, a random draw, a cache, a pool of threads, those who watch.
#include <tapehead/autograd/kernels/parallel.hpp>

#include <sstream>

#include "shortage.hpp"

using namespace testing;

namespace {

/// A sweep that adds to gradients that are there, of leaves that share one, and of one that is kept on the way.
struct Sweep final : Trial {
    Tensor a = leaf(numbers({3, 4}, 1)), b = leaf(numbers({3, 4}, 2)), c = leaf(numbers({4, 3}, 3)),
           d = leaf(numbers({3, 3}, 4));
    bool create_graph;

    explicit Sweep(bool with_graph) : create_graph(with_graph) {
        a.set_grad(numbers({3, 4}, 5));
        d.set_grad(numbers({3, 3}, 6));
    }
    ~Sweep() override {  // gradients with a graph hold the leaves that hold them
        for (Tensor* x : {&a, &b, &c, &d}) x->zero_grad();
    }
    void run() override {
        Tensor sums = a + b;
        sums.retain_grad();
        const Tensor y = sum(square(matmul(tanh(sums), c) + d)) + sum(d + d);
        if (create_graph) y.backward({.create_graph = true});
        else y.backward();
        sums.zero_grad();
    }
    std::string state() override {
        std::string all;
        for (const Tensor& x : {a, b, c, d}) all += bits(x) + bits(x.grad());
        return all;
    }
};

struct Clip final : Trial {
    Parameters parameters;
    Real norm_type;

    explicit Clip(Real p) : norm_type(p) {
        for (std::uint64_t i = 0; i < 5; ++i) {
            parameters.push_back({fmt::format("{}", i), leaf(numbers({2, 3}, i))});
            parameters.back().tensor.set_grad(numbers({2, 3}, 10 + i));
        }
    }
    void run() override { clip_grad_norm(parameters, 0.1, {.norm_type = norm_type}); }
    std::string state() override {
        std::string all;
        for (const auto& [name, x] : parameters) all += bits(x.grad());
        return all;
    }
};

/// Operations that draw random numbers.
struct Draw final : Trial {
    std::function<Tensor(Generator&)> draw;
    Generator generator{7};
    Tensor result;

    explicit Draw(std::function<Tensor(Generator&)> f) : draw(std::move(f)) {}
    void run() override { result = draw(generator); }
    std::string state() override { return bits(generator) + bits(result); }
};

/// Two pieces of a sequence through a stack of layers with caches, which are put into another order in between.
struct Decoding final : Trial {
    TransformerEncoder encoder{{.embed_dim = 8, .num_heads = 2, .num_encoder_layers = 3, .feedforward_dim = 8}};
    std::vector<KeyValueCache> caches;
    bool reorders;
    Tensor y;

    explicit Decoding(bool with_reorder) : reorders(with_reorder) {
        manual_seed(2);
        encoder = TransformerEncoder({.embed_dim = 8, .num_heads = 2, .num_encoder_layers = 3, .feedforward_dim = 8});
        encoder.eval();
        const no_grad off;
        caches = encoder.make_cache(2, 5);
        encoder.forward(numbers({2, 2, 8}), caches);
    }
    void run() override {
        const no_grad off;
        Ids rows = make_array<Id>(Shape{2});
        rows(0) = rows(1) = 1;
        if (reorders) caches[0].reorder(rows);
        else y = encoder.forward(numbers({2, 2, 8}, 2), caches);
    }
    std::string state() override {
        std::string all = bits(y);
        for (const KeyValueCache& cache : caches)
            all += fmt::format("{}", cache.length) + bits(slice(cache.keys, 2, 0, cache.length)) +
                   bits(slice(cache.values, 2, 0, cache.length));
        return all;
    }
};

struct DecoderDecoding final : Trial {
    TransformerDecoder decoder{{.embed_dim = 8, .num_heads = 2, .num_decoder_layers = 2, .feedforward_dim = 8}};
    std::vector<DecoderLayerCache> caches;
    Tensor y;

    DecoderDecoding() {
        manual_seed(2);
        decoder = TransformerDecoder({.embed_dim = 8, .num_heads = 2, .num_decoder_layers = 2, .feedforward_dim = 8});
        decoder.eval();
        const no_grad off;
        caches = decoder.make_cache(numbers({2, 3, 8}, 4), 5);
        decoder.forward(numbers({2, 2, 8}), caches);
    }
    void run() override {
        const no_grad off;
        y = decoder.forward(numbers({2, 2, 8}, 2), caches);
    }
    std::string state() override {
        std::string all = bits(y);
        for (const auto& [self, memory] : caches)
            for (const KeyValueCache& cache : {self, memory})
                all += fmt::format("{}", cache.length) + bits(slice(cache.keys, 2, 0, cache.length)) +
                       bits(slice(cache.values, 2, 0, cache.length));
        return all;
    }
};

template <class T, class... Arguments>
MakeTrial make(Arguments... arguments) {
    return [=] { return std::make_unique<T>(arguments...); };
}

/// A training step that everybody watches, and what they tell of it in the end.
struct Watched final : Trial {
    Sequential model{Linear(4, 8), Linear(8, 3)};
    AdamW optimizer{model.named_parameters()};
    ExponentialMovingAverage average{model.named_parameters()};

    Watched() {
        manual_seed(4);
        for (Tensor& p : model.parameters()) {
            const no_grad off;
            p.copy_(rand(p.shape()));
        }
    }
    void run() override {
        study::Profiler profiler(model);
        study::Recorder recorder(model);
        study::GradientFlow flow(model);
        study::detect_anomaly anomaly(model);
        study::AttentionCapture capture(model);
        try {
            step();
        } catch (const std::bad_alloc&) {
            have_memory_again();  // what was seen until then can be read
            tell(profiler, flow);
            { const Scope scope("after"); }
            tell(profiler, flow);
            throw;
        }
    }
    void step() {
        const Scope scope("step");
        model.zero_grad();
        const Tensor x = model(numbers({2, 4}));
        const Tensor y = attend(x);
        const Tensor loss = mean(square(y));
        loss.backward();
        optimizer.step();
    }
    static Tensor attend(const Tensor& x) {
        const Tensor heads = reshape(x, {1, 1, 2, 3});
        return reshape(scaled_dot_product_attention(heads, heads, heads), {2, 3});
    }
    static void tell(const study::Profiler& profiler, const study::GradientFlow& flow) {
        const detail::Unobserved pause;
        std::ostringstream out;
        out << profiler.by_layer() << profiler.by_operation() << flow.table();
    }
    std::string state() override { return bits(model.state_dict()) + bits(optimizer.state_dict()); }
    void clear() override { model.zero_grad(); }
};

}  // namespace

TEST_CASE("out of memory: a sweep that fails leaves every gradient as it was") {
    run_short_of_memory(make<Sweep>(false), "sweep");
    run_short_of_memory(make<Sweep>(true), "sweep with create_graph");
}

TEST_CASE("out of memory: clipping that fails leaves every gradient as it was") {
    run_short_of_memory(make<Clip>(2.0), "clip_grad_norm, 2");
    run_short_of_memory(make<Clip>(3.0), "clip_grad_norm, 3");
    run_short_of_memory(make<Clip>(static_cast<Real>(INFINITY)), "clip_grad_norm, infinity");
}

TEST_CASE("out of memory: random numbers that find no place are not drawn") {
    const auto draw = [](const std::string& name, const std::function<Tensor(Generator&)>& f) {
        run_short_of_memory(make<Draw>(f), name);
    };
    draw("randn", [](Generator& g) { return randn({3, 5}, g); });
    draw("rand", [](Generator& g) { return rand({3, 5}, g); });
}

TEST_CASE("out of memory: a step of decoding that fails leaves every layer's cache as it was") {
    run_short_of_memory(make<Decoding>(false), "encoder with caches");
    run_short_of_memory(make<DecoderDecoding>(), "decoder with caches");
    run_short_of_memory(make<Decoding>(true), "reorder of a cache");
}

TEST_CASE("out of memory: a step that is watched and fails leaves the training as it was, and those who watch can be asked") {
    run_short_of_memory(make<Watched>(), "watched step");
}

TEST_CASE("out of memory: what fails in a helping thread reaches the caller, and the next loop runs as ever") {
    const int threads = num_threads();
    set_num_threads(4);
    for (int round = 0; round < 50; ++round) {
        bool threw = false;
        run_out_of_memory_at(1 + round % 4);  // each of the four ranges asks once
        try {
            kernels::parallel_for(64, 1, [](Index begin, Index end) { std::vector<Index> room(end - begin + 1); });
        } catch (const std::bad_alloc&) {
            threw = true;
        }
        have_memory_again();
        CHECK(threw);
        std::atomic<Index> sum = 0;
        kernels::parallel_for(64, 1, [&](Index begin, Index end) {
            for (Index i = begin; i < end; ++i) sum += i;
        });
        CHECK(sum == 63 * 32);
    }
    set_num_threads(threads);
}

TEST_CASE("out of memory: a loop for which no more helpers can be had runs all the same") {
    const int threads = num_threads();
    for (int more = 5; more < 9; ++more) {
        set_num_threads(more);
        std::atomic<Index> sum = 0;
        run_out_of_memory_at(1);
        kernels::parallel_for(64, 1, [&](Index begin, Index end) {
            for (Index i = begin; i < end; ++i) sum += i;
        });
        have_memory_again();
        CHECK(failed_requests() > 0);
        CHECK(sum == 63 * 32);
    }
    set_num_threads(threads);
}
