// scaled_dot_product_attention: against plain loops, with every mask, head grouping and option; what is masked is never read.
#include <support/testing.hpp>

using namespace testing;

namespace {

constexpr double six_digits = is_f64 ? 1e-6 : 1e-5;  // the cases are given to six digits
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Tensor numbers(const Shape& shape, std::uint64_t seed = 1) {
    Generator generator(seed);
    return randn(shape, generator);
}

/// One batch, one head, width 1: [T] → [1, 1, T, 1].
Tensor column(std::initializer_list<detail::Nested> values) {
    const Tensor x(values);
    return reshape(x, {1, 1, x.numel(), 1});
}

Condition flags(const Shape& shape, const std::vector<bool>& values) {
    Condition c(shape);
    std::copy(values.begin(), values.end(), c.raw());
    return c;
}

struct Inputs {
    Tensor q, k, v;
    explicit operator std::vector<Tensor>() const { return {q, k, v}; }
};

/// Leaves [B, H, Tq, D], [B, Hkv, Tk, D], [B, Hkv, Tk, Dv].
Inputs make_inputs(const AttentionShape& s, Index width = 3, Index value_width = 2, Index shared_heads = 0) {
    const Index kv = shared_heads ? shared_heads : s.heads;
    return {leaf(numbers({s.batch, s.heads, s.queries, width}, 1)), leaf(numbers({s.batch, kv, s.keys, width}, 2)),
            leaf(numbers({s.batch, kv, s.keys, value_width}, 3))};
}

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

void check_derivatives(const Function& f, const std::vector<Tensor>& inputs) {
    if (!is_f64) return;
    const GradcheckReport first = gradcheck(f, inputs);
    INFO("first order: " << first.message());
    CHECK(first.passed);
    const GradcheckReport second = gradgradcheck(f, inputs);
    INFO("second order: " << second.message());
    CHECK(second.passed);
}

void check_derivatives(const Inputs& in, const AttentionOptions& options) {
    check_derivatives([&](const std::vector<Tensor>& x) { return scaled_dot_product_attention(x[0], x[1], x[2], options); },
                      {in.q, in.k, in.v});
}

bool is_finite(const Tensor& x) {
    return std::all_of(x.values().begin(), x.values().end(), [](Scalar value) { return std::isfinite(value); });
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

// A query with every key blocked

TEST_CASE("M1: a query with every key blocked gets 0 and poisons no gradient") {
    const Condition allowed = flags({2, 2}, {false, false, true, true});
    for (const bool both : {false, true}) {
        const Tensor q = leaf(column({1, 2})), k = leaf(column({1, 2})), v = leaf(column({10, 20}));
        const AttentionOptions options{.mask = AttentionMask::allow(allowed), .scale = 1};
        const auto [y, weights] = scaled_dot_product_attention_with_weights(q, k, v, options);
        check_close(y, column({0, 18.807971}), six_digits);
        check_close(weights, reshape(Tensor{{0, 0}, {0.119203, 0.880797}}, {1, 1, 2, 2}), six_digits);
        check_close(scaled_dot_product_attention(q, k, v, options), y);
        (both ? sum(y) : sum(select(y, 2, 1))).backward();
        check_close(q.grad(), column({0, 1.049936}), six_digits);
        check_close(k.grad(), column({-2.099872, 2.099872}), six_digits);
        check_close(v.grad(), column({0.119203, 0.880797}), six_digits);
        CHECK(q.grad()(0, 0, 0, 0) == 0);
    }
}

TEST_CASE("fully masked rows are exactly 0 with gradient exactly 0 under every mask that makes them") {
    for (const AttentionMask& mask :
         {AttentionMask::lengths({0, 0}), AttentionMask::causal(-9), AttentionMask::bias(full({3, 4}, -infinity)),
          AttentionMask::causal(0) & AttentionMask::allow(!flags({1, 1, 1, 1}, {true}))}) {
        const Inputs in = make_inputs({2, 2, 3, 4});
        const auto [y, weights] = scaled_dot_product_attention_with_weights(in.q, in.k, in.v, {.mask = mask});
        check_close(y, zeros({2, 2, 3, 2}), 0);
        check_close(weights, zeros({2, 2, 3, 4}), 0);
        (sum(y * numbers(y.shape())) + sum(weights * numbers(weights.shape()))).backward();
        for (const Tensor& x : {in.q, in.k, in.v}) check_close(x.grad(), zeros(x.shape()), 0);
    }
}

TEST_CASE("no keys at all give 0") {
    const Inputs in = make_inputs({2, 1, 3, 0});
    const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v);
    check_close(y, zeros({2, 1, 3, 2}), 0);
    sum(y).backward();
    check_close(in.q.grad(), zeros({2, 1, 3, 3}), 0);
}

// Alignment, decoding

TEST_CASE("M2: a causal mask is aligned to the last key when there are fewer queries than keys") {
    const Tensor k = column({1, 2, 3}), v = column({10, 20, 30});
    const auto attend = [&](const Tensor& q, const AttentionMask& mask) {
        return scaled_dot_product_attention(q, k, v, {.mask = mask, .scale = 1});
    };
    check_close(attend(column({1, 2}), AttentionMask::causal()), column({17.310586, 28.509371}), six_digits);
    check_close(attend(column({1, 2}), AttentionMask::causal(1)), column({17.310586, 28.509371}), six_digits);
    check_close(attend(column({1, 2}), AttentionMask::causal(0)), column({10, 18.807971}), six_digits);
    check_close(attend(column({2}), AttentionMask::causal()), column({28.509371}), six_digits);
    check_close(attend(column({2}), AttentionMask::causal(2)), column({28.509371}), six_digits);
    const Tensor with_room = column({1, 2, 3, 4, 5}), values_with_room = column({10, 20, 30, 40, 50});
    const AttentionOptions options{.mask = AttentionMask::causal(), .scale = 1};
    check_close(scaled_dot_product_attention_to_first(column({2}), with_room, values_with_room, 3, options),
                column({28.509371}), six_digits);
    check_close(scaled_dot_product_attention_to_first(column({1, 2}), with_room, values_with_room, 3, options),
                column({17.310586, 28.509371}), six_digits);
}

TEST_CASE("M2: decoding token by token equals one full causal pass") {
    const Inputs in = make_inputs({2, 2, 6, 6});
    const Tensor whole = scaled_dot_product_attention(in.q, in.k, in.v, {.mask = AttentionMask::causal()});
    std::vector<Tensor> steps;
    for (Index t = 0; t < 6; ++t)
        steps.push_back(scaled_dot_product_attention(slice(in.q, 2, t, t + 1), slice(in.k, 2, 0, t + 1),
                                                     slice(in.v, 2, 0, t + 1), {.mask = AttentionMask::causal()}));
    check_close(concat(steps, 2), whole, is_f64 ? 1e-14 : 1e-6);
}

// What a mask means

TEST_CASE("M4: a key mask blocks the keys of its batch element for all queries, also where batch and length coincide") {
    const auto weights = [](Index batch, Index time, const Condition& valid) {
        const Tensor zero = zeros({batch, 1, time, 1});
        return scaled_dot_product_attention_with_weights(zero, zero, zero, {.mask = AttentionMask::keys(valid)}).weights;
    };
    check_close(weights(2, 2, flags({2, 2}, {true, false, true, true})),
                reshape(Tensor{1, 0, 1, 0, 0.5, 0.5, 0.5, 0.5}, {2, 1, 2, 2}));
    check_close(weights(1, 3, flags({1, 3}, {true, true, false})), expand(Tensor{0.5, 0.5, 0}, {1, 1, 3, 3}));
    CHECK_THROWS_AS(weights(2, 2, flags({1, 2}, {true, false})), ShapeError);
    CHECK_THROWS_AS(weights(2, 2, flags({4}, {true, false, true, true})), ShapeError);
}

TEST_CASE("M5: true means may attend") {
    const Tensor q = column({1}), k = column({0.5, 1, 1.5, 2}), v = column({0, 0, 0, 0});
    const Condition allowed = flags({1, 4}, {false, false, true, true});
    const auto weights = [&](const AttentionMask& mask) {
        return scaled_dot_product_attention_with_weights(q, k, v, {.mask = mask, .scale = 1}).weights;
    };
    const Tensor right = reshape(Tensor{0, 0, 0.377541, 0.622459}, {1, 1, 1, 4});
    check_close(weights(AttentionMask::allow(allowed)), right, six_digits);
    check_close(weights(AttentionMask::keys(allowed)), right, six_digits);
    check_close(weights(AttentionMask::allow(allowed.reshape({1, 1, 1, 4}))), right, six_digits);
    check_close(weights(AttentionMask::allow(!allowed)), reshape(Tensor{0.377541, 0.622459, 0, 0}, {1, 1, 1, 4}), six_digits);
}

TEST_CASE("M6: numbers are added to the scores and flags block: neither is taken for the other") {
    const Tensor q = column({1}), k = column({0.5, 1}), v = column({0, 0});
    const auto weights = [&](const AttentionMask& mask) {
        return scaled_dot_product_attention_with_weights(q, k, v, {.mask = mask, .scale = 1}).weights;
    };
    check_close(weights(AttentionMask::bias(Tensor{{0, 1}})), reshape(Tensor{0.182426, 0.817574}, {1, 1, 1, 2}), six_digits);
    check_close(weights(AttentionMask::allow(!flags({1, 2}, {false, true}))), reshape(Tensor{1, 0}, {1, 1, 1, 2}), 0);
}

// NaN and infinity where nobody may look

namespace {

/// The inputs with the elements of time `from` on replaced by `value` on axis 2 of the batch elements from `batch` on.
Tensor spoilt(const Tensor& x, Index batch, Index from, double value) {
    Tensor y = clone(x.detach());
    const Index time = x.size(2), width = x.size(3), per_batch = x.size(1) * time * width;
    for (Index i = batch * per_batch; i < y.numel(); ++i)
        if (i / width % time >= from) y.raw()[i] = static_cast<Scalar>(value);
    return leaf(y);
}

/// Outputs, weights and gradients for clean and for spoilt inputs are the same, up to rounding, and finite.
void check_not_read(const Inputs& clean, const Inputs& with_nan, const AttentionOptions& options) {
    const auto run = [&](const Inputs& in) {
        const auto [y, weights] = scaled_dot_product_attention_with_weights(in.q, in.k, in.v, options);
        const Tensor loss = sum(y * numbers(y.shape(), 4)) + sum(weights * numbers(weights.shape(), 5));
        std::vector<Tensor> results = grad(loss, {in.q, in.k, in.v}, {.retain_graph = true});
        for (const Tensor& recorded : grad(loss, {in.q, in.k, in.v}, {.create_graph = true})) results.push_back(recorded);
        results.push_back(y);
        results.push_back(weights);
        return results;
    };
    const std::vector<Tensor> expected = run(clean), actual = run(with_nan);
    for (std::size_t i = 0; i < actual.size(); ++i) {
        INFO("result " << i);
        CHECK(is_finite(actual[i]));
        check_close(actual[i], expected[i], is_f64 ? 1e-12 : 1e-5);
    }
}

}  // namespace

TEST_CASE("NaN and infinity in padded keys and values reach no output and no gradient") {
    for (const double value : {nan_value, infinity, -infinity})
        for (const double softcap : {0.0, 1.5})
            for (const Index shared : {2, 1}) {
                INFO("value " << value << ", softcap " << softcap << ", key-value heads " << shared);
                const Inputs in = make_inputs({2, 2, 3, 4}, 3, 2, shared);
                const AttentionOptions by_length{.mask = AttentionMask::lengths({4, 2}), .softcap = softcap};
                const AttentionOptions by_keys{.mask = AttentionMask::keys(
                                                   flags({2, 4}, {true, true, true, true, true, true, false, false})),
                                               .softcap = softcap};
                for (const AttentionOptions& options : {by_length, by_keys}) {
                    check_not_read(in, {in.q, spoilt(in.k, 1, 2, value), in.v}, options);
                    check_not_read(in, {in.q, in.k, spoilt(in.v, 1, 2, value)}, options);
                    check_not_read(in, {in.q, spoilt(in.k, 1, 2, value), spoilt(in.v, 1, 2, value)}, options);
                }
            }
}

TEST_CASE("NaN in keys and values after the last query's place reaches no output and no gradient under a causal mask") {
    const Inputs in = make_inputs({1, 2, 3, 5});
    for (const double value : {nan_value, infinity})
        check_not_read(in, {in.q, spoilt(in.k, 0, 3, value), spoilt(in.v, 0, 3, value)}, {.mask = AttentionMask::causal(0)});
}

TEST_CASE("NaN in a later token reaches no earlier output and no gradient of an earlier query under a causal mask") {
    const Inputs in = make_inputs({1, 2, 4, 4});
    const Inputs bad{spoilt(in.q, 0, 3, nan_value), spoilt(in.k, 0, 3, nan_value), spoilt(in.v, 0, 3, nan_value)};
    const auto early = [](const Inputs& x) {
        return slice(scaled_dot_product_attention(x.q, x.k, x.v, {.mask = AttentionMask::causal()}), 2, 0, 3);
    };
    check_close(early(bad), early(in), is_f64 ? 1e-12 : 1e-6);
    const Tensor seed = numbers({1, 2, 3, 2}, 4);
    early(in).backward(seed);
    early(bad).backward(seed);
    check_close(slice(bad.q.grad(), 2, 0, 3), slice(in.q.grad(), 2, 0, 3), is_f64 ? 1e-12 : 1e-5);
}

TEST_CASE("NaN in a query that may attend to nothing reaches no output and no gradient") {
    const Inputs in = make_inputs({1, 2, 3, 4});
    const Condition rows = flags({1, 1, 3, 1}, {true, true, false});
    for (const double value : {nan_value, infinity})
        check_not_read(in, {spoilt(in.q, 0, 2, value), in.k, in.v}, {.mask = AttentionMask::allow(rows)});
}

TEST_CASE("NaN in the bias of a blocked pair reaches no output and no gradient") {
    const Inputs in = make_inputs({1, 1, 2, 2});
    const Tensor bias = leaf({{0.5, nan_value}, {1, 2}});
    const auto y =
        scaled_dot_product_attention(in.q, in.k, in.v, {.mask = AttentionMask::bias(bias) & AttentionMask::causal()});
    CHECK(is_finite(y));
    sum(y * numbers(y.shape())).backward();
    for (const Tensor& x : {in.q, in.k, in.v, bias}) CHECK(is_finite(x.grad()));
}

TEST_CASE("scores of blocked pairs that overflow reach no output and no gradient") {
    const double huge = is_f64 ? 1e200 : 1e30;
    const Inputs in{leaf(column({huge, 1})), leaf(column({0, huge})), leaf(column({1, 2}))};
    const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v,
                                                  {.mask = AttentionMask::allow(flags({2, 2}, {true, false, true, false}))});
    check_close(y, column({1, 1}), 0);
    sum(y).backward();
    for (const Tensor& x : {in.q, in.k, in.v}) CHECK(is_finite(x.grad()));
}

