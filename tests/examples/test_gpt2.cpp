// GPT-2's folders: what is read is what was written, decoding with a cache is the full pass, and a wrong folder says all that is wrong.
#include <support/scratch.hpp>
#include <support/testing.hpp>

#include <filesystem>

#include <nlohmann/json.hpp>
#include <xtensor/xview.hpp>

#include <support/gpt2.hpp>

using namespace testing;
using namespace examples;
using Catch::Contains;
using nlohmann::json;

namespace {

/// No two extents are equal, so that none can stand in another's place.
GPT2Config small() { return {.vocab_size = 13, .n_positions = 7, .n_embd = 8, .n_layer = 2, .n_head = 4, .n_inner = 20}; }

/// Weights of which no two are alike; biases are not 0.
GPT2 example(const GPT2Config& config = small()) {
    GPT2 model(config);
    std::uint64_t seed = 1;
    const no_grad off;
    for (Tensor& x : model.parameters()) x.copy_(0.3 * numbers(x.shape(), seed++));
    model.eval();
    return model;
}

/// A folder with the example in it.
std::string folder_of_example(const std::string& name) {
    const std::string folder = scratch(name);
    GPT2 model = example();
    save_gpt2(folder, model);
    return folder;
}

NamedTensors tensors_in(const std::string& folder) { return load_safetensors(folder + "/model.safetensors"); }

void write_tensors(const std::string& folder, const NamedTensors& tensors, const SafetensorsOptions& options = {}) {
    save_safetensors(folder + "/model.safetensors", tensors, options);
}

Tensor find(const NamedTensors& tensors, const std::string& name) {
    const auto found = std::ranges::find(tensors, name, &NamedTensor::name);
    REQUIRE(found != tensors.end());
    return found->tensor;
}

void check_same(GPT2& a, GPT2& b) {
    const NamedTensors as = a.state_dict(), bs = b.state_dict();
    REQUIRE(as.size() == bs.size());
    for (std::size_t i = 0; i < as.size(); ++i) {
        INFO(as[i].name);
        CHECK(as[i].name == bs[i].name);
        CHECK(as[i].tensor.shape() == bs[i].tensor.shape());
        CHECK(std::ranges::equal(std::as_bytes(as[i].tensor.values()), std::as_bytes(bs[i].tensor.values())));
    }
}

const Ids text = {{3, 1, 4, 1, 12, 9, 2}, {6, 5, 3, 5, 8, 0, 7}};

}  // namespace

TEST_CASE("GPT-2 is read as it was written, bit for bit, and written again as the same bytes", "[examples]") {
    const std::string first = folder_of_example("gpt2-first"), second = scratch("gpt2/in/a/new/folder");
    GPT2 model = example(), read = load_gpt2(first);
    check_same(model, read);
    save_gpt2(second, read);
    for (const char* file : {"/config.json", "/model.safetensors"}) CHECK(read_file(first + file) == read_file(second + file));
}

TEST_CASE(
    "GPT-2's file has the published names, its matrices from inputs to outputs, and queries, keys and values side by side",
    "[examples]") {
    const NamedTensors file = tensors_in(folder_of_example("gpt2-names"));
    GPT2 model = example();
    CHECK(file.size() == 2 + 2 * 12 + 2);
    check_close(find(file, "wte.weight"), model.tokens.weight, 0);
    check_close(find(file, "wpe.weight"), model.positions.weight, 0);
    const TransformerEncoderLayer& layer = model.layers.layers[1];
    const std::vector<Tensor> parts = split(find(file, "h.1.attn.c_attn.weight"), 8, 1);  // of [8, 24]
    check_close(parts[0], transpose(layer.self_attention.q_proj.weight), 0);
    check_close(parts[1], transpose(layer.self_attention.k_proj.weight), 0);
    check_close(parts[2], transpose(layer.self_attention.v_proj.weight), 0);
    check_close(slice(find(file, "h.1.attn.c_attn.bias"), 0, 8, 16), layer.self_attention.k_proj.bias, 0);
    check_close(find(file, "h.1.attn.c_proj.weight"), transpose(layer.self_attention.out_proj.weight),
                0);  // square: no shape tells
    check_close(find(file, "h.1.mlp.c_fc.weight"), transpose(layer.feed_forward.linear1.weight), 0);
    check_close(find(file, "h.1.mlp.c_proj.weight"), transpose(layer.feed_forward.linear2.weight), 0);
    check_close(find(file, "ln_f.bias"), model.layers.norm->bias, 0);
    CHECK(SafetensorsFile(scratch("gpt2-names") + "/model.safetensors").metadata().at("format") == "pt");
}

