// scaled_dot_product_attention: against plain loops, with every mask, head grouping and option.
#include "attention_inputs.hpp"

using namespace testing;

namespace {

/// The formula as loops over doubles.
AttentionResult by_loops(const Inputs& in, const AttentionOptions& options) {
    const AttentionShape s{in.q.size(0), in.q.size(1), in.q.size(2), in.k.size(2)};
    const Index width = in.q.size(3), value_width = in.v.size(3), group = s.heads / in.k.size(1);
    const auto allowed = options.mask.allowed(s);
    const Tensor bias = options.mask.parts(s).bias;
    const Tensor may = allowed ? expand(as_tensor(*allowed), s) : ones(s), added = bias ? expand(bias.detach(), s) : zeros(s);
    const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(width)));
    AttentionResult result{zeros({s.batch, s.heads, s.queries, value_width}), zeros(s)};
    for (Index b = 0; b < s.batch; ++b)
        for (Index h = 0; h < s.heads; ++h)
            for (Index i = 0; i < s.queries; ++i) {
                std::vector<double> weight(static_cast<std::size_t>(s.keys));
                double total = 0;
                for (Index j = 0; j < s.keys; ++j) {
                    if (may(b, h, i, j) == 0) continue;
                    double score = 0;
                    for (Index d = 0; d < width; ++d) score += double{in.q(b, h, i, d)} * double{in.k(b, h / group, j, d)};
                    score *= scale;
                    if (options.softcap > 0) score = options.softcap * std::tanh(score / options.softcap);
                    total += weight[static_cast<std::size_t>(j)] = std::exp(score + double{added(b, h, i, j)});
                }
                for (Index j = 0; j < s.keys; ++j) {
                    const double w = total > 0 ? weight[static_cast<std::size_t>(j)] / total : 0;
                    const Index row = (b * s.heads + h) * s.queries + i;
                    result.weights.raw()[row * s.keys + j] = static_cast<Scalar>(w);
                    for (Index d = 0; w > 0 && d < value_width; ++d)
                        result.output.raw()[row * value_width + d] += static_cast<Scalar>(w * double{in.v(b, h / group, j, d)});
                }
            }
    return result;
}

void check_against_loops(const Inputs& in, const AttentionOptions& options) {
    const AttentionResult expected = by_loops(in, options);
    const AttentionResult actual = scaled_dot_product_attention_with_weights(in.q, in.k, in.v, options);
    check_close(actual.weights, expected.weights, is_f64 ? 1e-12 : 1e-5);
    check_close(actual.output, expected.output, is_f64 ? 1e-12 : 1e-5);
    check_close(scaled_dot_product_attention(in.q, in.k, in.v, options), actual.output);
}

/// The masks of the tests by name, for B 2, H 2, Tq 3, Tk 4.
std::vector<std::pair<std::string, AttentionMask>> masks() {
    const auto some = [](const Shape& shape, Index step) {
        Condition c(shape);
        for (Index i = 0; i < c.numel(); ++i) c.raw()[i] = (i * step) % 5 < 3;
        return c;
    };
    return {{"none", {}},
            {"causal", AttentionMask::causal()},
            {"causal(0)", AttentionMask::causal(0)},
            {"causal(-1), a row without keys", AttentionMask::causal(-1)},
            {"window", AttentionMask::window(1, 1)},
            {"allow [Tq, Tk]", AttentionMask::allow(some({3, 4}, 2))},
            {"allow [B, H, Tq, Tk]", AttentionMask::allow(some({2, 2, 3, 4}, 3))},
            {"allow [B, 1, 1, Tk]", AttentionMask::allow(some({2, 1, 1, 4}, 2))},
            {"keys", AttentionMask::keys(some({2, 4}, 2))},
            {"lengths, a batch element without keys", AttentionMask::lengths({3, 0})},
            {"bias [Tq, Tk]", AttentionMask::bias(numbers({3, 4}, 5))},
            {"bias [1, H, 1, Tk]", AttentionMask::bias(numbers({1, 2, 1, 4}, 6))},
            {"causal & keys & bias",
             AttentionMask::causal() & AttentionMask::keys(some({2, 4}, 2)) & AttentionMask::bias(numbers({2, 2, 3, 4}, 7))}};
}

}  // namespace

TEST_CASE("attention equals the formula in plain loops under every mask") {
    const Inputs in = make_inputs({2, 2, 3, 4});
    for (const auto& [name, mask] : masks()) {
        INFO(name);
        check_against_loops(in, {.mask = mask});
        check_against_loops(in, {.mask = mask, .scale = 0.3, .softcap = 0.8});
    }
}

