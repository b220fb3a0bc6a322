// Optimizers whose state is spread over the processes.
#include <distributed/processes.hpp>

#include <support/scratch.hpp>

#include <tapehead/io/checkpoint.hpp>

using namespace testing;

namespace {

/// A loss that gives every weight a gradient, another one each step.
Tensor loss_of(Sequential& model, std::uint64_t step) { return mean(square(model(numbers({6, 4}, step)) - 1)); }

Sequential make_model() { return Sequential(Linear(4, 8), Tanh(), Linear(8, 2), Tanh(), Linear(2, 2)); }

template <class O>
void take_steps(Sequential& model, O& optimizer, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t step = begin; step < end; ++step) {
        optimizer.zero_grad();
        loss_of(model, step).backward();
        optimizer.step();
    }
}

/// The state of a spread optimizer is that of a whole one on the first process, and on the others what they keep of it.
void compare_states(const OptimizerState& expected, const Optimizer& spread) {
    const OptimizerState actual = spread.state_dict(), view = spread.state_view();
    CHECK(expected.step_count == actual.step_count);
    REQUIRE(expected.groups.size() == actual.groups.size());
    std::size_t number = 0;
    for (std::size_t g = 0; g < expected.groups.size(); ++g) {
        for (std::size_t p = 0; p < expected.groups[g].parameters.size(); ++p) {
            const auto &from = expected.groups[g].parameters[p], &to = actual.groups[g].parameters[p];
            const Trained& trained = spread.trained()[number];
            const bool is_own = spread.is_own(number++);
            CHECK(from.steps == to.steps);
            REQUIRE(from.tensors.size() == to.tensors.size());
            for (std::size_t i = 0; i < from.tensors.size(); ++i) {
                CHECK(from.tensors[i].name == to.tensors[i].name);
                const Tensor& copy = to.tensors[i].tensor;
                const bool is_here = processes().is_first() || is_own;
                REQUIRE(copy.defined() == is_here);
                if (is_here) CHECK(std::ranges::equal(from.tensors[i].tensor.values(), copy.values()));
                if (is_own) {
                    CHECK_FALSE(copy.is(trained.state[i]));
                    CHECK(view.groups[g].parameters[p].tensors[i].tensor.is(trained.state[i]));
                }
            }
        }
    }
}

/// A model trained with an optimizer whose state is spread, one trained without, and both states.
template <class O>
void compare() {
    manual_seed(5);
    Sequential whole = make_model(), spread = make_model();
    spread.load_state_dict(whole.state_dict());
    O one(whole.named_parameters()), many(spread.named_parameters());
    INFO(one.kind());
    mpi::shard(processes(), many);
    take_steps(whole, one, 0, 8);
    take_steps(spread, many, 0, 8);
    const NamedTensors expected = whole.state_dict(), actual = spread.state_dict();
    for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(std::ranges::equal(actual[i].tensor.values(), expected[i].tensor.values()));

    compare_states(one.state_dict(), many);
    compare_states(one.state_view(), many);
}

}  // namespace

TEST_CASE("groups keep their hyperparameters, and a parameter without a gradient is left alone, when spread") {
    manual_seed(5);
    Sequential whole = make_model(), spread = make_model();
    spread.load_state_dict(whole.state_dict());
    const auto groups = [](Sequential& model) {
        const auto [matrices, others] =
            split_parameters(model.named_parameters(), [](const NamedTensor& p) { return p.tensor.dim() == 2; });
        return std::vector<AdamW::Group>{{matrices, {.lr = 0.1}}, {others, {.lr = 0.01, .weight_decay = 0}}};
    };
    AdamW one(groups(whole)), many(groups(spread));
    mpi::shard(processes(), many);
    CHECK_THROWS_AS(mpi::shard(processes(), many), StateError);
    for (std::uint64_t step = 0; step < 5; ++step) {
        for (auto& [model, optimizer] : {std::pair<Sequential*, AdamW*>{&whole, &one}, {&spread, &many}}) {
            optimizer->zero_grad();
            loss_of(*model, step).backward();
            if (step % 2) model->named_parameters()[2].tensor.zero_grad();
            optimizer->step();
        }
    }
    const NamedTensors expected = whole.state_dict(), actual = spread.state_dict();
    for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(std::ranges::equal(actual[i].tensor.values(), expected[i].tensor.values()));
    compare_states(one.state_dict(), many);
}

TEST_CASE("a step with gradients of other parameters on one process is refused by all and changes nothing") {
    if (processes().size() == 1) return;
    manual_seed(5);
    Sequential model = make_model();
    AdamW optimizer(model.named_parameters());
    mpi::shard(processes(), optimizer);
    take_steps(model, optimizer, 0, 1);
    NamedTensors copies;
    for (const auto& [name, tensor] : model.state_dict()) copies.push_back({name, clone(tensor.detach())});
    loss_of(model, 1).backward();
    if (processes().rank() == 1) model.named_parameters()[2].tensor.zero_grad();
    CHECK_THROWS_WITH(optimizer.step(), Catch::Contains("expected gradients of the same parameters on all processes"));
    CHECK(optimizer.step_count() == 1);
    const NamedTensors after = model.state_dict();
    for (std::size_t i = 0; i < copies.size(); ++i) check_close(after[i].tensor.detach(), copies[i].tensor, 0);
    take_steps(model, optimizer, 1, 2);
    CHECK(optimizer.step_count() == 2);
}

