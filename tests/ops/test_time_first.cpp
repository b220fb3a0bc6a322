// Attention where the heads come after time, as projections leave them: everything equals what permuted inputs give with heads first.
#include "attention_inputs.hpp"
#include "named_masks.hpp"

#include <tapehead/autograd/threads.hpp>

using namespace testing;

namespace {

Tensor swap_axes(const Tensor& x) { return permute(x, {0, 2, 1, 3}); }

/// Inputs with heads first, and the same numbers with time first.
struct Both {
    Inputs heads_first, time_first;
    Both(const AttentionShape& s, Index kv_heads, Index width, Index value_width)
        : heads_first(make_inputs(s, width, value_width, kv_heads)),
          time_first{leaf(swap_axes(heads_first.q)), leaf(swap_axes(heads_first.k)), leaf(swap_axes(heads_first.v))} {}
};

/// The output with heads first, and the gradients of q, k, v and the bias, laid out with heads first.
std::vector<Tensor> results(bool time_first, const Inputs& in, const NamedMask& m, AttentionOptions options, bool second) {
    const Tensor bias = m.bias.empty() ? Tensor() : leaf(numbers(m.bias, 4));
    Generator generator(7);
    options.mask = bias ? m.mask & AttentionMask::bias(bias) : m.mask;
    options.training = true;
    options.generator = &generator;
    options.time_first = time_first;
    const Tensor raw = scaled_dot_product_attention(in.q, in.k, in.v, options);
    const Tensor y = time_first ? swap_axes(raw) : raw;
    std::vector<Tensor> wanted = {in.q, in.k, in.v};
    if (bias) wanted.push_back(bias);
    std::vector<Tensor> d = grad(sum(y * numbers(y.shape(), 5)), wanted, {.create_graph = second});
    if (second) {
        Tensor norm = Tensor(0);
        for (const Tensor& g : d) norm = norm + sum(square(g));
        d = grad(norm, wanted);
    }
    std::vector<Tensor> all = {y.detach()};
    for (std::size_t i = 0; i < d.size(); ++i) all.push_back((time_first && i < 3 ? swap_axes(d[i]) : d[i]).detach());
    all.push_back(Tensor(static_cast<Real>(generator.position())));
    return all;
}

void check_layouts(const AttentionShape& s, Index kv_heads, Index width, Index value_width, const AttentionOptions& options,
                   bool second = false) {
    const Both in(s, kv_heads, width, value_width);
    for (const NamedMask& m : masks(s)) {
        INFO(m.name << ", scores " << to_string(s) << ", kv heads " << kv_heads << ", widths " << width << " and "
                    << value_width << ", dropout " << options.dropout << ", softcap " << options.softcap << ", second order "
                    << second);
        const auto expected = results(false, in.heads_first, m, options, second);
        const auto actual = results(true, in.time_first, m, options, second);
        REQUIRE(actual.size() == expected.size());
        for (std::size_t i = 0; i < actual.size(); ++i) {
            INFO("result " << i);
            const double size = static_cast<double>(amax(abs(expected[i])).item());
            check_close(actual[i], expected[i], (is_f64 ? 1e-12 : 1e-5) * std::max(1.0, size));
        }
    }
}

}  // namespace

TEST_CASE("attention with time first equals attention with heads first to the second derivative") {
    for (const Real dropout : {0.0, 0.3}) {
        check_layouts({2, 2, 3, 4}, 2, 3, 2, {.dropout = dropout});
        check_layouts({2, 4, 5, 7}, 2, 3, 5, {.softcap = 1.5, .dropout = dropout});
        check_layouts({3, 2, 4, 2}, 1, 2, 3, {.scale = -0.7, .dropout = dropout}, true);
        check_layouts({2, 2, 3, 4}, 2, 2, 2, {.softcap = 1.5, .dropout = dropout}, true);
    }
}

TEST_CASE("attention with time first equals attention with heads first across tiles and ways of going backward") {
    for (const Real dropout : {0.0, 0.1}) {
        check_layouts({1, 2, 130, 300}, 2, 8, 5, {.dropout = dropout});  // few heads: backward by tiles
        check_layouts({2, 4, 70, 270}, 4, 5, 8, {.dropout = dropout});   // by heads
        check_layouts({1, 6, 65, 530}, 3, 4, 4, {.softcap = 3, .dropout = dropout});
        check_layouts({1, 1, 300, 65}, 1, 16, 17, {.dropout = dropout});
        check_layouts({2, 2, 5, 600}, 1, 4, 6, {.dropout = dropout});  // keys read where they are
    }
}

