// MultiHeadAttention: against the formula per head, sizes, masks, returned weights, dropout.
#include <support/testing.hpp>

using namespace testing;

namespace {

Condition flags(const Shape& shape, const std::vector<bool>& values) {
    Condition c(shape);
    std::copy(values.begin(), values.end(), c.raw());
    return c;
}

/// Concat(head₁, ..., head_H) Wᴼ with every head computed by itself, from its own columns of the projections.
Tensor head_by_head(const MultiHeadAttention& m, const Tensor& query, const Tensor& key, const Tensor& value, bool causal) {
    const Index width = m.q_proj.weight.size(0) / m.num_heads, tq = query.size(1), tk = key.size(1);
    std::vector<Tensor> heads;
    for (Index h = 0; h < m.num_heads; ++h) {
        const auto part = [&](const Linear& projection, const Tensor& x) {
            const Index first = h * width, last = first + width;
            const Tensor weight = slice(projection.weight, 0, first, last);
            return linear(x, weight, projection.bias ? slice(projection.bias, 0, first, last) : Tensor());
        };
        const Tensor q = part(m.q_proj, query), k = part(m.k_proj, key), v = part(m.v_proj, value);
        Tensor scores = matmul(q, transpose(k)) / std::sqrt(static_cast<Real>(width));
        if (causal) scores = masked_fill(scores, eq(tril(ones({tq, tk}), tk - tq), Tensor(0)), -1e30);
        heads.push_back(matmul(softmax(scores), v));
    }
    return m.out_proj(concat(heads, 2));
}

constexpr double six_digits = is_f64 ? 1e-6 : 1e-5;  // the cases are given to six digits

/// One head of width 1 whose projections change nothing.
MultiHeadAttention bare_head() {
    MultiHeadAttention m(1, 1, {.bias = false});
    for (Linear* projection : {&m.q_proj, &m.k_proj, &m.v_proj, &m.out_proj}) init::ones_(projection->weight);
    return m;
}

/// One sequence of width 1: [T] → [1, T, 1].
Tensor sequence(std::initializer_list<detail::Nested> values) {
    const Tensor x(values);
    return reshape(x, {1, x.numel(), 1});
}

}  // namespace

TEST_CASE("multi-head attention equals the paper's formula head by head, with all gradients") {
    manual_seed(1);
    for (const bool causal : {false, true}) {
        MultiHeadAttention m(6, 3, {.kdim = 4, .vdim = 5});
        for (Linear* projection : {&m.q_proj, &m.k_proj, &m.v_proj, &m.out_proj}) init::normal_(projection->bias);
        const Tensor query = leaf(numbers({2, 3, 6}, 1)), key = leaf(numbers({2, 4, 4}, 2)),
                     value = leaf(numbers({2, 4, 5}, 3));
        const Tensor y = m(query, key, value, causal ? AttentionMask::causal() : AttentionMask());
        const Tensor expected = head_by_head(m, query, key, value, causal);
        check_close(y.detach(), expected.detach(), is_f64 ? 1e-13 : 1e-5);
        std::vector<Tensor> xs = m.parameters();
        for (const Tensor& x : {query, key, value}) xs.push_back(x);
        const Tensor seed = numbers(y.shape(), 4);
        const std::vector<Tensor> dy = grad(y, xs, {.seed = seed}), dexpected = grad(expected, xs, {.seed = seed});
        for (std::size_t i = 0; i < xs.size(); ++i) check_close(dy[i], dexpected[i], is_f64 ? 1e-12 : 2e-5);
    }
}

TEST_CASE("T4: biases, kdim and vdim give the parameter counts of the formula") {
    CHECK(MultiHeadAttention(4, 2).num_parameters() == 80);
    CHECK(MultiHeadAttention(4, 2, {.bias = false}).num_parameters() == 64);
    CHECK(MultiHeadAttention(4, 2, {.kdim = 2, .vdim = 5}).num_parameters() == 76);
    CHECK_FALSE(MultiHeadAttention(4, 2, {.bias = false}).out_proj.bias.defined());
}

TEST_CASE("T4: multi-head attention refuses heads that do not divide the width, and rates outside 0 to 1") {
    CHECK_THROWS_AS(MultiHeadAttention(5, 2), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(4, 0), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(4, -2), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(4, 8), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(0, 1), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(4, 2, {.dropout = 1.5}), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(4, 2, {.dropout = -0.5}), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(4, 2, {.kdim = -1}), ValueError);
}