TEST_CASE("attention works for any extents") {
    for (const AttentionShape shape : {AttentionShape{1, 1, 1, 1}, {3, 1, 5, 2}, {1, 4, 2, 7}, {2, 3, 17, 33}})
        for (const Index width : {1, 8, 19})
            check_against_loops(make_inputs(shape, width, 5), {.mask = AttentionMask::causal()});
}

TEST_CASE("queries and keys of width 0 score 0, and attention is the mean of the values") {
    const Tensor q = leaf(zeros({1, 1, 2, 0})), k = leaf(zeros({1, 1, 3, 0})), v = leaf(numbers({1, 1, 3, 2}));
    const Tensor expected = expand(mean(v, {2}, true), {1, 1, 2, 2});
    for (const Real softcap : {0.0, 2.0}) {
        const AttentionSteps steps = scaled_dot_product_attention_steps(q, k, v, {.softcap = softcap});
        check_close(steps.scores, zeros({1, 1, 2, 3}));
        check_close(steps.output, expected);
        const Tensor fused = scaled_dot_product_attention(q, k, v, {.softcap = softcap});
        check_close(fused, expected);
        for (const bool recorded : {false, true})
            check_close(grad(sum(fused), {v}, {.retain_graph = true, .create_graph = recorded})[0],
                        full({1, 1, 3, 2}, 2.0 / 3));
    }
}

TEST_CASE("attention of a batch of nothing has gradients of nothing, and 0 for a bias that is not of the batch") {
    for (const Shape& shape : {Shape{0, 2, 3, 4}, Shape{1, 2, 3, 4}, Shape{1, 1, 3, 4}, Shape{3, 4}}) {
        const Tensor q = leaf(zeros({0, 2, 3, 5})), k = leaf(zeros({0, 2, 4, 5})), bias = leaf(ones(shape));
        const Tensor y = scaled_dot_product_attention(q, k, k, {.mask = AttentionMask::bias(bias)});
        CHECK(y.shape() == Shape{0, 2, 3, 5});
        for (const bool recorded : {false, true}) {
            const auto g = grad(sum(y), {q, k, bias}, {.retain_graph = true, .create_graph = recorded});
            CHECK(g[0].shape() == q.shape());
            CHECK(g[1].shape() == k.shape());
            check_close(g[2], zeros(shape));
        }
    }
}

TEST_CASE("the first and second derivatives of attention agree with finite differences under every mask") {
    const Inputs in = make_inputs({2, 2, 3, 4}, 2, 1);
    for (const auto& [name, mask] : masks()) {
        INFO(name);
        check_derivatives(in, {.mask = mask});
    }
}

TEST_CASE("the derivatives of attention agree with finite differences with a scale, a softcap and shared heads") {
    check_derivatives(make_inputs({1, 4, 2, 3}, 2, 3, 2), {.mask = AttentionMask::causal(), .scale = 1.3, .softcap = 0.9});
    check_derivatives(make_inputs({1, 2, 2, 3}, 2, 1, 1), {.softcap = 2});
}

TEST_CASE("the derivatives of the weights agree with finite differences") {
    const Inputs in = make_inputs({1, 2, 2, 3}, 2, 1);
    check_derivatives(
        [](const std::vector<Tensor>& x) {
            return scaled_dot_product_attention_with_weights(x[0], x[1], x[2], {.mask = AttentionMask::causal()}).weights;
        },
        {in.q, in.k, in.v.detach()});
}

TEST_CASE("a bias on the scores is differentiable, alone and with a mask and a softcap") {
    const Inputs in = make_inputs({2, 2, 3, 4}, 2, 1);
    for (const Shape& shape : {Shape{3, 4}, Shape{2, 2, 3, 4}, Shape{1, 2, 1, 4}}) {
        INFO(shape);
        check_derivatives(
            [](const std::vector<Tensor>& x) {
                const AttentionMask mask = AttentionMask::bias(x[3]) & AttentionMask::causal();
                return scaled_dot_product_attention(x[0], x[1], x[2], {.mask = mask, .softcap = 1.5});
            },
            {in.q, in.k.detach(), in.v.detach(), leaf(numbers(shape, 8))});
    }
    const Tensor bias = leaf(zeros({3, 4}));
    sum(scaled_dot_product_attention(in.q, in.k, in.v, {.mask = AttentionMask::bias(bias) & AttentionMask::causal(0)}) *
        numbers({2, 2, 3, 1}, 9))
        .backward();
    for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 4; ++j) CHECK((bias.grad()(i, j) == 0) == (j > i || i == 0));  // one key has weight 1 in any case
}

