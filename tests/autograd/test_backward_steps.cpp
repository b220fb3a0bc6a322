// BackwardSteps: the sweep taken node by node.
#include <support/testing.hpp>

using namespace testing;

namespace {

struct Step {
    std::string operation;
    Tensor gradient;
};

std::vector<Step> all_steps(BackwardSteps steps) {
    std::vector<Step> all;
    while (!steps.done()) {
        const auto& [node, gradient] = steps.next();
        all.push_back({node->operation.name, gradient});
    }
    return all;
}

}  // namespace

TEST_CASE("backward steps: go from the newest node to the oldest, with the gradients that backward gives") {
    Tensor x = leaf({1, 2, 3});
    const Tensor y = exp(x), loss = sum(y * x);
    const std::vector<Step> steps = all_steps(BackwardSteps(loss));
    REQUIRE(steps.size() == 4);
    CHECK(steps[0].operation == "sum");
    check_close(steps[0].gradient, Tensor(1));
    CHECK(steps[1].operation == "mul");
    check_close(steps[1].gradient, Tensor{1, 1, 1});
    CHECK(steps[2].operation == "exp");
    check_close(steps[2].gradient, x);
    CHECK(steps[3].operation == "leaf");
    CHECK_FALSE(x.grad().defined());
    loss.backward();  // the steps kept the graph
    check_close(steps[3].gradient, x.grad());
}

TEST_CASE("backward steps: show what is pending, newest first, as it is summed up") {
    const Tensor x = leaf({1, 2}), a = x * 3, b = x * 4, loss = sum(a + b);
    BackwardSteps steps(loss);
    CHECK(steps.pending().size() == 1);
    steps.next();  // sum
    steps.next();  // add
    const auto both = steps.pending();
    REQUIRE(both.size() == 2);
    CHECK(both[0].node == b.node());
    CHECK(both[1].node == a.node());
    steps.next();  // b
    REQUIRE(steps.pending().size() == 2);
    check_close(steps.pending()[1].gradient, Tensor{4, 4});  // of x, in part
    steps.next();                                            // a
    check_close(steps.pending()[0].gradient, Tensor{7, 7});
    steps.next();
    CHECK(steps.done());
    CHECK_THROWS_AS(steps.next(), ValueError);
}

TEST_CASE("backward steps: take a seed, and refuse what backward refuses") {
    const Tensor x = leaf({1, 2}), y = x * x;
    check_close(all_steps(BackwardSteps(y, Tensor{1, 10})).back().gradient, Tensor{2, 40});
    CHECK_THROWS_AS(BackwardSteps(y), GradError);
    CHECK_THROWS_AS(BackwardSteps(y, Tensor{1, 2, 3}), ShapeError);
    CHECK_THROWS_AS(BackwardSteps(Tensor{1, 2}), GradError);
    sum(y).backward();
    CHECK_THROWS_AS(all_steps(BackwardSteps(y, Tensor{1, 1})), GradError);
}

TEST_CASE("backward steps: can be left on the way without a trace") {
    const Tensor x = leaf({1, 2}), loss = sum(exp(x * x));
    const Index before = live_tensors();
    {
        BackwardSteps steps(loss);
        steps.next();
        steps.next();
    }
    CHECK(live_tensors() == before);
    loss.backward();
    check_close(x.grad(), 2 * x * exp(x * x));
}
