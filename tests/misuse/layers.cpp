// Misuse of layers, modules and their state.
#include "misuse/misuse.hpp"

namespace testing {
namespace {

using T = Things;

/// A module whose visit makes one mistake.
struct Mistaken : Module {
    explicit Mistaken(const char* a, const char* b) : first(a), second(b) {}
    const char *first, *second;
    Tensor weight = zeros({2}).requires_grad_(), bias = zeros({2}).requires_grad_();
    Linear inner{2, 2};
    void visit(Visitor& v) override {
        v(first, weight);
        v(second, bias);
        if (*first == 'i') v("", inner);
    }
};

/// Two names for one tensor.
struct Tied : Module {
    Tensor weight = zeros({2}).requires_grad_();
    void visit(Visitor& v) override {
        v("a", weight);
        v("b", weight);
    }
};

NamedTensors without_bias(T& t) {
    NamedTensors state = t.linear.state_dict();
    state.pop_back();
    return state;
}

Misuses of_constructors() {
    return {
        {"Linear", "no inputs", raises<ValueError>("Linear", {"at least 1", "in 0 and out 2"}), [](T&) { Linear(0, 2); }},
        {"Linear", "a negative number of outputs", raises<ValueError>("Linear", {"at least 1", "-2"}),
         [](T&) { Linear(3, -2); }},
        {"Linear", "more weights than any machine holds", raises<ShapeError>("Tensor", {"at most", "1099511627776"}),
         [](T&) { Linear(huge, huge); }},
        {"Embedding", "no tokens", raises<ValueError>("Embedding", {"at least 1", "0 and 4"}), [](T&) { Embedding(0, 4); }},
        {"Embedding", "a padding id beyond the table", raises<ValueError>("Embedding", {"[0, 5)", "got 5"}),
         [](T&) { Embedding(5, 4, 5); }},
        {"Embedding", "a negative padding id", raises<ValueError>("Embedding", {"[0, 5)", "-1"}),
         [](T&) { Embedding(5, 4, -1); }},
        {"Dropout", "a probability above 1", raises<ValueError>("Dropout", {"[0, 1]", "1.5"}), [](T&) { Dropout(1.5); }},
        {"Dropout", "a probability that is no number", raises<ValueError>("Dropout", {"[0, 1]", "nan"}),
         [](T&) { Dropout d(nan); }},
        {"LayerNorm", "an extent of 0", raises<ValueError>("LayerNorm", {"at least 1", "[0]"}), [](T&) { LayerNorm(0); }},
        {"LayerNorm", "no axes", raises<ValueError>("LayerNorm", {"at least 1", "[]"}), [](T&) { LayerNorm(Axes{}); }},
        {"LayerNorm", "an eps that is no number", raises<ValueError>("LayerNorm", {"eps >= 0", "nan"}),
         [](T&) { LayerNorm(3, nan); }},
        {"RMSNorm", "a negative eps", raises<ValueError>("RMSNorm", {"eps >= 0", "-1"}), [](T&) { RMSNorm(3, -1); }},
        {"FeedForward", "no hidden units", raises<ValueError>("FeedForward", {"at least 1", "4 and 0"}),
         [](T&) { FeedForward(4, 0); }},
        {"FeedForward", "a dropout above 1", raises<ValueError>("FeedForward", {"[0, 1]", "2"}),
         [](T&) { FeedForward(4, 4, 2); }},
        {"FeedForward", "no activation", raises<ValueError>("FeedForward", {"an activation", "none"}),
         [](T&) { FeedForward(4, 4, 0, nullptr); }},
        {"MultiHeadAttention", "heads that do not divide the width",
         raises<ValueError>("MultiHeadAttention", {"divide embed_dim 8", "got 3"}), [](T&) { MultiHeadAttention(8, 3); }},
        {"MultiHeadAttention", "no heads", raises<ValueError>("MultiHeadAttention", {"divide embed_dim 8", "got 0"}),
         [](T&) { MultiHeadAttention(8, 0); }},
        {"MultiHeadAttention", "no width", raises<ValueError>("MultiHeadAttention", {"at least 1", "got 0"}),
         [](T&) { MultiHeadAttention(0, 1); }},
        {"MultiHeadAttention", "key-value heads that do not divide the heads",
         raises<ValueError>("MultiHeadAttention", {"divide 4 heads", "got 3"}),
         [](T&) { MultiHeadAttention(8, 4, {.num_kv_heads = 3}); }},
        {"MultiHeadAttention", "a negative key width", raises<ValueError>("MultiHeadAttention", {"kdim", "-3"}),
         [](T&) { MultiHeadAttention(8, 2, {.kdim = -3}); }},
        {"MultiHeadAttention", "a dropout above 1", raises<ValueError>("MultiHeadAttention", {"[0, 1]", "1.5"}),
         [](T&) { MultiHeadAttention(8, 2, {.dropout = 1.5}); }},
        {"MultiHeadAttention", "a softcap that is no number", raises<ValueError>("MultiHeadAttention", {"softcap >= 0", "nan"}),
         [](T&) { MultiHeadAttention(8, 2, {.softcap = nan}); }},
        {"MultiHeadAttention", "an infinite scale", raises<ValueError>("MultiHeadAttention", {"finite scale", "inf"}),
         [](T&) { MultiHeadAttention(8, 2, {.scale = inf}); }},
        {"MultiHeadAttention", "a window below -1", raises<ValueError>("AttentionMask::window", {"-2"}),
         [](T&) { MultiHeadAttention(8, 2, {.window_left = -2}); }},
        {"MultiHeadAttention", "rotary positions of odd width", raises<ValueError>("RotaryEmbedding", {"even number", "got 3"}),
         [](T&) { MultiHeadAttention(8, 2, {.rotary = RotaryOptions{.dim = 3}}); }},
        {"RotaryEmbedding", "an odd width", raises<ValueError>("RotaryEmbedding", {"even number", "got 5"}),
         [](T&) { RotaryEmbedding(5); }},
        {"RotaryEmbedding", "a base of 0", raises<ValueError>("RotaryEmbedding", {"> 0", "0 and 1"}),
         [](T&) { RotaryEmbedding(4, {.base = 0}); }},
        {"RotaryEmbedding", "a scaling that is no number", raises<ValueError>("RotaryEmbedding", {"> 0", "nan"}),
         [](T&) { RotaryEmbedding(4, {.scaling = nan}); }},
        {"RotaryEmbedding", "a negative length", raises<ValueError>("RotaryEmbedding", {">= 0", "-1"}),
         [](T&) { RotaryEmbedding(4, {}, -1); }},
        {"sinusoidal_positions", "a negative length", raises<ValueError>("sinusoidal_positions", {"length >= 0", "-1"}),
         [](T&) { sinusoidal_positions(-1, 4); }},
        {"sinusoidal_positions", "a first position that has no next",
         raises<ValueError>("sinusoidal_positions", {"first in", "9223372036854775807"}),
         [](T&) { sinusoidal_positions(2, 4, highest); }},
        {"SinusoidalPositionalEncoding", "no width", raises<ValueError>("sinusoidal_positions", {"embed_dim > 0", "0"}),
         [](T&) { SinusoidalPositionalEncoding(0); }},
        {"LearnedPositionalEncoding", "no positions",
         raises<ValueError>("LearnedPositionalEncoding", {"at least 1", "4 and 0"}),
         [](T&) { LearnedPositionalEncoding(4, 0); }},
        {"TransformerEncoderLayer", "no hidden units", raises<ValueError>("Transformer", {"feedforward_dim", "got 8 and 0"}),
         [](T&) { TransformerEncoderLayer({.embed_dim = 8, .num_heads = 2, .feedforward_dim = 0}); }},
        {"TransformerDecoderLayer", "a negative eps", raises<ValueError>("Transformer", {"layer_norm_eps >= 0", "-1"}),
         [](T&) { TransformerDecoderLayer({.embed_dim = 8, .num_heads = 2, .feedforward_dim = 8, .layer_norm_eps = -1}); }},
        {"TransformerEncoder", "a negative number of layers", raises<ValueError>("Transformer", {"at least 0", "-1"}),
         [](T&) { TransformerEncoder({.embed_dim = 8, .num_heads = 2, .num_encoder_layers = -1}); }},
        {"TransformerDecoder", "no activation", raises<ValueError>("Transformer", {"an activation", "none"}),
         [](T&) { TransformerDecoder({.embed_dim = 8, .num_heads = 2, .feedforward_dim = 8, .activation = nullptr}); }},
        {"Transformer", "a negative number of decoder layers", raises<ValueError>("Transformer", {"at least 0", "-1"}),
         [](T&) {
             Transformer(
                 {.embed_dim = 8, .num_heads = 2, .num_encoder_layers = 1, .num_decoder_layers = -1, .feedforward_dim = 8});
         }},
        {"Transformer", "a dropout that is no number", raises<ValueError>("Transformer", {"[0, 1]", "nan"}),
         [](T&) { Transformer({.embed_dim = 8, .num_heads = 2, .feedforward_dim = 8, .dropout = nan}); }},
        {"make_parameter", "a negative extent", raises<ShapeError>("Tensor", {"at least 0", "[-1]"}),
         [](T&) { make_parameter({-1}); }},
    };
}

Misuses of_init() {
    return {
        {"init::uniform_", "bounds in the wrong order", raises<ValueError>("uniform_", {"low <= high", "1 and 0"}),
         [](T& t) { init::uniform_(t.x, 1, 0); }},
        {"init::uniform_", "an infinite bound", raises<ValueError>("uniform_", {"finite", "inf"}),
         [](T& t) { init::uniform_(t.x, 0, inf, t.generator); }},
        {"init::normal_", "a negative std", raises<ValueError>("normal_", {"std >= 0", "-1"}),
         [](T& t) { init::normal_(t.x, 0, -1, t.generator); }},
        {"init::normal_", "a mean that is no number", raises<ValueError>("normal_", {"finite mean", "nan"}),
         [](T& t) { init::normal_(t.x, nan); }},
        {"init::trunc_normal_", "an infinite std", raises<ValueError>("trunc_normal_", {"finite std", "inf"}),
         [](T& t) { init::trunc_normal_(t.x, 0, inf); }},
        {"init::xavier_uniform_", "a vector", raises<ShapeError>("xavier_uniform_", {"at least 2 axes", "[3]"}),
         [](T& t) { init::xavier_uniform_(t.row); }},
        {"init::xavier_uniform_", "a negative gain", raises<ValueError>("xavier_uniform_", {"gain", "-1"}),
         [](T& t) { init::xavier_uniform_(t.x, -1); }},
        {"init::xavier_normal_", "a vector", raises<ShapeError>("xavier_normal_", {"at least 2 axes", "[3]"}),
         [](T& t) { init::xavier_normal_(t.row); }},
        {"init::xavier_normal_", "a gain that is no number", raises<ValueError>("xavier_normal_", {"gain", "nan"}),
         [](T& t) { init::xavier_normal_(t.x, nan); }},
        {"init::kaiming_uniform_", "a vector", raises<ShapeError>("kaiming_uniform_", {"at least 2 axes", "[3]"}),
         [](T& t) { init::kaiming_uniform_(t.row); }},
        {"init::kaiming_uniform_", "an infinite gain", raises<ValueError>("kaiming_uniform_", {"gain", "inf"}),
         [](T& t) { init::kaiming_uniform_(t.x, inf); }},
        {"init::kaiming_normal_", "a scalar", raises<ShapeError>("kaiming_normal_", {"at least 2 axes", "[]"}),
         [](T& t) { init::kaiming_normal_(t.scalar); }},
        {"init::kaiming_normal_", "a negative gain", raises<ValueError>("kaiming_normal_", {"gain", "-2"}),
         [](T& t) { init::kaiming_normal_(t.x, -2); }},
    };
}

Misuses of_calls() {
    return {
        {"Linear", "an input of another width", raises<ShapeError>("linear", {"[2, 4]", "[4, 3]"}),
         [](T& t) { t.linear(t.w); }},
        {"Embedding", "a token beyond the table", raises<IndexError>("embedding", {"[0, 1)", "got 1"}),
         [](T& t) {
             const Embedding embedding(1, 2);
             t.begin();
             embedding(t.ids);
         }},
        {"Softmax", "an axis beyond the last", raises<IndexError>("softmax", {"[-2, 2)", "got 5"}),
         [](T& t) { Softmax(5)(t.x); }},
        {"LayerNorm", "an input of another width", raises<ShapeError>("layer_norm", {"[..., 5]", "[2, 3]"}),
         [](T& t) { LayerNorm(5)(t.x); }},
        {"Sequential", "layers that do not fit each other", raises<ShapeError>("linear", {"[2, 4]", "[4, 3]"}),
         [](T& t) { Sequential(t.linear, t.linear)(t.x); }},
        {"ModuleList", "a place beyond the end", raises<IndexError>("ModuleList", {"below 2", "got 2"}),
         [](T& t) { t.encoder.layers[2]; }},
        {"MultiHeadAttention", "queries of another width",
         raises<ShapeError>("MultiHeadAttention", {"query [B, T, 8]", "[2, 3, 4]"}), [](T& t) { t.attention(t.cube); }},
        {"MultiHeadAttention", "a matrix", raises<ShapeError>("MultiHeadAttention", {"query [B, T, 8]", "[2, 3]"}),
         [](T& t) { t.attention(t.x); }},
        {"MultiHeadAttention", "fewer values than keys",
         raises<ShapeError>("MultiHeadAttention", {"as many keys as values", "[2, 2, 8]"}),
         [](T& t) { t.attention(t.sequence, t.sequence, slice(t.sequence, 1, 0, 2)); }},
        {"MultiHeadAttention", "another batch of keys", raises<ShapeError>("MultiHeadAttention", {"one batch", "[1, 3, 8]"}),
         [](T& t) { t.attention(t.sequence, slice(t.sequence, 0, 0, 1), slice(t.sequence, 0, 0, 1)); }},
        {"MultiHeadAttention", "a mask of other positions", raises<ShapeError>("AttentionMask::allow", {"[3, 3]", "[2, 3]"}),
         [](T& t) { t.attention(t.sequence, AttentionMask::allow(t.flags)); }},
        {"MultiHeadAttention::forward_with_weights", "keys of another width",
         raises<ShapeError>("MultiHeadAttention", {"key [B, T, 8]", "[2, 3, 4]"}),
         [](T& t) { t.attention.forward_with_weights(t.sequence, t.cube, t.sequence); }},
        {"TransformerEncoder", "a sequence of another width",
         raises<ShapeError>("MultiHeadAttention", {"[B, T, 8]", "[2, 3, 4]"}), [](T& t) { t.encoder(t.cube); }},
        {"SinusoidalPositionalEncoding", "a matrix",
         raises<ShapeError>("SinusoidalPositionalEncoding", {"[B, T, 3]", "[2, 3]"}),
         [](T& t) { SinusoidalPositionalEncoding(3)(t.x); }},
        {"SinusoidalPositionalEncoding", "a first position that has no next",
         raises<IndexError>("SinusoidalPositionalEncoding", {"first position", "9223372036854775807"}),
         [](T& t) { SinusoidalPositionalEncoding(8)(t.sequence, highest); }},
        {"LearnedPositionalEncoding", "positions beyond the table",
         raises<IndexError>("LearnedPositionalEncoding", {"[0, 4)", "up to 4"}),
         [](T& t) {
             const LearnedPositionalEncoding positions(8, 4);
             t.begin();
             positions(t.sequence, 2);
         }},
        {"LearnedPositionalEncoding", "a negative first position",
         raises<IndexError>("LearnedPositionalEncoding", {"first position", "-1"}),
         [](T& t) {
             const LearnedPositionalEncoding positions(8, 4);
             t.begin();
             positions(t.sequence, -1);
         }},
        {"LearnedPositionalEncoding", "a first position that has no next",
         raises<IndexError>("LearnedPositionalEncoding", {"first position", "9223372036854775807"}),
         [](T& t) {
             const LearnedPositionalEncoding positions(8, 4);
             t.begin();
             positions(t.sequence, highest);
         }},
        {"RotaryEmbedding", "a vector", raises<ShapeError>("RotaryEmbedding", {"[..., T, D]", "[3]"}),
         [](T& t) { RotaryEmbedding(2)(t.row); }},
        {"RotaryEmbedding", "a negative first position", raises<IndexError>("RotaryEmbedding", {"first position", "-1"}),
         [](T& t) { RotaryEmbedding(8)(t.sequence, -1); }},
        {"RotaryEmbedding", "a first position that has no next",
         raises<IndexError>("RotaryEmbedding", {"first position", "9223372036854775807"}),
         [](T& t) { RotaryEmbedding(8)(t.sequence, highest); }},
        {"RotaryEmbedding", "the last axis as time", raises<IndexError>("RotaryEmbedding", {"before the last", "-1"}),
         [](T& t) { RotaryEmbedding(8).forward(t.sequence, 0, -1); }},
    };
}

Misuses of_state() {
    return {
        {"Module::named_parameters", "a name given twice in visit",
         raises<ValueError>("named_parameters", {"each name once", "'weight' twice"}),
         [](T& t) {
             Mistaken module("weight", "weight");
             t.begin();
             module.named_parameters();
         }},
        {"Module::state_dict", "a name given twice in visit",
         raises<ValueError>("state_dict", {"each name once", "'weight' twice"}),
         [](T& t) {
             Mistaken module("weight", "weight");
             t.begin();
             module.state_dict();
         }},
        {"Module::load_state_dict", "a name given twice in visit",
         raises<ValueError>("load_state_dict", {"each name once", "'weight' twice"}),
         [](T& t) {
             Mistaken module("weight", "weight");
             t.begin();
             module.load_state_dict({});
         }},
        {"Module::visit", "a tensor without a name", raises<ValueError>("visit", {"a name for each member", "none"}),
         [](T& t) {
             Mistaken module("", "bias");
             t.begin();
             module.parameters();
         }},
        {"Module::visit", "a module without a name", raises<ValueError>("visit", {"a name for each member", "none"}),
         [](T& t) {
             Mistaken module("inner", "bias");
             t.begin();
             module.train();
         }},
        {"Module::load_state_dict", "a missing name",
         raises<StateError>("load_state_dict", {"missing [bias]", "unexpected []"}),
         [](T& t) { t.linear.load_state_dict(without_bias(t)); }},
        {"Module::load_state_dict", "an unexpected name",
         raises<StateError>("load_state_dict", {"missing []", "unexpected [extra]"}),
         [](T& t) {
             NamedTensors state = t.linear.state_dict();
             state.push_back({"extra", t.y});
             t.linear.load_state_dict(state);
         }},
        {"Module::load_state_dict", "a tensor of another shape, after one that fits",
         raises<StateError>("load_state_dict", {"bias [3] instead of [4]"}),
         [](T& t) {
             t.linear.load_state_dict({{"weight", zeros({4, 3})}, {"bias", t.row}});
         }},
        {"Module::load_state_dict", "a tensor of another shape, not strictly",
         raises<StateError>("load_state_dict", {"bias [3] instead of [4]"}),
         [](T& t) {
             t.linear.load_state_dict({{"bias", t.row}}, {.strict = false});
         }},
        {"Module::load_state_dict", "an undefined tensor",
         raises<StateError>("load_state_dict", {"bias undefined instead of [4]"}),
         [](T& t) {
             t.linear.load_state_dict({{"weight", zeros({4, 3})}, {"bias", t.none}});
         }},
        {"Module::load_state_dict", "two values under one name",
         raises<StateError>("load_state_dict", {"one value", "bias and bias"}),
         [](T& t) {
             t.linear.load_state_dict({{"weight", zeros({4, 3})}, {"bias", zeros({4})}, {"bias", ones({4})}});
         }},
        {"Module::load_state_dict", "different values for tied names",
         raises<StateError>("load_state_dict", {"one value", "a and b"}),
         [](T&) {
             Tied().load_state_dict({{"a", zeros({2})}, {"b", ones({2})}});
         }},
        {"torch_state_dict", "attention that PyTorch does not have", raises<StateError>("torch_state_dict", {"softcap"}),
         [](T& t) {
             t.attention.softcap = 3;
             torch_state_dict(t.attention);
         }},
        {"load_torch_state_dict", "a missing name", raises<StateError>("load_torch_state_dict", {"missing [bias]"}),
         [](T& t) { load_torch_state_dict(t.linear, without_bias(t)); }},
        {"load_torch_state_dict", "a projection of another shape",
         raises<StateError>("load_torch_state_dict", {"in_proj_weight"}),
         [](T& t) {
             NamedTensors state = torch_state_dict(t.attention);
             for (auto& [name, tensor] : state)
                 if (name == "in_proj_weight") tensor = t.x;
             load_torch_state_dict(t.attention, state);
         }},
    };
}

}  // namespace

Misuses misuses_of_layers() {
    Misuses all = of_constructors();
    for (const Misuses& family : {of_init(), of_calls(), of_state()}) all.insert(all.end(), family.begin(), family.end());
    return all;
}

}  // namespace testing
