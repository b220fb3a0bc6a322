// Steps of training that run out of memory: whatever request fails, the step was not taken, and can be taken again.
#include "shortage.hpp"

using namespace testing;

namespace {

/// A language model of one layer: attention, norms, dropout, a feed-forward network.
struct Model : Module {
    Embedding embedding;
    TransformerEncoder encoder;
    Linear output;

    explicit Model(Index E)
        : embedding(7, E),
          encoder({.embed_dim = E, .num_heads = 2, .num_encoder_layers = 1, .feedforward_dim = 2 * E, .dropout = 0.2}),
          output(E, 7) {}
    Tensor forward(const Ids& ids, bool with_checkpoint) const {
        const auto layers = [this](const Tensor& x) { return encoder(x, AttentionMask::causal()); };
        const Tensor x = embedding(ids);
        return output(with_checkpoint ? checkpoint(layers, x) : layers(x));
    }
    void visit(Visitor& v) override {
        v("embedding", embedding);
        v("encoder", encoder);
        v("output", output);
    }
};

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(Model&)>;

template <class Rule>
MakeOptimizer optimizer_of(const Rule& rule) {
    return [rule](Model& model) -> std::unique_ptr<Optimizer> {
        const bool only_matrices = std::string(Rule::kind) == "Muon";
        const auto split = split_parameters(model.named_parameters(),
                                            [&](const NamedTensor& p) { return !only_matrices || p.tensor.dim() == 2; });
        return std::make_unique<OptimizerOf<Rule>>(split.chosen, rule);
    };
}

/// Plain gradient descent by operations that make tensors, as users write rules.
struct OwnRule {
    Real lr = 0.1, decay = 0.5;
    static constexpr const char* kind = "Own";
    void visit(const HyperparameterVisitor& v) {
        v("lr", lr);
        v("decay", decay);
    }
    std::vector<std::string> state_names() const { return {"mean"}; }
    void update(Trained& trained, const Tensor& gradient, Real step_lr) const {
        trained.state[0].copy_(decay * trained.state[0] + (1 - decay) * gradient);
        trained.parameter.add_(tanh(trained.state[0]), -step_lr);
    }
};

struct Way {
    std::string name;
    MakeOptimizer optimizer;
    Index E = 4, B = 2, T = 3;
    bool with_checkpoint = false, create_graph = false;
    int steps_before = 0;
};

/// Forward, loss, backward, clipping, and the optimizer's step.
class Training final : public Trial {
public:
    explicit Training(const Way& way) : way_(way) {
        manual_seed(1);
        model_ = std::make_unique<Model>(way.E);
        optimizer_ = way.optimizer(*model_);
        ids_ = make_array<Id>(Shape{way.B, way.T});
        targets_ = make_array<Id>(Shape{way.B * way.T});
        for (std::size_t i = 0; i < ids_.size(); ++i) ids_.data()[i] = targets_.data()[i] = static_cast<Id>(i * i % 7);
        for (int i = 0; i < way.steps_before; ++i) run();
        clear();
    }

    /// A step that fails has drawn random numbers: who takes it again puts the generator back.
    void run() override {
        const std::uint64_t seed = default_generator().seed(), position = default_generator().position();
        try {
            step();
        } catch (...) {
            default_generator().set_state(seed, position);
            throw;
        }
    }
    std::string state() override {
        return bits(model_->state_dict()) + bits(optimizer_->state_dict()) + bits(default_generator());
    }
    void clear() override { model_->zero_grad(); }

private:
    void step() {
        optimizer_->zero_grad();
        const Tensor logits = model_->forward(ids_, way_.with_checkpoint);
        Tensor loss = cross_entropy(reshape(logits, {-1, 7}), targets_);
        if (way_.create_graph) {
            const auto gradients = grad(loss, model_->parameters(), {.create_graph = true});
            Tensor penalty = Tensor(0);
            for (const Tensor& gradient : gradients) penalty = penalty + sum(square(gradient));
            loss = loss + 0.1 * penalty;
        }
        loss.backward();
        clip_grad_norm(model_->named_parameters(), 0.5);
        optimizer_->step();
        optimizer_->zero_grad();
    }

    const Way& way_;
    std::unique_ptr<Model> model_;
    std::unique_ptr<Optimizer> optimizer_;
    Ids ids_, targets_;
};

void train(const Way& way) {
    run_short_of_memory(MakeTrial([&] { return std::make_unique<Training>(way); }), way.name);
}

const std::vector<std::pair<std::string, MakeOptimizer>>& optimizers() {
    static const std::vector<std::pair<std::string, MakeOptimizer>> all = {
        {"SGD", optimizer_of(SgdRule{.lr = 0.1})},
        {"SGD with momentum", optimizer_of(SgdRule{.lr = 0.1, .momentum = 0.9})},
        {"Adam", optimizer_of(AdamRule{})},
        {"AdamW", optimizer_of(AdamWRule{})},
        {"Adagrad", optimizer_of(AdagradRule{})},
        {"RMSprop", optimizer_of(RMSpropRule{.momentum = 0.9, .centered = true})},
        {"Lion", optimizer_of(LionRule{})},
        {"Muon", optimizer_of(MuonRule{})},
        {"a rule of the user's", optimizer_of(OwnRule{})}};
    return all;
}

}  // namespace

TEST_CASE("out of memory: a first step that fails leaves the training as it was and can be taken again, with each optimizer") {
    for (const auto& [name, optimizer] : optimizers()) train({.name = name + ", first step", .optimizer = optimizer});
}

TEST_CASE("out of memory: a later step that fails leaves the training as it was and can be taken again, with each optimizer") {
    for (const auto& [name, optimizer] : optimizers())
        train({.name = name + ", third step", .optimizer = optimizer, .steps_before = 2});
}

TEST_CASE(
    "out of memory: a step with checkpoint, or through a gradient, leaves the training as it was and can be taken again") {
    train({.name = "checkpoint", .optimizer = optimizers()[3].second, .with_checkpoint = true});
    train({.name = "create_graph", .optimizer = optimizers()[3].second, .create_graph = true});
}

TEST_CASE("out of memory: a step whose kernels run on several threads leaves the training as it was and can be taken again") {
    const int threads = num_threads();
    set_num_threads(3);
    train({.name = "three threads", .optimizer = optimizers()[7].second, .E = 64, .B = 4, .T = 48});
    set_num_threads(threads);
}
