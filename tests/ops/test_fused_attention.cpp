// The fused attention kernel against the written-out steps: values, first and second derivatives, over masks × heads × dropout ×
// widths × lengths; and what only the kernel promises: rows beyond a tile, results that no number of threads changes.
#include "named_masks.hpp"

using namespace testing;

namespace {

struct Inputs {
    Tensor q, k, v, bias;
    std::vector<Tensor> list() const { return {q, k, v, bias}; }
};

/// Leaves [B, H, Tq, D], [B, Hkv, Tk, D], [B, Hkv, Tk, Dv] and a bias.
Inputs make_inputs(const AttentionShape& s, Index kv_heads, Index width, Index value_width, const Shape& bias) {
    return {leaf(numbers({s.batch, s.heads, s.queries, width}, 1)), leaf(numbers({s.batch, kv_heads, s.keys, width}, 2)),
            leaf(numbers({s.batch, kv_heads, s.keys, value_width}, 3)), leaf(numbers(bias, 4))};
}

struct Options {
    Real dropout = 0, softcap = 0;
    std::optional<Real> scale = {};
};

/// The output of the kernel or of the steps, with the same draw of the dropout.
Tensor attend(bool fused, const Inputs& in, const NamedMask& m, const Options& o) {
    Generator generator(7);
    const AttentionOptions options{.mask = m.bias.empty() ? m.mask : m.mask & AttentionMask::bias(in.bias),
                                   .scale = o.scale,
                                   .softcap = o.softcap,
                                   .dropout = o.dropout,
                                   .training = true,
                                   .generator = &generator};
    return fused ? scaled_dot_product_attention(in.q, in.k, in.v, options)
                 : scaled_dot_product_attention_with_weights(in.q, in.k, in.v, options).output;
}

/// The gradients of a weighted sum of the output; of their squared norm too if `second`.
std::vector<Tensor> gradients(bool fused, const Inputs& in, const NamedMask& m, const Options& o, bool second) {
    const Tensor y = attend(fused, in, m, o);
    const std::vector<Tensor> wanted = m.bias.empty() ? std::vector<Tensor>{in.q, in.k, in.v} : in.list();
    const std::vector<Tensor> first = grad(sum(y * numbers(y.shape(), 5)), wanted, {.create_graph = second});
    if (!second) return first;
    Tensor norm = Tensor(0);
    for (const Tensor& g : first) norm = norm + sum(square(g));
    return grad(norm, wanted);
}

void check_agreement(const AttentionShape& s, Index kv_heads, Index width, Index value_width, const Options& o, bool second) {
    for (const NamedMask& m : masks(s)) {
        INFO(m.name << ", scores " << to_string(s) << ", kv heads " << kv_heads << ", widths " << width << " and "
                    << value_width << ", dropout " << o.dropout << ", softcap " << o.softcap);
        const Inputs in = make_inputs(s, kv_heads, width, value_width, m.bias.empty() ? Shape{1} : m.bias);
        const double tol = is_f64 ? 1e-10 : 2e-4;
        check_close(attend(true, in, m, o).detach(), attend(false, in, m, o).detach(), tol);
        for (const bool order : {false, true}) {
            if (order && !second) continue;
            const auto fused = gradients(true, in, m, o, order), plain = gradients(false, in, m, o, order);
            for (std::size_t i = 0; i < plain.size(); ++i)
                check_close(fused[i].detach(), plain[i].detach(), order ? 20 * tol : tol);
        }
    }
}

}  // namespace

TEST_CASE("the fused kernel agrees with the written-out steps to the second derivative for small extents") {
    for (const AttentionShape& s : {AttentionShape{2, 2, 3, 3}, {1, 2, 1, 1}, {2, 2, 1, 5}, {3, 2, 4, 2}, {1, 4, 5, 7}})
        for (const Real dropout : {0.0, 0.3}) check_agreement(s, 2, 3, 2, {.dropout = dropout}, true);
}

TEST_CASE("the fused kernel agrees with the written-out steps for shared heads, a softcap and a scale") {
    for (const Index kv_heads : {1, 2, 4})
        for (const Real softcap : {0.0, 1.5})
            check_agreement({2, 4, 3, 5}, kv_heads, 2, 3, {.dropout = 0.2, .softcap = softcap, .scale = -0.7}, true);
}

TEST_CASE("the fused kernel agrees with the written-out steps across tiles of queries and keys") {
    for (const AttentionShape& s : {AttentionShape{1, 1, 64, 256}, {2, 2, 65, 257}, {1, 2, 130, 300}, {1, 4, 200, 70}})
        for (const Real dropout : {0.0, 0.1}) check_agreement(s, s.heads, 8, 5, {.dropout = dropout}, false);
    check_agreement({4, 2, 70, 70}, 1, 16, 16, {.softcap = 3}, false);
}

