// Schedules against their formulas and PyTorch's numbers.
#include <support/testing.hpp>

#include <limits>

#include <tapehead/optim/optim.hpp>

using namespace testing;

namespace {

/// The optimizer's rates at the steps from 0 on.
std::vector<double> rates(Optimizer& optimizer, Schedule schedule, int n) {
    std::vector<double> result;
    for (int step = 0; step < n; ++step) {
        CHECK(schedule.step_count() == step);
        CHECK(schedule.lr() == optimizer.lr());
        result.push_back(optimizer.lr());
        schedule.step();
    }
    return result;
}

void check_rates(const std::vector<double>& actual, const std::vector<double>& expected) {
    REQUIRE(actual.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        INFO("step " << i);
        CHECK_THAT(actual[i], Catch::WithinRel(expected[i], 1e-9) || Catch::WithinAbs(expected[i], 1e-15));
    }
}

}  // namespace

TEST_CASE("Schedules follow their formulas") {
    const Tensor p = leaf(Tensor{1});
    SGD optimizer({p}, {.lr = 0.8});
    const auto check = [&](const auto& make, const std::vector<double>& expected) {
        optimizer.set_lr(0.8);
        check_rates(rates(optimizer, make(), int(expected.size())), expected);
    };
    check([&] { return Schedule::constant(optimizer); }, {0.8, 0.8, 0.8});
    check([&] { return Schedule::steps(optimizer, 2, 0.5); }, {0.8, 0.8, 0.4, 0.4, 0.2});
    check([&] { return Schedule::multi_steps(optimizer, {1, 3}, 0.5); }, {0.8, 0.4, 0.4, 0.2, 0.2});
    check([&] { return Schedule::exponential(optimizer, 0.5); }, {0.8, 0.4, 0.2, 0.1});
    check([&] { return Schedule::linear_warmup(optimizer, 4); }, {0.2, 0.4, 0.6, 0.8, 0.8});
    check([&] { return Schedule::linear_warmup(optimizer, 0); }, {0.8, 0.8});
    check([&] { return Schedule::cosine(optimizer, {.total = 4}); },
          {0.8, 0.8 * 0.8535533905932737, 0.4, 0.8 * 0.14644660940672627, 0, 0});
    check([&] { return Schedule::cosine(optimizer, {.warmup = 2, .total = 4, .min_ratio = 0.1}); },
          {0.4, 0.8, 0.8, 0.8 * 0.55, 0.08, 0.08});
    check([&] { return Schedule(optimizer, [](Index t, Real base) { return base / Real(t + 1); }); }, {0.8, 0.4, 0.8 / 3});
}

TEST_CASE("Noam's rate rises over the warm-up and falls with the root of the step") {
    const Tensor p = leaf(Tensor{1});
    Adam optimizer({p}, {.betas = {0.9, 0.98}, .eps = 1e-9});
    Schedule schedule = Schedule::noam(optimizer, 512);
    CHECK_THAT(optimizer.lr(), is_close(1 / std::sqrt(512.0) * std::pow(4000.0, -1.5), 1e-12));
    while (schedule.step_count() < 3999) schedule.step();
    CHECK_THAT(optimizer.lr(), is_close(1 / std::sqrt(512.0 * 4000), 1e-12));
    while (schedule.step_count() < 15999) schedule.step();
    CHECK_THAT(optimizer.lr(), is_close(0.5 / std::sqrt(512.0 * 4000), 1e-12));
    check_rates(rates(optimizer, Schedule::noam(optimizer, 4, {.warmup = 1, .factor = 3}), 4),
                {1.5, 1.5 / std::sqrt(2.0), 1.5 / std::sqrt(3.0), 0.75});
    check_rates(rates(optimizer, Schedule::noam(optimizer, 1, {.warmup = 1}), 2), {1, 1 / std::sqrt(2.0)});
}

TEST_CASE("One cycle gives PyTorch's rates and stays at the last") {
    const Tensor p = leaf(Tensor{1});
    SGD optimizer({p}, {.lr = 0.5});
    check_rates(rates(optimizer, Schedule::one_cycle(optimizer, {.max_lr = 0.1, .total_steps = 10}), 12),
                {0.004, 0.052, 0.1, 0.09504846320134738, 0.0811745653949763, 0.06112620219362893, 0.03887419780637107,
                 0.0188258346050237, 0.004951936798652629, 4e-7, 4e-7, 4e-7});
    for (const double pct_start : {0.0, 0.1, 1.0}) {
        const auto all =
            rates(optimizer, Schedule::one_cycle(optimizer, {.max_lr = 0.1, .total_steps = 10, .pct_start = pct_start}), 12);
        for (const double rate : all) CHECK((0 <= rate && rate <= 0.1));
    }
    CHECK(rates(optimizer, Schedule::one_cycle(optimizer, {.max_lr = 0.1, .total_steps = 1}), 2)[0] <= 0.1);
}

TEST_CASE("A schedule keeps the proportions of the groups' rates") {
    const Tensor p = leaf(Tensor{1}), q = leaf(Tensor{1});
    SGD optimizer({{NamedTensors{{"p", p}}, {.lr = 0.1}}, {NamedTensors{{"q", q}}, {.lr = 0.02}}});
    Schedule schedule = Schedule::exponential(optimizer, 0.5);
    schedule.step();
    CHECK_THAT(optimizer.lr(0), is_close(0.05, 1e-12));
    CHECK_THAT(optimizer.lr(1), is_close(0.01, 1e-12));
}

