// Observers: what they are told of operations, scopes, sweeps, updates and attention, and that they leave no trace.
#include <support/testing.hpp>

#include <thread>

using namespace testing;

namespace {

/// Writes down all it is told.
struct Diary : Observer {
    struct Line {
        std::string name;
        std::vector<bool> kept;
        bool keeps_result, in_sweep, recorded;
    };
    std::vector<Line> records;
    std::vector<std::string> scopes, pulls, updates;
    std::vector<Tensor> dy;
    std::vector<std::vector<Tensor>> dx;
    int attention = 0;

    void on_record(const RecordEvent& e) override {
        records.push_back(
            {e.operation.name, {e.kept.begin(), e.kept.end()}, e.keeps_result, e.in_sweep, e.result.requires_grad()});
    }
    void on_enter(const ScopeEvent& e) override {
        scopes.push_back("+" + (e.object ? type_name(*e.type) : std::string(e.name)) + std::to_string(e.depth));
    }
    void on_leave(const ScopeEvent& e) noexcept override { scopes.push_back("-" + std::to_string(e.depth)); }
    void on_pull(const PullEvent& e) override {
        pulls.emplace_back(e.node.operation.name);
        dy.push_back(e.dy);
        dx.emplace_back(e.dx.begin(), e.dx.end());
    }
    void before_update(const UpdateEvent& e) override { updates.push_back("before " + std::string(e.name)); }
    void after_update(const UpdateEvent& e) override {
        updates.push_back("after " + std::string(e.name) + " " + std::string(e.optimizer));
    }
    void on_attention(const AttentionCall&) override { ++attention; }
};

/// Whether a place is in a file of that name.
bool is_in(const Place& place, const std::string& file) { return std::string(place.file).find(file) != std::string::npos; }

}  // namespace

TEST_CASE("observer: is told of every operation, and of none before or after its life") {
    const Tensor a = leaf({1, 2}), b = leaf({3, 4});
    const Tensor before = a * b;
    std::vector<Diary::Line> records;
    {
        Diary diary;
        const Tensor y = sum(exp(a * b + 1));
        records = diary.records;
    }
    const Tensor after = a * b;
    std::vector<std::string> names;
    for (const auto& line : records) names.push_back(line.name);
    CHECK(names == std::vector<std::string>{"mul", "affine", "exp", "sum"});
    CHECK(records[0].recorded);
    CHECK_FALSE(records[0].in_sweep);
}

TEST_CASE("observer: is told which values the rules keep") {
    const Tensor a = leaf({1, 2}), b = leaf({3, 4}), constant{5, 6};
    Diary diary;
    const Tensor product = a * b, half = a * constant, sum_of = a + b, e = exp(a);
    REQUIRE(diary.records.size() == 4);
    CHECK(diary.records[0].kept == std::vector<bool>{true, true});
    CHECK(diary.records[1].kept == std::vector<bool>{false, true});  // a is needed for the gradient of the constant alone
    CHECK(diary.records[2].kept == std::vector<bool>{false, false});
    CHECK_FALSE(diary.records[2].keeps_result);
    CHECK(diary.records[3].keeps_result);
}

TEST_CASE("observer: sees operations that are not recorded, without a node") {
    const no_grad off;
    Diary diary;
    const Tensor y = leaf({1, 2}) * 2;
    REQUIRE(diary.records.size() == 1);
    CHECK_FALSE(diary.records[0].recorded);
    CHECK(diary.records[0].kept == std::vector<bool>{false});
}

TEST_CASE("observer: knows formula and place of an operation of one's own") {
    struct Keep : Observer {
        std::vector<Operation> operations;
        void on_record(const RecordEvent& e) override { operations.push_back(e.operation); }
    } keep;
    const Tensor x = leaf({1, 2});
    const auto twice = [&](const Tensor& t) {
        return record({"twice", "y = 2 x;  dx = 2 dy"}, t.detach() * 2, wrt(t, [](const Tensor& dy) { return dy * 2; }));
    };
    const Tensor y = twice(x);
    REQUIRE(keep.operations.size() == 2);
    const Operation& own = keep.operations.back();
    CHECK(own.name == std::string("twice"));
    CHECK(own.formula == std::string("y = 2 x;  dx = 2 dy"));
    CHECK(is_in(own.place, "test_observer.cpp"));
    CHECK(is_in(keep.operations.front().place, "ops/"));
    CHECK(is_in(y.node()->operation.place, "test_observer.cpp"));
}

TEST_CASE("observer: sees the sweep, newest node first, with whole gradients and those of inputs") {
    const Tensor x = leaf({1, 2}), bias = leaf(Tensor(3));
    const Tensor y = sum(x * x + bias);
    Diary diary;
    y.backward();
    CHECK(diary.pulls == std::vector<std::string>{"sum", "add", "mul", "leaf", "leaf"});
    check_close(diary.dy[2], Tensor{1, 1});
    check_close(diary.dx[1][1], Tensor(2));  // summed to the shape of the bias
    check_close(diary.dy[4], x.grad());
    for (const auto& line : diary.records) CHECK(line.in_sweep);
}

