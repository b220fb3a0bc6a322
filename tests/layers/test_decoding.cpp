// Decoding with a key-value cache: equal to the full pass for every mask and scheme of positions, step by step and in pieces.
#include <support/testing.hpp>

using namespace testing;

namespace {

constexpr Index E = 8, H = 4;

std::vector<std::pair<std::string, MultiHeadAttentionOptions>> schemes() {
    return {{"plain", {}},
            {"shared heads", {.num_kv_heads = 2}},
            {"one key-value head", {.num_kv_heads = 1}},
            {"rotary", {.rotary = RotaryOptions{}}},
            {"rotary, half split, scaled", {.rotary = RotaryOptions{.scaling = 2, .layout = RotaryLayout::half_split}}},
            {"alibi", {.alibi = true}},
            {"window", {.window_left = 2, .window_right = 0}},
            {"softcap and scale", {.softcap = 2, .scale = 0.3}},
            {"rotary, shared heads, window", {.num_kv_heads = 2, .rotary = RotaryOptions{.base = 100}, .window_left = 3}}};
}

/// x in pieces of the given lengths through a cache, joined again.
template <class Step>
Tensor in_pieces(const Tensor& x, const std::vector<Index>& lengths, const Step& step) {
    std::vector<Tensor> pieces;
    Index first = 0;
    for (const Index length : lengths) {
        pieces.push_back(step(slice(x, 1, first, first + length), first));
        first += length;
    }
    return concat(pieces, 1);
}

const std::vector<std::vector<Index>> cuts = {{1, 1, 1, 1, 1, 1, 1}, {7}, {4, 1, 2}, {0, 3, 4}};

TransformerOptions small(bool norm_first) {
    return {.embed_dim = E,
            .num_heads = H,
            .num_encoder_layers = 2,
            .num_decoder_layers = 2,
            .feedforward_dim = 12,
            .dropout = 0.5,
            .norm_first = norm_first};
}

}  // namespace

TEST_CASE("cached self-attention equals the full causal pass for every scheme of positions and heads") {
    const no_grad off;
    const Tensor x = numbers({3, 7, E});
    Condition valid(Shape{3, 7});
    for (Index i = 0; i < 21; ++i) valid.raw()[i] = i % 4 != 1;
    for (const auto& [name, options] : schemes()) {
        manual_seed(3);
        MultiHeadAttention m(E, H, options);
        m.eval();
        for (const bool masked : {false, true})
            for (const auto& cut : cuts) {
                INFO(name << (masked ? ", masked keys" : ""));
                const AttentionMask causal = AttentionMask::causal();
                const Tensor full = m(x, masked ? causal & AttentionMask::keys(valid) : causal);
                KeyValueCache cache = m.make_cache(3, 7);
                check_close(in_pieces(x, cut,
                                      [&](const Tensor& piece, Index first) {
                                          const Index seen = first + piece.size(1);
                                          Condition so_far(Shape{3, seen});
                                          for (Index b = 0; b < 3; ++b)
                                              for (Index t = 0; t < seen; ++t)
                                                  so_far.raw()[b * seen + t] = valid.data()[b * 7 + t];
                                          return m.forward(piece, cache,
                                                           masked ? causal & AttentionMask::keys(so_far) : causal);
                                      }),
                            full);
                CHECK(cache.length == 7);
            }
    }
}

TEST_CASE("attention to a cached memory equals attention to the memory") {
    const no_grad off;
    const Tensor x = numbers({2, 3, E}), memory = numbers({2, 5, E}, 2);
    for (const auto& [name, options] : schemes()) {
        INFO(name);
        MultiHeadAttention m(E, H, options);
        m.eval();
        const AttentionMask mask = AttentionMask::lengths({5, 2});
        check_close(m.forward_to(x, m.make_cache(memory, memory), mask), m(x, memory, memory, mask));
    }
}

TEST_CASE("decoder and encoder stacks decode with their caches as they do in one pass") {
    const no_grad off;
    const Tensor x = numbers({2, 7, E}), memory = numbers({2, 5, E}, 2);
    for (const bool norm_first : {false, true}) {
        TransformerOptions options = small(norm_first);
        TransformerDecoder decoder(options);
        decoder.eval();
        options.num_kv_heads = 2;
        options.rotary = RotaryOptions{};
        TransformerEncoder encoder(options);
        encoder.eval();
        const AttentionMask real = AttentionMask::lengths({5, 3});
        for (const auto& cut : cuts) {
            auto state = decoder.make_cache(memory, 7);
            check_close(in_pieces(x, cut,
                                  [&](const Tensor& piece, Index) {
                                      return decoder.forward(piece, state, AttentionMask::causal(), real);
                                  }),
                        decoder(x, memory, AttentionMask::causal(), real));
            auto caches = encoder.make_cache(2, 7);
            check_close(in_pieces(x, cut, [&](const Tensor& piece, Index) { return encoder.forward(piece, caches); }),
                        encoder(x, AttentionMask::causal()));
        }
    }
}

TEST_CASE("a decoder returns the weights of every layer beside the same output") {
    TransformerDecoder decoder(small(false));
    decoder.eval();
    const Tensor x = numbers({2, 3, E}), memory = numbers({2, 5, E}, 2);
    const DecoderResult result = decoder.forward_with_weights(x, memory);
    check_close(result.output.detach(), decoder(x, memory).detach());
    REQUIRE(result.self_weights.size() == 2);
    CHECK(result.self_weights[1].shape() == Shape{2, H, 3, 3});
    CHECK(result.memory_weights[0].shape() == Shape{2, H, 3, 5});
    check_close(sum(result.memory_weights[1], -1).detach(), ones({2, H, 3}));
    CHECK(result.self_weights[0](0, 0, 0, 1) == 0);
}

