// The library's models for test_torch.py, which has the same ones in PyTorch: their outputs, with PyTorch's weights or their own.
#include <functional>
#include <iostream>
#include <map>
#include <memory>

#include <tapehead/tapehead.hpp>

using namespace tapehead;

namespace {

/// Token ids to scores of the next one, by layers of all kinds; the table of tokens is the last projection too.
struct LanguageModel : Module {
    Embedding tokens{11, 12};
    Embedding positions{6, 12};
    TransformerEncoder blocks{
        {.embed_dim = 12, .num_heads = 3, .num_encoder_layers = 2, .feedforward_dim = 20, .activation = gelu}};
    Sequential mix{Linear(12, 8), GELU(), Linear(8, 12, false), LayerNorm(12)};
    Linear head{12, 11, false};

    LanguageModel() { head.weight = tokens.weight; }
    Tensor forward(const Ids& ids) const {
        const Tensor x = tokens(ids) + slice(positions.weight, 0, 0, static_cast<Index>(ids.shape(1)));
        return head(mix(blocks(x, AttentionMask::causal())));
    }
    void visit(Visitor& v) override {
        v("tokens", tokens);
        v("positions", positions);
        v("blocks", blocks);
        v("mix", mix);
        v("head", head);
    }
};

struct Case {
    std::shared_ptr<Module> model;
    std::function<Tensor(const SafetensorsFile& inputs)> run;
};

template <class M, class F>
Case make_case(const M& model, F run) {
    const auto shared = std::make_shared<M>(model);
    return {shared, [=](const SafetensorsFile& inputs) { return run(*shared, inputs); }};
}

/// A layer of the input x.
template <class M>
Case layer(const M& model) {
    return make_case(model, [](const M& m, const SafetensorsFile& in) { return m(in.tensor("x")); });
}

/// An encoder, or a layer of one, whose last positions may be padding.
template <class M>
Case encoder(const M& model) {
    return make_case(model, [](const M& m, const SafetensorsFile& in) {
        return m(in.tensor("x"), AttentionMask::keys(in.condition("valid")));
    });
}

/// A decoder, or a layer of one, causal, before a memory whose last positions may be padding.
template <class M>
Case decoder(const M& model) {
    return make_case(model, [](const M& m, const SafetensorsFile& in) {
        return m(in.tensor("x"), in.tensor("memory"), AttentionMask::causal(), AttentionMask::keys(in.condition("valid")));
    });
}

Case attention(const MultiHeadAttentionOptions& options) {
    return make_case(MultiHeadAttention(12, 3, options), [](const MultiHeadAttention& m, const SafetensorsFile& in) {
        return m(in.tensor("query"), in.tensor("key"), in.tensor("value"), AttentionMask::keys(in.condition("valid")));
    });
}

Case transformer(const TransformerOptions& options) {
    return make_case(Transformer(options), [](const Transformer& m, const SafetensorsFile& in) {
        const AttentionMask padding = AttentionMask::keys(in.condition("valid"));
        return m(in.tensor("source"), in.tensor("target"), {.source = padding, .memory = padding});
    });
}

TransformerOptions options(Activation activation, bool norm_first, bool final_norm) {
    return {.embed_dim = 12,
            .num_heads = 3,
            .num_encoder_layers = 2,
            .num_decoder_layers = 2,
            .feedforward_dim = 20,
            .activation = activation,
            .norm_first = norm_first,
            .final_norm = final_norm};
}

/// The models by their names in test_torch.py.
Case find_case(const std::string& name) {
    const std::map<std::string, std::function<Case()>> cases = {
        {"linear", [] { return layer(Linear(5, 7)); }},
        {"linear without bias", [] { return layer(Linear(5, 7, false)); }},
        {"embedding",
         [] {
             return make_case(Embedding(11, 6), [](const Embedding& m, const SafetensorsFile& in) { return m(in.ids("ids")); });
         }},
        {"layer norm", [] { return layer(LayerNorm(5)); }},
        {"layer norm of two axes",
         [] {
             return layer(LayerNorm(Shape{4, 5}, 1e-3));
         }},
        {"attention", [] { return attention({}); }},
        {"attention without bias", [] { return attention({.bias = false}); }},
        {"attention to other widths", [] { return attention({.kdim = 5, .vdim = 7}); }},
        {"attention to values of another width, without bias", [] { return attention({.bias = false, .vdim = 7}); }},
        {"encoder layer, post-norm, relu", [] { return encoder(TransformerEncoderLayer(options(relu, false, false))); }},
        {"encoder layer, pre-norm, gelu", [] { return encoder(TransformerEncoderLayer(options(gelu, true, false))); }},
        {"decoder layer, post-norm, gelu", [] { return decoder(TransformerDecoderLayer(options(gelu, false, false))); }},
        {"decoder layer, pre-norm, relu", [] { return decoder(TransformerDecoderLayer(options(relu, true, false))); }},
        {"encoder", [] { return encoder(TransformerEncoder(options(relu, false, false))); }},
        {"encoder with a final norm", [] { return encoder(TransformerEncoder(options(gelu, true, true))); }},
        {"decoder with a final norm", [] { return decoder(TransformerDecoder(options(relu, true, true))); }},
        {"transformer, post-norm, relu", [] { return transformer(options(relu, false, true)); }},
        {"transformer, pre-norm, gelu", [] { return transformer(options(gelu, true, true)); }},
        {"language model", [] {
             return make_case(LanguageModel(),
                              [](const LanguageModel& m, const SafetensorsFile& in) { return m.forward(in.ids("ids")); });
         }}};
    const auto found = cases.find(name);
    if (found == cases.end()) throw ValueError("torch_models: expected a model of test_torch.py, got '" + name + "'");
    return found->second();
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 5 && argc != 6)
        throw ValueError("torch_models: expected MODEL INPUTS OUTPUT SAVED [WEIGHTS], got something else");
    const Case chosen = find_case(argv[1]);
    chosen.model->eval();
    manual_seed(3);
    for (const Tensor& parameter : chosen.model->parameters()) init::uniform_(parameter, -0.5, 0.5);
    if (argc == 6) load_torch_model(argv[5], *chosen.model);
    const no_grad off;
    save_safetensors(argv[3], {{"y", chosen.run(SafetensorsFile(argv[2]))}});
    save_torch_model(argv[4], *chosen.model);
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
