// Transformer layers and stacks: residuals, norms, dropout, masks, and that the future is not seen.
#include <support/testing.hpp>

using namespace testing;

namespace {

constexpr double six_digits = is_f64 ? 1e-6 : 1e-5;  // the cases are given to six digits

TransformerOptions small(bool norm_first, Real dropout = 0) {
    return {.embed_dim = 4,
            .num_heads = 2,
            .num_encoder_layers = 2,
            .num_decoder_layers = 2,
            .feedforward_dim = 6,
            .dropout = dropout,
            .norm_first = norm_first};
}

/// Makes every sublayer return 0.
void silence(TransformerEncoderLayer& layer) {
    for (Linear* last : {&layer.self_attention.out_proj, &layer.feed_forward.linear2}) {
        init::zeros_(last->weight);
        init::zeros_(last->bias);
    }
}

/// `x` with the elements of time `from` on replaced.
Tensor changed_from(const Tensor& x, Index from) {
    Tensor y = clone(x);
    for (Index i = 0; i < y.numel(); ++i)
        if (i / x.size(2) % x.size(1) >= from) y.raw()[i] += 3;
    return y;
}

bool same(const Tensor& a, const Tensor& b) { return std::equal(a.values().begin(), a.values().end(), b.values().begin()); }

}  // namespace

TEST_CASE("T7: the residual of a pre-norm layer is the raw input, that of a post-norm layer is normalised after") {
    const Tensor x{{{0, 1, 2, 3}}};
    TransformerEncoderLayer pre(small(true)), post(small(false));
    silence(pre);
    silence(post);
    check_close(pre(x).detach(), x, 0);
    check_close(post(x).detach(), Tensor{{{-1.341634, -0.447211, 0.447211, 1.341634}}}, six_digits);

    TransformerDecoderLayer decoder(small(true));
    for (Linear* last : {&decoder.self_attention.out_proj, &decoder.cross_attention.out_proj, &decoder.feed_forward.linear2}) {
        init::zeros_(last->weight);
        init::zeros_(last->bias);
    }
    check_close(decoder(x, numbers({1, 2, 4})).detach(), x, 0);
}

TEST_CASE("T8: a post-norm stack has no further norm unless asked, so that its scale is kept") {
    TransformerOptions options = small(false);
    options.num_encoder_layers = 1;
    const Tensor x{{{0, 1, 2, 3}}};
    const auto output = [&] {
        TransformerEncoder encoder(options);
        silence(encoder.layers[0]);
        init::constant_(encoder.layers[0].norm2.weight, 2);
        return encoder(x).detach();
    };
    check_close(output(), Tensor{{{-2.683271, -0.894424, 0.894424, 2.683271}}},
                is_f64 ? 5e-6 : 2e-5);  // two norms, each with ε
    options.final_norm = true;
    check_close(output(), Tensor{{{-1.341639, -0.447213, 0.447213, 1.341639}}}, is_f64 ? 5e-6 : 2e-5);
}

TEST_CASE("stacks end with a norm where norms come first, unless said otherwise") {
    for (const bool norm_first : {false, true}) {
        TransformerOptions options = small(norm_first);
        CHECK(TransformerEncoder(options).norm.has_value() == norm_first);
        CHECK(TransformerDecoder(options).norm.has_value() == norm_first);
        for (const bool wanted : {false, true}) {
            options.final_norm = wanted;
            CHECK(TransformerEncoder(options).norm.has_value() == wanted);
            CHECK(TransformerDecoder(options).norm.has_value() == wanted);
        }
    }
}