TEST_CASE("narrow windows over several tiles agree with the written-out steps in both layouts") {
    for (const AttentionShape& s : {AttentionShape{1, 2, 600, 600}, {1, 1, 200, 700}, {2, 2, 330, 290}})
        for (const auto& [left, right] : {std::pair<Index, Index>{0, 0}, {3, 2}, {0, 70}, {40, -1}}) {
            const Both in(s, 1, 4, 3);
            Generator generator;
            AttentionOptions options{.mask = AttentionMask::window(left, right),
                                     .dropout = 0.2,
                                     .training = true,
                                     .generator = &generator};
            const auto again = [&] { generator.manual_seed(7); };  // the same draw for all three
            INFO("scores " << to_string(s) << ", window " << left << ", " << right);
            again();
            const AttentionResult expected =
                scaled_dot_product_attention_with_weights(in.heads_first.q, in.heads_first.k, in.heads_first.v, options);
            const Tensor seed = numbers(expected.output.shape(), 5);
            const Inputs& h = in.heads_first;
            const Inputs& t = in.time_first;
            const auto d_expected = grad(sum(expected.output * seed), {h.q, h.k, h.v});
            again();
            const Tensor y = scaled_dot_product_attention(h.q, h.k, h.v, options);
            again();
            options.time_first = true;
            const Tensor z = scaled_dot_product_attention(t.q, t.k, t.v, options);
            const double tol = is_f64 ? 1e-11 : 5e-5;
            check_close(y.detach(), expected.output.detach(), tol);
            check_close(swap_axes(z).detach(), expected.output.detach(), tol);
            const auto dy = grad(sum(y * seed), {h.q, h.k, h.v}), dz = grad(sum(swap_axes(z) * seed), {t.q, t.k, t.v});
            for (std::size_t i = 0; i < 3; ++i) {
                check_close(dy[i], d_expected[i], tol);
                check_close(swap_axes(dz[i]), d_expected[i], tol);
            }
        }
}

TEST_CASE("a few queries of many keys agree with the written-out steps in both layouts") {
    for (Index queries = 1; queries <= 9; ++queries)
        for (const Index keys : {1, 15, 17, 255, 256, 257, 600}) {
            const Both in({1, 4, queries, keys}, 2, 5, 3);
            INFO(queries << " queries, " << keys << " keys");
            AttentionOptions options{.mask = AttentionMask::causal(), .softcap = 2};
            const Inputs& h = in.heads_first;
            const Inputs& t = in.time_first;
            const Tensor expected = scaled_dot_product_attention_with_weights(h.q, h.k, h.v, options).output;
            const auto d_expected = grad(sum(square(expected)), {h.q, h.k, h.v});
            options.time_first = true;
            const Tensor y = scaled_dot_product_attention(t.q, t.k, t.v, options);
            check_close(swap_axes(y).detach(), expected.detach(), is_f64 ? 1e-12 : 1e-5);
            const auto d = grad(sum(square(y)), {t.q, t.k, t.v});
            for (std::size_t i = 0; i < 3; ++i) check_close(swap_axes(d[i]), d_expected[i], is_f64 ? 1e-11 : 5e-5);
        }
}

TEST_CASE("the weights and every step are the same with time first, and so are their derivatives") {
    const Both in({2, 4, 5, 6}, 2, 3, 4);
    AttentionOptions options{.mask = AttentionMask::causal() & AttentionMask::lengths({6, 4}), .softcap = 1.5};
    const Inputs& h = in.heads_first;
    const Inputs& t = in.time_first;
    const AttentionSteps expected = scaled_dot_product_attention_steps(h.q, h.k, h.v, options);
    options.time_first = true;
    const AttentionSteps steps = scaled_dot_product_attention_steps(t.q, t.k, t.v, options);
    const AttentionResult result = scaled_dot_product_attention_with_weights(t.q, t.k, t.v, options);
    CHECK(result.output.shape() == Shape{2, 5, 4, 4});
    CHECK(result.weights.shape() == Shape{2, 4, 5, 6});
    const double tol = is_f64 ? 1e-13 : 1e-5;
    check_close(steps.scores.detach(), expected.scores.detach(), tol);
    check_close(steps.capped_scores.detach(), expected.capped_scores.detach(), tol);
    check_close(steps.masked_scores.detach(), expected.masked_scores.detach(), tol);
    check_close(steps.weights.detach(), expected.weights.detach(), tol);
    check_close(swap_axes(steps.output).detach(), expected.output.detach(), tol);
    check_close(result.weights.detach(), expected.weights.detach(), tol);
    check_close(swap_axes(result.output).detach(), expected.output.detach(), tol);
    const Tensor seed = numbers(expected.weights.shape(), 5);
    const auto d = grad(sum(result.weights * seed) + sum(square(result.output)), {t.q, t.k, t.v}),
               d_expected = grad(sum(expected.weights * seed) + sum(square(expected.output)), {h.q, h.k, h.v});
    for (std::size_t i = 0; i < 3; ++i) check_close(swap_axes(d[i]), d_expected[i], is_f64 ? 1e-12 : 5e-5);
}

