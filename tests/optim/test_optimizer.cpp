// What all optimizers share: groups, learning rates, skipping, state, errors, memory.
#include <support/testing.hpp>

#include <limits>
#include <memory>

#include <tapehead/optim/optim.hpp>

using namespace testing;
using Catch::Contains;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

void step_with(Optimizer& optimizer, Tensor p, double gradient) {
    p.set_grad(full(p.shape(), gradient));
    optimizer.step();
}

/// Trains with each gradient, moving to a new optimizer and parameter by the state after each step.
template <class O, class Options>
void check_reload(const Options& options, const std::vector<double>& gradients, double expected) {
    Tensor p = leaf(Tensor{1});
    auto optimizer = std::make_unique<O>(Parameters{p}, options);
    for (const double gradient : gradients) {
        step_with(*optimizer, p, gradient);
        const OptimizerState state = optimizer->state_dict();
        p = leaf(clone(p.detach()));
        optimizer = std::make_unique<O>(Parameters{p});  // options come with the state
        optimizer->load_state_dict(state);
    }
    CHECK_THAT(p.item(), Catch::WithinRel(expected, is_f64 ? 1e-6 : 1e-5));
    CHECK(optimizer->step_count() == Index(gradients.size()));
}

/// Whether freed memory is handed out again; under AddressSanitizer it is not.
bool memory_is_cached() {
    for (int i = 0; i < 2; ++i) zeros({1000});
    const auto before = memory_statistics().system_requests;
    zeros({1000});
    return memory_statistics().system_requests == before;
}

template <class O>
void check_asks_system_for_nothing() {
    Generator generator(1);
    const Tensor w1 = leaf(randn({32, 64}, generator)), w2 = leaf(randn({64, 8}, generator)), x = randn({16, 32}, generator);
    const Index tensors_before = live_tensors();
    Index tensors_after_first = 0;
    O optimizer({w1, w2});
    INFO(optimizer.kind());
    std::size_t requests = 0;
    for (int step = 1; step <= 10; ++step) {
        optimizer.zero_grad();
        mean(square(matmul(tanh(matmul(x, w1)), w2))).backward();
        clip_grad_norm({w1, w2}, 1);
        optimizer.step();
        optimizer.zero_grad();
        if (step == 1) tensors_after_first = live_tensors();
        CHECK(live_tensors() == tensors_after_first);
        if (step == 2) requests = memory_statistics().system_requests;
        if (step > 2) CHECK(memory_statistics().system_requests == requests);
    }
    CHECK(tensors_after_first <= tensors_before + 4);  // what is remembered
}

}  // namespace

TEST_CASE("O6: an optimizer that is reloaded goes on as if it had not been") {
    check_reload<Adam>(AdamRule{.lr = 0.1}, {0.5, 0.5, -0.25}, 0.748435);
    check_reload<AdamW>(AdamWRule{.lr = 0.1, .weight_decay = 0.1}, {0.5, 0.5, -0.25}, 0.721724);
    check_reload<SGD>(SgdRule{.lr = 0.1, .momentum = 0.9, .dampening = 0.5}, {1, 1, 1}, 0.584);
    check_reload<SGD>(SgdRule{.lr = 0.1, .momentum = 0.9, .nesterov = true}, {1, 1, 1}, 0.1951);
    check_reload<Adagrad>(AdagradRule{.lr = 0.1, .lr_decay = 0.1, .weight_decay = 0.1, .initial_accumulator_value = 0.2},
                          {0.5, 0.5, -0.25}, 0.8775077548);
    check_reload<RMSprop>(RMSpropRule{.lr = 0.1, .alpha = 0.9, .momentum = 0.9, .weight_decay = 0.1, .centered = true},
                          {0.5, 0.5, -0.25}, -0.2754030434);
}

TEST_CASE("O6: a state saved before any step loads and trains") {
    const Tensor p = leaf(Tensor{1}), q = leaf(Tensor{1});
    Adam fresh({p}, {.lr = 0.1}), other({q});
    step_with(other, q, 3);
    other.load_state_dict(fresh.state_dict());
    CHECK(other.step_count() == 0);
    const Real before = q.item();
    step_with(other, q, 0.5);
    CHECK_THAT(before - q.item(), is_close(0.1, is_f64 ? 1e-7 : 1e-5));  // Adam's first step is lr
}

