// The layer table: every struct of layers/*.hpp that is a Module is a row, with its inputs and its number of parameters.
//
// Each row is put through the same tests: the contract for the layers of others (testing/contract.hpp), counts that fit the formula,
// copies that share, printing. A layer without a row fails. To add one, append to table(); a layer with a mode, an option or a member
// worth it can have several rows.
#include <support/testing.hpp>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <tapehead/testing/contract.hpp>

using namespace testing;

namespace {

constexpr Index E = 4, H = 2, F = 6;  // embed_dim, heads and feed-forward width of the rows

struct LayerRow {
    std::string name;  ///< of the struct in its header
    std::function<std::unique_ptr<Module>()> make;
    std::function<std::shared_ptr<Module>(const Module&)> copy;
    std::function<Tensor(const Module&, const std::vector<Tensor>&)> forward;
    std::vector<Tensor> inputs;
    Index parameters = 0;         ///< how many numbers, by formula
    bool has_dropout = false;     ///< whether training draws random numbers
    bool turns_keys = false;      ///< whether keys turn with their position, so that a bias on them counts
    bool is_across_rows = false;  ///< whether rows of a batch act on each other
};

template <class Make, class Forward>
LayerRow layer(std::string name, Make make, Forward forward, std::vector<Tensor> inputs, Index parameters) {
    using L = decltype(make());
    return {.name = std::move(name),
            .make = [=]() -> std::unique_ptr<Module> { return std::make_unique<L>(make()); },
            .copy = [](const Module& m) -> std::shared_ptr<Module> { return std::make_shared<L>(dynamic_cast<const L&>(m)); },
            .forward = [=](const Module& m, const std::vector<Tensor>& in) { return forward(dynamic_cast<const L&>(m), in); },
            .inputs = std::move(inputs),
            .parameters = parameters};
}

/// A Layer, from one tensor of that shape to one tensor.
template <class Make>
LayerRow layer(std::string name, Make make, const Shape& shape, Index parameters = 0) {
    return layer(
        std::move(name), make, [](const Layer& l, const std::vector<Tensor>& in) { return l(in[0]); }, {numbers(shape)},
        parameters);
}

LayerRow with_rotary(LayerRow row) {
    row.turns_keys = true;
    return row;
}

LayerRow across_rows(LayerRow row) {
    row.is_across_rows = true;
    return row;
}

LayerRow with_dropout(LayerRow row) {
    row.has_dropout = true;
    return row;
}

// The formulas.
constexpr Index linear_count(Index in, Index out, bool bias = true) { return in * out + (bias ? out : 0); }
constexpr Index attention_count(Index kdim = E, Index vdim = E, bool bias = true) {
    return linear_count(E, E, bias) + linear_count(kdim, E, bias) + linear_count(vdim, E, bias) + linear_count(E, E, bias);
}
constexpr Index feed_forward_count = linear_count(E, F) + linear_count(F, E);
constexpr Index encoder_layer_count = attention_count() + feed_forward_count + 2 * 2 * E;
constexpr Index decoder_layer_count = 2 * attention_count() + feed_forward_count + 3 * 2 * E;

TransformerOptions options(bool norm_first, Real dropout = 0.2) {
    return {.embed_dim = E,
            .num_heads = H,
            .num_encoder_layers = 2,
            .num_decoder_layers = 2,
            .feedforward_dim = F,
            .dropout = dropout,
            .activation = gelu,
            .norm_first = norm_first};
}

Tensor through_items(const ModuleList<Linear>& list, const std::vector<Tensor>& in) {
    Tensor x = in[0];
    for (const Linear& item : list) x = item(x);
    return x;
}

void add_plain_layers(std::vector<LayerRow>& rows) {
    rows.push_back(layer("Elementwise", [] { return Elementwise<tapehead::sin>(); }, {2, 3}));
    rows.push_back(layer("ReLU", [] { return ReLU(); }, {2, 3}));
    rows.push_back(layer("GELU", [] { return GELU(); }, {2, 3}));
    rows.push_back(layer("GELUTanh", [] { return GELUTanh(); }, {2, 3}));
    rows.push_back(layer("SiLU", [] { return SiLU(); }, {2, 3}));
    rows.push_back(layer("Tanh", [] { return Tanh(); }, {2, 3}));
    rows.push_back(layer("Sigmoid", [] { return Sigmoid(); }, {2, 3}));
    rows.push_back(layer("Softplus", [] { return Softplus(); }, {2, 3}));
    rows.push_back(layer("LeakyReLU", [] { return LeakyReLU(0.2); }, {2, 3}));
    rows.push_back(layer("ELU", [] { return ELU(0.7); }, {2, 3}));
    rows.push_back(layer("Softmax", [] { return Softmax(); }, {2, 3}));
    rows.push_back(across_rows(layer("Softmax", [] { return Softmax(0); }, {2, 3})));
    rows.push_back(with_dropout(layer("Dropout", [] { return Dropout(0.5); }, {4, 16})));
    rows.push_back(layer(
        "Linear", [] { return Linear(3, 5); }, {2, 3}, linear_count(3, 5)));
    rows.push_back(layer(
        "Linear", [] { return Linear(3, 5, false); }, {2, 2, 3}, linear_count(3, 5, false)));
    rows.push_back(layer(
        "LayerNorm", [] { return LayerNorm(5); }, {2, 5}, 2 * 5));
    rows.push_back(layer(
        "LayerNorm",
        [] {
            return LayerNorm(Shape{2, 3});
        },
        {2, 2, 3}, 2 * 6));
    rows.push_back(layer(
        "LayerNorm", [] { return LayerNorm(5, 1e-5, true, false); }, {2, 5}, 5));
    rows.push_back(layer("LayerNorm", [] { return LayerNorm(5, 1e-5, false); }, {2, 5}));
    rows.push_back(layer(
        "RMSNorm", [] { return RMSNorm(5); }, {2, 5}, 5));
    rows.push_back(layer("RMSNorm", [] { return RMSNorm(5, 1e-5, false); }, {2, 5}));
    rows.push_back(layer("SinusoidalPositionalEncoding", [] { return SinusoidalPositionalEncoding(E, 8); }, {2, 3, E}));
    rows.push_back(layer("RotaryEmbedding", [] { return RotaryEmbedding(E, {}, 2); }, {2, 3, E}));
    rows.push_back(layer(
        "LearnedPositionalEncoding", [] { return LearnedPositionalEncoding(E, 5); }, {2, 3, E}, 5 * E));
    rows.push_back(layer(
        "Embedding", [] { return Embedding(7, E); },
        [](const Embedding& m, const std::vector<Tensor>&) {
            return m(Ids{{0, 3, 3}, {6, 1, 0}});
        },
        {}, 7 * E));
}

void add_composed_layers(std::vector<LayerRow>& rows) {
    rows.push_back(layer(
        "Sequential", [] { return Sequential(Linear(3, 5), Tanh(), Linear(5, 2)); }, {4, 3},
        linear_count(3, 5) + linear_count(5, 2)));
    rows.push_back(with_dropout(layer(
        "Sequential", [] { return Sequential(Sequential(Linear(3, 5), Dropout(0.5)), GELU()); }, {4, 3}, linear_count(3, 5))));
    rows.push_back(layer(
        "ModuleList",
        [] {
            return ModuleList<Linear>({Linear(3, 4), Linear(4, 2)});
        },
        through_items, {numbers({2, 3})}, linear_count(3, 4) + linear_count(4, 2)));
    rows.push_back(with_dropout(layer(
        "FeedForward", [] { return FeedForward(E, F, 0.5, gelu); }, {2, 3, E}, feed_forward_count)));

    const auto self = [](const auto& m, const std::vector<Tensor>& in) { return m(in[0]); };
    const auto both = [](const auto& m, const std::vector<Tensor>& in) { return m(in[0], in[1]); };
    const Tensor x = numbers({2, 3, E}, 2), memory = numbers({2, 5, E}, 3);
    rows.push_back(with_dropout(layer(
        "MultiHeadAttention", [] { return MultiHeadAttention(E, H, {.dropout = 0.5}); }, self, {x}, attention_count())));
    rows.push_back(layer(
        "MultiHeadAttention", [] { return MultiHeadAttention(E, H, {.kdim = 2, .vdim = 5}); },
        [](const MultiHeadAttention& m, const std::vector<Tensor>& in) {
            return m(in[0], in[1], in[2], AttentionMask::causal());
        },
        {x, numbers({2, 5, 2}, 4), numbers({2, 5, 5}, 5)}, attention_count(2, 5)));
    rows.push_back(layer(
        "MultiHeadAttention", [] { return MultiHeadAttention(E, H, {.bias = false}); }, self, {x},
        attention_count(E, E, false)));
    rows.push_back(with_rotary(layer(
        "MultiHeadAttention",
        [] {
            return MultiHeadAttention(E, H, {.num_kv_heads = 1, .rotary = RotaryOptions{}, .alibi = true, .window_left = 1});
        },
        self, {x}, 2 * linear_count(E, E) + 2 * linear_count(E, E / H))));
    for (const bool norm_first : {false, true}) {
        const Index final_norm = norm_first ? 2 * E : 0;
        rows.push_back(with_dropout(layer(
            "TransformerEncoderLayer", [=] { return TransformerEncoderLayer(options(norm_first)); }, self, {x},
            encoder_layer_count)));
        rows.push_back(with_dropout(layer(
            "TransformerDecoderLayer", [=] { return TransformerDecoderLayer(options(norm_first)); }, both, {x, memory},
            decoder_layer_count)));
        rows.push_back(with_dropout(layer(
            "TransformerEncoder", [=] { return TransformerEncoder(options(norm_first)); }, self, {x},
            2 * encoder_layer_count + final_norm)));
        rows.push_back(with_dropout(layer(
            "TransformerDecoder", [=] { return TransformerDecoder(options(norm_first)); }, both, {x, memory},
            2 * decoder_layer_count + final_norm)));
        rows.push_back(with_dropout(layer(
            "Transformer", [=] { return Transformer(options(norm_first)); }, both, {memory, x},
            2 * (encoder_layer_count + decoder_layer_count + final_norm))));
    }
}

const std::vector<LayerRow>& table() {
    static const std::vector<LayerRow> rows = [] {
        std::vector<LayerRow> all;
        add_plain_layers(all);
        add_composed_layers(all);
        return all;
    }();
    return rows;
}

template <class Check>
void for_each_layer(const Check& check) {
    std::size_t number = 0;
    for (const LayerRow& row : table()) {
        DYNAMIC_SECTION("row " << ++number << ": " << row.name) {
            manual_seed(number);
            check(row);
        }
    }
}

bool same_values(const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && std::equal(a.values().begin(), a.values().end(), b.values().begin());
}

/// The key bias adds the same number to all scores of a query, which softmax does not see: its gradient is 0 but for rounding.
bool is_key_bias(const std::string& name) {
    const std::string ending = "k_proj.bias";
    return name.size() >= ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

/// 1234567 as 1,234,567
std::string grouped(Index n) {
    std::string digits = std::to_string(n);
    for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, ",");
    return digits;
}

/// The structs of layers/*.hpp that derive from Module, through any number of bases; without Layer, which is a base alone.
std::set<std::string> declared_layers() {
    static const std::regex declaration(R"(^struct (\w+)(?: final)? : (?:public )?(\w+))");
    std::vector<std::pair<std::string, std::string>> structs;
    for (const auto& entry : std::filesystem::directory_iterator(TAPEHEAD_SOURCE_DIR "/layers")) {
        if (entry.path().extension() != ".hpp") continue;
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);)
            if (std::smatch found; std::regex_search(line, found, declaration)) structs.emplace_back(found[1], found[2]);
    }
    std::set<std::string> modules{"Module"};
    for (std::size_t before = 0; before != modules.size();) {
        before = modules.size();
        for (const auto& [name, base] : structs)
            if (modules.count(base)) modules.insert(name);
    }
    modules.erase("Module");
    modules.erase("Layer");
    return modules;
}

}  // namespace