TEST_CASE("the derivatives of attention with time first agree with finite differences") {
    const Both in({2, 2, 3, 4}, 1, 2, 3);
    for (const AttentionMask& mask : {AttentionMask::causal(), AttentionMask::lengths({4, 2})})
        check_derivatives(in.time_first, {.mask = mask, .softcap = 1.5, .time_first = true});
}

TEST_CASE("attention to the first keys of longer buffers reads no row beyond them in either layout") {
    for (const bool time_first : {false, true})
        for (const Index queries : {1, 3, 70})
            for (const Index keys : {0, 1, 5, 9, 280}) {
                const Both in({2, 4, queries, 300}, 2, 4, 3);
                const Inputs& from = time_first ? in.time_first : in.heads_first;
                const Index axis = time_first ? 1 : 2;
                const AttentionOptions options{.mask = AttentionMask::causal() & AttentionMask::alibi(),
                                               .time_first = time_first};
                INFO("time first " << time_first << ", " << queries << " queries, " << keys << " keys");
                const Tensor k = slice(from.k, axis, 0, keys).detach(), v = slice(from.v, axis, 0, keys).detach();
                const auto spoil = [&](const Tensor& x) {
                    return concat({slice(x, axis, 0, keys).detach(), full(slice(x, axis, keys, 300).shape(), nan_value)}, axis);
                };
                const Inputs spoilt{leaf(from.q), leaf(spoil(from.k)), leaf(spoil(from.v))};
                const Tensor expected = scaled_dot_product_attention(from.q.detach(), k, v, options);
                {
                    const no_grad off;
                    check_close(scaled_dot_product_attention_to_first(spoilt.q, spoilt.k, spoilt.v, keys, options), expected,
                                is_f64 ? 1e-13 : 1e-5);
                }
                const Tensor y = scaled_dot_product_attention_to_first(spoilt.q, spoilt.k, spoilt.v, keys, options);
                check_close(y.detach(), expected, is_f64 ? 1e-13 : 1e-5);
                sum(square(y)).backward();
                for (const Tensor& x : {spoilt.q, spoilt.k, spoilt.v}) CHECK(is_finite(x.grad()));
                check_close(slice(spoilt.k.grad(), axis, keys, 300), zeros(slice(from.k, axis, keys, 300).shape()), 0);
            }
}

TEST_CASE("NaN behind a mask reaches no output and no gradient with time first") {
    for (const auto& [keys, kv_heads] : {std::pair<Index, Index>{6, 1}, {300, 1}, {3, 8}}) {
        const Both in({2, 2 * kv_heads, 5, keys}, kv_heads, 3, 2);
        const Inputs& clean = in.time_first;
        const auto spoil = [&](const Tensor& x) {  // the last two keys of the second sequence, in the last head
            Tensor bad = clone(x.detach());
            const Index row = x.size(2) * x.size(3);
            for (const Index end : {bad.numel(), bad.numel() - row})
                for (Index d = 1; d <= x.size(3); ++d) bad.raw()[end - d] = static_cast<Scalar>(d % 2 ? nan_value : infinity);
            return leaf(bad);
        };
        Condition valid(Shape{2, keys});
        for (Index i = 0; i < valid.numel(); ++i) valid.raw()[i] = i < 2 * keys - 2;
        for (const AttentionMask& mask : {AttentionMask::lengths({keys, keys - 2}), AttentionMask::keys(valid)})
            for (const auto& [bad_key, bad_value] : {std::pair{true, false}, {false, true}, {true, true}}) {
                const AttentionOptions options{.mask = mask, .time_first = true};
                const Inputs bad{leaf(clean.q), bad_key ? spoil(clean.k) : leaf(clean.k),
                                 bad_value ? spoil(clean.v) : leaf(clean.v)};
                const Tensor y = scaled_dot_product_attention(bad.q, bad.k, bad.v, options);
                const Tensor expected = scaled_dot_product_attention(clean.q, clean.k, clean.v, options);
                check_close(y.detach(), expected.detach(), is_f64 ? 1e-12 : 1e-5);
                const auto d = grad(sum(square(y)), {bad.q, bad.k, bad.v}),
                           d_expected = grad(sum(square(expected)), {clean.q, clean.k, clean.v});
                for (std::size_t i = 0; i < 3; ++i) check_close(d[i], d_expected[i], is_f64 ? 1e-12 : 1e-5);
            }
    }
}