TEST_CASE("O6: state belongs to names, not to places") {
    const Tensor a = leaf(Tensor{1}), b = leaf(Tensor{1});
    SGD first(NamedTensors{{"a", a}, {"b", b}}, {.lr = 0.1, .momentum = 0.9});
    Tensor(a).set_grad(Tensor{1});
    Tensor(b).set_grad(Tensor{-1});
    first.step();
    SGD second(NamedTensors{{"b", b}, {"a", a}}, {.lr = 0.1, .momentum = 0.9});
    second.load_state_dict(first.state_dict());
    Tensor(a).set_grad(Tensor{0});
    Tensor(b).set_grad(Tensor{0});
    second.step();
    CHECK_THAT(a.item(), is_close(1 - 0.1 - 0.09));
    CHECK_THAT(b.item(), is_close(1 + 0.1 + 0.09));
}

TEST_CASE("A state is a copy, and stays as it is while training goes on") {
    const Tensor p = leaf(Tensor{1});
    SGD optimizer({p}, {.lr = 0.1, .momentum = 0.9});
    step_with(optimizer, p, 1);
    const OptimizerState state = optimizer.state_dict();
    step_with(optimizer, p, 5);
    CHECK(state.groups[0].parameters[0].tensors[0].tensor.item() == 1);
    CHECK(state.step_count == 1);
    optimizer.load_state_dict(state);
    step_with(optimizer, p, 5);
    CHECK(state.groups[0].parameters[0].tensors[0].tensor.item() == 1);
}

TEST_CASE("A state of another optimizer is refused with a list of what differs, and nothing changes") {
    const Tensor p = leaf(Tensor{1, 2}), q = leaf(Tensor{3});
    Adam optimizer(NamedTensors{{"p", p}, {"q", q}}, {.lr = 0.1});
    step_with(optimizer, p, 1);
    const OptimizerState good = optimizer.state_dict();
    const auto check_refused = [&](const OptimizerState& state, const std::vector<std::string>& words) {
        try {
            optimizer.load_state_dict(state);
            FAIL("loaded");
        } catch (const StateError& error) {
            for (const std::string& word : words) CHECK_THAT(error.what(), Contains(word));
        }
    };
    OptimizerState state = good;
    state.kind = "SGD";
    check_refused(state, {"Adam", "SGD"});
    state = good;
    state.groups.push_back({});
    check_refused(state, {"1", "2", "groups"});
    state = good;
    state.groups[0].hyperparameters[0].name = "rate";
    check_refused(state, {"rate", "beta1"});
    state = good;
    state.groups[0].parameters[0].name = "other";
    state.groups[0].parameters[1].shape = {4};
    check_refused(state, {"'p' is missing", "'other' in group 0 is unexpected", "'q' has shape [4] instead of [1]"});
    state = good;
    state.groups[0].parameters[0].tensors.pop_back();
    check_refused(state, {"'p' has 1 state tensors instead of 2"});
    state = good;
    state.groups[0].parameters[0].tensors[1].name = "square";
    check_refused(state, {"'square' instead of 'exp_avg_sq'"});
    state = good;
    state.groups[0].parameters[0].tensors[1].tensor = zeros({3});
    check_refused(state, {"exp_avg_sq", "[3]"});
    state = good;
    state.groups[0].parameters[0].steps = -1;
    check_refused(state, {"-1 steps"});
    state = good;
    state.lr = not_a_number;
    check_refused(state, {"nan"});

    state = good;
    state.groups[0].hyperparameters[1].value = 1.5;  // beta1
    CHECK_THROWS_WITH(optimizer.load_state_dict(state), Contains("beta1"));

    CHECK(optimizer.lr() == 0.1);
    CHECK(optimizer.step_count() == 1);
    CHECK(optimizer.options().betas[0] == 0.9);
    check_close(optimizer.state_dict().groups[0].parameters[0].tensors[0].tensor, Tensor{0.1, 0.1});
}

TEST_CASE("The learning rate in use and the groups' own are both restored") {
    const Tensor p = leaf(Tensor{1}), q = leaf(Tensor{1});
    const std::vector<SGD::Group> groups = {{NamedTensors{{"p", p}}, {.lr = 0.1}}, {NamedTensors{{"q", q}}, {.lr = 0.01}}};
    SGD optimizer(groups);
    optimizer.set_lr(0.05);
    SGD other({{NamedTensors{{"p", p}}, {}}, {NamedTensors{{"q", q}}, {}}});
    CHECK(other.lr(1) == 1e-3);
    other.load_state_dict(optimizer.state_dict());
    CHECK(other.lr() == 0.05);
    CHECK_THAT(other.lr(1), is_close(0.005, 1e-12));
}

