// Initialisation: bounds, moments and fans of every function, reproducible from a seed.
#include <support/testing.hpp>

using namespace testing;

namespace {

double mean_of(const Tensor& x) {
    double total = 0;
    for (const Scalar value : x.values()) total += static_cast<double>(value);
    return total / static_cast<double>(x.numel());
}

double deviation_of(const Tensor& x) {
    const double centre = mean_of(x);
    double total = 0;
    for (const Scalar value : x.values())
        total += (static_cast<double>(value) - centre) * (static_cast<double>(value) - centre);
    return std::sqrt(total / static_cast<double>(x.numel()));
}

double largest(const Tensor& x) {
    double most = 0;
    for (const Scalar value : x.values()) most = std::max(most, std::abs(static_cast<double>(value)));
    return most;
}

/// Within ±bound, and filling it: for thousands of numbers.
void check_uniform(const Tensor& x, double bound) {
    INFO("bound " << bound << ", largest " << largest(x) << ", mean " << mean_of(x) << ", deviation " << deviation_of(x));
    CHECK(largest(x) <= bound * (1 + 1e-6));
    CHECK(largest(x) > 0.99 * bound);
    CHECK(std::abs(mean_of(x)) < 0.05 * bound);
    CHECK(deviation_of(x) == Approx(bound / std::sqrt(3.0)).epsilon(0.03));
}

void check_normal(const Tensor& x, double mean, double deviation) {
    INFO("mean " << mean_of(x) << ", deviation " << deviation_of(x));
    CHECK(std::abs(mean_of(x) - mean) < 0.05 * deviation);
    CHECK(deviation_of(x) == Approx(deviation).epsilon(0.03));
    CHECK(largest(x - mean) > 3 * deviation);
}

}  // namespace

TEST_CASE("constants fill a tensor, which is returned") {
    const Tensor x = make_parameter({2, 3});
    CHECK(init::constant_(x, 2.5).is(x));
    check_close(x.detach(), full({2, 3}, 2.5), 0);
    check_close(init::zeros_(x).detach(), zeros({2, 3}), 0);
    check_close(init::ones_(x).detach(), ones({2, 3}), 0);
    CHECK(x.is_leaf());
    CHECK(x.requires_grad());
    CHECK(init::ones_(Tensor::empty({2})).requires_grad() == false);
}

TEST_CASE("uniform numbers fill their range and normal ones have their moments") {
    Generator generator(1);
    Tensor x = make_parameter({100, 100});
    init::uniform_(x, -0.5, 0.5, generator);
    check_uniform(x.detach(), 0.5);
    init::uniform_(x, 0, 1, generator);
    for (const Scalar value : x.values()) CHECK_FALSE((value < 0 || value >= 1));
    init::normal_(x, 3, 2, generator);
    check_normal(x.detach(), 3, 2);
    check_close(init::uniform_(x, 2, 2, generator).detach(), full({100, 100}, 2), 0);
    check_close(init::normal_(x, 2, 0, generator).detach(), full({100, 100}, 2), 0);
    CHECK_THROWS_AS(init::uniform_(x, 1, 0), ValueError);
    CHECK_THROWS_AS(init::normal_(x, 0, -1), ValueError);
    CHECK_THROWS_AS(init::trunc_normal_(x, 0, -1), ValueError);
}

TEST_CASE("truncated normal numbers stay within two deviations") {
    Generator generator(2);
    const Tensor x = init::trunc_normal_(make_parameter({100, 100}), 1, 0.5, generator).detach();
    CHECK(largest(x - 1) <= 1 + 1e-6);
    CHECK(largest(x - 1) > 0.95);
    CHECK(mean_of(x) == Approx(1).epsilon(0.02));
    CHECK(deviation_of(x) == Approx(0.5 * 0.879626).epsilon(0.03));  // √(1 − 4 φ(2) / (2 Φ(2) − 1))
}

TEST_CASE("truncated normal numbers of no or hardly any deviation are their mean, and are found") {
    for (const Real deviation : {0.0, 1e-12})
        check_close(init::trunc_normal_(make_parameter({10}), 0.1, deviation).detach(), full({10}, 0.1), is_f64 ? 1e-11 : 1e-7);
}

