// Module: state that does not fit, tied and frozen parameters, and the modules that hold others.
#include <support/testing.hpp>
#include <support/tied.hpp>

#include <sstream>

using namespace testing;

namespace {

/// Two matrices and a vector, one of the matrices inside a layer.
struct Small : Module {
    Tensor matrix = init::ones_(make_parameter({4, 3})), scalar = init::ones_(make_parameter({}));
    Linear inner{2, 3};
    std::optional<LayerNorm> norm;

    void visit(Visitor& v) override {
        v("matrix", matrix);
        v("scalar", scalar);
        v("inner", inner);
        v("norm", norm);
    }
};

void replace(NamedTensors& state, const std::string& name, const Tensor& tensor) {
    for (NamedTensor& entry : state)
        if (entry.name == name) entry.tensor = tensor;
}

std::string message_of_load(Module& module, const NamedTensors& state) {
    try {
        module.load_state_dict(state);
    } catch (const StateError& error) {
        return error.what();
    }
    return "";
}

bool unchanged(Module& module, const NamedTensors& before) {
    const NamedTensors now = module.state_dict();
    bool same = now.size() == before.size();
    for (std::size_t i = 0; same && i < now.size(); ++i)
        same = now[i].name == before[i].name && now[i].tensor.shape() == before[i].tensor.shape() &&
               std::equal(now[i].tensor.values().begin(), now[i].tensor.values().end(), before[i].tensor.values().begin());
    return same;
}

}  // namespace

TEST_CASE("loading state of another shape throws and changes nothing, though it would broadcast or could be reshaped") {
    Small module;
    const NamedTensors before = module.state_dict();
    for (const Shape& wrong : {Shape{1, 3}, Shape{3}, Shape{3, 4}, Shape{12}, Shape{4, 3, 1}, Shape{4, 1}, Shape{}}) {
        NamedTensors state = module.state_dict();
        for (NamedTensor& entry : state) entry.tensor.fill_(7);  // what fits must not be loaded either
        replace(state, "matrix", zeros(wrong));
        const std::string message = message_of_load(module, state);
        CHECK_THAT(message, Catch::Contains("of another shape [matrix " + to_string(wrong) + " instead of [4, 3]]"));
        CHECK(unchanged(module, before));
    }
    NamedTensors state = module.state_dict();
    replace(state, "scalar", zeros({5}));
    CHECK_THAT(message_of_load(module, state), Catch::Contains("scalar [5] instead of []"));
    CHECK(unchanged(module, before));
}

TEST_CASE("loading state names everything that is missing, unexpected or of another shape, and changes nothing") {
    Small module;
    const NamedTensors before = module.state_dict();
    const NamedTensors state{{"extra", ones({2})},
                             {"scalar", zeros({})},
                             {"matrix", zeros({3, 4})},
                             {"inner.weight", zeros({3, 3})},
                             {"norm.weight", ones({2})}};
    CHECK(message_of_load(module, state) ==
          "load_state_dict: expected the tensors of Small, got: missing [inner.bias], unexpected [extra, norm.weight], of "
          "another "
          "shape [matrix [3, 4] instead of [4, 3], inner.weight [3, 3] instead of [3, 2]]");
    CHECK(unchanged(module, before));
    CHECK_THROWS_AS(module.load_state_dict({}), StateError);
    CHECK_THROWS_AS(module.load_state_dict({}), Error);
}

TEST_CASE("state is loaded by name, in any order") {
    Small module;
    NamedTensors state = module.state_dict();
    replace(state, "matrix", full({4, 3}, 2));
    replace(state, "inner.bias", full({3}, 3));
    std::reverse(state.begin(), state.end());
    module.load_state_dict(state);
    check_close(module.matrix.detach(), full({4, 3}, 2), 0);
    check_close(module.inner.bias.detach(), full({3}, 3), 0);
}

TEST_CASE("an optional module is visited where there is one") {
    Small module;
    CHECK(module.named_parameters().size() == 4);
    module.norm.emplace(2);
    const NamedTensors parameters = module.named_parameters();
    REQUIRE(parameters.size() == 6);
    CHECK(parameters[4].name == "norm.weight");
    CHECK(module.num_parameters() == 12 + 1 + 9 + 4);
    module.eval();
    CHECK_FALSE(module.norm->training);
}

TEST_CASE("tied weights are counted and listed once, under their first name") {
    Tied module;
    CHECK(module.num_parameters() == 15);
    const NamedTensors parameters = module.named_parameters();
    REQUIRE(parameters.size() == 1);
    CHECK(parameters[0].name == "embedding.weight");
    CHECK(module.parameters().size() == 1);

    sum(module.output(module.embedding(Ids{1, 1}))).backward();
    const Tensor w = module.embedding.weight.detach();
    Tensor expected = expand(w(1, 0) * ones({5, 3}), {5, 3});  // every row of the projection sees the row of id 1, twice
    for (Index e = 0; e < 3; ++e)
        for (Index v = 0; v < 5; ++v) {
            double through_table = 0;
            for (Index row = 0; row < 5; ++row) through_table += static_cast<double>(w(row, e));
            expected.raw()[v * 3 + e] =
                static_cast<Scalar>(2 * static_cast<double>(w(1, e)) + (v == 1 ? 2 * through_table : 0));
        }
    check_close(module.embedding.weight.grad(), expected, is_f64 ? 1e-12 : 1e-5);
}