TEST_CASE("every layer of the public headers has a row in the layer table") {
    std::set<std::string> rows;
    for (const LayerRow& row : table()) rows.insert(row.name);
    const std::set<std::string> declared = declared_layers();
    for (const std::string& name : declared) {
        INFO("layer '" << name << "' has no row");
        CHECK(rows.count(name) == 1);
    }
    for (const std::string& name : rows) {
        INFO("row '" << name << "' names no layer");
        CHECK(declared.count(name) == 1);
    }
    CHECK(declared.size() >= 25);
}

TEST_CASE("every layer keeps to the contract for the layers of others") {
    for_each_layer([](const LayerRow& row) {
        tapehead::testing::LayerContract contract{.is_random = row.has_dropout,
                                                  .rows_are_independent = !row.is_across_rows,
                                                  .second_order = row.parameters < 250};
        if (!row.turns_keys)
            for (const auto& [name, parameter] : row.make()->named_parameters())
                if (is_key_bias(name)) contract.idle.push_back(name);
        const auto call = [&](Module& module, const std::vector<Tensor>& in) { return row.forward(module, in); };
        for (const std::string& fault : layer_faults({row.make, call, row.inputs}, contract)) FAIL_CHECK(fault);
    });
}

TEST_CASE("the number of parameters of every layer is what the formula says") {
    for_each_layer([](const LayerRow& row) {
        const auto module = row.make();
        CHECK(module->num_parameters() == row.parameters);
        Index in_state = 0;
        for (const auto& [name, tensor] : module->state_dict()) in_state += tensor.numel();
        CHECK(in_state == row.parameters);
    });
}