TEST_CASE("T4: multi-head attention takes keys and values of its own widths and refuses others") {
    const MultiHeadAttention m(4, 2, {.kdim = 2, .vdim = 5});
    const auto run = [&](const Shape& q, const Shape& k, const Shape& v) { return m(zeros(q), zeros(k), zeros(v)).shape(); };
    CHECK(run({1, 3, 4}, {1, 6, 2}, {1, 6, 5}) == Shape{1, 3, 4});
    CHECK_THROWS_AS(run({1, 3, 4}, {1, 6, 4}, {1, 6, 5}), ShapeError);
    CHECK_THROWS_AS(run({1, 3, 4}, {1, 6, 2}, {1, 6, 4}), ShapeError);
    CHECK_THROWS_AS(run({1, 3, 5}, {1, 6, 2}, {1, 6, 5}), ShapeError);
    CHECK_THROWS_AS(run({1, 3, 4}, {1, 6, 2}, {1, 7, 5}), ShapeError);
    CHECK_THROWS_AS(run({2, 3, 4}, {1, 6, 2}, {1, 6, 5}), ShapeError);
    CHECK_THROWS_AS(run({1, 3, 4}, {1, 6, 2}, {2, 6, 5}), ShapeError);
    CHECK_THROWS_AS(run({3, 4}, {6, 2}, {6, 5}), ShapeError);
    CHECK_THROWS_AS(m(zeros({1, 3, 4})), ShapeError);  // self-attention needs kdim = vdim = embed_dim
    CHECK_THROWS_WITH(run({1, 3, 4}, {1, 6, 4}, {1, 6, 5}), "MultiHeadAttention: expected key [B, T, 2], got [1, 6, 4]");
}

TEST_CASE("self-attention is attention of a tensor to itself, and its gradient the sum of three") {
    manual_seed(2);
    const MultiHeadAttention m(4, 2);
    const Tensor x = leaf(numbers({2, 3, 4})), q = leaf(x), k = leaf(x), v = leaf(x);
    const Tensor y = m(x), separate = m(q, k, v);
    check_close(y.detach(), separate.detach(), 0);
    const Tensor seed = numbers({2, 3, 4}, 2);
    y.backward(seed);
    separate.backward(seed);
    check_close(x.grad(), q.grad() + k.grad() + v.grad(), is_f64 ? 1e-13 : 1e-5);
}

TEST_CASE("the weights are returned per head or as their mean, summing to 1, with the same output") {
    manual_seed(3);
    const MultiHeadAttention m(4, 2);
    const Tensor x = numbers({2, 3, 4}), memory = numbers({2, 5, 4}, 2);
    const AttentionMask mask = AttentionMask::lengths({5, 3});
    const auto per_head = m.forward_with_weights(x, memory, memory, mask),
               averaged = m.forward_with_weights(x, memory, memory, mask, true);
    CHECK(per_head.weights.shape() == Shape{2, 2, 3, 5});
    CHECK(averaged.weights.shape() == Shape{2, 3, 5});
    check_close(averaged.weights.detach(), mean(per_head.weights, 1).detach(), 0);
    check_close(sum(per_head.weights, -1).detach(), ones({2, 2, 3}), is_f64 ? 1e-14 : 1e-6);
    check_close(per_head.output.detach(), m(x, memory, memory, mask).detach());
    check_close(slice(select(per_head.weights, 0, 1), 2, 3).detach(), zeros({2, 3, 2}), 0);
}