TEST_CASE("GPT-2's logits with a cache are those of the full pass, in any pieces", "[examples]") {
    const no_grad off;
    const GPT2 model = example();
    const Tensor full = model.forward(text);  // [2, 7, 13]
    for (const std::vector<Index>& cut : std::vector<std::vector<Index>>{{1, 1, 1, 1, 1, 1, 1}, {7}, {4, 1, 2}}) {
        std::vector<KeyValueCache> caches = model.layers.make_cache(2, 7);
        Index seen = 0;
        for (const Index length : cut) {
            const Ids piece = xt::view(text, xt::all(), xt::range(seen, seen + length));
            seen += length;
            check_close(model.next(piece, caches), select(full, 1, seen - 1));
        }
    }
}

TEST_CASE("GPT-2 goes on from a text that outgrows its positions with the last half of them", "[examples]") {
    const no_grad off;
    const GPT2 model = example();
    const StepModel steps = gpt2_steps(model, 11);
    const auto row = [](const std::vector<Id>& ids) { return pad_sequences({&ids, 1}).ids; };
    const auto expect = [&](const std::vector<Id>& seen, const Tensor& logits) {
        check_close(logits, slice(select(model.forward(row(seen)), 1, -1), 1, 0, 11));
    };
    expect({1, 2, 3, 4, 5, 6}, steps.next(row({1, 2, 3, 4, 5, 6})));
    expect({1, 2, 3, 4, 5, 6, 7}, steps.next(row({7})));
    expect({5, 6, 7, 8}, steps.next(row({8})));
    expect({5, 6, 7, 8, 9}, steps.next(row({9})));
    expect({3, 4, 5, 6}, gpt2_steps(model, 11).next(row({9, 8, 7, 1, 2, 3, 4, 5, 6})));
}

TEST_CASE("GPT-2's prefix, causal masks and second name of the embedding are taken as others write them", "[examples]") {
    const std::string folder = folder_of_example("gpt2-others");
    NamedTensors renamed;
    for (const auto& [name, tensor] : tensors_in(folder)) renamed.push_back({"transformer." + name, tensor});
    renamed.push_back({"lm_head.weight", renamed[0].tensor});
    for (const char* layer : {"0", "1"}) {
        renamed.push_back({std::string("transformer.h.") + layer + ".attn.bias", ones({1, 1, 7, 7})});
        renamed.push_back({std::string("transformer.h.") + layer + ".attn.masked_bias", Tensor(-1e4)});
    }
    write_tensors(folder, renamed);
    GPT2 model = example(), read = load_gpt2(folder);
    check_same(model, read);
    save_gpt2(folder, read);
    const NamedTensors written = tensors_in(folder);
    CHECK(written.size() == 28);
    for (const NamedTensor& tensor : written) CHECK(tensor.name.starts_with("transformer."));

    renamed[28].tensor = renamed[0].tensor + 1;
    write_tensors(folder, renamed);
    CHECK_THROWS_WITH(load_gpt2(folder), Contains("expected an lm_head.weight that is transformer.wte.weight, got another"));
}

TEST_CASE("GPT-2 is read from numbers of 16 bits", "[examples]") {
    const std::string folder = folder_of_example("gpt2-16");
    const NamedTensors tensors = tensors_in(folder);
    for (const auto& [dtype, tol] : {std::pair(Dtype::F16, 1e-3), std::pair(Dtype::BF16, 1e-2)}) {
        write_tensors(folder, tensors, {.dtype = dtype});
        GPT2 read = load_gpt2(folder);
        const Tensor rounded = find(load_safetensors(folder + "/model.safetensors"), "wte.weight");
        check_close(read.tokens.weight, rounded, 0);
        check_close(read.tokens.weight, example().tokens.weight, tol);
    }
}

TEST_CASE("Every tensor of a wrong GPT-2 file is named at once, and one is enough", "[examples]") {
    const std::string folder = folder_of_example("gpt2-wrong");
    const NamedTensors right = tensors_in(folder);
    const auto refuses = [&](const NamedTensors& tensors, const auto& message) {
        write_tensors(folder, tensors);
        REQUIRE_THROWS_AS(load_gpt2(folder), StateError);
        CHECK_THROWS_WITH(load_gpt2(folder), message);
    };
    const auto without = [](NamedTensors tensors, const std::string& name) {
        std::erase_if(tensors, [&](const NamedTensor& x) { return x.name == name; });
        return tensors;
    };
    const auto with = [](NamedTensors tensors, const std::string& name, const Tensor& tensor) {
        tensors.push_back({name, tensor});
        return tensors;
    };
    const std::string turned = "h.1.attn.c_attn.weight";
    refuses(without(right, "ln_f.bias"), Contains("missing [ln_f.bias], unexpected [], of another shape []"));
    refuses(with(right, "h.2.attn.bias", ones({7})), Contains("missing [], unexpected [h.2.attn.bias], of another shape []"));
    refuses(with(right, "transformer.h.0.attn.bias", ones({7})), Contains("unexpected [transformer.h.0.attn.bias]"));
    refuses(with(without(right, turned), turned, ones({24, 8})),
            Contains("missing [], unexpected [], of another shape [h.1.attn.c_attn.weight [24, 8] instead of [8, 24]]"));
    const NamedTensors all =
        with(with(without(without(right, "ln_f.bias"), "h.0.mlp.c_fc.weight"), "h.2.ln_1.weight", ones({8})), "other", 1);
    refuses(all, Contains("missing [h.0.mlp.c_fc.weight, ln_f.bias], unexpected [h.2.ln_1.weight, other]"));
    write_tensors(folder, right);
    CHECK_NOTHROW(load_gpt2(folder));
}