TEST_CASE("a reordered cache goes on as if its rows had always been those") {
    const no_grad off;
    TransformerEncoder encoder(small(true));
    encoder.eval();
    const Tensor x = numbers({3, 5, E});
    auto caches = encoder.make_cache(3, 5);
    encoder.forward(slice(x, 1, 0, 4), caches);
    const Ids rows = {2, 0, 0, 1};
    reorder(caches, rows);
    const Tensor chosen = index_select(x, 0, rows);
    check_close(encoder.forward(slice(chosen, 1, 4, 5), caches), slice(encoder(chosen, AttentionMask::causal()), 1, 4, 5));
    CHECK_THROWS_AS(reorder(caches, Ids{4}), IndexError);

    TransformerDecoder decoder(small(true));
    decoder.eval();
    const Tensor memory = numbers({3, 4, E}, 2);
    auto state = decoder.make_cache(memory, 5);
    decoder.forward(slice(x, 1, 0, 4), state);
    reorder(state, rows);
    check_close(decoder.forward(slice(chosen, 1, 4, 5), state),
                slice(decoder(chosen, index_select(memory, 0, rows), AttentionMask::causal()), 1, 4, 5));
    CHECK_THROWS_AS(reorder(state, Ids{4}), IndexError);
}

TEST_CASE("a truncated cache goes on from there") {
    const no_grad off;
    MultiHeadAttention m(E, H, {.rotary = RotaryOptions{}});
    const Tensor x = numbers({1, 4, E}), other = numbers({1, 4, E}, 2);
    KeyValueCache cache = m.make_cache(1, 6);
    m.forward(slice(x, 1, 0, 2), cache);
    m.forward(other, cache);
    cache.truncate(2);
    check_close(m.forward(slice(x, 1, 2, 4), cache), slice(m(x, AttentionMask::causal()), 1, 2, 4));
    CHECK_THROWS_AS(cache.truncate(5), IndexError);
}

TEST_CASE("a cache refuses what does not fit and stays as it was") {
    MultiHeadAttention m(E, H);
    KeyValueCache cache = m.make_cache(2, 3);
    CHECK_THROWS_AS(m.forward(numbers({2, 1, E}), cache), GradError);
    const no_grad off;
    m.forward(numbers({2, 2, E}), cache);
    CHECK_THROWS_AS(m.forward(numbers({2, 2, E}), cache), ValueError);
    CHECK_THROWS_AS(m.forward(numbers({1, 1, E}), cache), ShapeError);
    CHECK_THROWS_AS(m.forward(numbers({2, 1, E}), cache, AttentionMask::lengths({9, 9})), ValueError);
    CHECK_THROWS_AS(cache.append(numbers({2, H, 1, 3}), numbers({2, H, 1, 2})), ShapeError);
    CHECK(cache.length == 2);
    CHECK_THROWS_AS(KeyValueCache(-1, 1, 1, 1, 1), ValueError);
}

TEST_CASE("a step that throws in a later part of a stack leaves every cache as it was") {
    const no_grad off;
    TransformerDecoder decoder(small(false));
    decoder.eval();
    auto state = decoder.make_cache(numbers({2, 5, E}, 2), 4);
    CHECK_THROWS_AS(decoder.forward(numbers({2, 1, E}), state, AttentionMask::causal(), AttentionMask::lengths({1, 2, 3})),
                    ShapeError);
    CHECK(state[0].self.length == 0);
    TransformerEncoder encoder(small(false));
    encoder.eval();
    auto caches = encoder.make_cache(2, 4);
    caches[1] = encoder.layers[1].self_attention.make_cache(2, 0);
    CHECK_THROWS_AS(encoder.forward(numbers({2, 1, E}), caches), ValueError);
    CHECK(caches[0].length == 0);
}

TEST_CASE("fewer queries than keys stand at the last keys, for every scheme of positions") {
    const Tensor x = numbers({1, 5, E});
    for (const auto& [name, options] : schemes()) {
        INFO(name);
        const MultiHeadAttention m(E, H, options);
        check_close(m(slice(x, 1, 3), x, x, AttentionMask::causal()).detach(),
                    slice(m(x, AttentionMask::causal()), 1, 3).detach());
    }
}

TEST_CASE("multi-head attention with fewer key-value heads has the parameters of the formula, and all get gradients") {
    MultiHeadAttention m(E, H, {.num_kv_heads = 2});
    CHECK(m.num_parameters() == 2 * (E * E + E) + 2 * (E * E / 2 + E / 2));
    sum(square(m(numbers({2, 3, E})))).backward();
    for (const Tensor& p : m.parameters()) CHECK(p.grad().defined());
    CHECK_THROWS_AS(MultiHeadAttention(E, H, {.num_kv_heads = 3}), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(E, H, {.rotary = RotaryOptions{.dim = 3}}), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(E, H, {.rotary = RotaryOptions{.base = 0}}), ValueError);
    CHECK_THROWS_AS(MultiHeadAttention(E, H, {.window_left = -2}), ValueError);
}

TEST_CASE("rotary scores depend on distances alone") {
    const RotaryEmbedding rotary(6);
    const Tensor q = numbers({1, 6}), k = numbers({1, 6}, 2);
    const auto score = [&](Index i, Index j) { return sum(rotary(q, i) * rotary(k, j)).item(); };
    for (const Index shift : {1, 50, 2000})
        CHECK_THAT(score(3 + shift, 1 + shift), is_close(score(3, 1), is_f64 ? 1e-9 : 1e-3));
    check_close(rotary(q, 0), q);
    CHECK_THROWS_AS(rotary(q, -1), IndexError);
}