TEST_CASE("M4: every mask of the operation reaches multi-head attention, and true means may attend there too") {
    manual_seed(4);
    MultiHeadAttention m(2, 1, {.bias = false});
    init::zeros_(m.q_proj.weight);  // all scores 0
    const auto weights = [&](Index batch, Index time, const AttentionMask& mask) {
        const Tensor x = numbers({batch, time, 2});
        return m.forward_with_weights(x, x, x, mask, true).weights.detach();
    };
    check_close(weights(2, 2, AttentionMask::keys(flags({2, 2}, {true, false, true, true}))),
                Tensor{{{1, 0}, {1, 0}}, {{0.5, 0.5}, {0.5, 0.5}}});
    check_close(weights(1, 3, AttentionMask::keys(flags({1, 3}, {true, true, false}))),
                Tensor{{{0.5, 0.5, 0}, {0.5, 0.5, 0}, {0.5, 0.5, 0}}});
    check_close(weights(1, 2, AttentionMask::causal()), Tensor{{{1, 0}, {0.5, 0.5}}});
    check_close(weights(1, 2, AttentionMask::allow(flags({2, 2}, {false, true, true, false}))), Tensor{{{0, 1}, {1, 0}}});
    check_close(weights(1, 2, AttentionMask::allow(flags({2, 2}, {false, false, true, true}))), Tensor{{{0, 0}, {0.5, 0.5}}});
    check_close(weights(1, 2, AttentionMask::bias(Tensor{{0, std::log(3.0)}, {0, 0}})), Tensor{{{0.25, 0.75}, {0.5, 0.5}}});
    CHECK_THROWS_AS(weights(2, 2, AttentionMask::keys(flags({1, 2}, {true, true}))), ShapeError);
    CHECK_THROWS_AS(weights(2, 2, AttentionMask::allow(flags({3, 3}, std::vector<bool>(9, true)))), ShapeError);
}

TEST_CASE("M1: a query with every key blocked poisons no gradient of the projections that it shares with others") {
    const AttentionMask mask = AttentionMask::allow(flags({2, 2}, {false, false, true, true}));
    for (const bool both : {false, true})
        for (const bool with_weights : {false, true}) {
            const MultiHeadAttention m = bare_head();
            const Tensor q = leaf(sequence({1, 2})), k = leaf(sequence({1, 2})), v = leaf(sequence({10, 20}));
            const Tensor y = with_weights ? m.forward_with_weights(q, k, v, mask).output : m(q, k, v, mask);
            check_close(y.detach(), sequence({0, 18.807971}), six_digits);
            (both ? sum(y) : sum(select(y, 1, 1))).backward();
            check_close(q.grad(), sequence({0, 1.049936}), six_digits);
            check_close(k.grad(), sequence({-2.099872, 2.099872}), six_digits);
            check_close(v.grad(), sequence({0.119203, 0.880797}), six_digits);
            check_close(m.q_proj.weight.grad(), Tensor{{2 * 1.049936}}, six_digits);
            check_close(m.k_proj.weight.grad(), Tensor{{2.099872}}, six_digits);
            check_close(m.v_proj.weight.grad(), Tensor{{18.807971}}, six_digits);
            check_close(m.out_proj.weight.grad(), Tensor{{18.807971}}, six_digits);
        }
}

TEST_CASE("M2: positions through a cache see all that came before them, one at a time and together") {
    const no_grad off;
    const MultiHeadAttention m = bare_head();
    for (const bool together : {false, true}) {
        KeyValueCache cache = m.make_cache(1, 4);
        cache.append(reshape(Tensor{1}, {1, 1, 1, 1}), reshape(Tensor{1}, {1, 1, 1, 1}));
        const Tensor y = together ? m.forward(sequence({2, 3}), cache)
                                  : concat({m.forward(sequence({2}), cache), m.forward(sequence({3}), cache)}, 1);
        check_close(y, slice(m(sequence({1, 2, 3}), AttentionMask::causal()), 1, 1), is_f64 ? 1e-14 : 1e-6);
        check_close(slice(y, 1, 0, 1), sequence({1.880797}), six_digits);  // not 1, as for a mask aligned to the first key
    }
    // Two queries of three keys: the second sees all of them.
    const Tensor keys = sequence({1, 2, 3}), values = sequence({10, 20, 30});
    check_close(m(sequence({1, 2}), keys, values, AttentionMask::causal()), sequence({17.310586, 28.509371}), six_digits);
    check_close(m.forward_to(sequence({2}), m.make_cache(keys, values), AttentionMask::causal()), sequence({28.509371}),
                six_digits);
}

