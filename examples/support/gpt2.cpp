// GPT-2 and its files; see gpt2.hpp.
#include <support/gpt2.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <xtensor/xview.hpp>

#include <tapehead/autograd/autograd.hpp>
#include <tapehead/io/io.hpp>

namespace examples {
namespace {

using Json = nlohmann::ordered_json;

/// Throws FileError for JSON nested deeper than any configuration: copying and writing it calls itself once for each level.
Json parse_json(const std::string& text) {
    static constexpr int most_levels = 100;
    return Json::parse(text, [](int level, auto, const auto&) {
        if (level > most_levels) throw FileError(fmt::format("GPT2Config: expected at most {} levels, got more", most_levels));
        return true;
    });
}

const std::map<std::string, Activation> activations = {{"gelu_new", gelu_tanh}, {"gelu_pytorch_tanh", gelu_tanh},
                                                       {"gelu", gelu},          {"relu", relu},
                                                       {"silu", silu},          {"swish", silu},
                                                       {"tanh", tapehead::tanh}};

/// Calls f(key, number) for each number of a configuration; for those that count something also where it begins.
template <class Counts, class Reals>
void visit_numbers(GPT2Config& c, const Counts& count, const Reals& real) {
    count("vocab_size", c.vocab_size, 1);
    count("n_positions", c.n_positions, 1);
    count("n_embd", c.n_embd, 1);
    count("n_layer", c.n_layer, 1);
    count("n_head", c.n_head, 1);
    count("n_inner", c.n_inner, 0);
    real("layer_norm_epsilon", c.layer_norm_epsilon);
    real("embd_pdrop", c.embd_pdrop);
    real("attn_pdrop", c.attn_pdrop);
    real("resid_pdrop", c.resid_pdrop);
}

GPT2Config from_json(const Json& json) {
    const std::map<std::string, Json> required = {{"model_type", "gpt2"},
                                                  {"scale_attn_weights", true},
                                                  {"scale_attn_by_inverse_layer_idx", false},
                                                  {"add_cross_attention", false},
                                                  {"tie_word_embeddings", true}};
    for (const auto& [key, value] : required)
        if (json.value(key, value) != value)
            throw FileError(fmt::format("GPT2Config: expected \"{}\": {}, got {}", key, value.dump(), json[key].dump()));
    GPT2Config c;
    const auto is_given = [&](const char* key) { return json.contains(key) && !json.at(key).is_null(); };
    const auto count = [&](const char* key, Index& value, Index least) {
        constexpr Index most = Index{1} << 30;  // so that products of two do not overflow
        if (!is_given(key)) return;
        if (!json.at(key).is_number_integer() || (value = json.at(key).get<Index>()) < least || value > most)
            throw FileError(fmt::format("GPT2Config: expected a whole number from {} to {} for \"{}\", got {}", least, most,
                                        key, json.at(key).dump()));
    };
    count("n_ctx", c.n_positions, 1);  // an old name of n_positions, which is read after it
    visit_numbers(c, count, [&](const char* key, Real& value) { value = json.value(key, value); });
    c.activation_function = json.value("activation_function", c.activation_function);
    if (!activations.contains(c.activation_function))
        throw FileError(
            fmt::format("GPT2Config: expected gelu_new, gelu_pytorch_tanh, gelu, relu, silu, swish or tanh as "
                        "\"activation_function\", got \"{}\"",
                        c.activation_function));
    if (c.n_embd % c.n_head != 0)
        throw FileError(fmt::format("GPT2Config: expected n_head that divides n_embd {}, got {}", c.n_embd, c.n_head));
    return c;
}

/// The text of a config.json: the one that was read, with the numbers of now.
std::string to_json(GPT2Config c) {
    Json json = parse_json(c.source);
    json["model_type"] = "gpt2";
    if (!json.contains("architectures")) json["architectures"] = {"GPT2LMHeadModel"};
    visit_numbers(
        c,
        [&](const char* key, Index value, Index) {
            json[key] = value > 0 ? Json(value) : Json();  // n_inner is null where it is not said
        },
        [&](const char* key, Real value) { json[key] = value; });
    json["activation_function"] = c.activation_function;
    if (json.contains("n_ctx")) json["n_ctx"] = c.n_positions;
    for (const char* key : {"dtype", "torch_dtype"})
        if (json.contains(key)) json[key] = native_dtype == Dtype::F64 ? "float64" : "float32";
    return json.dump(2) + "\n";
}

/// A tensor of model.safetensors, and those of the model that it holds, one under another.
struct StoredParameter {
    std::string name;
    Shape shape;
    std::vector<std::string> members;
    bool transposed = false;  ///< [in, out], where Linear has [out, in]
};

std::vector<StoredParameter> stored_parameters(const GPT2Config& c) {
    const Index embed = c.n_embd, inner = c.n_inner ? c.n_inner : 4 * embed;
    std::vector<StoredParameter> stored = {{"wte.weight", {c.vocab_size, embed}, {"tokens.weight"}},
                                           {"wpe.weight", {c.n_positions, embed}, {"positions.weight"}}};
    const auto norm = [&](const std::string& name, const std::string& member) {
        stored.push_back({name + ".weight", {embed}, {member + ".weight"}});
        stored.push_back({name + ".bias", {embed}, {member + ".bias"}});
    };
    const auto linear = [&](const std::string& name, Index in, Index out, const std::vector<std::string>& members) {
        StoredParameter weight{name + ".weight", {in, out}, {}, true}, bias{name + ".bias", {out}, {}};
        for (const std::string& member : members) {
            weight.members.push_back(member + ".weight");
            bias.members.push_back(member + ".bias");
        }
        stored.insert(stored.end(), {weight, bias});
    };
    for (Index i = 0; i < c.n_layer; ++i) {
        const std::string block = fmt::format("h.{}.", i), layer = fmt::format("layers.layers.{}.", i),
                          attention = layer + "self_attention.";
        norm(block + "ln_1", layer + "norm1");
        linear(block + "attn.c_attn", embed, 3 * embed, {attention + "q_proj", attention + "k_proj", attention + "v_proj"});
        linear(block + "attn.c_proj", embed, embed, {attention + "out_proj"});
        norm(block + "ln_2", layer + "norm2");
        linear(block + "mlp.c_fc", embed, inner, {layer + "feed_forward.linear1"});
        linear(block + "mlp.c_proj", inner, embed, {layer + "feed_forward.linear2"});
    }
    norm("ln_f", "layers.norm");
    for (StoredParameter& s : stored) s.name = c.prefix + s.name;
    return stored;
}

/// Throws StateError unless the file holds what is wanted, and beside it at most what old versions of the format wrote: the causal
/// mask, and the embedding a second time.
void check_tensors(const SafetensorsFile& file, const std::vector<StoredParameter>& wanted, const GPT2Config& c) {
    std::vector<std::string> missing, unexpected, misshapen;
    std::set<std::string> known = {"lm_head.weight"};
    for (Index i = 0; i < c.n_layer; ++i)
        for (const char* buffer : {"bias", "masked_bias"}) known.insert(fmt::format("{}h.{}.attn.{}", c.prefix, i, buffer));
    for (const auto& [name, shape, members, transposed] : wanted) {
        known.insert(name);
        if (!file.has(name)) missing.push_back(name);
        else if (const Shape& found = file.at(name).shape; found != shape)
            misshapen.push_back(fmt::format("{} {} instead of {}", name, to_string(found), to_string(shape)));
    }
    for (const StoredTensor& stored : file.entries())
        if (!known.contains(stored.name)) unexpected.push_back(stored.name);
    if (!missing.empty() || !unexpected.empty() || !misshapen.empty())
        throw StateError(fmt::format(
            "load_gpt2: expected the tensors of config.json, got: missing [{}], unexpected [{}], of another shape [{}]",
            fmt::join(missing, ", "), fmt::join(unexpected, ", "), fmt::join(misshapen, ", ")));
    const StoredTensor& embedding = file.at(c.prefix + "wte.weight");
    const auto is_embedding = [&](const StoredTensor& x) {
        return x.dtype == embedding.dtype && x.shape == embedding.shape && x.bytes == embedding.bytes;
    };
    if (file.has("lm_head.weight") && !is_embedding(file.at("lm_head.weight")))
        throw StateError(fmt::format("load_gpt2: expected an lm_head.weight that is {}, got another", embedding.name));
}

std::map<std::string, Tensor> tensors_by_name(GPT2& model) {
    std::map<std::string, Tensor> tensors;
    Visitor visitor([&](const std::string& name, Tensor& tensor) { tensors.emplace(name, tensor); });
    model.visit(visitor);
    return tensors;
}

TransformerOptions transformer_options(const GPT2Config& c) {
    return {.embed_dim = c.n_embd,
            .num_heads = c.n_head,
            .num_encoder_layers = c.n_layer,
            .feedforward_dim = c.n_inner ? c.n_inner : 4 * c.n_embd,
            .dropout = c.resid_pdrop,
            .activation = activations.at(c.activation_function),
            .norm_first = true,
            .layer_norm_eps = c.layer_norm_epsilon};
}

}  // namespace

GPT2Config parse_gpt2_config(const std::string& text) {
    try {
        GPT2Config config = from_json(parse_json(text));
        config.source = text;
        return config;
    } catch (const Json::exception& error) {
        throw FileError(fmt::format("GPT2Config: expected the JSON of a config.json, got other: {}", error.what()));
    }
}

GPT2::GPT2(const GPT2Config& c)
    : config(c),
      tokens(c.vocab_size, c.n_embd),
      positions(c.n_embd, c.n_positions),
      dropout(c.embd_pdrop),
      layers(transformer_options(c)) {
    for (TransformerEncoderLayer& layer : layers.layers) {
        layer.self_attention.dropout = c.attn_pdrop;
        layer.feed_forward.dropout.p = 0;  // GPT-2 has none inside it
    }
    const Real residual = 0.02 / std::sqrt(2 * static_cast<Real>(c.n_layer));
    for (auto& [name, tensor] : tensors_by_name(*this)) {
        const bool is_added = name.ends_with("out_proj.weight") || name.ends_with("linear2.weight");
        if (tensor.dim() == 2) init::normal_(tensor, 0, is_added ? residual : 0.02);
        else if (name.ends_with(".bias")) init::zeros_(tensor);
    }
}

Tensor GPT2::embed(const Ids& ids, Index first) const { return dropout(positions(tokens(ids), first)); }

Tensor GPT2::forward(const Ids& ids) const {
    const Tensor x = layers(embed(ids, 0), AttentionMask::causal());  // [B, T, E]
    return linear(x, tokens.weight);                                  // [B, T, V]
}

Tensor GPT2::next(const Ids& ids, std::vector<KeyValueCache>& caches) const {
    const Tensor x = layers.forward(embed(ids, caches.at(0).length), caches);  // [B, T, E]
    return linear(select(x, 1, -1), tokens.weight);                            // [B, V]
}

Tensor GPT2::loss(const TokenWindows& windows) const {
    return cross_entropy(flatten(forward(windows.inputs), 0, 1), Ids(xt::flatten(windows.targets)));
}

void GPT2::visit(Visitor& v) {
    v("tokens", tokens);
    v("positions", positions);
    v("dropout", dropout);
    v("layers", layers);
}

StepModel gpt2_steps(const GPT2& model, Index vocabulary) {
    const Index room = model.config.n_positions;
    const auto caches = std::make_shared<std::vector<KeyValueCache>>(model.layers.make_cache(1, room));
    const auto text = std::make_shared<TokenSequence>();
    const auto next = [=, &model](const Ids& tokens) {
        text->insert(text->end(), tokens.begin(), tokens.end());
        auto unread = static_cast<Index>(tokens.size());
        if (caches->at(0).length + unread > room) {
            for (KeyValueCache& cache : *caches) cache.truncate(0);
            unread = std::min(std::ssize(*text), (room + 1) / 2);
        }
        const TokenSequence read(text->end() - unread, text->end());
        return slice(model.next(pad_sequences({&read, 1}).ids, *caches), 1, 0, vocabulary);  // [1, V]
    };
    return {.next = next, .reorder = [](const Ids&) {}};  // one text has no order
}

GPT2 load_gpt2(const std::string& folder) {
    GPT2Config config = parse_gpt2_config(read_file(folder + "/config.json"));
    const SafetensorsFile file(folder + "/model.safetensors");
    if (file.has("transformer.wte.weight")) config.prefix = "transformer.";
    if (config.n_layer > std::ssize(file.entries()))
        throw StateError(fmt::format("load_gpt2: expected the tensors of {} layers, got {} tensors in all", config.n_layer,
                                     file.entries().size()));
    const std::vector<StoredParameter> stored = stored_parameters(config);
    check_tensors(file, stored, config);
    GPT2 model(config);
    const no_grad off;
    std::map<std::string, Tensor> tensors = tensors_by_name(model);
    for (const auto& [name, shape, members, transposed] : stored) {
        const Tensor whole = file.tensor(name);
        const std::vector<Tensor> parts = chunk(transposed ? transpose(whole) : whole, std::ssize(members));
        for (std::size_t i = 0; i < members.size(); ++i) tensors.at(members[i]).copy_(parts[i]);
    }
    return model;
}

void save_gpt2(const std::string& folder, GPT2& model) {
    const no_grad off;
    const std::map<std::string, Tensor> tensors = tensors_by_name(model);
    NamedTensors written;
    for (const auto& [name, shape, members, transposed] : stored_parameters(model.config)) {
        std::vector<Tensor> parts;
        parts.reserve(members.size());
        for (const std::string& member : members) parts.push_back(tensors.at(member));
        const Tensor whole = concat(parts);
        written.push_back({name, transposed ? transpose(whole) : whole});
    }
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    if (failure)
        throw FileError(fmt::format("save_gpt2: expected a folder that can be made, got '{}': {}", folder, failure.message()));
    save_safetensors(folder + "/model.safetensors", written, {.metadata = {{"format", "pt"}}});  // what others ask for
    write_file(folder + "/config.json", to_json(model.config));
}

}  // namespace examples
