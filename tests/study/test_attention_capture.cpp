// AttentionCapture: every call of attention with its steps, forward and back, against what the tape computes.
#include <study/model.hpp>

using namespace testing;

namespace {

/// Attention on the tape, written out, with the gradient of every step.
struct Reference {
    Tensor q, k, v;
    AttentionSteps steps;

    Reference(const Tensor& queries, const Tensor& keys, const Tensor& values, const AttentionOptions& options,
              const Tensor& dy)
        : q(leaf(queries)), k(leaf(keys)), v(leaf(values)), steps(scaled_dot_product_attention_steps(q, k, v, options)) {
        for (Tensor* step : {&steps.scores, &steps.masked_scores, &steps.weights}) step->retain_grad();
        steps.output.backward(dy);
    }
};

Tensor at(const Tensor& x, Index b, Index h) { return select(select(x, 0, b), 0, h); }

/// Sums over a group the heads of keys and values gathered head by head.
void check_head(const study::CapturedAttention& call, const Reference& expected, Index b, Index h) {
    const study::AttentionHead head = call.head(b, h), gradient = call.gradients(b, h);
    check_close(head.scores, at(expected.steps.scores.detach(), b, h));
    check_close(head.masked_scores, at(expected.steps.masked_scores.detach(), b, h));
    check_close(head.weights, at(expected.steps.weights.detach(), b, h));
    check_close(gradient.scores, at(expected.steps.scores.grad(), b, h));
    check_close(gradient.masked_scores, at(expected.steps.masked_scores.grad(), b, h));
    check_close(gradient.weights, at(expected.steps.weights.grad(), b, h));
    check_close(gradient.q, at(expected.q.grad(), b, h));
}

}  // namespace

TEST_CASE("attention capture: finds every layer of a model, with the weights that the layer itself gives") {
    manual_seed(5);
    Transformer model(
        {.embed_dim = 8, .num_heads = 2, .num_encoder_layers = 2, .num_decoder_layers = 1, .feedforward_dim = 8, .dropout = 0});
    const Tensor source = numbers({2, 5, 8}, 1), target = numbers({2, 3, 8}, 2);
    study::AttentionCapture capture(model);
    const Tensor y = model(source, target);
    std::vector<std::string> scopes;
    for (const auto& call : capture.calls()) scopes.push_back(call.scope);
    CHECK(scopes == std::vector<std::string>{"encoder.layers.0.self_attention", "encoder.layers.1.self_attention",
                                             "decoder.layers.0.self_attention", "decoder.layers.0.cross_attention"});
    const auto& first = capture.calls()[0];
    CHECK(first.queries == 5);
    CHECK(first.head_dim == 4);
    const Tensor weights = model.encoder.layers[0].self_attention.forward_with_weights(source, source, source).weights;
    for (Index b = 0; b < 2; ++b)
        for (Index h = 0; h < 2; ++h) check_close(first.weights(b, h), at(weights.detach(), b, h));
    const auto& cross = capture.call("decoder.layers.0.cross_attention");
    CHECK(cross.queries == 3);
    CHECK(cross.keys == 5);
    CHECK_THROWS_AS(capture.call("decoder.layers.0.cross_attention", 1), ValueError);
    CHECK_THROWS_WITH(capture.call("encoder"), Catch::Contains("expected a layer that attended 1 times, got 'encoder'") &&
                                                   Catch::Contains("'encoder.layers.0.self_attention'"));
}

TEST_CASE("attention capture: steps and gradients of each head are those of the tape, under any mask") {
    const Tensor q = numbers({2, 4, 3, 5}, 1), k = numbers({2, 4, 6, 5}, 2), v = numbers({2, 4, 6, 7}, 3),
                 dy = numbers({2, 4, 3, 7}, 4);
    Condition pattern(Shape{1, 4, 3, 6});
    for (Index i = 0; i < pattern.numel(); ++i) pattern.raw()[i] = i % 5 != 2;
    const auto mask = GENERATE_COPY(AttentionMask(), AttentionMask::causal(), AttentionMask::lengths({4, 6}),
                                    AttentionMask::alibi() & AttentionMask::causal(), AttentionMask::allow(pattern),
                                    AttentionMask::bias(numbers({2, 4, 3, 6}, 7)) & AttentionMask::window(2, 1));
    const Real softcap = GENERATE(0, 2);
    const AttentionOptions options{.mask = mask, .scale = 0.7, .softcap = softcap};
    const Reference expected(q, k, v, options, dy);

    study::AttentionCapture capture;
    const Tensor ql = leaf(q), y = scaled_dot_product_attention(ql, leaf(k), leaf(v), options);
    REQUIRE(capture.calls().size() == 1);
    const auto& call = capture.calls()[0];
    CHECK_THROWS_AS(call.gradients(0, 0), GradError);
    y.backward(dy);
    for (Index b = 0; b < 2; ++b)
        for (Index h = 0; h < 4; ++h) {
            check_head(call, expected, b, h);
            check_close(call.gradients(b, h).k, at(expected.k.grad(), b, h));
            check_close(call.gradients(b, h).v, at(expected.v.grad(), b, h));
            check_close(call.head(b, h).output, at(y.detach(), b, h));
        }
    CHECK(capture.calls().size() == 1);  // making the steps anew is no call
    CHECK_THROWS_AS(call.head(2, 0), IndexError);
    CHECK_THROWS_AS(call.head(0, -1), IndexError);
}