TEST_CASE("a bias of minus infinity blocks like a mask, a whole row of it too") {
    const Inputs in = make_inputs({1, 1, 2, 3});
    const Tensor bias = leaf({{0, -infinity, 0}, {-infinity, -infinity, -infinity}});
    const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v, {.mask = AttentionMask::bias(bias)});
    const Condition same = flags({2, 3}, {true, false, true, false, false, false});
    check_close(y, scaled_dot_product_attention(in.q, in.k, in.v, {.mask = AttentionMask::allow(same)}));
    sum(y * numbers(y.shape())).backward();
    for (const Tensor& x : {in.q, in.k, in.v, bias}) CHECK(is_finite(x.grad()));
}

TEST_CASE("the rows of the attention weights sum to 1, or to 0 where there is no key") {
    const Inputs in = make_inputs({2, 2, 3, 4});
    for (const auto& [name, mask] : masks()) {
        INFO(name);
        const auto [output, weights] = scaled_dot_product_attention_with_weights(in.q, in.k, in.v, {.mask = mask});
        const auto allowed = mask.allowed({2, 2, 3, 4});
        const Tensor any = allowed ? amax(expand(as_tensor(*allowed), {2, 2, 3, 4}), -1) : ones({2, 2, 3});
        check_close(sum(weights, -1), any, is_f64 ? 1e-14 : 1e-6);
        if (!allowed) continue;
        for (Index i = 0; i < weights.numel(); ++i)
            if (expand(as_tensor(*allowed), {2, 2, 3, 4}).data()[i] == 0) CHECK(weights.data()[i] == 0);
    }
}

TEST_CASE("key-value heads that serve several query heads equal heads repeated explicitly") {
    for (const Index shared : {1, 2, 4}) {
        const Inputs in = make_inputs({2, 4, 3, 5}, 3, 2, shared), whole = make_inputs({2, 4, 3, 5}, 3, 2, shared);
        const AttentionOptions options{.mask = AttentionMask::causal()};
        const auto repeated = [&](const Tensor& x) {
            std::vector<Tensor> heads;
            for (Index h = 0; h < 4; ++h) heads.push_back(select(x, 1, h * shared / 4));  // 0, 0, 1, 1
            return stack(heads, 1);
        };
        const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v, options);
        const Tensor expected = scaled_dot_product_attention(whole.q, repeated(whole.k), repeated(whole.v), options);
        check_close(y, expected, is_f64 ? 1e-14 : 1e-6);
        const Tensor seed = numbers(y.shape(), 4);
        y.backward(seed);
        expected.backward(seed);
        check_close(in.q.grad(), whole.q.grad(), is_f64 ? 1e-13 : 1e-5);
        check_close(in.k.grad(), whole.k.grad(), is_f64 ? 1e-13 : 1e-5);
        check_close(in.v.grad(), whole.v.grad(), is_f64 ? 1e-13 : 1e-5);
    }
}

TEST_CASE("the scale is 1 / sqrt(D) unless given") {
    const Inputs in = make_inputs({1, 1, 2, 3}, 4);
    const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v);
    check_close(y, scaled_dot_product_attention(in.q, in.k, in.v, {.scale = 0.5}), 0);
    check_close(y, scaled_dot_product_attention(in.q * 0.5, in.k, in.v, {.scale = 1}));
    check_close(scaled_dot_product_attention(in.q, in.k, in.v, {.scale = 0}), expand(mean(in.v, 2, true), {1, 1, 2, 2}));
}

TEST_CASE("a softcap bounds the scores before the bias is added") {
    const Tensor q = column({1}), k = column({100, -100}), v = column({1, 0});
    const auto weights = [&](const AttentionMask& mask) {
        return scaled_dot_product_attention_with_weights(q, k, v, {.mask = mask, .softcap = 2}).weights;
    };
    check_close(weights({})(0, 0, 0, 0), 1 / (1 + std::exp(-4.0)));
    check_close(weights(AttentionMask::bias(Tensor{{-4, 0}}))(0, 0, 0, 0), 0.5);
}

// Dropout of the weights