TEST_CASE("Groups have hyperparameters of their own and keep the proportions of their rates") {
    const Tensor p = leaf(Tensor{1}), q = leaf(Tensor{1});
    SGD optimizer({{NamedTensors{{"p", p}}, {.lr = 0.1}}, {NamedTensors{{"q", q}}, {.lr = 0.02, .weight_decay = 0.5}}});
    CHECK(optimizer.lr() == 0.1);
    CHECK(optimizer.lr(1) == 0.02);
    Tensor(p).set_grad(Tensor{1});
    Tensor(q).set_grad(Tensor{1});
    optimizer.step();
    CHECK_THAT(p.item(), is_close(0.9));
    CHECK_THAT(q.item(), is_close(1 - 0.02 * 1.5));
    optimizer.set_lr(0.05);
    CHECK(optimizer.lr() == 0.05);
    CHECK_THAT(optimizer.lr(1), is_close(0.01, 1e-12));
    optimizer.set_lr(0);
    optimizer.set_lr(0.1);
    CHECK(optimizer.lr(1) == 0.02);
    CHECK_THROWS_AS(optimizer.lr(2), IndexError);
    CHECK_THROWS_AS(optimizer.lr(-1), IndexError);
    CHECK_THROWS_AS(optimizer.set_lr(-1), ValueError);
    CHECK_THROWS_AS(optimizer.set_lr(not_a_number), ValueError);
    CHECK_THROWS_AS(optimizer.set_lr(inf), ValueError);
    CHECK(optimizer.lr() == 0.1);
}

TEST_CASE("Parameters can be given by braces, as a list, with names and in groups") {
    const Tensor p = leaf(Tensor{1}), q = leaf(Tensor{1});
    const std::vector<Tensor> list = {p, q};
    const NamedTensors named = {{"p", p}, {"q", q}};
    Adam braces({p, q}, {.lr = 1e-3, .betas = {0.9, 0.98}, .eps = 1e-9});
    Adam by_list(list, {.lr = 1e-3, .betas = {0.9, 0.98}, .eps = 1e-9});
    AdamW by_name(named);
    AdamW one_group({{named, {.weight_decay = 0.1}}});
    CHECK(braces.state_dict().groups[0].parameters[1].name == "1");
    CHECK(by_list.options().betas[1] == 0.98);
    CHECK(by_name.state_dict().groups[0].parameters[1].name == "q");
    CHECK(one_group.options().weight_decay == 0.1);

    const auto [chosen, rest] = split_parameters(named, [](const NamedTensor& parameter) { return parameter.name == "q"; });
    REQUIRE(chosen.size() == 1);
    REQUIRE(rest.size() == 1);
    CHECK(chosen[0].tensor.is(q));
    CHECK(rest[0].name == "p");
    AdamW two_groups({{chosen, {.weight_decay = 0.1}}, {rest, {.weight_decay = 0}}});
    CHECK(two_groups.options(1).weight_decay == 0);
}

TEST_CASE("A parameter without gradient is left alone, and its bias correction counts its own steps") {
    const Tensor p = leaf(Tensor{1}), q = leaf(Tensor{1});
    AdamW optimizer({p, q}, {.lr = 0.1, .weight_decay = 0.1});
    step_with(optimizer, p, 1);
    CHECK(q.item() == 1);
    CHECK(optimizer.state_dict().groups[0].parameters[1].steps == 0);
    optimizer.zero_grad();
    CHECK_FALSE(p.grad());
    step_with(optimizer, q, 1);
    CHECK_THAT(q.item(), is_close(0.89, is_f64 ? 1e-7 : 1e-5));
    CHECK(optimizer.step_count() == 2);
    CHECK(optimizer.state_dict().groups[0].parameters[0].steps == 1);
}

TEST_CASE("A backward pass after a step through values that the step changed is an error") {
    const Tensor w = leaf(Tensor{2, 3});
    SGD optimizer({w}, {.lr = 0.1});
    const Tensor loss = sum(w * w);
    step_with(optimizer, w, 1);
    CHECK_THROWS_AS(loss.backward(), GradError);
}