TEST_CASE("NaN that may be read is not hidden") {
    const Inputs in = make_inputs({1, 1, 3, 3});
    const Tensor y = scaled_dot_product_attention(in.q, spoilt(in.k, 0, 1, nan_value), in.v, {.mask = AttentionMask::causal()});
    CHECK(std::isfinite(y(0, 0, 0, 0)));
    CHECK(std::isnan(y(0, 0, 1, 0)));
    CHECK(std::isnan(y(0, 0, 2, 0)));
}

TEST_CASE("the derivatives agree with finite differences where NaN is masked, to the second order") {
    const Inputs in = make_inputs({1, 2, 3, 4}, 2, 1);
    const Tensor k = spoilt(in.k, 0, 3, nan_value).detach(), v = spoilt(in.v, 0, 3, nan_value).detach();
    check_derivatives(
        [&](const std::vector<Tensor>& x) {
            const Tensor keys = concat({x[1], slice(k, 2, 3, 4)}, 2), values = concat({x[2], slice(v, 2, 3, 4)}, 2);
            return scaled_dot_product_attention(x[0], keys, values, {.mask = AttentionMask::causal(0), .softcap = 1.5});
        },
        {in.q, leaf(slice(in.k, 2, 0, 3)), leaf(slice(in.v, 2, 0, 3))});
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
