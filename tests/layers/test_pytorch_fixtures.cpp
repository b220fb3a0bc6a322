// Layers against PyTorch: outputs, attention weights and every gradient of the fixtures (tests/fixtures/README.md).
#include <support/fixture.hpp>

using namespace testing;

namespace {

// In float a stack of layers sums some hundred products of rounded factors; single layers keep five digits.
constexpr double layer_tolerance = is_f64 ? 1e-9 : 1e-5;
constexpr double stack_tolerance = is_f64 ? 1e-9 : 5e-5;

void replace(std::string& text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    if (at != std::string::npos) text.replace(at, from.size(), to);
}

/// PyTorch's tensor ("param." or "grad.param." and its name) for a parameter of ours; the projections of queries, keys and
/// values are thirds of one packed matrix there, unless their widths differ or the reference is written out.
Tensor torch_tensor(const Fixture& file, const std::string& kind, std::string name) {
    replace(name, "self_attention", "self_attn");
    replace(name, "cross_attention", "multihead_attn");
    replace(name, "feed_forward.", "");
    if (file.has(kind + name)) return file.tensor(kind + name);
    const std::vector<std::string> projections{"q_proj", "k_proj", "v_proj"};
    for (std::size_t i = 0; i < projections.size(); ++i) {
        const std::size_t at = name.find(projections[i]);
        if (at == std::string::npos) continue;
        const std::string owner = kind + name.substr(0, at), what = name.substr(at + projections[i].size() + 1);
        if (file.has(owner + projections[i] + "_" + what)) return file.tensor(owner + projections[i] + "_" + what);
        return chunk(file.tensor(owner + "in_proj_" + what), 3)[i];
    }
    return file.tensor(kind + name);
}

/// Loads PyTorch's parameters, and checks that none is left over.
void load(Module& module, const Fixture& file) {
    NamedTensors state;
    for (const auto& [name, tensor] : module.state_dict()) state.push_back({name, torch_tensor(file, "param.", name)});
    module.load_state_dict(state);
    Index in_file = 0;
    for (const auto& [name, dtype, shape, bytes] : file.entries())
        if (name.rfind("param.", 0) == 0) in_file += shape.numel();
    REQUIRE(module.num_parameters() == in_file);
}

/// Compares the output, and after a sweep from PyTorch's upstream gradient that of every parameter and input.
void check_against(const Fixture& file, Module& module, const Tensor& y, const NamedTensors& inputs, double tol) {
    check_close(y.detach(), file.tensor("output.y"), tol);
    y.backward(file.tensor("upstream.y"));
    std::size_t compared = 0;
    for (const auto& [name, parameter] : module.named_parameters()) {
        INFO("gradient of " << name);
        REQUIRE(parameter.grad().defined());
        check_close(parameter.grad(), torch_tensor(file, "grad.param.", name), tol);
    }
    for (const auto& [name, input] : inputs) {
        INFO("gradient of " << name);
        REQUIRE(input.grad().defined());
        check_close(input.grad(), file.tensor("grad." + name), tol);
        ++compared;
    }
    std::size_t given = 0;
    for (const auto& [name, dtype, shape, bytes] : file.entries())
        if (name.rfind("grad.", 0) == 0 && name.rfind("grad.param.", 0) != 0) ++given;
    CHECK(compared == given);
}

AttentionMask keys_mask(const Fixture& file, const std::string& name) {
    return file.has(name) ? AttentionMask::keys(file.condition(name)) : AttentionMask();
}

AttentionMask allow_mask(const Fixture& file) {
    return file.has("mask.allow") ? AttentionMask::allow(file.condition("mask.allow")) : AttentionMask();
}

std::optional<RotaryOptions> rotary_of(const nlohmann::json& arguments) {
    if (!arguments.contains("rotary")) return {};
    const auto rotary = arguments.at("rotary");
    const bool halves = rotary.value("layout", "adjacent") == "half_split";
    return RotaryOptions{.dim = rotary.value("dim", Index{0}),
                         .base = rotary.value("base", Real{10000}),
                         .scaling = rotary.value("scaling", Real{1}),
                         .layout = halves ? RotaryLayout::half_split : RotaryLayout::adjacent};
}

MultiHeadAttentionOptions attention_options_of(const nlohmann::json& arguments) {
    MultiHeadAttentionOptions options{.bias = arguments.value("bias", true),
                                      .kdim = arguments.value("kdim", Index{0}),
                                      .vdim = arguments.value("vdim", Index{0}),
                                      .num_kv_heads = arguments.value("num_kv_heads", Index{0}),
                                      .rotary = rotary_of(arguments),
                                      .alibi = arguments.value("alibi", false),
                                      .window_left = arguments.value("window_left", Index{-1}),
                                      .window_right = arguments.value("window_right", Index{-1}),
                                      .softcap = arguments.value("softcap", Real{0})};
    if (arguments.contains("scale")) options.scale = arguments.at("scale").get<Real>();
    return options;
}

TransformerOptions options_of(const nlohmann::json& arguments) {
    TransformerOptions options{.embed_dim = arguments["d_model"],
                               .num_heads = arguments["nhead"],
                               .num_encoder_layers = arguments.value("num_encoder_layers", Index{1}),
                               .num_decoder_layers = arguments.value("num_decoder_layers", Index{1}),
                               .feedforward_dim = arguments["dim_feedforward"],
                               .dropout = arguments["dropout"],
                               .activation = arguments["activation"] == "gelu" ? gelu : relu,
                               .norm_first = arguments["norm_first"],
                               .num_kv_heads = arguments.value("num_kv_heads", Index{0}),
                               .rotary = rotary_of(arguments),
                               .alibi = arguments.value("alibi", false)};
    if (arguments.contains("final_norm")) options.final_norm = arguments["final_norm"].get<bool>();
    return options;
}

}  // namespace