TEST_CASE("observer: operations of a recorded sweep are recorded, and said to be in it") {
    const Tensor x = leaf({1, 2});
    const Tensor y = sum(x * x * x);
    Diary diary;
    const Tensor g = grad(y, {x}, {.create_graph = true})[0];
    const auto recorded = std::count_if(diary.records.begin(), diary.records.end(), [](const auto& l) { return l.recorded; });
    CHECK(recorded > 0);
    CHECK(std::all_of(diary.records.begin(), diary.records.end(), [](const auto& l) { return l.in_sweep; }));
    const Tensor z = g * 2;
    CHECK_FALSE(diary.records.back().in_sweep);
}

TEST_CASE("observer: scopes nest, and are left in any way") {
    Diary diary;
    try {
        const Scope outer("outer");
        const Linear layer(2, 2);
        layer(Tensor{{1, 2}});
        const Scope inner("inner");
        throw std::runtime_error("out");
    } catch (const std::runtime_error&) {}
    const std::vector<std::string> expected{"+outer0", "+Linear1", "-1", "+inner1", "-1", "-0"};
    CHECK(diary.scopes == expected);
}

TEST_CASE("observer: one made within a scope is told of its end alone") {
    const auto outer = std::make_unique<Scope>("outer");  // nobody watches: not even entered
    Diary diary;
    { const Scope inner("inner"); }
    CHECK(diary.scopes == std::vector<std::string>{"+inner0", "-0"});
}

TEST_CASE("observer: what an observer does is not observed, and others are told in the order in which they were made") {
    std::vector<int> order;
    struct Busy : Observer {
        std::vector<int>& order;
        int number;
        Busy(std::vector<int>& o, int n) : order(o), number(n) {}
        void on_record(const RecordEvent& e) override {
            order.push_back(number);
            const Tensor inside = e.result * 2;
        }
    };
    const Tensor x = leaf({1, 2});
    auto first = std::make_unique<Busy>(order, 1);
    const Busy second(order, 2);
    const Tensor y = x + x;
    CHECK(order == std::vector<int>{1, 2});
    first.reset();
    const Tensor z = x + x;
    CHECK(order == std::vector<int>{1, 2, 2});
}

TEST_CASE("observer: its exception passes through the operation, and the tape goes on") {
    struct Strict : Observer {
        void on_record(const RecordEvent&) override { throw std::runtime_error("enough"); }
    };
    const Tensor x = leaf({1, 2});
    {
        const Strict strict;
        CHECK_THROWS_WITH(x * x, "enough");
        CHECK_THROWS_WITH(x * x, "enough");  // it still watches
    }
    sum(x * x).backward();
    check_close(x.grad(), Tensor{2, 4});
}

TEST_CASE("observer: sees its own thread alone") {
    Diary diary;
    std::thread([] { sum(leaf({1, 2}) * 2).backward(); }).join();
    CHECK(diary.records.empty());
    CHECK(diary.pulls.empty());
}

TEST_CASE("observer: sees parameters before and after an update") {
    Linear layer(2, 1);
    AdamW optimizer(layer.named_parameters());
    sum(layer(Tensor{{1, 2}})).backward();
    Diary diary;
    optimizer.step();
    const std::vector<std::string> expected{"before weight", "after weight AdamW", "before bias", "after bias AdamW"};
    CHECK(diary.updates == expected);
}

TEST_CASE("observer: sees attention on the fused path and on the written-out one, once each") {
    const Tensor q = numbers({1, 2, 3, 4}, 1), k = numbers({1, 2, 3, 4}, 2), v = numbers({1, 2, 3, 4}, 3);
    Diary diary;
    scaled_dot_product_attention(leaf(q), k, v);
    CHECK(diary.attention == 1);
    scaled_dot_product_attention_with_weights(q, k, v);
    CHECK(diary.attention == 2);
    Tensor bad = clone(k);
    bad.mutable_data()[5] = std::nan("");
    scaled_dot_product_attention(q, bad, v, {.mask = AttentionMask::causal()});  // falls back to the steps
    CHECK(diary.attention == 3);
}

TEST_CASE("observer: a watched run computes the same numbers") {
    const auto run = [] {
        manual_seed(3);
        TransformerEncoderLayer layer({.embed_dim = 8, .num_heads = 2, .feedforward_dim = 16});
        sum(square(layer(numbers({2, 5, 8})))).backward();
        return layer.self_attention.q_proj.weight.grad();
    };
    const Tensor alone = run();
    const Diary diary;
    const Tensor watched = run();
    CHECK(std::equal(alone.values().begin(), alone.values().end(), watched.values().begin()));
}

TEST_CASE("observer: the copies that a watched step keeps are no operations of the program") {
    Tensor x = leaf({1, 2});
    Adam optimizer({x}, {.lr = 0.1});
    const auto step = [&] {
        x.set_grad({3, 4});
        optimizer.step();
    };
    step();
    const Diary diary;
    step();
    CHECK(diary.records.empty());
    CHECK(diary.updates.size() == 2);  // before and after
}

TEST_CASE("tensor: a name stays with the tensor, and reaches its leaf") {
    Tensor x{1, 2};
    CHECK(x.name().empty());
    x.set_name("x");
    const Tensor same = x;
    CHECK(same.name() == "x");
    CHECK(x.detach().name().empty());
    x.requires_grad_();
    CHECK(x.node()->find_keepsakes()->name == "x");
    Tensor y = x * 2;
    y.set_name("twice x");
    CHECK(y.name() == "twice x");
    CHECK(y.node()->find_keepsakes()->name == "twice x");
    CHECK_THROWS_AS(Tensor().set_name("nothing"), ValueError);
}