TEST_CASE("M5: true means may attend in every form of multi-head attention") {
    const no_grad off;
    const MultiHeadAttention m = bare_head();
    const Tensor query = sequence({1}), key = sequence({0.5, 1, 1.5, 2}), value = sequence({1, 10, 100, 1000});
    const Condition last = flags({1, 4}, {false, false, true, true});
    const Tensor right{{{0, 0, 0.377541, 0.622459}}};
    for (const AttentionMask& mask :
         {AttentionMask::allow(last), AttentionMask::keys(last), AttentionMask::allow(last.reshape({1, 1, 1, 4}))}) {
        check_close(m.forward_with_weights(query, key, value, mask, true).weights, right, six_digits);
        const Tensor expected = sequence({0.377541 * 100 + 0.622459 * 1000});
        check_close(m(query, key, value, mask), expected, six_digits);
        check_close(m.forward_to(query, m.make_cache(key, value), mask), expected, six_digits);
    }
    check_close(m.forward_with_weights(query, key, value, AttentionMask::allow(!last), true).weights,
                Tensor{{{0.377541, 0.622459, 0, 0}}}, six_digits);
}

TEST_CASE("M6: numbers are added to the scores of multi-head attention and flags block") {
    const MultiHeadAttention m = bare_head();
    const auto weights = [&](const AttentionMask& mask) {
        return m.forward_with_weights(sequence({1}), sequence({0.5, 1}), sequence({0, 0}), mask, true).weights.detach();
    };
    check_close(weights(AttentionMask::bias(Tensor{{0, 1}})), Tensor{{{0.182426, 0.817574}}}, six_digits);
    check_close(weights(AttentionMask::allow(!flags({1, 2}, {false, true}))), Tensor{{{1, 0}}}, 0);
}

TEST_CASE("a sequence without any key gets the output bias, and finite gradients") {
    manual_seed(5);
    MultiHeadAttention m(4, 2);
    init::normal_(m.out_proj.bias);
    const Tensor x = leaf(numbers({2, 3, 4}));
    const Tensor y = m(x, AttentionMask::lengths({3, 0}));
    check_close(select(y, 0, 1).detach(), expand(m.out_proj.bias.detach(), {3, 4}), 0);
    sum(y * numbers({2, 3, 4}, 2)).backward();
    check_close(select(x.grad(), 0, 1), zeros({3, 4}), 0);
    for (const Tensor& parameter : m.parameters())
        for (const Scalar value : parameter.grad().values()) CHECK(std::isfinite(value));
}

TEST_CASE("padded tokens change nothing for the others, whatever they hold") {
    manual_seed(6);
    const MultiHeadAttention m(4, 2);
    const Tensor memory = numbers({1, 5, 4}), query = numbers({1, 3, 4}, 2);
    Tensor other = clone(memory);
    for (Index i = 3 * 4; i < 5 * 4; ++i) other.raw()[i] = std::numeric_limits<Scalar>::quiet_NaN();
    const Tensor y = m(query, memory, memory, AttentionMask::lengths({3}));
    check_close(m(query, other, other, AttentionMask::lengths({3})).detach(), y.detach(), is_f64 ? 1e-13 : 1e-6);
    const Tensor part = slice(memory, 1, 0, 3);
    check_close(m(query, part, part).detach(), y.detach(), is_f64 ? 1e-13 : 1e-6);
}

TEST_CASE("dropout of the attention weights acts in training only") {
    manual_seed(7);
    MultiHeadAttention m(4, 2, {.dropout = 0.5}), plain(4, 2);
    plain.load_state_dict(m.state_dict());
    const Tensor x = numbers({2, 6, 4});
    CHECK(ne(m(x).detach(), m(x).detach()).any());
    m.eval();
    const std::uint64_t before = default_generator().position();
    check_close(m(x).detach(), plain(x).detach(), 0);
    CHECK(default_generator().position() == before);
}

TEST_CASE("a NaN in a token that no query may attend to reaches no gradient of the key and value projections") {
    MultiHeadAttention attention(4, 2);
    Tensor tokens = randn({1, 4, 4});
    for (Index e = 0; e < 4; ++e) tokens.mutable_data()[3 * 4 + e] = NAN;
    const Tensor queries = leaf(randn({1, 2, 4}));
    const Tensor y = attention(queries, tokens, tokens, AttentionMask::lengths({3}));
    sum(square(y)).backward();
    for (const auto& [name, parameter] : attention.named_parameters()) {
        INFO(name);
        CHECK(all_finite(parameter.grad()));
    }
    CHECK(all_finite(queries.grad()));
    CHECK(norm(attention.v_proj.weight.grad()).item() > 0);
}