TEST_CASE("Xavier and Kaiming follow the fans") {
    Generator generator(3);
    const Tensor x = make_parameter({40, 120});  // fan out 40, fan in 120
    check_uniform(init::xavier_uniform_(x, 1, generator).detach(), std::sqrt(6.0 / 160));
    check_uniform(init::xavier_uniform_(x, 2, generator).detach(), 2 * std::sqrt(6.0 / 160));
    check_normal(init::xavier_normal_(x, 1, generator).detach(), 0, std::sqrt(2.0 / 160));
    check_normal(init::xavier_normal_(x, 3, generator).detach(), 0, 3 * std::sqrt(2.0 / 160));
    check_uniform(init::kaiming_uniform_(x, std::sqrt(2.0), generator).detach(), std::sqrt(6.0 / 120));
    check_uniform(init::kaiming_uniform_(x, 1, generator).detach(), std::sqrt(3.0 / 120));
    check_normal(init::kaiming_normal_(x, 1, generator).detach(), 0, std::sqrt(1.0 / 120));
    check_uniform(init::kaiming_uniform_(x).detach(), std::sqrt(6.0 / 120));
    check_normal(init::kaiming_normal_(x).detach(), 0, std::sqrt(2.0 / 120));
}

TEST_CASE("axes after the second multiply both fans, as in a convolution") {
    Generator generator(4);
    const Tensor x = make_parameter({20, 30, 3, 5});  // fan out 300, fan in 450
    check_uniform(init::xavier_uniform_(x, 1, generator).detach(), std::sqrt(6.0 / 750));
    check_normal(init::kaiming_normal_(x, 1, generator).detach(), 0, std::sqrt(1.0 / 450));
}

TEST_CASE("Xavier and Kaiming refuse fewer than two axes and change nothing") {
    for (const Shape& shape : {Shape{5}, Shape{}}) {
        const Tensor x = init::ones_(make_parameter(shape));
        Generator generator(1);
        CHECK_THROWS_AS(init::xavier_uniform_(x, 1, generator), ShapeError);
        CHECK_THROWS_AS(init::xavier_normal_(x, 1, generator), ShapeError);
        CHECK_THROWS_AS(init::kaiming_uniform_(x, 1, generator), ShapeError);
        CHECK_THROWS_AS(init::kaiming_normal_(x, 1, generator), ShapeError);
        check_close(x.detach(), ones(shape), 0);
        CHECK(generator.position() == 0);
    }
}

TEST_CASE("initialisation is reproducible from a seed") {
    Generator a(7), b(7), c(8);
    const Tensor x = init::normal_(make_parameter({50}), 0, 1, a), y = init::normal_(make_parameter({50}), 0, 1, b);
    check_close(x.detach(), y.detach(), 0);
    CHECK(eq(x.detach(), init::normal_(make_parameter({50}), 0, 1, c).detach()).any() == false);
    CHECK(eq(x.detach(), init::normal_(make_parameter({50}), 0, 1, a).detach()).any() == false);
    manual_seed(5);
    const Linear first(3, 4);
    manual_seed(5);
    check_close(Linear(3, 4).weight.detach(), first.weight.detach(), 0);
}

TEST_CASE("T5: attention projections have the Xavier bound of their own matrix, not of all three stacked") {
    double most = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        manual_seed(seed);
        const MultiHeadAttention layer(8, 2);
        for (const Linear& projection : {layer.q_proj, layer.k_proj, layer.v_proj, layer.out_proj}) {
            most = std::max(most, largest(projection.weight));
            check_close(projection.bias.detach(), zeros({8}), 0);
        }
    }
    CHECK(most > 0.55);
    CHECK(most < 0.612373);  // √(6 / 16); the stacked matrix would give 0.433013
}

TEST_CASE("all matrices of a Transformer start Xavier uniform") {
    manual_seed(1);
    Transformer model(
        {.embed_dim = 32, .num_heads = 4, .num_encoder_layers = 1, .num_decoder_layers = 1, .feedforward_dim = 64});
    Index matrices = 0;
    for (const auto& [name, parameter] : model.named_parameters()) {
        if (parameter.dim() < 2) continue;
        ++matrices;
        INFO(name);
        const double bound = std::sqrt(6.0 / static_cast<double>(parameter.size(0) + parameter.size(1)));
        CHECK(largest(parameter) <= bound * (1 + 1e-6));
        CHECK(largest(parameter) > 0.97 * bound);
    }
    CHECK(matrices == 3 * 4 + 2 * 2);
}
