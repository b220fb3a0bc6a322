// gradcheck of layers: right ones pass by all their parameters, wrong ones are found by the name of the parameter.
#include <support/testing.hpp>

using namespace testing;

namespace {

/// y = tanh(x) s with a rule for s that is wrong by a factor.
struct Wrong : Layer {
    Linear first{3, 2};
    Tensor scale = ones({2}).requires_grad_();

    Tensor forward(const Tensor& x) const override {
        const Tensor h = tanh(first(x)), s = scale;
        return record("wrong", h.detach() * s.detach(), wrt(h, [=](const Tensor& dy) { return dy * s; }),
                      wrt(s, [=](const Tensor& dy) { return 1.5 * dy * h; }));
    }
    void visit(Visitor& v) override {
        v("first", first);
        v("scale", scale);
    }
};

bool mentions(const GradcheckReport& report, const std::string& text) {
    return report.message().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("gradcheck of a layer compares its input and every parameter") {
    manual_seed(1);
    Sequential net(Linear(3, 4), Tanh(), Linear(4, 2));
    const Tensor x = 0.5 * numbers({2, 3}, 2);
    const GradcheckReport report = gradcheck(net, x);
    INFO(report.message());
    CHECK(report);
    CHECK(report.entries == 2 * 3 + net.num_parameters());
    CHECK_FALSE(x.requires_grad());
    for (const Tensor& p : net.parameters()) CHECK_FALSE(p.grad().defined());
    if (!is_f64) return;
    const GradcheckReport second = gradgradcheck(net, x);
    INFO(second.message());
    CHECK(second);
    CHECK(second.entries == report.entries);
}

TEST_CASE("gradcheck of a wrong layer names the parameter whose gradient is wrong") {
    manual_seed(2);
    Wrong layer;
    const GradcheckReport report = gradcheck(layer, numbers({4, 3}, 3));
    CHECK_FALSE(report);
    CHECK(report.name == "scale");
    CHECK(report.input == 3);
    CHECK(mentions(report, "FAILED"));
    CHECK(mentions(report, "worst: scale at ["));
}

TEST_CASE("gradcheck of a layer names an input that is wrong, and those of a module as they are called") {
    manual_seed(3);
    struct Forgets : Layer {
        Linear part{2, 2};
        Tensor forward(const Tensor& x) const override { return part(x) * exp(x.detach()); }
        void visit(Visitor& v) override { v("part", part); }
    } layer;
    const Tensor x = numbers({3, 2}, 4);
    CHECK(mentions(gradcheck(layer, x), "worst: x at ["));
    const auto run = [&] { return layer(x); };
    CHECK(mentions(gradcheck(layer, run, {x}), "worst: input 0 at ["));
    CHECK(mentions(gradcheck(layer, run, {x}, {.names = {"tokens"}}), "worst: tokens at ["));
}

TEST_CASE("gradcheck of a module with several arguments takes them from a function") {
    manual_seed(4);
    TransformerOptions options{.embed_dim = 4, .num_heads = 2, .feedforward_dim = 4, .dropout = 0, .activation = gelu};
    TransformerDecoderLayer layer(options);
    const Tensor x = numbers({1, 2, 4}, 5), memory = leaf(numbers({1, 3, 4}, 6));
    const auto run = [&] { return layer(x, memory, AttentionMask::causal(), AttentionMask::lengths({2})); };
    GradcheckOptions tolerant;
    if (!is_f64) tolerant.absolute = tolerant.relative = 0.1;
    const GradcheckReport report = gradcheck(layer, run, {x, memory}, tolerant);
    INFO(report.message());
    CHECK(report);
    CHECK(report.entries == 8 + 12 + layer.num_parameters());
    CHECK_FALSE(x.requires_grad());
    CHECK(memory.requires_grad());
    CHECK_FALSE(memory.grad().defined());
    if (!is_f64) return;
    MultiHeadAttention attention(4, 2);
    const auto attend = [&] { return attention(x, memory, memory); };
    const GradcheckReport second = gradgradcheck(attention, attend, {x, memory});
    INFO(second.message());
    CHECK(second);
}

TEST_CASE("gradcheck holds the random numbers of a layer in training fixed") {
    manual_seed(5);
    Sequential net(Linear(3, 4), Dropout(0.5), Linear(4, 2));
    const Tensor x = numbers({2, 3}, 7);
    const GradcheckReport report = gradcheck(net, x);
    INFO(report.message());
    CHECK(report);
    CHECK(ne(net(x), net(x)).any());
}

TEST_CASE("gradcheck of a layer without parameters checks its input, and refuses inputs that are results") {
    Tanh layer;
    const Tensor x = numbers({3}, 8);
    CHECK(gradcheck(layer, x).entries == 3);
    const Tensor result = 2 * leaf(x);
    try {
        gradcheck(layer, [&] { return layer(result); }, {result});
        FAIL("nothing was thrown");
    } catch (const GradError& error) {
        CHECK(std::string(error.what()) == "gradcheck: expected leaves as inputs, got the result of 'affine'");
    }
    CHECK_THROWS_AS(gradcheck(layer, [&] { return layer(x); }, {}), GradError);
}