TEST_CASE("rows that see nothing between rows that do stay 0, across tiles") {
    const AttentionShape s{1, 2, 150, 300};
    Condition may(Shape{s.queries, s.keys});
    for (Index i = 0; i < may.numel(); ++i) may.raw()[i] = i / s.keys % 7 != 3;
    const Inputs in = make_inputs(s, 2, 4, 4, {1});
    const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v, {.mask = AttentionMask::allow(may)});
    sum(y).backward();
    for (Index i = 3; i < s.queries; i += 7) {
        CHECK(y(0, 1, i, 0) == 0);
        CHECK(in.q.grad()(0, 1, i, 2) == 0);
    }
    CHECK(all_finite(in.q.grad()));
    CHECK(all_finite(in.k.grad()));
    CHECK(all_finite(in.v.grad()));
}

TEST_CASE("outputs and gradients of attention are the same bits on any number of threads") {
    const int threads = num_threads();
    for (const AttentionShape& s :
         {AttentionShape{2, 4, 150, 150}, {1, 1, 300, 520}, {1, 1, 200, 200}, {1, 2, 60, 60}, {1, 2, 333, 90}}) {
        std::vector<std::vector<Tensor>> results;
        for (const int n : {1, 2, 3}) {
            set_num_threads(n);
            const Inputs in = make_inputs(s, s.heads, 32, 32, {1});
            const Tensor y = attend(true, in, {"", AttentionMask::causal()}, {.dropout = 0.1});
            sum(square(y)).backward();
            results.push_back({y, in.q.grad(), in.k.grad(), in.v.grad()});
        }
        set_num_threads(threads);
        for (std::size_t i = 0; i < 4; ++i)
            for (const auto& other : {results[1], results[2]})
                CHECK(std::equal(other[i].values().begin(), other[i].values().end(), results[0][i].values().begin()));
    }
}

TEST_CASE("bounds of a mask beyond all numbers are no bounds") {
    const Index huge = std::numeric_limits<Index>::max();
    const Tensor v = ones({1, 1, 4, 1});
    for (const AttentionMask& mask :
         {AttentionMask::window(1, huge), AttentionMask::window(huge, huge), AttentionMask::causal(huge),
          AttentionMask::causal(huge) & AttentionMask::window(huge, 0)})
        check_close(scaled_dot_product_attention(ones({1, 1, 1, 1}), v, v, {.mask = mask}), ones({1, 1, 1, 1}));
}

TEST_CASE("only the gradients that are wanted are made") {
    const AttentionShape s{1, 2, 70, 70};
    for (std::size_t wanted = 0; wanted < 3; ++wanted) {
        Inputs in = make_inputs(s, 2, 4, 4, {1});
        const Inputs all = in;
        std::vector<Tensor*> leaves = {&in.q, &in.k, &in.v};
        for (std::size_t i = 0; i < 3; ++i)
            if (i != wanted) *leaves[i] = leaves[i]->detach();
        const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v, {.mask = AttentionMask::causal()});
        const Tensor reference = scaled_dot_product_attention(all.q, all.k, all.v, {.mask = AttentionMask::causal()});
        check_close(grad(sum(square(y)), {*leaves[wanted]})[0], grad(sum(square(reference)), {all.list()[wanted]})[0]);
    }
}

TEST_CASE("attention to the first rows of longer buffers equals attention to a copy of them") {
    const Inputs in = make_inputs({2, 4, 3, 9}, 2, 4, 3, {1});
    for (const Index keys : {0, 1, 5, 9}) {
        const AttentionOptions options{.mask = AttentionMask::causal() & AttentionMask::alibi()};
        const Tensor expected = scaled_dot_product_attention(in.q, slice(in.k, 2, 0, keys), slice(in.v, 2, 0, keys), options);
        const Tensor recorded = scaled_dot_product_attention_to_first(in.q, in.k, in.v, keys, options);
        check_close(recorded.detach(), expected.detach(), 0);
        check_close(grad(sum(square(recorded)), {in.k})[0], grad(sum(square(expected)), {in.k})[0]);
        const no_grad off;
        check_close(scaled_dot_product_attention_to_first(in.q, in.k, in.v, keys, options), expected.detach());
    }
    CHECK_THROWS_AS(scaled_dot_product_attention_to_first(in.q, in.k, in.v, 10), IndexError);
}

TEST_CASE("alibi takes the slopes of the paper, for numbers of heads that are no power of two as well") {
    const auto slopes = [](Index heads) { return AttentionMask::alibi().parts({1, heads, 1, 1}).slopes; };
    CHECK(slopes(8) == std::vector<Scalar>{0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625});
    CHECK(slopes(3)[0] == Scalar{0.0625});
    CHECK(slopes(3)[1] == Scalar{0.00390625});
    CHECK(slopes(3)[2] == Scalar{0.25});
    CHECK_THROWS_AS(AttentionMask::alibi({0.5}).parts({1, 2, 1, 1}), ShapeError);
    CHECK_THROWS_AS(AttentionMask::alibi({std::nan("")}), ValueError);
    const Tensor bias = AttentionMask::alibi({0.5, 1}).alibi_bias({1, 2, 2, 3});
    check_close(bias, Tensor{{{{-0.5, 0, -0.5}, {-1, -0.5, 0}}, {{-1, 0, -1}, {-2, -1, 0}}}});
}