TEST_CASE("attention capture: heads that share keys and values, and time before heads") {
    const Tensor q = numbers({2, 3, 4, 5}, 1), k = numbers({2, 3, 2, 5}, 2), v = numbers({2, 3, 2, 5}, 3),
                 dy = numbers({2, 3, 4, 5}, 4);
    const AttentionOptions options{.mask = AttentionMask::causal(), .time_first = true};
    study::AttentionCapture capture;
    const Tensor kl = leaf(k), vl = leaf(v), y = scaled_dot_product_attention(leaf(q), kl, vl, options);
    y.backward(dy);
    const auto& call = capture.calls().at(0);
    CHECK(call.heads == 4);
    CHECK(call.kv_heads == 2);
    for (Index b = 0; b < 2; ++b)
        for (Index group = 0; group < 2; ++group) {
            const auto first = call.gradients(b, 2 * group), second = call.gradients(b, 2 * group + 1);
            const auto of_group = [&](const Tensor& x) { return at(permute(x, {0, 2, 1, 3}), b, group); };
            check_close(first.k + second.k, of_group(kl.grad()));
            check_close(first.v + second.v, of_group(vl.grad()));
            check_close(call.head(b, 2 * group + 1).k, of_group(k));
        }
}

TEST_CASE("attention capture: of decoding with a cache a call is one step over the keys so far") {
    MultiHeadAttention attention(8, 2);
    const Tensor x = numbers({2, 4, 8});
    const no_grad off;
    const Tensor whole = attention.forward_with_weights(x, x, x, AttentionMask::causal()).weights;
    study::AttentionCapture capture(attention);
    KeyValueCache cache = attention.make_cache(2, 6);
    for (Index t = 0; t < 4; ++t) attention.forward(slice(x, 1, t, t + 1), cache);
    REQUIRE(capture.calls().size() == 4);
    for (Index t = 0; t < 4; ++t)
        for (Index h = 0; h < 2; ++h)
            check_close(capture.call("", static_cast<std::size_t>(t)).weights(1, h),
                        slice(slice(at(whole, 1, h), 0, t, t + 1), 1, 0, t + 1));
}

TEST_CASE("attention capture: under dropout the same weights are dropped again") {
    const Tensor q = numbers({2, 2, 3, 4}, 1), k = numbers({2, 2, 3, 4}, 2), v = numbers({2, 2, 3, 4}, 3),
                 dy = numbers({2, 2, 3, 4}, 4);
    Generator one(9), other(9);
    AttentionOptions options{.dropout = 0.5, .training = true, .generator = &one};
    const Reference expected(q, k, v, options, dy);
    options.generator = &other;
    study::AttentionCapture capture;
    const Tensor y = scaled_dot_product_attention(leaf(q), leaf(k), leaf(v), options);
    y.backward(dy);
    const auto position = other.position();
    for (Index b = 0; b < 2; ++b)
        for (Index h = 0; h < 2; ++h) {
            check_head(capture.calls()[0], expected, b, h);
            check_close(capture.calls()[0].head(b, h).output, at(y.detach(), b, h));
        }
    CHECK(other.position() == position);  // looking draws no numbers
}

TEST_CASE("attention capture: leaves gradients, graph and memory as they are") {
    SmallModel model = seeded_model();
    const Ids ids = tokens();
    model.loss(ids).backward();
    const Tensor alone = clone(model.layer.self_attention.q_proj.weight.grad());
    model.zero_grad();
    const Index before = live_tensors();
    {
        study::AttentionCapture capture(model);
        model.loss(ids).backward();
        check_close(model.layer.self_attention.q_proj.weight.grad(), alone);
        capture.clear();
        CHECK(capture.calls().empty());
        model.loss(ids);
        CHECK(capture.calls().size() == 1);
    }
    model.zero_grad();
    CHECK(live_tensors() <= before);
}

TEST_CASE("attention capture: of long sequences one head takes memory for one head") {
    constexpr Index length = 512, heads = 16;
    const Tensor q = numbers({1, heads, length, 4});
    study::AttentionCapture capture;
    scaled_dot_product_attention(q, q, q, {.mask = AttentionMask::causal()});
    reset_peak_memory();
    const std::size_t before = memory_statistics().live_bytes;
    const Tensor weights = capture.calls()[0].weights(0, 3);
    CHECK(memory_statistics().peak_bytes - before <
          8 * length * length * sizeof(Scalar));  // all heads would be twice that, each step
}

TEST_CASE("attention capture: saves all steps by name") {
    SmallModel model = seeded_model();
    study::AttentionCapture capture(model);
    model.loss(tokens()).backward();
    model.loss(tokens());
    capture.save(scratch("attention.npz"));
    const NamedTensors saved = load_npz(scratch("attention.npz"));
    const auto find = [&](const std::string& name) {
        for (const auto& [known, tensor] : saved)
            if (known == name) return tensor;
        return Tensor();
    };
    const Tensor weights = find("layer.self_attention.weights");
    REQUIRE(weights.defined());
    CHECK(weights.shape() == Shape{2, 2, 4, 4});
    check_close(at(weights, 1, 0), capture.calls()[0].weights(1, 0));
    check_close(at(find("layer.self_attention.scores.grad"), 0, 1), capture.calls()[0].gradients(0, 1).scores);
    check_close(at(find("layer.self_attention.1.q"), 0, 1), capture.calls()[1].head(0, 1).q);
    CHECK_FALSE(find("layer.self_attention.1.q.grad").defined());
    CHECK(saved.size() == 21);
}