TEST_CASE("tied weights are saved under each of their names and stay tied when loaded") {
    Tied first, second;
    const NamedTensors state = first.state_dict();
    CHECK(state.size() == 2);
    second.load_state_dict(state);
    CHECK(second.output.weight.is(second.embedding.weight));
    check_close(second.output.weight.detach(), first.embedding.weight.detach(), 0);
}

TEST_CASE("of a tied weight one name is enough, and two values for it throw") {
    Tied first, second;
    for (const char* name : {"embedding.weight", "output.weight"}) {
        second.load_state_dict({{name, first.embedding.weight.detach()}});
        check_close(second.output.weight.detach(), first.embedding.weight.detach(), 0);
        second.output.weight.detach().zero_();
    }
    const NamedTensors before = second.state_dict();
    CHECK_THAT(message_of_load(second, {{"embedding.weight", ones({5, 3})}, {"output.weight", zeros({5, 3})}}),
               Catch::Contains("embedding.weight and output.weight"));
    CHECK_THAT(message_of_load(second, {}), Catch::Contains("missing [embedding.weight, output.weight]"));
    CHECK(unchanged(second, before));
}

TEST_CASE("state that is not strict passes over names that do not meet and returns them, but not wrong shapes") {
    Small module;
    NamedTensors state = module.state_dict();
    state.erase(state.begin() + 2);
    state.push_back({"extra", ones({2})});
    replace(state, "matrix", full({4, 3}, 2));
    const LoadReport report = module.load_state_dict(state, {.strict = false});
    CHECK(report.missing == std::vector<std::string>{"inner.weight"});
    CHECK(report.unexpected == std::vector<std::string>{"extra"});
    check_close(module.matrix.detach(), full({4, 3}, 2), 0);
    const NamedTensors before = module.state_dict();
    replace(state, "matrix", zeros({1, 3}));
    CHECK_THROWS_AS(module.load_state_dict(state, {.strict = false}), StateError);
    CHECK(unchanged(module, before));
}

TEST_CASE("a parameter that requires no grad is frozen, not counted, but saved") {
    Linear layer(3, 2);
    layer.weight.requires_grad_(false);
    CHECK(layer.num_parameters() == 2);
    CHECK(layer.named_parameters().size() == 1);
    CHECK(layer.state_dict().size() == 2);
    const Tensor x = leaf(ones({1, 3}));
    sum(layer(x)).backward();
    CHECK_FALSE(layer.weight.grad().defined());
    CHECK(layer.bias.grad().defined());
    CHECK(x.grad().defined());
    layer.zero_grad();
    layer.weight.requires_grad_();
    sum(layer(x)).backward();
    CHECK(layer.weight.grad().defined());
    CHECK(layer.num_parameters() == 8);
}

TEST_CASE("state is a copy that requires no grad and is not changed with the module") {
    Linear layer(2, 2);
    const NamedTensors state = layer.state_dict();
    const Tensor before = clone(state[0].tensor);
    init::zeros_(layer.weight);
    check_close(state[0].tensor, before, 0);
    CHECK_FALSE(state[0].tensor.requires_grad());
}