TEST_CASE("A schedule that is reloaded goes on, in whichever order it and the optimizer are loaded") {
    const Tensor p = leaf(Tensor{1});
    SGD optimizer({p}, {.lr = 0.8});
    Schedule schedule = Schedule::exponential(optimizer, 0.5);
    schedule.step();
    schedule.step();
    for (const bool schedule_first : {true, false}) {
        SGD other({p}, {.lr = 0.3});
        Schedule again = Schedule::exponential(other, 0.5);
        if (schedule_first) again.load_state_dict(schedule.state_dict());
        other.load_state_dict(optimizer.state_dict());
        if (!schedule_first) again.load_state_dict(schedule.state_dict());
        CHECK_THAT(other.lr(), is_close(0.2, 1e-12));
        again.step();
        CHECK_THAT(other.lr(), is_close(0.1, 1e-12));
    }
    CHECK_THROWS_AS(schedule.load_state_dict({.step = -1}), StateError);
}

TEST_CASE("The rate is reduced when the metric has stopped improving, as in PyTorch") {
    const Tensor p = leaf(Tensor{1});
    SGD optimizer({p}, {.lr = 1});
    ReduceOnPlateau schedule(optimizer, {.factor = 0.5, .patience = 1, .cooldown = 1, .min_lr = 0.2});
    CHECK(optimizer.lr() == 1);
    const std::vector<double> metrics = {3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1};
    std::vector<double> actual;
    for (const double metric : metrics) {
        schedule.step(metric);
        actual.push_back(optimizer.lr());
        const PlateauState state = schedule.state_dict();  // a state goes to a new one
        schedule = ReduceOnPlateau(optimizer, {.factor = 0.5, .patience = 1, .cooldown = 1, .min_lr = 0.2});
        schedule.load_state_dict(state);
    }
    check_rates(actual, {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2});
    CHECK_THROWS_AS(schedule.load_state_dict({.bad_steps = -1}), StateError);
}

TEST_CASE("A plateau of a metric to be maximized, and metrics that are NaN, are seen") {
    const Tensor p = leaf(Tensor{1});
    SGD optimizer({p}, {.lr = 1});
    ReduceOnPlateau schedule(optimizer, {.factor = 0.5, .patience = 0, .threshold = 0.1, .maximize = true});
    schedule.step(1);
    schedule.step(2);
    CHECK(optimizer.lr() == 1);
    schedule.step(2.1);  // not by a tenth
    CHECK(optimizer.lr() == 0.5);
    schedule.step(std::numeric_limits<double>::quiet_NaN());
    CHECK(optimizer.lr() == 0.25);
    schedule.step(-5);
    CHECK(optimizer.lr() == 0.125);
    schedule.step(3);
    CHECK(optimizer.lr() == 0.125);
}

TEST_CASE("Schedules refuse arguments out of range and leave the rate alone") {
    const Tensor p = leaf(Tensor{1});
    SGD optimizer({p}, {.lr = 0.8});
    CHECK_THROWS_AS(Schedule::steps(optimizer, 0), ValueError);
    CHECK_THROWS_AS(Schedule::multi_steps(optimizer, {3, 1}), ValueError);
    CHECK_THROWS_AS(Schedule::exponential(optimizer, 0), ValueError);
    CHECK_THROWS_AS(Schedule::linear_warmup(optimizer, -1), ValueError);
    CHECK_THROWS_AS(Schedule::cosine(optimizer, {.warmup = 5, .total = 5}), ValueError);
    CHECK_THROWS_AS(Schedule::cosine(optimizer, {.total = 5, .min_ratio = 2}), ValueError);
    CHECK_THROWS_AS(Schedule::noam(optimizer, 0), ValueError);
    CHECK_THROWS_AS(Schedule::noam(optimizer, 8, {.warmup = 0}), ValueError);
    CHECK_THROWS_AS(Schedule::one_cycle(optimizer, {.max_lr = 1, .total_steps = 0}), ValueError);
    CHECK_THROWS_AS(Schedule::one_cycle(optimizer, {.max_lr = 1, .total_steps = 5, .pct_start = 2}), ValueError);
    CHECK_THROWS_AS(Schedule::one_cycle(optimizer, {.max_lr = 1, .total_steps = 5, .div_factor = 0}), ValueError);
    CHECK_THROWS_AS(Schedule(optimizer, [](Index, Real) { return -1; }), ValueError);
    CHECK_THROWS_AS(ReduceOnPlateau(optimizer, {.factor = 1}), ValueError);
    CHECK_THROWS_AS(ReduceOnPlateau(optimizer, {.patience = -1}), ValueError);
    CHECK_THROWS_AS(ReduceOnPlateau(optimizer, {.min_lr = -1}), ValueError);
    CHECK(optimizer.lr() == 0.8);

    Schedule schedule(optimizer, [](Index t, Real base) { return t == 0 ? base : -base; });
    CHECK_THROWS_AS(schedule.step(), ValueError);
    CHECK(schedule.step_count() == 0);
    CHECK(optimizer.lr() == 0.8);
}