TEST_CASE("A step records nothing and leaves the parameter a leaf") {
    Tensor w = leaf(Tensor{{2, 3}, {1, 1}});
    Muon optimizer({w});
    sum(square(w)).backward();
    optimizer.step();
    CHECK(w.is_leaf());
    CHECK(w.requires_grad());
    CHECK(w.node()->operation.name == std::string("leaf"));
}

TEST_CASE("Hyperparameters out of range are refused at construction, by name") {
    const Tensor p = leaf(zeros({2, 2}));
    const std::vector<Tensor> ps = {p};
    CHECK_THROWS_WITH(SGD(ps, {.lr = -1}), Contains("SGD: expected lr in [0, inf), got -1"));
    CHECK_THROWS_AS(SGD(ps, {.lr = not_a_number}), ValueError);
    CHECK_THROWS_AS(SGD(ps, {.lr = inf}), ValueError);
    CHECK_THROWS_WITH(SGD(ps, {.momentum = -0.1}), Contains("momentum"));
    CHECK_THROWS_WITH(SGD(ps, {.weight_decay = -0.1}), Contains("weight_decay"));
    CHECK_THROWS_WITH(SGD(ps, {.nesterov = true}), Contains("nesterov"));
    CHECK_THROWS_WITH(SGD(ps, {.momentum = 0.9, .dampening = 0.1, .nesterov = true}), Contains("nesterov"));
    CHECK_THROWS_WITH(Adam(ps, {.betas = {1, 0.999}}), Contains("beta1"));
    CHECK_THROWS_WITH(Adam(ps, {.betas = {0.9, -0.1}}), Contains("beta2"));
    CHECK_THROWS_WITH(Adam(ps, {.eps = -1}), Contains("eps"));
    CHECK_THROWS_WITH(AdamW(ps, {.weight_decay = -1}), Contains("AdamW: expected weight_decay"));
    CHECK_THROWS_WITH(RMSprop(ps, {.alpha = 1}), Contains("alpha"));
    CHECK_THROWS_WITH(Adagrad(ps, {.lr_decay = -1}), Contains("lr_decay"));
    CHECK_THROWS_WITH(Adagrad(ps, {.initial_accumulator_value = -1}), Contains("initial_accumulator_value"));
    CHECK_THROWS_WITH(Lion(ps, {.betas = {0.9, 1}}), Contains("beta2"));
    CHECK_THROWS_WITH(Muon(ps, {.steps = 0}), Contains("steps"));
    CHECK_THROWS_WITH(SGD({{NamedTensors{{"p", p}}, {.lr = 0}}, {NamedTensors{{"q", leaf(Tensor{1})}}, {.lr = 1}}}),
                      Contains("several groups"));
}

TEST_CASE("What cannot be trained is refused at construction") {
    const Tensor p = leaf(Tensor{1});
    CHECK_THROWS_AS(SGD(std::vector<Tensor>{}), ValueError);
    CHECK_THROWS_AS(SGD(std::vector<SGD::Group>{}), ValueError);
    CHECK_THROWS_AS(SGD(std::vector<Tensor>{Tensor()}), ValueError);
    CHECK_THROWS_WITH(SGD({p, Tensor{1}}), Contains("'1', which requires none"));
    CHECK_THROWS_AS(SGD({p, Tensor{1}}), GradError);
    CHECK_THROWS_WITH(SGD({p * 2}), Contains("result of an operation"));
    CHECK_THROWS_WITH(SGD({p, p}), Contains("each tensor once"));
    CHECK_THROWS_WITH(SGD(NamedTensors{{"p", p}, {"p", leaf(Tensor{1})}}), Contains("'p' twice"));
    CHECK_THROWS_WITH(SGD({{NamedTensors{{"p", p}}, {}}, {NamedTensors{{"p", leaf(Tensor{1})}}, {}}}), Contains("'p' twice"));
    CHECK_THROWS_WITH(Muon({p}), Contains("give it to AdamW"));
    CHECK_THROWS_AS(Muon({p}), ValueError);
}

TEST_CASE("Training asks the system for no memory after its second step") {
    if (!memory_is_cached()) return;
    check_asks_system_for_nothing<SGD>();
    check_asks_system_for_nothing<RMSprop>();
    check_asks_system_for_nothing<Adagrad>();
    check_asks_system_for_nothing<Adam>();
    check_asks_system_for_nothing<AdamW>();
    check_asks_system_for_nothing<Lion>();
    check_asks_system_for_nothing<Muon>();
}