TEST_CASE("multi-head attention agrees with PyTorch in outputs, weights and all gradients") {
    for (const std::string name :
         {"mha_self", "mha_self_no_bias", "mha_cross_kdim_vdim", "mha_causal", "mha_key_padding", "mha_float_mask",
          "mha_kv_heads", "mha_one_kv_head", "mha_rotary", "mha_rotary_half_split", "mha_rotary_base_scaling",
          "mha_rotary_partial", "mha_rotary_partial_half_split", "mha_alibi", "mha_window", "mha_window_left_lengths",
          "mha_softcap_scale", "mha_all_options"}) {
        INFO(name);
        const Fixture file = fixture(name);
        const auto arguments = file.arguments();
        MultiHeadAttention m(arguments["embed_dim"], arguments["num_heads"], attention_options_of(arguments));
        load(m, file);
        NamedTensors inputs;
        for (const std::string input : {"input.query", "input.key", "input.value"})
            inputs.push_back({input, leaf(file.tensor(input))});
        AttentionMask mask = mask_of(file);
        if (file.has("mask.bias")) {
            inputs.push_back({"mask.bias", leaf(file.tensor("mask.bias"))});
            mask = mask & AttentionMask::bias(inputs.back().tensor);
        }
        const auto [y, weights] = m.forward_with_weights(inputs[0].tensor, inputs[1].tensor, inputs[2].tensor, mask);
        check_close(weights.detach(), file.tensor("output.attn_weights"), layer_tolerance);
        check_against(file, m, y, inputs, layer_tolerance);
        const auto check_without_weights = [&](const AttentionMask& given) {
            m.zero_grad();
            for (NamedTensor& input : inputs) input.tensor.zero_grad();
            check_against(file, m, m(inputs[0].tensor, inputs[1].tensor, inputs[2].tensor, given), inputs, layer_tolerance);
        };
        check_without_weights(mask);
        if (name == "mha_causal") check_without_weights(AttentionMask::causal());
    }
}

TEST_CASE("encoder layers agree with PyTorch in outputs and all gradients") {
    for (const std::string name : {"encoder_layer_post", "encoder_layer_pre", "encoder_layer_pre_gelu"}) {
        INFO(name);
        const Fixture file = fixture(name);
        TransformerEncoderLayer m(options_of(file.arguments()));
        load(m, file);
        const Tensor x = leaf(file.tensor("input.src"));
        const Tensor y = m(x, mask_of(file));
        check_against(file, m, y, {{"input.src", x}}, layer_tolerance);
    }
}

TEST_CASE("decoder layers agree with PyTorch in outputs and all gradients") {
    for (const std::string name : {"decoder_layer_post", "decoder_layer_pre"}) {
        INFO(name);
        const Fixture file = fixture(name);
        TransformerDecoderLayer m(options_of(file.arguments()));
        load(m, file);
        const Tensor x = leaf(file.tensor("input.tgt")), memory = leaf(file.tensor("input.memory"));
        const Tensor y = m(x, memory, allow_mask(file), keys_mask(file, "mask.memory_keys_valid"));
        check_against(file, m, y, {{"input.tgt", x}, {"input.memory", memory}}, layer_tolerance);
    }
}

TEST_CASE("whole Transformers agree with PyTorch in outputs and all gradients") {
    for (const std::string name : {"transformer_post", "transformer_pre", "transformer_post_no_final_norm"}) {
        INFO(name);
        const Fixture file = fixture(name);
        Transformer m(options_of(file.arguments()));
        load(m, file);
        const Tensor source = leaf(file.tensor("input.src")), target = leaf(file.tensor("input.tgt"));
        const Tensor y = m(source, target,
                           {.source = keys_mask(file, "mask.src_keys_valid"),
                            .target = allow_mask(file),
                            .memory = keys_mask(file, "mask.memory_keys_valid")});
        check_against(file, m, y, {{"input.src", source}, {"input.tgt", target}}, stack_tolerance);
    }
}

TEST_CASE("decoder-only stacks agree with PyTorch in outputs and all gradients, and token by token with a cache") {
    for (const std::string name :
         {"decoder_only_pre_rotary", "decoder_only_pre_rotary_half_split", "decoder_only_post_alibi"}) {
        INFO(name);
        const Fixture file = fixture(name);
        TransformerEncoder m(options_of(file.arguments()));
        load(m, file);
        const Tensor x = leaf(file.tensor("input.src"));
        check_against(file, m, m(x, AttentionMask::causal()), {{"input.src", x}}, stack_tolerance);
        const no_grad off;
        std::vector<KeyValueCache> caches = m.make_cache(x.size(0), x.size(1));
        std::vector<Tensor> steps;
        for (Index t = 0; t < x.size(1); ++t) steps.push_back(m.forward(slice(x, 1, t, t + 1), caches));
        check_close(concat(steps, 1), file.tensor("output.y"), stack_tolerance);
    }
}
