// Operations against PyTorch: values and every gradient of the op_* fixtures (tests/fixtures/README.md).
#include <support/fixture.hpp>

#include <filesystem>
#include <map>
#include <set>

using namespace testing;

namespace {

/// An operation of the inputs of its file, which are leaves, by name; the file has the rest.
using Inputs = std::map<std::string, Tensor>;
using Operation = std::function<Tensor(const Inputs&, const Fixture&)>;

Index axis_of(const Fixture& file) { return file.arguments().at("dim"); }
Axes axes_of(const Fixture& file) { return file.arguments().contains("dim") ? Axes(axis_of(file)) : Axes(); }
Real correction_of(const Fixture& file) { return file.arguments().at("unbiased").get<bool>() ? 1 : 0; }

/// f of "input.x".
template <class F>
Operation of_x(F f) {
    return [=](const Inputs& in, const Fixture& file) { return f(in.at("input.x"), file); };
}

Tensor norm_of(const Tensor& x, const Fixture& file) {
    const auto p = file.arguments().at("p");
    return norm(x, p.is_string() ? std::numeric_limits<Real>::infinity() : p.get<Real>(), axes_of(file));
}

AttentionOptions attention_options(const Inputs& in, const Fixture& file) {
    const auto arguments = file.arguments();
    AttentionOptions options{.mask = mask_of(file), .softcap = arguments.value("softcap", Real{0})};
    if (in.count("mask.bias")) options.mask = options.mask & AttentionMask::bias(in.at("mask.bias"));
    if (arguments.value("alibi", false)) options.mask = options.mask & AttentionMask::alibi();
    if (arguments.contains("scale")) options.scale = arguments.at("scale").get<Real>();
    return options;
}

Tensor attention_of(const Inputs& in, const Fixture& file) {
    return scaled_dot_product_attention(in.at("input.q"), in.at("input.k"), in.at("input.v"), attention_options(in, file));
}

/// The same on the written-out path, which gives the weights too.
Tensor attention_with_weights_of(const Inputs& in, const Fixture& file) {
    const auto [y, weights] = scaled_dot_product_attention_with_weights(in.at("input.q"), in.at("input.k"), in.at("input.v"),
                                                                        attention_options(in, file));
    if (file.has("output.attn_weights")) check_close(weights.detach(), file.tensor("output.attn_weights"));
    return y;
}

Tensor layer_norm_of(const Inputs& in, const Fixture& file) {
    const auto arguments = file.arguments();
    Shape shape;
    for (const auto& extent : arguments.at("normalized_shape")) shape.push_back(extent.get<Index>());
    return layer_norm(in.at("input.x"), shape, in.at("param.weight"), in.at("param.bias"), arguments.at("eps"));
}

/// The operation of every op_* file.
const std::map<std::string, Operation>& operations() {
    using File = Fixture;
    static const Operation softplus_of = of_x([](const Tensor& x, const File& file) {
        const Real beta = file.arguments().at("beta");
        return softplus(beta * x) / beta;
    });
    static const Operation prod_of = of_x([](const Tensor& x, const File& file) { return prod(x, axes_of(file)); });
    static const Operation var_of = of_x([](const Tensor& x, const File& f) { return var(x, axis_of(f), correction_of(f)); });
    static const Operation std_of =
        of_x([](const Tensor& x, const File& f) { return tapehead::std(x, axis_of(f), correction_of(f)); });
    static const std::map<std::string, Operation> all{
        {"op_gelu", of_x([](const Tensor& x, const File&) { return gelu(x); })},
        {"op_gelu_tanh", of_x([](const Tensor& x, const File&) { return gelu_tanh(x); })},
        {"op_softplus", softplus_of},
        {"op_softplus_beta", softplus_of},
        {"op_elu", of_x([](const Tensor& x, const File& file) { return elu(x, file.arguments().at("alpha").get<Real>()); })},
        {"op_cumsum", of_x([](const Tensor& x, const File& file) { return cumsum(x, axis_of(file)); })},
        {"op_prod", prod_of},
        {"op_prod_zero", prod_of},
        {"op_prod_dim_zeros", prod_of},
        {"op_logsumexp", of_x([](const Tensor& x, const File& file) { return logsumexp(x, axis_of(file)); })},
        {"op_var_unbiased", var_of},
        {"op_var_biased", var_of},
        {"op_std_unbiased", std_of},
        {"op_std_biased", std_of},
        {"op_norm_1", of_x(norm_of)},
        {"op_norm_2", of_x(norm_of)},
        {"op_norm_3", of_x(norm_of)},
        {"op_norm_inf", of_x(norm_of)},
        {"op_norm_all", of_x(norm_of)},
        {"op_layer_norm", layer_norm_of},
        {"op_attention", attention_of},
        {"op_attention_causal", attention_of},
        {"op_attention_scale", attention_of},
        {"op_attention_softcap", attention_of},
        {"op_attention_value_width", attention_of},
        {"op_attention_grouped", attention_of},
        {"op_attention_one_kv_head", attention_of},
        {"op_attention_causal_more_queries", attention_of},
        {"op_attention_window", attention_of},
        {"op_attention_window_left", attention_of},
        {"op_attention_lengths", attention_of},
        {"op_attention_causal_lengths", attention_of},
        {"op_attention_alibi", attention_of},
        {"op_attention_alibi_six_heads", attention_of},
        {"op_attention_bias_by_head", attention_of},
        {"op_attention_bias_softcap_causal", attention_of},
        {"op_attention_all_options", attention_of},
        {"op_embedding_padding_idx", [](const Inputs& in, const File& file) {
             return embedding(file.ids("input.indices"), in.at("param.weight"), file.arguments().at("padding_idx").get<Id>());
         }}};
    return all;
}

/// Compares the value, and after a sweep from PyTorch's upstream gradient that of every input.
void check_agrees(const Fixture& file, const Operation& operation) {
    Inputs inputs;
    for (const StoredTensor& stored : file.entries())
        if (file.has("grad." + stored.name)) inputs[stored.name] = leaf(file.tensor(stored.name));
    REQUIRE(!inputs.empty());
    const Tensor y = operation(inputs, file);
    check_close(y.detach(), file.tensor("output.y"));
    y.backward(file.tensor("upstream.y"));
    for (const auto& [key, input] : inputs) {
        INFO("gradient of " << key);
        REQUIRE(input.grad().defined());
        check_close(input.grad(), file.tensor("grad." + key));
    }
}

}  // namespace

TEST_CASE("every fixture of an operation is compared") {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(TAPEHEAD_FIXTURES))
        if (entry.path().stem().string().rfind("op_", 0) == 0) files.insert(entry.path().stem().string());
    std::set<std::string> compared;
    for (const auto& [name, operation] : operations()) compared.insert(name);
    CHECK(files == compared);
}

TEST_CASE("operations agree with PyTorch in values and all gradients") {
    for (const auto& [name, operation] : operations()) {
        INFO(name);
        check_agrees(fixture(name), operation);
    }
}

TEST_CASE("attention that returns its weights agrees with PyTorch in them, its output and all gradients") {
    std::size_t compared = 0;
    for (const auto& [name, operation] : operations()) {
        if (name.rfind("op_attention", 0) != 0) continue;
        INFO(name);
        check_agrees(fixture(name), attention_with_weights_of);
        ++compared;
    }
    CHECK(compared == 17);
}
