// Masks of attention: what they mean, queries without keys, and that what is masked is never read, by the fused kernel and by the
// written-out steps.
#include "attention_inputs.hpp"

using namespace testing;

// A query with every key blocked

TEST_CASE("M1: a query with every key blocked gets 0 and poisons no gradient") {
    const Condition allowed = flags({2, 2}, {false, false, true, true});
    for (const bool both : {false, true}) {
        const Tensor q = leaf(column({1, 2})), k = leaf(column({1, 2})), v = leaf(column({10, 20}));
        const AttentionOptions options{.mask = AttentionMask::allow(allowed), .scale = 1};
        const auto [y, weights] = scaled_dot_product_attention_with_weights(q, k, v, options);
        check_close(y, column({0, 18.807971}), six_digits);
        check_close(weights, reshape(Tensor{{0, 0}, {0.119203, 0.880797}}, {1, 1, 2, 2}), six_digits);
        const Tensor fused = scaled_dot_product_attention(q, k, v, options);
        check_close(fused, y);
        for (const Tensor& output : {y, fused}) {
            const auto d = grad(both ? sum(output) : sum(select(output, 2, 1)), {q, k, v});
            check_close(d[0], column({0, 1.049936}), six_digits);
            check_close(d[1], column({-2.099872, 2.099872}), six_digits);
            check_close(d[2], column({0.119203, 0.880797}), six_digits);
            CHECK(d[0](0, 0, 0, 0) == 0);
        }
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
        const Tensor fused = scaled_dot_product_attention(in.q, in.k, in.v, {.mask = mask});
        check_close(fused, y, 0);
        (sum((y + fused) * numbers(y.shape())) + sum(weights * numbers(weights.shape()))).backward();
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

/// Outputs, weights and gradients for clean and for spoilt inputs are the same, up to rounding, and finite, on both paths.
void check_not_read(const Inputs& clean, const Inputs& with_nan, const AttentionOptions& options) {
    const auto run = [&](const Inputs& in) {
        const auto [y, weights] = scaled_dot_product_attention_with_weights(in.q, in.k, in.v, options);
        const Tensor fused = scaled_dot_product_attention(in.q, in.k, in.v, options);
        std::vector<Tensor> results = {y, weights, fused};
        for (const Tensor& loss :
             {sum(y * numbers(y.shape(), 4)) + sum(weights * numbers(weights.shape(), 5)), sum(fused * numbers(y.shape(), 4))})
            for (const bool create_graph : {false, true})
                for (const Tensor& d : grad(loss, {in.q, in.k, in.v}, {.retain_graph = true, .create_graph = create_graph}))
                    results.push_back(d);
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