TEST_CASE("layers are the sublayers of the paper's figure in its order") {
    manual_seed(1);
    const Tensor x = numbers({2, 3, 4}), memory = numbers({2, 5, 4}, 2);
    const AttentionMask keys = AttentionMask::lengths({5, 2});
    const TransformerDecoderLayer post(small(false)), pre(small(true));
    {
        const auto& m = post;
        Tensor h = m.norm1(x + m.self_attention(x, AttentionMask::causal()));
        h = m.norm2(h + m.cross_attention(h, memory, memory, keys));
        h = m.norm3(h + m.feed_forward(h));
        check_close(m(x, memory, AttentionMask::causal(), keys).detach(), h.detach(), 0);
    }
    {
        const auto& m = pre;
        Tensor h = x + m.self_attention(m.norm1(x), AttentionMask::causal());
        h = h + m.cross_attention(m.norm2(h), memory, memory, keys);
        h = h + m.feed_forward(m.norm3(h));
        check_close(m(x, memory, AttentionMask::causal(), keys).detach(), h.detach(), 0);
    }
}

TEST_CASE("a Transformer is its encoder and its decoder, with the masks where they belong") {
    manual_seed(2);
    const Transformer m(small(true));
    const Tensor source = numbers({2, 5, 4}), target = numbers({2, 3, 4}, 2);
    const AttentionMask keys = AttentionMask::lengths({5, 2});
    const Tensor y = m(source, target, {.source = keys, .memory = keys});
    check_close(y.detach(), m.decoder(target, m.encoder(source, keys), AttentionMask::causal(), keys).detach(), 0);
    CHECK(y.shape() == Shape{2, 3, 4});
    const Tensor padded = m(changed_from(source, 2), target, {.source = keys, .memory = keys});
    CHECK(same(select(padded, 0, 1), select(y, 0, 1)));
    CHECK_FALSE(same(select(padded, 0, 0), select(y, 0, 0)));
}

TEST_CASE("the target of a Transformer does not see its future unless asked to") {
    manual_seed(3);
    const Transformer m(small(false));
    const Tensor source = numbers({1, 5, 4}), target = numbers({1, 4, 4}, 2);
    const Tensor y = m(source, target), other = m(source, changed_from(target, 2));
    check_close(slice(other, 1, 0, 2).detach(), slice(y, 1, 0, 2).detach(), is_f64 ? 1e-13 : 1e-6);
    CHECK_FALSE(same(slice(other, 1, 2), slice(y, 1, 2)));
    const TransformerMasks open{.target = {}};
    CHECK_FALSE(same(slice(m(source, target, open), 1, 0, 1), slice(m(source, changed_from(target, 2), open), 1, 0, 1)));
}

TEST_CASE("an encoder with a causal mask is a decoder-only stack: the future reaches neither outputs nor gradients") {
    manual_seed(4);
    const TransformerEncoder m(small(true));
    const Tensor x = leaf(numbers({2, 5, 4}));
    const Tensor y = m(x, AttentionMask::causal());
    sum(slice(y, 1, 0, 3) * numbers({2, 3, 4}, 2)).backward();
    check_close(slice(x.grad(), 1, 3), zeros({2, 2, 4}), 0);
    CHECK(static_cast<double>(amin(amax(abs(slice(x.grad(), 1, 0, 3)), -1)).item()) > 0);
    CHECK_FALSE(same(m(x), y));
}

TEST_CASE("T1: dropout is off in evaluation everywhere: outputs are bit for bit those without it") {
    manual_seed(5);
    for (const bool norm_first : {false, true}) {
        TransformerEncoderLayer layer(small(norm_first, 0.5)), twin(small(norm_first));
        layer.self_attention.dropout = 0.8;
        twin.load_state_dict(layer.state_dict());
        layer.eval();
        const Tensor x = numbers({2, 6, 4});
        const std::uint64_t before = default_generator().position();
        const Tensor first = layer(x), second = layer(x);
        CHECK(same(first, second));
        CHECK(same(first, twin(x)));
        const Tensor weights = layer.self_attention.forward_with_weights(x, x, x).weights;
        check_close(sum(weights, -1).detach(), ones({2, 2, 6}), is_f64 ? 1e-14 : 1e-6);
        CHECK(default_generator().position() == before);
        layer.train();
        CHECK_FALSE(same(layer(x), layer(x)));
    }
}