TEST_CASE("a NaN that may be read is not hidden with time first") {
    const Both in({1, 2, 3, 3}, 2, 3, 2);
    Tensor k = clone(in.time_first.k.detach());
    k.raw()[1 * 2 * 3 + 0 * 3 + 2] = static_cast<Scalar>(nan_value);  // time 1, head 0
    const Tensor y = scaled_dot_product_attention(in.time_first.q, k, in.time_first.v,
                                                  {.mask = AttentionMask::causal(), .time_first = true});
    for (Index t = 0; t < 3; ++t) {
        CHECK(std::isnan(y(0, t, 0, 0)) == (t >= 1));
        CHECK(std::isfinite(y(0, t, 1, 0)));
    }
}

TEST_CASE("outputs and gradients of attention with time first are the same bits on any number of threads") {
    const int threads = num_threads();
    for (const AttentionShape& s : {AttentionShape{2, 4, 150, 150}, {1, 1, 300, 520}, {1, 2, 333, 90}, {1, 2, 5, 600}}) {
        std::vector<std::vector<Tensor>> found;
        for (const int n : {1, 2, 3}) {
            set_num_threads(n);
            const Both in(s, s.heads, 32, 32);
            found.push_back(results(true, in.time_first, {"", AttentionMask::causal()}, {.dropout = 0.1}, false));
        }
        set_num_threads(threads);
        for (std::size_t i = 0; i < found[0].size(); ++i)
            for (const auto& other : {found[1], found[2]}) check_close(other[i], found[0][i], 0);
    }
}

TEST_CASE("attention with time first refuses what does not fit and names its own axes") {
    const auto attend = [](const Shape& q, const Shape& k, const Shape& v, AttentionOptions options = {}) {
        options.time_first = true;
        return scaled_dot_product_attention(zeros(q), zeros(k), zeros(v), options).shape();
    };
    CHECK(attend({2, 3, 4, 5}, {2, 7, 2, 5}, {2, 7, 2, 6}) == Shape{2, 3, 4, 6});
    CHECK(attend({2, 0, 4, 5}, {2, 7, 2, 5}, {2, 7, 2, 6}) == Shape{2, 0, 4, 6});
    using Catch::Contains;
    CHECK_THROWS_WITH(attend({3, 4}, {3, 4}, {3, 4}), Contains("[B, T, H, D]") && Contains("[3, 4]"));
    for (const auto& [q, k, v] : {std::array<Shape, 3>{Shape{2, 3, 4, 5}, Shape{2, 7, 2, 4}, Shape{2, 7, 2, 6}},  // D
                                  {Shape{2, 3, 4, 5}, Shape{1, 7, 2, 5}, Shape{1, 7, 2, 6}},                      // B
                                  {Shape{2, 3, 4, 5}, Shape{2, 7, 2, 5}, Shape{2, 6, 2, 6}},                      // Tk
                                  {Shape{2, 3, 4, 5}, Shape{2, 7, 2, 5}, Shape{2, 7, 4, 6}}}) {                   // Hkv
        CHECK_THROWS_AS(attend(q, k, v), ShapeError);
        CHECK_THROWS_WITH(attend(q, k, v), Contains("q [B, Tq, H, D], k [B, Tk, Hkv, D] and v [B, Tk, Hkv, Dv]") &&
                                               Contains(to_string(k)) && Contains(to_string(v)));
    }
    CHECK_THROWS_WITH(attend({1, 2, 4, 5}, {1, 2, 3, 5}, {1, 2, 3, 5}), Contains("3 key-value heads divide, got 4"));
    CHECK_THROWS_AS(attend({1, 2, 4, 5}, {1, 4, 8, 5}, {1, 4, 8, 5}), ShapeError);
    CHECK_THROWS_AS(attend({1, 2, 4, 5}, {1, 4, 0, 5}, {1, 4, 0, 5}), ShapeError);
    CHECK_THROWS_AS(attend({1, 2, 3, 5}, {1, 4, 3, 5}, {1, 4, 3, 5}, {.mask = AttentionMask::bias(zeros({3, 4}))}), ShapeError);
    CHECK_NOTHROW(attend({1, 2, 3, 5}, {1, 4, 3, 5}, {1, 4, 3, 5}, {.mask = AttentionMask::bias(zeros({1, 3, 2, 4}))}));
    const AttentionOptions options{.time_first = true};
    const Tensor q = zeros({1, 2, 3, 5}), k = zeros({1, 4, 3, 5});
    CHECK_THROWS_WITH(scaled_dot_product_attention_to_first(q, k, k, 5, options), Contains("[0, 4]") && Contains("got 5"));
    CHECK_THROWS_AS(scaled_dot_product_attention_to_first(q, k, k, -1, options), IndexError);
    CHECK_THROWS_WITH(scaled_dot_product_attention(zeros({3, 4}), k, k), Contains("[B, H, T, D]"));
}
