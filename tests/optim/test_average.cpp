// The exponential moving average of weights: its values, swapping, state.
#include <support/testing.hpp>

#include <tapehead/optim/optim.hpp>

using namespace testing;
using Catch::Contains;

namespace {

void set(Tensor p, double value) {
    const no_grad off;
    p.fill_(value);
}

}  // namespace

TEST_CASE("An average follows its formula, with and without warm-up") {
    for (const bool warmup : {false, true}) {
        const Tensor p = leaf(Tensor{1, 1});
        ExponentialMovingAverage average({p}, {.decay = 0.5, .warmup = warmup});
        double expected = 1;
        for (int n = 1; n <= 20; ++n) {
            set(p, n * n);
            average.update();
            const double decay = warmup ? std::min(0.5, (1.0 + n) / (10.0 + n)) : 0.5;
            expected = decay * expected + (1 - decay) * n * n;
            check_close(average.averages()[0].tensor, Tensor{expected, expected});
            CHECK(p(0) == n * n);
        }
    }
}

TEST_CASE("Averaged weights are in place while the guard lives, and the own ones are back after it") {
    const Tensor p = leaf(Tensor{0.1, 0.7}), q = leaf(Tensor{{3}});
    const Tensor p_before = clone(p.detach());
    ExponentialMovingAverage average({p, q}, {.decay = 0.75});
    set(p, 5);
    average.update();
    const Tensor averaged = clone(average.averages()[0].tensor);
    const Tensor loss = sum(square(p));
    try {
        const auto in_place = average.apply();
        CHECK(average.is_swapped());
        check_close(p.detach(), averaged);
        CHECK_THROWS_AS(average.update(), StateError);
        CHECK_THROWS_AS(average.apply(), StateError);
        CHECK_THROWS_AS(average.state_dict(), StateError);
        throw 1;
    } catch (int) {}
    CHECK_FALSE(average.is_swapped());
    CHECK(p(0) == 5);
    CHECK(q(0, 0) == 3);
    for (Index i = 0; i < 2; ++i) CHECK(average.averages()[0].tensor(i) == averaged(i));
    CHECK_THROWS_AS(loss.backward(), GradError);  // the exchange is a change in place
    CHECK(p.requires_grad());

    average.swap();
    check_close(p.detach(), averaged);
    average.swap();
    CHECK(p(0) == 5);
}

TEST_CASE("An average that is reloaded goes on as if it had not been") {
    const Tensor p = leaf(Tensor{1});
    ExponentialMovingAverage whole({p}, {.warmup = true}), first({p}, {.warmup = true});
    for (const double value : {4, 9}) {
        set(p, value);
        whole.update();
        first.update();
    }
    const AverageState state = first.state_dict();
    first.update();
    ExponentialMovingAverage second({p}, {.warmup = true});
    second.load_state_dict(state);
    for (const double value : {-2, 3}) {
        set(p, value);
        whole.update();
        second.update();
    }
    CHECK(whole.averages()[0].tensor.item() == second.averages()[0].tensor.item());
}

TEST_CASE("Averages of other parameters are refused with a list, and nothing changes") {
    const Tensor p = leaf(Tensor{1}), q = leaf(Tensor{2, 3});
    ExponentialMovingAverage average(NamedTensors{{"p", p}, {"q", q}});
    CHECK_THROWS_WITH(average.load_state_dict({1, {{"p", Tensor{7}}, {"r", Tensor{1}}}}),
                      Contains("'q' is missing") && Contains("'r' is unexpected"));
    CHECK_THROWS_AS(average.load_state_dict({1, {{"p", Tensor{7}}, {"q", Tensor{1}}}}), StateError);
    CHECK(average.averages()[0].tensor.item() == 1);
    average.load_state_dict({1, {{"q", Tensor{8, 9}}, {"p", Tensor{7}}}});
    CHECK(average.averages()[0].tensor.item() == 7);
    CHECK(average.averages()[1].tensor(1) == 9);
}

TEST_CASE("An average refuses a decay out of range and parameters it cannot hold") {
    const Tensor p = leaf(Tensor{1});
    CHECK_THROWS_AS(ExponentialMovingAverage({p}, {.decay = 1}), ValueError);
    CHECK_THROWS_AS(ExponentialMovingAverage({p}, {.decay = -0.1}), ValueError);
    CHECK_THROWS_AS(ExponentialMovingAverage({p, p}), ValueError);
    CHECK_THROWS_AS(ExponentialMovingAverage(std::vector<Tensor>{}), ValueError);
}
