// Models under PyTorch's names: those of PyTorch's own files, there and back, packed and tied; and errors that change nothing.
// tests/interchange/test_torch.py has PyTorch itself read and write the files.
#include <map>

#include <support/fixture.hpp>
#include <support/scratch.hpp>
#include <support/tied.hpp>

using namespace testing;

namespace {

/// PyTorch's state of a module, as the fixture of a name has it: "param." and the name.
NamedTensors state_in(const Fixture& file) {
    NamedTensors state;
    for (const auto& [name, tensor] : file.tensors())
        if (name.starts_with("param.")) state.push_back({name.substr(6), tensor});
    return state;
}

std::vector<std::string> names_of(const NamedTensors& state) {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : state) names.push_back(name);
    return names;
}

Tensor find(const NamedTensors& state, const std::string& name) {
    for (const NamedTensor& entry : state)
        if (entry.name == name) return entry.tensor;
    FAIL("no tensor " << name);
    return {};
}

void check_same(const NamedTensors& actual, const NamedTensors& expected) {
    REQUIRE(names_of(actual) == names_of(expected));
    for (std::size_t i = 0; i < actual.size(); ++i) {
        INFO(actual[i].name);
        check_close(actual[i].tensor, expected[i].tensor, 0);
    }
}

/// Checks that a state is refused and the module left as it was; returns the message.
std::string refusal(Module& module, const NamedTensors& state, LoadOptions options = {}) {
    const NamedTensors before = module.state_dict();
    std::string message;
    try {
        load_torch_state_dict(module, state, options);
    } catch (const StateError& error) {
        message = error.what();
    }
    check_same(module.state_dict(), before);
    return message;
}

TransformerOptions small(bool final_norm) {
    return {.embed_dim = 6,
            .num_heads = 2,
            .num_encoder_layers = 1,
            .num_decoder_layers = 1,
            .feedforward_dim = 5,
            .final_norm = final_norm};
}

/// A model of a user's own around layers of both kinds.
struct Composed : Module {
    Embedding tokens{7, 6};
    ModuleList<TransformerEncoderLayer> blocks;
    MultiHeadAttention pool{6, 3, {.bias = false}};
    FeedForward feed_forward{6, 4};
    Sequential head{Linear(6, 4), GELU(), Linear(4, 2, false)};
    Tensor scale = make_parameter({});

    Composed() {
        blocks.push_back(TransformerEncoderLayer(small(false)));
        init::constant_(scale, 2);
    }
    void visit(Visitor& v) override {
        v("tokens", tokens);
        v("blocks", blocks);
        v("pool.0", pool);  // a name with a dot, as a module in a list of a user's own has it
        v("feed_forward", feed_forward);
        v("head", head);
        v("scale", scale);
    }
};

/// Two attention layers that are one.
struct Shared : Module {
    MultiHeadAttention first{4, 2}, second = first;
    void visit(Visitor& v) override {
        v("first", first);
        v("second", second);
    }
};

/// Checks that a module takes all of PyTorch's tensors in a file and gives the same back.
void check_exchange(Module& module, const Fixture& file) {
    NamedTensors state = state_in(file);
    const LoadReport report = load_torch_state_dict(module, state);
    CHECK((report.missing.empty() && report.unexpected.empty()));
    NamedTensors back = torch_state_dict(module);
    for (NamedTensors* list : {&state, &back}) std::ranges::sort(*list, {}, &NamedTensor::name);
    check_same(back, state);
}

constexpr double layer_tolerance = is_f64 ? 1e-12 : 1e-5;

}  // namespace

TEST_CASE("torch: attention takes the tensors of PyTorch's, computes the same and gives them back") {
    for (const std::string name : {"mha_self", "mha_self_no_bias", "mha_cross_kdim_vdim"}) {
        INFO(name);
        const Fixture file = fixture(name);
        const auto arguments = file.arguments();
        MultiHeadAttention m(arguments["embed_dim"], arguments["num_heads"],
                             {.bias = arguments.value("bias", true),
                              .kdim = arguments.value("kdim", Index{0}),
                              .vdim = arguments.value("vdim", Index{0})});
        check_exchange(m, file);
        const no_grad off;
        check_close(m(file.tensor("input.query"), file.tensor("input.key"), file.tensor("input.value")),
                    file.tensor("output.y"), layer_tolerance);
    }
}

TEST_CASE("torch: a whole Transformer takes the tensors of PyTorch's, computes the same and gives them back") {
    for (const std::string name : {"transformer_post", "transformer_pre", "transformer_post_no_final_norm"}) {
        INFO(name);
        const Fixture file = fixture(name);
        const auto arguments = file.arguments();
        Transformer m({.embed_dim = arguments["d_model"],
                       .num_heads = arguments["nhead"],
                       .num_encoder_layers = arguments["num_encoder_layers"],
                       .num_decoder_layers = arguments["num_decoder_layers"],
                       .feedforward_dim = arguments["dim_feedforward"],
                       .dropout = 0,
                       .norm_first = arguments["norm_first"],
                       .final_norm = arguments["final_norm"].get<bool>()});
        check_exchange(m, file);
        const no_grad off;
        const Tensor y = m(file.tensor("input.src"), file.tensor("input.tgt"),
                           {.source = AttentionMask::keys(file.condition("mask.src_keys_valid")),
                            .memory = AttentionMask::keys(file.condition("mask.memory_keys_valid"))});
        check_close(y, file.tensor("output.y"), layer_tolerance);
    }
}