TEST_CASE("the names of the parameters of every layer are unique") {
    for_each_layer([](const LayerRow& row) {
        const auto module = row.make();
        std::set<std::string> names;
        for (const auto& [name, parameter] : module->named_parameters()) {
            INFO(name);
            CHECK(names.insert(name).second);
            CHECK((!name.empty() && name.front() != '.' && name.back() != '.'));
        }
        CHECK(names.size() == module->parameters().size());
        CHECK(names.size() == module->state_dict().size());
    });
}

TEST_CASE("loading state keeps the parameters what they are: leaves, known to those who hold them") {
    for_each_layer([](const LayerRow& row) {
        const auto first = row.make(), second = row.make();
        const std::vector<Tensor> held = second->parameters();
        second->load_state_dict(first->state_dict());
        const std::vector<Tensor> now = second->parameters();
        REQUIRE(now.size() == held.size());
        for (std::size_t i = 0; i < now.size(); ++i) CHECK((now[i].is(held[i]) && now[i].is_leaf() && now[i].requires_grad()));
    });
}

TEST_CASE("a copy of every layer shares its parameters") {
    for_each_layer([](const LayerRow& row) {
        const auto module = row.make();
        const auto copy = row.copy(*module);
        module->eval();
        copy->eval();
        const NamedTensors own = module->named_parameters(), shared = copy->named_parameters();
        REQUIRE(own.size() == shared.size());
        for (std::size_t i = 0; i < own.size(); ++i)
            CHECK((own[i].name == shared[i].name && own[i].tensor.is(shared[i].tensor)));
        CHECK(same_values(row.forward(*module, row.inputs), row.forward(*copy, row.inputs)));
    });
}

TEST_CASE("printing every layer shows its type, its parameters and how many numbers they hold") {
    for_each_layer([](const LayerRow& row) {
        const auto module = row.make();
        std::ostringstream out;
        out << *module;
        const std::string text = out.str(), first_line = text.substr(0, text.find('\n'));
        INFO(text);
        CHECK(first_line == row.name + (row.parameters ? ", " + grouped(row.parameters) + " parameters" : std::string()));
        for (const auto& [name, parameter] : module->named_parameters())
            CHECK(text.find(name.substr(name.rfind('.') + 1) + " " + to_string(parameter.shape())) != std::string::npos);
        Visitor visitor({}, [&](const std::string& name, Module& m) {
            CHECK(text.find(name.substr(name.rfind('.') + 1) + ": " + type_name(m)) != std::string::npos);
        });
        module->visit(visitor);
    });
}
