// detect_anomaly: a NaN planted in forward, backward and update of a deep model is found where it was made, and named.
#include <study/model.hpp>

using namespace testing;

namespace {

/// Six encoder layers, with something done to the vectors between two of them.
struct Deep : Module {
    ModuleList<TransformerEncoderLayer> layers;
    std::function<Tensor(const Tensor&)> between = [](const Tensor& x) { return x; };

    Deep() {
        for (int i = 0; i < 6; ++i)
            layers.push_back(TransformerEncoderLayer({.embed_dim = 8, .num_heads = 2, .feedforward_dim = 8, .dropout = 0}));
    }
    Tensor forward(const Tensor& input) const {
        Tensor x = input;
        for (std::size_t i = 0; i < layers.size(); ++i) {
            if (i == 3) {
                const Scope scope("between");
                x = between(x);
            }
            x = layers[i](x);
        }
        return sum(square(x));
    }
    void visit(Visitor& v) override { v("layers", layers); }
};

std::string message_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const study::AnomalyError& error) {
        return error.what();
    }
    return "";
}

const Tensor input = numbers({2, 3, 8});

}  // namespace

TEST_CASE("anomaly: a healthy model passes, masks and all") {
    SmallModel model = seeded_model();
    AdamW optimizer(model.named_parameters());
    const study::detect_anomaly guard(model);
    const Ids ids = tokens();
    const auto train_step = [&] {
        optimizer.zero_grad();
        model.loss(ids, AttentionMask::causal() & AttentionMask::lengths({2, 4})).backward();
        optimizer.step();
    };
    for (int i = 0; i < 3; ++i) CHECK_NOTHROW(train_step());
    const Tensor q = leaf(numbers({1, 1, 3, 2}));
    const Tensor bias = Tensor{{0, -INFINITY, 0}, {0, 0, 0}, {0, 0, 0}};
    const AttentionOptions masked{.mask = AttentionMask::causal() & AttentionMask::bias(bias)};
    CHECK_NOTHROW(sum(scaled_dot_product_attention_with_weights(q, q, q, masked).output).backward());
}

TEST_CASE("anomaly: names the operation of the forward pass, where it ran and what it was given") {
    manual_seed(1);
    Deep model;
    model.between = [](const Tensor& x) { return x * log(x - 100); };
    {
        const study::detect_anomaly guard(model);
        const std::string message = message_of([&] { model.forward(input); });
        CHECK_THAT(message, Catch::StartsWith("detect_anomaly: expected finite numbers, got NaN in 48 of 48 elements"));
        CHECK_THAT(message, Catch::Contains("'log' in 'between' (autograd/ops/pointwise.cpp:"));
        CHECK_THAT(message, Catch::Contains("made of inputs [2, 3, 8]"));
    }
    CHECK(std::isnan(model.forward(input).item()));  // off: goes on
}

TEST_CASE("anomaly: an infinity is found too") {
    manual_seed(1);
    Deep model;
    model.between = [](const Tensor& x) { return exp(10000 * x); };
    const study::detect_anomaly guard(model);
    CHECK_THAT(message_of([&] { model.forward(input); }),
               Catch::Contains("infinity in") && Catch::Contains("'exp' in 'between'"));
}

TEST_CASE("anomaly: names the operation of the backward pass") {
    manual_seed(1);
    Deep model;
    model.between = [](const Tensor& x) {
        return record("broken", x.detach() + 0, wrt(x, [](const Tensor& dy) { return dy * static_cast<Scalar>(NAN); }));
    };
    const study::detect_anomaly guard(model);
    const Tensor loss = model.forward(input);
    const std::string message = message_of([&] { loss.backward(); });
    CHECK_THAT(message, Catch::Contains("expected finite gradients, got NaN in 48 of 48 elements, first at [0, 0, 0]"));
    CHECK_THAT(message, Catch::Contains("from the backward pass of 'broken' in 'between' (study/test_anomaly.cpp:"));
    CHECK_THAT(message, Catch::Contains("in the gradient of input 0 [2, 3, 8]"));
    CHECK_FALSE(model.layers[0].norm1.weight.grad().defined());
}

TEST_CASE("anomaly: a square root at 0 is found on the way back") {
    const Tensor x = leaf({0, 1});
    const study::detect_anomaly guard;
    const Tensor y = sum(sqrt(x));
    CHECK_THAT(message_of([&] { y.backward(); }),
               Catch::Contains("infinity in 1 of 2 elements, first at [0]") && Catch::Contains("'sqrt'"));
}

TEST_CASE("anomaly: names a parameter that comes in broken, and the layer that read it") {
    manual_seed(1);
    Deep model;
    {
        const no_grad off;
        model.layers[4].feed_forward.linear1.weight.mutable_data()[3] = INFINITY;
    }
    const study::detect_anomaly guard(model);
    const std::string message = message_of([&] { model.forward(input); });
    CHECK_THAT(message, Catch::Contains("infinity in 1 of 64 elements, first at [0, 3]"));
    CHECK_THAT(message,
               Catch::Contains("layers.4.feed_forward.linear1.weight [8, 8], of 'linear' in 'layers.4.feed_forward.linear1'"));
}

TEST_CASE("anomaly: names the parameter whose gradient is broken before an optimizer uses it, and nothing of it changes") {
    manual_seed(1);
    Deep model;
    Adam optimizer(model.named_parameters());
    model.forward(input).backward();
    Tensor& weight = model.layers[2].norm2.weight;
    Tensor gradient = clone(weight.grad());
    gradient.mutable_data()[1] = NAN;
    weight.set_grad(gradient);
    const Tensor before = clone(weight.detach());
    const study::detect_anomaly guard(model);
    CHECK_THAT(message_of([&] { optimizer.step(); }),
               Catch::Contains("got NaN in 1 of 8 elements, first at [1] in that of 'layers.2.norm2.weight' for Adam"));
    check_close(weight.detach(), before);
}

TEST_CASE("anomaly: names the parameter that an update breaks") {
    manual_seed(1);
    Deep model;
    SGD optimizer(model.named_parameters(), {.lr = 1});
    model.forward(input).backward();
    Tensor& weight = model.layers[5].norm1.bias;
    const Scalar largest = std::numeric_limits<Scalar>::max();
    {
        const no_grad off;
        weight.fill_(-static_cast<Real>(largest));
    }
    weight.set_grad(full({8}, static_cast<Real>(largest)));
    const study::detect_anomaly guard(model);
    CHECK_THAT(message_of([&] { optimizer.step(); }),
               Catch::Contains("-infinity in 8 of 8 elements, first at [0] in 'layers.5.norm1.bias' after an update of SGD"));
}
