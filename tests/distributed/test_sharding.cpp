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

    const OptimizerState a = one.state_dict(), b = many.state_dict();
    CHECK(a.step_count == b.step_count);
    for (std::size_t p = 0; p < a.groups[0].parameters.size(); ++p) {
        const auto &from = a.groups[0].parameters[p], &to = b.groups[0].parameters[p];
        CHECK(from.steps == to.steps);
        REQUIRE(from.tensors.size() == to.tensors.size());
        for (std::size_t i = 0; i < from.tensors.size(); ++i) {
            CHECK(from.tensors[i].name == to.tensors[i].name);
            CHECK(std::ranges::equal(from.tensors[i].tensor.values(), to.tensors[i].tensor.values()));
        }
    }
}

}  // namespace

TEST_CASE("a spread optimizer gives the bits of a whole one, and the same state") {
    compare<Adam>();
    compare<AdamW>();
    compare<Lion>();
    compare<RMSprop>();
    compare<Adagrad>();
    compare<SGD>();
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