TEST_CASE(
    "torch: tensors come in the order in which PyTorch lists them, and those of a user's own modules under their own names") {
    Composed model;
    CHECK(names_of(torch_state_dict(model)) == std::vector<std::string>{"tokens.weight",
                                                                        "blocks.0.self_attn.in_proj_weight",
                                                                        "blocks.0.self_attn.in_proj_bias",
                                                                        "blocks.0.self_attn.out_proj.weight",
                                                                        "blocks.0.self_attn.out_proj.bias",
                                                                        "blocks.0.linear1.weight",
                                                                        "blocks.0.linear1.bias",
                                                                        "blocks.0.linear2.weight",
                                                                        "blocks.0.linear2.bias",
                                                                        "blocks.0.norm1.weight",
                                                                        "blocks.0.norm1.bias",
                                                                        "blocks.0.norm2.weight",
                                                                        "blocks.0.norm2.bias",
                                                                        "pool.0.in_proj_weight",
                                                                        "pool.0.out_proj.weight",
                                                                        "feed_forward.linear1.weight",
                                                                        "feed_forward.linear1.bias",
                                                                        "feed_forward.linear2.weight",
                                                                        "feed_forward.linear2.bias",
                                                                        "head.0.weight",
                                                                        "head.0.bias",
                                                                        "head.2.weight",
                                                                        "scale"});
}

TEST_CASE("torch: a packed matrix holds the projections of queries, keys and values from top to bottom") {
    MultiHeadAttention m(2, 1);
    load_torch_state_dict(m, {{"in_proj_weight", Tensor{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {11, 12}}},
                              {"in_proj_bias", Tensor{1, 2, 3, 4, 5, 6}},
                              {"out_proj.weight", Tensor{{1, 0}, {0, 1}}},
                              {"out_proj.bias", Tensor{7, 8}}});
    check_close(m.q_proj.weight.detach(), Tensor{{1, 2}, {3, 4}}, 0);
    check_close(m.k_proj.weight.detach(), Tensor{{5, 6}, {7, 8}}, 0);
    check_close(m.v_proj.weight.detach(), Tensor{{9, 10}, {11, 12}}, 0);
    check_close(m.q_proj.bias.detach(), Tensor{1, 2}, 0);
    check_close(m.k_proj.bias.detach(), Tensor{3, 4}, 0);
    check_close(m.v_proj.bias.detach(), Tensor{5, 6}, 0);
    CHECK(m.k_proj.weight.requires_grad());
    CHECK(m.k_proj.weight.is_leaf());
}

TEST_CASE("torch: keys of another width leave all three projections in matrices of their own, their biases packed") {
    MultiHeadAttention m(4, 2, {.kdim = 3});
    CHECK(names_of(torch_state_dict(m)) == std::vector<std::string>{"q_proj_weight", "k_proj_weight", "v_proj_weight",
                                                                    "in_proj_bias", "out_proj.weight", "out_proj.bias"});
}

TEST_CASE("torch: the state is a copy that requires no grad") {
    MultiHeadAttention m(2, 1);
    const NamedTensors state = torch_state_dict(m);
    const NamedTensors before = torch_state_dict(m);
    {
        const no_grad off;
        for (Tensor& parameter : m.parameters()) parameter.fill_(9);
    }
    check_same(state, before);
    for (const auto& [name, tensor] : state) CHECK_FALSE(tensor.requires_grad());
}

TEST_CASE("torch: a model of a user's own comes back from a file that says where it is from") {
    manual_seed(1);
    Composed saved, loaded;
    save_torch_model(scratch("torch.safetensors"), saved, {.metadata = {{"note", "a"}}});
    CHECK(SafetensorsFile(scratch("torch.safetensors")).metadata() ==
          std::map<std::string, std::string>{{"format", "pt"}, {"note", "a"}});
    load_torch_model(scratch("torch.safetensors"), loaded);
    check_same(loaded.state_dict(), saved.state_dict());
}

TEST_CASE("torch: of a tied tensor every name is saved and one is enough, and two values for it throw") {
    Tied model;
    const NamedTensors state = torch_state_dict(model);
    CHECK(names_of(state) == std::vector<std::string>{"embedding.weight", "output.weight"});
    const Tensor other = numbers({5, 3});
    load_torch_state_dict(model, {{"output.weight", other}});
    check_close(model.embedding.weight.detach(), other, 0);
    CHECK(model.embedding.weight.is(model.output.weight));
    CHECK_THAT(refusal(model, {{"embedding.weight", other}, {"output.weight", other + 1}}),
               Catch::Contains(
                   "expected one value for tensors that Tied ties, got different ones: embedding.weight and output.weight"));
}