TEST_CASE("Sequential applies its layers in order and names them by number") {
    Sequential net(Linear(2, 3), Tanh(), Linear(3, 1));
    REQUIRE(net.layers.size() == 3);
    const auto& first = dynamic_cast<const Linear&>(*net.layers[0]);
    const auto& last = dynamic_cast<const Linear&>(*net.layers[2]);
    const Tensor x{{1, 2}, {3, 4}};
    check_close(net(x).detach(), last(tanh(first(x))).detach(), 0);
    std::vector<std::string> names;
    for (const auto& [name, tensor] : net.named_parameters()) names.push_back(name);
    CHECK(names == std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias"});
    check_close(Sequential()(x), x, 0);
}

TEST_CASE("Sequential can be nested, copied and grown") {
    Sequential inner(Linear(2, 2));
    Sequential outer{Sequential(inner)};
    CHECK(outer.layers.size() == 1);
    CHECK(outer.parameters()[0].is(inner.parameters()[0]));
    const Sequential copy = outer;
    CHECK(copy.layers[0] == outer.layers[0]);
    Sequential both(inner, outer);
    CHECK(both.num_parameters() == 6);  // the same parameters twice
    Sequential grown;
    grown.append(Linear(2, 3)).append(ReLU()).append(Linear(3, 1));
    CHECK(grown.num_parameters() == 9 + 4);
    CHECK(grown(Tensor{{1, 2}}).shape() == Shape{1, 1});
}

TEST_CASE("ModuleList holds modules by number") {
    ModuleList<Linear> list;
    CHECK(list.size() == 0);
    CHECK(list.num_parameters() == 0);
    for (Index i = 0; i < 3; ++i) list.push_back(Linear(i + 1, 2));
    CHECK(list.size() == 3);
    CHECK(list[2].weight.shape() == Shape{2, 3});
    Index total = 0;
    for (const Linear& item : list) total += item.weight.size(1);
    CHECK(total == 6);
    CHECK(list.named_parameters()[5].name == "2.bias");
    CHECK(list.num_parameters() == 4 + 6 + 8);
    list.eval();
    CHECK_FALSE(list[1].training);
}

TEST_CASE("printing a module shows its tree") {
    Sequential net(Linear(1000, 2000), Sequential(ReLU(), LayerNorm(2000)));
    std::ostringstream out;
    out << net;
    CHECK(out.str() ==
          "Sequential, 2,006,000 parameters\n"
          "  0: Linear, 2,002,000 parameters\n"
          "    weight [2000, 1000]\n"
          "    bias [2000]\n"
          "  1: Sequential, 4,000 parameters\n"
          "    0: ReLU\n"
          "    1: LayerNorm, 4,000 parameters\n"
          "      weight [2000]\n"
          "      bias [2000]");
    CHECK(type_name(ModuleList<Linear>()) == "ModuleList");
    CHECK(type_name(Small()) == "Small");
}

TEST_CASE("Linear is x W^T + b and starts within 1 / sqrt(in)") {
    manual_seed(1);
    Linear layer(2, 3);
    layer.load_state_dict({{"weight", Tensor{{1, 2}, {3, 4}, {5, 6}}}, {"bias", Tensor{10, 20, 30}}});
    check_close(layer(Tensor{{1, 1}, {1, -1}}).detach(), Tensor{{13, 27, 41}, {9, 19, 29}});
    CHECK(layer(zeros({2, 4, 2})).shape() == Shape{2, 4, 3});
    CHECK(layer(zeros({2})).shape() == Shape{3});
    CHECK_THROWS_AS(layer(zeros({2, 3})), ShapeError);
    CHECK_THROWS_AS(Linear(0, 3), ValueError);
    CHECK_THROWS_AS(Linear(3, -1), ValueError);
    CHECK_FALSE(Linear(2, 3, false).bias.defined());

    const Linear wide(25, 400);
    for (const Tensor& parameter : {wide.weight, wide.bias}) {
        const double largest = static_cast<double>(amax(abs(parameter)).item());
        CHECK(largest <= 0.2);
        CHECK(largest > 0.19);
        CHECK(std::abs(static_cast<double>(mean(parameter).item())) < 0.03);
    }
}

TEST_CASE("activation layers are the functions of their names") {
    const Tensor x{-2, -0.5, 0, 0.5, 2};
    check_close(ReLU()(x), relu(x), 0);
    check_close(GELU()(x), gelu(x), 0);
    check_close(GELUTanh()(x), gelu_tanh(x), 0);
    check_close(SiLU()(x), silu(x), 0);
    check_close(Tanh()(x), tanh(x), 0);
    check_close(Sigmoid()(x), sigmoid(x), 0);
    check_close(Softplus()(x), softplus(x), 0);
    check_close(LeakyReLU()(x), leaky_relu(x, 0.01), 0);
    check_close(LeakyReLU(0.3)(x), leaky_relu(x, 0.3), 0);
    check_close(ELU()(x), elu(x, 1), 0);
    check_close(ELU(0.5)(x), elu(x, 0.5), 0);
    const Tensor rows = reshape(x, {5, 1});
    check_close(Softmax()(rows), ones({5, 1}), 0);
    check_close(Softmax(0)(rows), softmax(rows, 0), 0);
}

TEST_CASE("FeedForward is two affine maps with an activation and dropout between them") {
    manual_seed(3);
    FeedForward network(2, 5, 0.5, gelu);
    const Tensor x{{1, -1}, {0.5, 2}};
    network.eval();
    check_close(network(x).detach(), network.linear2(gelu(network.linear1(x))).detach(), 0);
    network.train();
    init::ones_(network.linear1.weight), init::ones_(network.linear1.bias);
    init::ones_(network.linear2.weight), init::zeros_(network.linear2.bias);
    network.activation = relu;
    const Tensor y = network(ones({100, 2})).detach();  // hidden units of 3, kept as 6
    for (const Scalar value : y.values()) CHECK(std::fmod(static_cast<double>(value), 6) == 0);
    CHECK(static_cast<double>(tapehead::std(y).item()) > 0);
    CHECK_THROWS_AS(FeedForward(0, 5), ValueError);
    CHECK_THROWS_AS(FeedForward(2, 0), ValueError);
    CHECK_THROWS_AS(FeedForward(2, 5, 1.5), ValueError);
    CHECK(FeedForward(2, 5).activation == static_cast<Activation>(relu));
}