TEST_CASE("the dropout of the options acts on weights, hidden units and sublayer outputs") {
    const TransformerEncoderLayer encoder(small(false, 0.25));
    const TransformerDecoderLayer decoder(small(false, 0.25));
    for (const Real p :
         {encoder.self_attention.dropout, encoder.feed_forward.dropout.p, encoder.dropout.p, decoder.self_attention.dropout,
          decoder.cross_attention.dropout, decoder.feed_forward.dropout.p, decoder.dropout.p})
        CHECK(p == 0.25);
    TransformerEncoderLayer dropped(small(true, 1));  // every sublayer output is dropped
    const Tensor x = numbers({1, 2, 4});
    check_close(dropped(x).detach(), x, 0);
}

TEST_CASE("the defaults are the paper's base model") {
    const TransformerOptions options;
    CHECK(options.embed_dim == 512);
    CHECK(options.num_heads == 8);
    CHECK(options.num_encoder_layers == 6);
    CHECK(options.num_decoder_layers == 6);
    CHECK(options.feedforward_dim == 2048);
    CHECK(options.dropout == 0.1);
    CHECK_FALSE(options.norm_first);
    CHECK(options.layer_norm_eps == 1e-5);
    CHECK(options.activation == static_cast<Activation>(relu));
    CHECK(TransformerEncoderLayer().num_parameters() == 4 * (512 * 512 + 512) + 2 * 512 * 2048 + 2048 + 512 + 2 * 1024);
}

TEST_CASE("stacks may be empty, and sizes that do not fit are refused") {
    TransformerOptions options = small(false);
    options.num_encoder_layers = 0;
    const Tensor x = numbers({1, 2, 4});
    check_close(TransformerEncoder(options)(x), x, 0);
    options.num_encoder_layers = -1;
    CHECK_THROWS_AS(TransformerEncoder(options), ValueError);
    options = small(false);
    options.num_decoder_layers = -1;
    CHECK_THROWS_AS(Transformer(options), ValueError);
    options = small(false);
    options.num_heads = 3;
    CHECK_THROWS_AS(Transformer(options), ValueError);
    CHECK_THROWS_AS(TransformerEncoderLayer(options), ValueError);
    options = small(false, 1.5);
    CHECK_THROWS_AS(TransformerEncoderLayer(options), ValueError);
    const Transformer m(small(false));
    CHECK_THROWS_AS(m(zeros({1, 2, 5}), zeros({1, 2, 4})), ShapeError);
    CHECK_THROWS_AS(m(zeros({1, 2, 4}), zeros({2, 2, 4})), ShapeError);
    CHECK_THROWS_AS(m(zeros({2, 4}), zeros({2, 4})), ShapeError);
}

TEST_CASE("training a Transformer asks the system for no tensor memory after its second step, and keeps no tensor") {
    Embedding embedding(11, 8);
    TransformerEncoder layers({.embed_dim = 8, .num_heads = 2, .num_encoder_layers = 2, .feedforward_dim = 16, .dropout = 0.1});
    std::vector<Tensor> parameters = layers.parameters();
    parameters.push_back(embedding.weight);
    Adam optimizer(parameters);
    const Ids ids = randint(0, 11, {3, 6});
    Ids targets = ids;
    targets.reshape({std::size_t{18}});
    std::vector<std::size_t> requests;
    std::vector<Index> tensors;
    for (int step = 0; step < 6; ++step) {
        const Tensor x = layers(embedding(ids), AttentionMask::causal());
        const Tensor loss = cross_entropy(flatten(linear(x, embedding.weight), 0, 1), targets);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        requests.push_back(memory_statistics().system_requests);
        tensors.push_back(live_tensors());
    }
    CHECK(tensors.back() == tensors[1]);
    const std::size_t before = memory_statistics().system_requests;
    Tensor::empty({100000});
    Tensor::empty({100000});
    if (memory_statistics().system_requests > before + 1) return;  // a sanitizer's build reuses nothing
    CHECK(requests.back() == requests[1]);
}