TEST_CASE("torch: attention layers that are one are tied as a whole") {
    Shared model;
    NamedTensors state = torch_state_dict(model);
    CHECK(state.size() == 8);
    state.resize(4);  // the first layer's
    for (NamedTensor& entry : state) entry.tensor = numbers(entry.tensor.shape());
    load_torch_state_dict(model, state);
    check_close(model.second.k_proj.weight.detach(), slice(find(state, "first.in_proj_weight"), 0, 4, 8), 0);
    state.push_back({"second.in_proj_weight", zeros({12, 4})});
    CHECK_THAT(refusal(model, state), Catch::Contains("first.in_proj_weight and second.in_proj_weight"));
}

TEST_CASE("torch: parts of a packed matrix that are tied to each other must have one value") {
    MultiHeadAttention m(2, 1, {.bias = false});
    m.k_proj.weight = m.q_proj.weight;
    const Tensor part = numbers({2, 2}, 1), other = numbers({2, 2}, 2), out = numbers({2, 2}, 3);
    load_torch_state_dict(m, {{"in_proj_weight", concat({part, part, other})}, {"out_proj.weight", out}});
    check_close(m.q_proj.weight.detach(), part, 0);
    check_close(m.v_proj.weight.detach(), other, 0);
    CHECK_THAT(refusal(m, {{"in_proj_weight", concat({other, part, other})}, {"out_proj.weight", zeros({2, 2})}}),
               Catch::Contains("different ones in in_proj_weight and in_proj_weight"));
}

TEST_CASE("torch: what is missing, unexpected or of another shape is named as PyTorch names it, and nothing changes") {
    TransformerEncoderLayer layer(small(false));
    NamedTensors state = torch_state_dict(layer);
    std::erase_if(state, [](const NamedTensor& entry) { return entry.name == "linear2.bias"; });
    for (NamedTensor& entry : state)
        if (entry.name == "self_attn.in_proj_bias") entry.tensor = zeros({12});
    state.push_back({"self_attention.q_proj.weight", zeros({6, 6})});
    CHECK(refusal(layer, state) ==
          "load_torch_state_dict: expected the tensors of TransformerEncoderLayer, got: missing [linear2.bias], unexpected "
          "[self_attention.q_proj.weight], of another shape [self_attn.in_proj_bias [12] instead of [18]]");
    CHECK_THAT(refusal(layer, state, {.strict = false}), Catch::Contains("of another shape [self_attn.in_proj_bias"));
}

TEST_CASE("torch: state that is not strict passes over names that do not meet and returns them") {
    TransformerEncoderLayer layer(small(false));
    const NamedTensors before = torch_state_dict(layer);
    const LoadReport report =
        load_torch_state_dict(layer, {{"self_attn.in_proj_weight", ones({18, 6})}, {"position_ids", zeros({4})}},
                              {.strict = false});
    CHECK(report.unexpected == std::vector<std::string>{"position_ids"});
    CHECK(report.missing.size() == before.size() - 1);
    CHECK(std::ranges::count(report.missing, "self_attn.in_proj_bias") == 1);
    check_close(layer.self_attention.v_proj.weight.detach(), ones({6, 6}), 0);
    check_close(layer.self_attention.out_proj.weight.detach(), find(before, "self_attn.out_proj.weight"), 0);
}

TEST_CASE("torch: attention that PyTorch's cannot be is refused both ways, naming the module") {
    const auto message = [](Module& module) {
        try {
            torch_state_dict(module);
        } catch (const StateError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    TransformerOptions grouped = small(false);
    grouped.num_kv_heads = 1;
    Transformer model(grouped);
    const std::string why =
        "expected attention that nn.MultiheadAttention can be, got 'encoder.layers.0.self_attention' with 1 "
        "key-value heads for 2 heads";
    CHECK(message(model) == "torch_state_dict: " + why);
    CHECK(refusal(model, {}) == "load_torch_state_dict: " + why);

    const std::vector<std::pair<MultiHeadAttentionOptions, std::string>> others = {
        {{.rotary = RotaryOptions()}, "'MultiHeadAttention' with rotary positions"},
        {{.softcap = 3}, "with a softcap"},
        {{.scale = 0.5}, "with a scale of its own"}};
    for (const auto& [options, reason] : others) {
        MultiHeadAttention m(4, 2, options);
        CHECK_THAT(message(m), Catch::Contains(reason));
    }
    MultiHeadAttention half(4, 2);
    half.k_proj.bias = {};
    CHECK_THAT(message(half), Catch::Contains("with biases in some projections alone"));
    MultiHeadAttention masked(4, 2, {.alibi = true, .window_left = 3});  // masks there
    CHECK(message(masked).empty());
}