TEST_CASE("A config.json that asks for what is not built, or for sizes beyond its file, is refused", "[examples]") {
    const std::string folder = folder_of_example("gpt2-config");
    const json right = json::parse(read_file(folder + "/config.json"));
    const auto with = [&](const std::string& key, const json& value) {
        json config = right;
        config[key] = value;
        write_file(folder + "/config.json", config.dump());
        return load_gpt2(folder);
    };
    json nested;  // deeper than anything that is written: it would use up the stack where it is copied
    for (int level = 0; level < 200; ++level) nested = json::array({std::move(nested)});
    const std::vector<std::pair<std::string, json>> wrong = {{"model_type", "llama"},
                                                             {"activation_function", "mish"},
                                                             {"scale_attn_by_inverse_layer_idx", true},
                                                             {"scale_attn_weights", false},
                                                             {"tie_word_embeddings", false},
                                                             {"add_cross_attention", true},
                                                             {"n_head", 3},
                                                             {"n_head", 0},
                                                             {"n_embd", 8.5},
                                                             {"n_layer", -1},
                                                             {"n_layer", "two"},
                                                             {"vocab_size", std::int64_t{1} << 40},
                                                             {"n_embd", std::numeric_limits<std::uint64_t>::max()},
                                                             {"other", nested},
                                                             {"layer_norm_epsilon", "small"}};
    for (const auto& [key, value] : wrong) {
        INFO(key << ": " << value);
        CHECK_THROWS_AS(with(key, value), FileError);
    }
    for (const auto& [key, value] :
         {std::pair("n_layer", 1 << 30), std::pair("vocab_size", 1 << 30), std::pair("n_positions", 8)}) {
        INFO(key << ": " << value);
        CHECK_THROWS_AS(with(key, value), StateError);
    }
    for (const char* content : {"", "{", "[1]", "null"}) {
        write_file(folder + "/config.json", content);
        CHECK_THROWS_AS(load_gpt2(folder), FileError);
    }
    CHECK_THROWS_WITH(load_gpt2(scratch("gpt2-nowhere")), Contains("config.json"));
}

TEST_CASE("What a config.json says beside is written again, and decides the model", "[examples]") {
    const GPT2Config c =
        parse_gpt2_config(R"({"n_ctx": 5, "n_embd": 4, "n_head": 2, "n_layer": 1, "vocab_size": 6, "n_inner": null,
        "activation_function": "relu", "attn_pdrop": 0.25, "resid_pdrop": 0.5, "embd_pdrop": 0.75, "layer_norm_epsilon": 0.5,
        "eos_token_id": 3, "torch_dtype": "float16", "task": {"a": [1]}})");
    GPT2 model(c);
    CHECK(model.positions.weight.shape() == Shape{5, 4});
    const TransformerEncoderLayer& layer = model.layers.layers[0];
    CHECK(layer.feed_forward.linear1.weight.shape() == Shape{16, 4});
    CHECK(layer.feed_forward.activation == static_cast<Activation>(relu));
    CHECK(layer.self_attention.dropout == 0.25);
    CHECK(layer.dropout.p == 0.5);
    CHECK(layer.feed_forward.dropout.p == 0);
    CHECK(model.dropout.p == 0.75);
    CHECK(layer.norm2.eps == 0.5);
    CHECK(model.layers.norm->eps == 0.5);
    save_gpt2(scratch("gpt2-beside"), model);
    const json written = json::parse(read_file(scratch("gpt2-beside/config.json")));
    CHECK(written["eos_token_id"] == 3);
    CHECK(written["task"]["a"][0] == 1);
    CHECK(written["n_inner"].is_null());
    CHECK(written["n_ctx"] == 5);
    CHECK(written["torch_dtype"] == (is_f64 ? "float64" : "float32"));
}