TEST_CASE("dropout of the weights keeps the mean and returns the weights before it") {
    constexpr Index rows = 4096, keys = 16;
    const Tensor q = numbers({1, 1, rows, 2}, 1), k = numbers({1, 1, keys, 2}, 2), v = ones({1, 1, keys, 1});
    Generator generator(3);
    const AttentionOptions options{.dropout = 0.3, .training = true, .generator = &generator};
    const auto [y, weights] = scaled_dot_product_attention_with_weights(q, k, v, options);
    check_close(weights, scaled_dot_product_attention_with_weights(q, k, v).weights, 0);
    // Var(Σ w m / (1 − p)) = Σ w² p / (1 − p)
    const double deviation = std::sqrt(0.3 / 0.7 * static_cast<double>(sum(square(weights)).item())) / rows;
    CHECK(std::abs(static_cast<double>(mean(y).item()) - 1) < 5 * deviation);
    CHECK(static_cast<double>(tapehead::std(y).item()) > 0.1);
    CHECK(generator.position() > 0);
}

TEST_CASE("the derivatives of attention with dropout agree with finite differences of the same draw") {
    const Inputs in = make_inputs({1, 2, 3, 4}, 2, 2);
    check_derivatives(
        [](const std::vector<Tensor>& x) {
            Generator generator(5);
            return scaled_dot_product_attention(
                x[0], x[1], x[2], {.mask = AttentionMask::causal(), .dropout = 0.4, .training = true, .generator = &generator});
        },
        {in.q, in.k, in.v});
}

TEST_CASE("dropout acts only in training, and without it no random number is drawn") {
    const Inputs in = make_inputs({1, 2, 3, 4});
    Generator generator(5);
    const Tensor plain = scaled_dot_product_attention(in.q, in.k, in.v);
    const auto with = [&](Real p, bool training) {
        return scaled_dot_product_attention(in.q, in.k, in.v, {.dropout = p, .training = training, .generator = &generator});
    };
    check_close(with(0.8, false), plain, 0);
    check_close(with(0, true), plain, 0);
    CHECK(generator.position() == 0);
    check_close(with(1, true), zeros(plain.shape()), 0);
    const Tensor y = with(1, true);
    sum(y).backward();
    for (const Tensor& x : {in.q, in.k, in.v}) check_close(x.grad(), zeros(x.shape()), 0);
}

TEST_CASE("dropout of the weights draws from the default stream unless another is given") {
    const Inputs in = make_inputs({1, 1, 2, 3});
    const std::uint64_t before = default_generator().position();
    scaled_dot_product_attention(in.q, in.k, in.v, {.dropout = 0.5, .training = true});
    CHECK(default_generator().position() > before);
}

// What does not fit

TEST_CASE("attention refuses shapes and options that do not fit") {
    const auto attend = [](const Shape& q, const Shape& k, const Shape& v, const AttentionOptions& options = {}) {
        return scaled_dot_product_attention(zeros(q), zeros(k), zeros(v), options);
    };
    CHECK_THROWS_AS(attend({3, 4}, {3, 4}, {3, 4}), ShapeError);
    CHECK_THROWS_AS(attend({1, 3, 4}, {1, 3, 4}, {1, 3, 4}), ShapeError);
    CHECK_THROWS_AS(attend({1, 1, 3, 4}, {1, 1, 3, 5}, {1, 1, 3, 4}), ShapeError);
    CHECK_THROWS_AS(attend({1, 1, 3, 4}, {1, 1, 3, 4}, {1, 1, 2, 4}), ShapeError);
    CHECK_THROWS_AS(attend({2, 1, 3, 4}, {1, 1, 3, 4}, {1, 1, 3, 4}), ShapeError);
    CHECK_THROWS_AS(attend({1, 1, 3, 4}, {1, 1, 3, 4}, {2, 1, 3, 4}), ShapeError);
    CHECK_THROWS_AS(attend({1, 3, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}), ShapeError);
    CHECK_THROWS_AS(attend({1, 2, 3, 4}, {1, 4, 3, 4}, {1, 4, 3, 4}), ShapeError);
    CHECK_THROWS_AS(attend({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 1, 3, 4}), ShapeError);
    CHECK_THROWS_AS(attend({1, 2, 3, 4}, {1, 0, 3, 4}, {1, 0, 3, 4}), ShapeError);
    const Shape s{1, 1, 2, 2};
    CHECK_THROWS_AS(attend(s, s, s, {.softcap = -1}), ValueError);
    CHECK_THROWS_AS(attend(s, s, s, {.dropout = -0.1}), ValueError);
    CHECK_THROWS_AS(attend(s, s, s, {.dropout = 1.1, .training = true}), ValueError);
    CHECK_THROWS_AS(attend(s, s, s, {.mask = AttentionMask::bias(zeros({3, 2}))}), ShapeError);
    CHECK_THROWS_AS(attend(s, s, s, {.mask = AttentionMask::lengths({1, 2})}), ShapeError);
}
