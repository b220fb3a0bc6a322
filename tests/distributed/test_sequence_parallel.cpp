// Attention over spread sequences against the same layer on one process.
#include <distributed/processes.hpp>

using namespace testing;

namespace {

constexpr Index heads = 12;  // that 1 to 4 processes divide
Index length() { return 6 * processes().size(); }

/// The positions of this process.
Tensor piece(const Tensor& x, Index axis = 1) {
    return split(x, x.size(axis) / processes().size(), axis)[static_cast<std::size_t>(processes().rank())];
}

/// Output and gradients of one layer, spread and not.
void compare(const MultiHeadAttentionOptions& options, const AttentionMask& mask) {
    manual_seed(8);
    MultiHeadAttention layer(24, heads, options);
    const Tensor whole = leaf(numbers({2, length(), 24}, 3)), weights = numbers({2, length(), 24}, 4);
    const Tensor expected = layer(whole, mask);
    sum(expected * weights).backward();
    NamedTensors gradients;
    for (const auto& [name, parameter] : layer.named_parameters()) gradients.push_back({name, clone(parameter.grad())});
    layer.zero_grad();

    const mpi::SequenceParallelAttention spread(processes(), layer);
    const Tensor x = leaf(piece(whole.detach()));
    const Tensor y = spread(x, mask);
    check_close(y, piece(expected.detach()));
    sum(y * piece(weights)).backward();
    check_close(x.grad(), piece(whole.grad()));
    const no_grad off;
    for (const auto& [name, expected_gradient] : gradients) {
        INFO(name);
        for (const auto& [own_name, parameter] : layer.named_parameters()) {
            if (own_name != name) continue;
            Tensor gradient = clone(parameter.grad());
            processes().all_reduce(gradient);
            check_close(gradient, expected_gradient);
        }
    }
}

}  // namespace

TEST_CASE("spread attention is that of one process, and so are its gradients") {
    compare({}, {});
    compare({}, AttentionMask::causal());
    compare({.softcap = 2}, AttentionMask::window(3, 1));
    compare({.rotary = RotaryOptions{}}, AttentionMask::causal());
    compare({.bias = false, .scale = 0.3}, AttentionMask::lengths({length(), length() - 4}));
    if (heads / 2 % processes().size() == 0) compare({.num_kv_heads = heads / 2}, AttentionMask::causal());
}

TEST_CASE("what nobody may attend to is not projected: a NaN there reaches no gradient of keys and values") {
    manual_seed(8);
    MultiHeadAttention layer(24, heads);
    BoolArray allowed = make_array<bool>({length(), length()});
    for (Index i = 0; i < length(); ++i)
        for (Index j = 0; j < length(); ++j) allowed(i, j) = i < length() - 2 && j < length() - 2;
    const AttentionMask mask = AttentionMask::allow(allowed);
    Tensor whole = numbers({2, length(), 24}, 3);
    const auto gradients = [&](const Tensor& y) {
        layer.zero_grad();
        sum(square(y)).backward();
        NamedTensors found;
        for (const auto& [name, parameter] : layer.named_parameters())
            if (name.starts_with("k_proj") || name.starts_with("v_proj")) found.push_back({name, clone(parameter.grad())});
        return found;
    };
    const NamedTensors expected = gradients(layer(whole, mask));
    for (Index b = 0; b < 2; ++b)
        for (Index i = 0; i < 24; ++i) whole.mutable_data()[(b * length() + length() - 1) * 24 + i] = NAN;
    const mpi::SequenceParallelAttention spread(processes(), layer);
    NamedTensors actual = gradients(spread(piece(whole), mask));
    for (std::size_t i = 0; i < expected.size(); ++i) {
        INFO(expected[i].name);
        processes().all_reduce(actual[i].tensor);
        check_close(actual[i].tensor, expected[i].tensor);
    }
}

namespace {

struct Attending : Module {
    MultiHeadAttention attention{24, heads};
    Linear output{24, 3};
    void visit(Visitor& v) override {
        v("attention", attention);
        v("output", output);
    }
};

}  // namespace

TEST_CASE("groups of processes that share sequences train in parallel too") {
    const Index n = processes().size(), width = n % 2 == 0 ? 2 : n, time = 6 * width;  // two groups of two, or one of all
    const mpi::Communicator group = processes().split(static_cast<int>(processes().rank() / width));
    manual_seed(8);
    Attending alone, together;
    together.load_state_dict(alone.state_dict());
    mpi::DataParallel parallel(processes(), together, {.bucket_bytes = 2000});
    const mpi::SequenceParallelAttention attention(group, together.attention);
    const Tensor batch = numbers({2 * n / width, time, 24}, 6);
    const Tensor loss = mean(square(alone.output(alone.attention(batch, AttentionMask::causal())) - 1));
    loss.backward();

    const Tensor sequences = slice(batch, 0, processes().rank() / width * 2, processes().rank() / width * 2 + 2);
    const Tensor own = slice(sequences, 1, group.rank() * 6, group.rank() * 6 + 6);
    const Tensor y = together.output(attention(own, AttentionMask::causal()));
    CHECK_THAT(parallel.backward(mean(square(y - 1)), static_cast<Real>(y.numel())), is_close(loss.item()));
    const NamedTensors expected = alone.named_parameters(), actual = together.named_parameters();
    for (std::size_t i = 0; i < expected.size(); ++i) {
        INFO(expected[i].name);
        check_close(actual[i].tensor.grad(), expected[i].tensor.grad());
    }
}

TEST_CASE("all_to_all moves parts, and its gradient moves them back, to every order") {
    const Index n = processes().size();
    const Tensor whole = numbers({2, 3 * n, 2 * n}, 5);  // each process has columns, and then rows
    const Tensor x = leaf(piece(whole, 2));
    const Tensor y = mpi::all_to_all(processes(), x, 1, 2);
    check_close(y, piece(whole, 1));
    const Tensor g = grad(sum(y * y * y), {x}, {.create_graph = true})[0];
    check_close(g, 3 * square(x));
    check_close(grad(sum(g), {x})[0], 6 * x);
    check_close(mpi::all_to_all(processes(), mpi::all_to_all(processes(), x, -2, -1), -1, -2), x);
}

TEST_CASE("spread attention says what it cannot do") {
    const Index n = processes().size();
    const Tensor x = zeros({2, 3 * n, 2});
    CHECK_THROWS_AS(mpi::all_to_all(processes(), x, 3, 0), IndexError);
    CHECK_THROWS_AS(mpi::all_to_all(processes(), x, 1, -2), ValueError);
    if (n > 1) {
        CHECK_THROWS_WITH(mpi::all_to_all(processes(), zeros({n + 1, 2}), 0, 1),
                          Catch::Contains("processes divide, got " + std::to_string(n + 1)));
        CHECK_THROWS_AS(mpi::all_to_all(processes(), zeros({n, 2 + processes().rank() % 2}), 0, 1), ShapeError);
        CHECK_THROWS_AS(mpi::SequenceParallelAttention(processes(), MultiHeadAttention(n + 1, n + 1)), ValueError);
    }
    CHECK_THROWS_WITH(mpi::SequenceParallelAttention(processes(), MultiHeadAttention(24, heads, {.alibi = true})),
                      Catch::Contains("without ALiBi"));
    const mpi::SequenceParallelAttention spread(processes(), MultiHeadAttention(24, heads));
    CHECK_THROWS_WITH(spread(zeros({2, 3, 24}), AttentionMask::alibi()), Catch::Contains("a mask without ALiBi"));
    CHECK_THROWS_AS(spread(zeros({2, 3, 23})), ShapeError);
}
