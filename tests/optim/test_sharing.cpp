// Optimizers that share their work, here with a stand-in for other processes; tests/distributed/ has the real ones.
#include <support/scratch.hpp>
#include <support/testing.hpp>

using namespace testing;

namespace {

/// Another process that updates what has an odd number, and gives it the value 7, and all that is remembered of it 3.
struct Neighbour : UpdateSharing {
    explicit Neighbour(bool gathers, bool breaks = false) : gathers_(gathers), breaks_(breaks) {}
    bool is_own(std::size_t parameter) const override { return parameter % 2 == 0; }
    bool gathers() const override { return gathers_; }
    void check_same(const std::vector<std::size_t>& parameters) const override {
        if (parameters != std::vector<std::size_t>{0, 1}) throw std::runtime_error("other parameters");
    }
    void share(std::vector<Shared> tensors) override {
        if (breaks_) throw std::runtime_error("no connection");
        for (auto& [parameter, tensor] : tensors)
            if (!is_own(parameter)) tensor.fill_(7);
    }
    void gather(std::vector<Shared> tensors) override {
        for (auto& [parameter, tensor] : tensors)
            if (!is_own(parameter)) tensor.fill_(3);
    }

private:
    bool gathers_, breaks_;
};

struct Pair {
    Linear model{2, 3};  // weight is number 0, bias 1
    Adam optimizer{model.named_parameters(), {.lr = 0.1}};

    void step() {
        optimizer.zero_grad();
        sum(square(model(ones({1, 2})) - 1)).backward();
        optimizer.step();
    }
};

}  // namespace

TEST_CASE("sharing: each updates and remembers its own, and takes the rest from the others") {
    manual_seed(2);
    Pair alone;
    manual_seed(2);
    Pair sharing;
    sharing.optimizer.share(std::make_unique<Neighbour>(true));
    CHECK_THROWS_AS(sharing.optimizer.share(std::make_unique<Neighbour>(true)), StateError);
    alone.step();
    sharing.step();
    check_close(sharing.model.weight.detach(), alone.model.weight.detach(), 0);
    check_close(sharing.model.bias.detach(), full({3}, 7));
    const auto& trained = sharing.optimizer.trained();
    CHECK(sharing.optimizer.is_own(0));
    CHECK_FALSE(sharing.optimizer.is_own(1));
    CHECK_THROWS_AS(sharing.optimizer.is_own(2), IndexError);
    CHECK(trained[0].state.size() == 2);
    CHECK(trained[1].state.empty());
}

TEST_CASE("sharing: the one that gathers has the state of all, the others what they keep, and each can load its own") {
    for (const bool gathers : {true, false}) {
        Pair pair, again, alone;
        pair.optimizer.share(std::make_unique<Neighbour>(gathers));
        again.optimizer.share(std::make_unique<Neighbour>(gathers));
        pair.step();
        const OptimizerState state = pair.optimizer.state_dict();
        const auto& [weight, bias] = std::tie(state.groups[0].parameters[0], state.groups[0].parameters[1]);
        check_close(weight.tensors[0].tensor, pair.optimizer.trained()[0].state[0], 0);
        REQUIRE(bias.tensors.size() == 2);
        CHECK(bias.tensors[1].name == "exp_avg_sq");
        CHECK(bias.tensors[1].tensor.defined() == gathers);
        if (gathers) check_close(bias.tensors[1].tensor, full({3}, 3));
        CHECK(pair.optimizer.state_view().groups[0].parameters[0].tensors[0].tensor.is(pair.optimizer.trained()[0].state[0]));

        again.optimizer.load_state_dict(state);
        const auto& trained = again.optimizer.trained();
        CHECK(trained[1].steps == 1);
        CHECK(trained[1].state.empty());
        check_close(trained[0].state[1], weight.tensors[1].tensor, 0);
        CHECK_FALSE(trained[0].state[1].is(weight.tensors[1].tensor));
        if (gathers) alone.optimizer.load_state_dict(state);
        else CHECK_THROWS_WITH(alone.optimizer.load_state_dict(state), Catch::Contains("'bias' lacks 'exp_avg'"));
        CHECK(alone.optimizer.step_count() == (gathers ? 1 : 0));
    }
}

TEST_CASE("sharing: a step whose exchange fails is taken here as a whole") {
    Pair pair;
    pair.optimizer.share(std::make_unique<Neighbour>(true, true));
    CHECK_THROWS_WITH(pair.step(), "no connection");
    CHECK(pair.optimizer.step_count() == 1);
    CHECK(pair.optimizer.trained()[0].steps == 1);
    const Tensor remembered = pair.optimizer.trained()[0].state[0];
    check_close(remembered, 0.1 * pair.model.weight.grad());
    CHECK_THROWS_WITH(pair.step(), "no connection");
    CHECK(pair.optimizer.trained()[0].steps == 2);
    CHECK(pair.optimizer.trained()[0].state[0].is(remembered));
}

TEST_CASE("sharing: a step that is not that of the others is refused before anything changes") {
    Pair pair;
    pair.optimizer.share(std::make_unique<Neighbour>(true));
    pair.step();
    const Tensor weight = clone(pair.model.weight.detach()), remembered = clone(pair.optimizer.trained()[0].state[0]);
    pair.model.bias.zero_grad();
    CHECK_THROWS_WITH(pair.optimizer.step(), "other parameters");
    check_close(pair.model.weight.detach(), weight, 0);
    check_close(pair.optimizer.trained()[0].state[0], remembered, 0);
    CHECK(pair.optimizer.trained()[0].steps == 1);
    CHECK(pair.optimizer.step_count() == 1);
}

TEST_CASE("sharing: a checkpoint is not saved by a process that has a part of the state, and an old one stays") {
    Pair pair;
    pair.optimizer.share(std::make_unique<Neighbour>(false));
    Checkpoint checkpoint;
    checkpoint.add("optimizer", pair.optimizer);
    checkpoint.save(scratch("shared.safetensors"));  // before the first step there is no state
    const std::string before = read_file(scratch("shared.safetensors"));
    pair.step();
    CHECK_THROWS_AS(checkpoint.save(scratch("shared.safetensors")), StateError);
    CHECK((read_file(scratch("shared.safetensors")) == before));
    checkpoint.collect();
}