TEST_CASE("steps with gradients of any other parameters are told apart") {
    if (processes().size() == 1) return;
    Parameters parameters;
    for (int i = 0; i < 40; ++i) parameters.push_back({std::to_string(i), leaf(zeros({1}))});
    SGD optimizer(parameters);
    mpi::shard(processes(), optimizer);
    using Numbers = std::vector<std::size_t>;
    for (const auto& [first, others] : {std::pair<Numbers, Numbers>{{0, 5}, {36}}, {{0, 39}, {1, 8}}, {{0}, {}}, {{0}, {1}}}) {
        optimizer.zero_grad();
        for (const std::size_t p : processes().is_first() ? first : others) parameters[p].tensor.set_grad(ones({1}));
        CHECK_THROWS_AS(optimizer.step(), mpi::CommunicationError);
    }
}

TEST_CASE("optimizers that are not the same on all processes are not spread, and all say so") {
    if (processes().size() == 1) return;
    Sequential model = make_model();
    Parameters parameters = model.named_parameters();
    if (processes().rank() == 1) std::swap(parameters[0], parameters[1]);
    AdamW optimizer(parameters);
    CHECK_THROWS_WITH(
        mpi::shard(processes(), optimizer),
        "shard: expected one optimizer on all processes, got 0.weight [8, 4] in group 0 on process 0 and 0.bias [8] in "
        "group 0 on process 1");
}

TEST_CASE("a spread optimizer gives the bits of a whole one, and the same state") {
    compare<Adam>();
    compare<AdamW>();
    compare<Lion>();
    compare<RMSprop>();
    compare<Adagrad>();
    compare<SGD>();
}

TEST_CASE("a spread optimizer takes over its own state again, on each process what it keeps") {
    manual_seed(5);
    Sequential model = make_model(), other = make_model();
    AdamW optimizer(model.named_parameters()), again(other.named_parameters()), alone(other.named_parameters());
    mpi::shard(processes(), optimizer);
    mpi::shard(processes(), again);
    take_steps(model, optimizer, 0, 3);
    const OptimizerState state = optimizer.state_dict();
    again.load_state_dict(state);
    compare_states(again.state_dict(), optimizer);
    if (!processes().is_first()) CHECK_THROWS_WITH(alone.load_state_dict(state), Catch::Contains("lacks 'exp_avg'"));
    else alone.load_state_dict(state);
}

TEST_CASE("each process remembers its part alone") {
    Sequential model = make_model();
    AdamW optimizer(model.named_parameters());
    mpi::shard(processes(), optimizer);
    take_steps(model, optimizer, 0, 1);
    Real own = 0;
    for (const Trained& trained : optimizer.trained())
        for (const Tensor& tensor : trained.state) own += static_cast<Real>(tensor.numel());
    CHECK(processes().all_reduce(own) == 2 * model.num_parameters());
    const Real most = processes().all_reduce_max(own);
    CHECK(most >= 2.0 * static_cast<Real>(model.num_parameters()) / processes().size());
    CHECK(most <= std::max(2.0 * static_cast<Real>(model.num_parameters()) / processes().size() + 2 * 16, 2.0 * 32));
}

TEST_CASE("parts are spread evenly, the largest first") {
    CHECK(mpi::partition({1, 5, 3, 3}, 2) == std::vector{0, 0, 1, 1});
    CHECK(mpi::partition({4, 4, 4}, 5) == std::vector{0, 1, 2});
    CHECK(mpi::partition({}, 3).empty());
    CHECK(mpi::partition({2, 7}, 1) == std::vector{0, 0});
}

TEST_CASE("a checkpoint of a spread optimizer is that of a whole one, and goes on spread or not") {
    const std::string path = processes().broadcast(scratch("spread.safetensors"));
    manual_seed(6);
    Sequential model = make_model(), again = make_model(), alone = make_model();
    AdamW optimizer(model.named_parameters()), resumed(again.named_parameters()), whole(alone.named_parameters());
    mpi::shard(processes(), optimizer);
    Checkpoint checkpoint, checkpoint_of_resumed, checkpoint_of_whole;
    checkpoint.add("model", model);
    checkpoint.add("optimizer", optimizer);
    checkpoint_of_resumed.add("model", again);
    checkpoint_of_resumed.add("optimizer", resumed);
    checkpoint_of_whole.add("model", alone);
    checkpoint_of_whole.add("optimizer", whole);

    take_steps(model, optimizer, 0, 3);
    if (processes().is_first()) checkpoint.save(path);
    else checkpoint.collect();
    processes().barrier();
    mpi::shard(processes(), resumed);
    checkpoint_of_resumed.load(path);
    checkpoint_of_whole.load(path);
    take_steps(model, optimizer, 3, 6);
    take_steps(again, resumed, 3, 6);
    take_steps(alone, whole, 3, 6);
    const NamedTensors expected = model.state_dict(), actual = again.state_dict(), unspread = alone.state_dict();
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(std::ranges::equal(actual[i].tensor.values(), expected[i].tensor.values()));
        CHECK(std::ranges::equal(unspread[i].tensor.values(), expected[i].tensor.values()));
    }
}
