// Misuse of optimizers, schedules, clipping and averages.
#include "misuse/misuse.hpp"

namespace testing {
namespace {

using T = Things;

Parameters own(T& t) { return t.linear.named_parameters(); }

/// The optimizer's state with a change.
template <class Change>
void load_changed(T& t, Change change) {
    OptimizerState state = t.optimizer.state_dict();
    change(state);
    t.optimizer.load_state_dict(state);
}

Misuses of_optimizers() {
    return {
        {"Adam", "no parameters", raises<ValueError>("Adam", {"parameters in each group", "none"}),
         [](T&) { Adam{Parameters()}; }},
        {"Adam", "no groups", raises<ValueError>("Adam", {"groups of parameters", "none"}),
         [](T&) { Adam(std::vector<Adam::Group>()); }},
        {"Adam", "an undefined parameter", raises<ValueError>("Adam", {"undefined one as '0'"}), [](T& t) { Adam({t.none}); }},
        {"Adam", "a parameter given twice", raises<ValueError>("Adam", {"each tensor once", "'1' twice"}),
         [](T& t) {
             Adam({t.x, t.x});
         }},
        {"Adam", "a name given twice", raises<ValueError>("Adam", {"each name once", "'a' twice"}),
         [](T& t) {
             Adam(NamedTensors{{"a", t.x}, {"a", t.linear.bias}});
         }},
        {"Adam", "a parameter that requires no grad", raises<GradError>("Adam", {"leaves that require grad", "requires none"}),
         [](T& t) { Adam({t.y}); }},
        {"Adam", "a result of an operation", raises<GradError>("Adam", {"leaves", "the result of an operation"}),
         [](T& t) { Adam({t.result}); }},
        {"Adam", "a negative learning rate", raises<ValueError>("Adam", {"lr in [0, inf)", "-1"}),
         [](T& t) { Adam(own(t), {.lr = -1}); }},
        {"Adam", "a learning rate that is no number", raises<ValueError>("Adam", {"lr", "nan"}),
         [](T& t) { Adam(own(t), {.lr = nan}); }},
        {"Adam", "an infinite learning rate", raises<ValueError>("Adam", {"lr", "got inf"}),
         [](T& t) { Adam(own(t), {.lr = inf}); }},
        {"Adam", "a beta of 1", raises<ValueError>("Adam", {"beta2 in [0, 1)", "got 1"}),
         [](T& t) {
             Adam(own(t), {.betas = {0.9, 1}});
         }},
        {"Adam", "a negative eps", raises<ValueError>("Adam", {"eps", "-1"}), [](T& t) { Adam(own(t), {.eps = -1}); }},
        {"AdamW", "a weight decay that is no number", raises<ValueError>("AdamW", {"weight_decay", "nan"}),
         [](T& t) { AdamW(own(t), {.weight_decay = nan}); }},
        {"AdamW", "a rate of 0 in the first of two groups", raises<ValueError>("AdamW", {"lr > 0", "got 0"}),
         [](T& t) {
             AdamW({{Parameters{t.x}, {.lr = 0}}, {own(t), {}}});
         }},
        {"AdamW", "an empty group", raises<ValueError>("AdamW", {"each group", "none"}),
         [](T& t) {
             AdamW({{own(t), {}}, {Parameters(), {}}});
         }},
        {"SGD", "a negative momentum", raises<ValueError>("SGD", {"momentum", "-1"}),
         [](T& t) { SGD(own(t), {.momentum = -1}); }},
        {"SGD", "nesterov without momentum", raises<ValueError>("SGD", {"momentum > 0", "got 0"}),
         [](T& t) { SGD(own(t), {.nesterov = true}); }},
        {"SGD", "a dampening that is no number", raises<ValueError>("SGD", {"dampening", "nan"}),
         [](T& t) { SGD(own(t), {.dampening = nan}); }},
        {"RMSprop", "a negative alpha", raises<ValueError>("RMSprop", {"alpha", "-1"}),
         [](T& t) { RMSprop(own(t), {.alpha = -1}); }},
        {"RMSprop", "a momentum that is no number", raises<ValueError>("RMSprop", {"momentum", "nan"}),
         [](T& t) { RMSprop(own(t), {.momentum = nan}); }},
        {"Adagrad", "a negative lr_decay", raises<ValueError>("Adagrad", {"lr_decay", "-1"}),
         [](T& t) { Adagrad(own(t), {.lr_decay = -1}); }},
        {"Adagrad", "a negative accumulator", raises<ValueError>("Adagrad", {"initial_accumulator_value", "-1"}),
         [](T& t) { Adagrad(own(t), {.initial_accumulator_value = -1}); }},
        {"Lion", "a beta above 1", raises<ValueError>("Lion", {"beta1 in [0, 1)", "1.5"}),
         [](T& t) {
             Lion(own(t), {.betas = {1.5, 0.9}});
         }},
        {"Muon", "a vector", raises<ValueError>("Muon", {"matrices", "'bias'", "[4]"}), [](T& t) { Muon(own(t)); }},
        {"Muon", "an undefined parameter", raises<ValueError>("Muon", {"matrices", "'0'"}), [](T& t) { Muon({t.none}); }},
        {"Muon", "no steps", raises<ValueError>("Muon", {"steps in [1, ", "got 0"}), [](T& t) { Muon({t.x}, {.steps = 0}); }},
        {"newton_schulz", "a vector", raises<ShapeError>("newton_schulz", {"a matrix", "[3]"}),
         [](T& t) { newton_schulz(t.row); }},
        {"newton_schulz", "a negative number of steps", raises<ValueError>("newton_schulz", {"at least 0", "-1"}),
         [](T& t) { newton_schulz(t.x, -1); }},
        {"Optimizer::lr", "a group that is none", raises<IndexError>("lr", {"below 1", "got 1"}),
         [](T& t) { t.optimizer.lr(1); }},
        {"OptimizerOf::options", "the lowest group", raises<IndexError>("lr", {"below 1", "-9223372036854775808"}),
         [](T& t) { t.optimizer.options(lowest); }},
        {"Optimizer::set_lr", "a negative rate", raises<ValueError>("set_lr", {"finite", "-1"}),
         [](T& t) { t.optimizer.set_lr(-1); }},
        {"Optimizer::set_lr", "a rate that is no number", raises<ValueError>("set_lr", {"finite", "nan"}),
         [](T& t) { t.optimizer.set_lr(nan); }},
        {"Optimizer::load_state_dict", "the state of another kind",
         raises<StateError>("load_state_dict", {"state of Adam", "'SGD'"}),
         [](T& t) { t.optimizer.load_state_dict(SGD(own(t)).state_dict()); }},
        {"Optimizer::load_state_dict", "another number of groups", raises<StateError>("load_state_dict", {"1 groups", "got 0"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups.clear(); }); }},
        {"Optimizer::load_state_dict", "other hyperparameters",
         raises<StateError>("load_state_dict", {"hyperparameters lr", "got other"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].hyperparameters[0].name = "other"; }); }},
        {"Optimizer::load_state_dict", "fewer hyperparameters",
         raises<StateError>("load_state_dict", {"hyperparameters lr", "got "}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].hyperparameters.clear(); }); }},
        {"Optimizer::load_state_dict", "a hyperparameter out of range",
         raises<ValueError>("Adam", {"beta1 in [0, 1)", "got 7"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].hyperparameters[1].value = 7; }); }},
        {"Optimizer::load_state_dict", "half a step of an iteration", raises<ValueError>("steps", {"a whole number", "2.5"}),
         [](T& t) {
             Muon muon({t.x});
             OptimizerState state = muon.state_dict();
             state.groups[0].hyperparameters.back().value = 2.5;
             muon.load_state_dict(state);
         }},
        {"Optimizer::load_state_dict", "more steps than an Index counts",
         raises<ValueError>("Muon", {"steps in [1, 9007199254740992)", "1e+300"}),
         [](T& t) {
             Muon muon({t.x});
             OptimizerState state = muon.state_dict();
             state.groups[0].hyperparameters.back().value = 1e300;
             muon.load_state_dict(state);
         }},
        {"Optimizer::load_state_dict", "a missing parameter", raises<StateError>("load_state_dict", {"'bias' is missing"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].parameters.pop_back(); }); }},
        {"Optimizer::load_state_dict", "a parameter given twice",
         raises<StateError>("load_state_dict", {"'bias' in group 0 is unexpected"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].parameters.push_back(s.groups[0].parameters[1]); }); }},
        {"Optimizer::load_state_dict", "a parameter of another shape",
         raises<StateError>("load_state_dict", {"[9] instead of [4]"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].parameters[1].shape = {9}; }); }},
        {"Optimizer::load_state_dict", "a state tensor of another shape",
         raises<StateError>("load_state_dict", {"'exp_avg' of shape [9]"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].parameters[1].tensors[0].tensor = zeros({9}); }); }},
        {"Optimizer::load_state_dict", "an undefined state tensor", raises<StateError>("load_state_dict", {"'exp_avg'"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].parameters[1].tensors[0].tensor = {}; }); }},
        {"Optimizer::load_state_dict", "a negative number of steps",
         raises<StateError>("load_state_dict", {"'bias' has -1 steps"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.groups[0].parameters[1].steps = -1; }); }},
        {"Optimizer::load_state_dict", "a rate that is no number",
         raises<StateError>("load_state_dict", {"learning rates", "nan"}),
         [](T& t) { load_changed(t, [](OptimizerState& s) { s.lr = nan; }); }},
        {"split_parameters", "no condition", raises<ValueError>("split_parameters", {"a condition", "none"}),
         [](T& t) { split_parameters(own(t), {}); }},
        {"clip_grad_norm", "a negative norm", raises<ValueError>("clip_grad_norm", {"not negative", "-1"}),
         [](T& t) { clip_grad_norm(own(t), -1); }},
        {"clip_grad_norm", "a norm that is no number", raises<ValueError>("clip_grad_norm", {"not negative", "nan"}),
         [](T& t) { clip_grad_norm(own(t), nan); }},
        {"clip_grad_norm", "a norm type of 0", raises<ValueError>("clip_grad_norm", {"norm_type > 0", "got 0"}),
         [](T& t) { clip_grad_norm(own(t), 1, {.norm_type = 0}); }},
        {"clip_grad_norm", "a parameter given twice", raises<ValueError>("clip_grad_norm", {"each tensor once", "'1' twice"}),
         [](T& t) {
             clip_grad_norm({t.x, t.x}, 1e-3);
         }},
        {"clip_grad_norm", "an undefined parameter", raises<ValueError>("clip_grad_norm", {"undefined one as '1'"}),
         [](T& t) {
             clip_grad_norm({t.x, t.none}, 1e-3);
         }},
        {"clip_grad_norm", "an infinite gradient where that is an error",
         raises<GradError>("clip_grad_norm", {"finite norm", "inf"}),
         [](T&) {
             Tensor p = zeros({2}).requires_grad_();
             p.set_grad(full({2}, inf));
             clip_grad_norm({p}, 1, {.error_if_nonfinite = true});
         }},
        {"clip_grad_value", "a negative limit", raises<ValueError>("clip_grad_value", {"not negative", "-1"}),
         [](T& t) { clip_grad_value(own(t), -1); }},
        {"clip_grad_value", "a limit that is no number", raises<ValueError>("clip_grad_value", {"not negative", "nan"}),
         [](T& t) { clip_grad_value(own(t), nan); }},
        {"clip_grad_value", "an undefined parameter", raises<ValueError>("clip_grad_value", {"undefined one as '0'"}),
         [](T& t) { clip_grad_value({t.none}, 1); }},
    };
}

Misuses of_schedules() {
    return {
        {"Schedule", "no function", raises<ValueError>("Schedule", {"a function", "none"}),
         [](T& t) { Schedule(t.optimizer, {}); }},
        {"Schedule", "a rate that is no number", raises<ValueError>("set_lr", {"finite", "nan"}),
         [](T& t) { Schedule(t.optimizer, [](Index, Real) { return nan; }); }},
        {"Schedule::step", "a rate that becomes negative", raises<ValueError>("set_lr", {"finite", "-1"}),
         [](T& t) {
             Schedule schedule(t.optimizer, [](Index step, Real base) { return step == 0 ? base : -1; });
             try {
                 schedule.step();
             } catch (...) {
                 CHECK(schedule.step_count() == 0);
                 throw;
             }
         }},
        {"Schedule::steps", "steps of 0", raises<ValueError>("steps", {"step_size > 0", "got 0"}),
         [](T& t) { Schedule::steps(t.optimizer, 0); }},
        {"Schedule::steps", "a gamma of 0", raises<ValueError>("steps", {"gamma > 0", "got 0"}),
         [](T& t) { Schedule::steps(t.optimizer, 1, 0); }},
        {"Schedule::multi_steps", "milestones that fall", raises<ValueError>("multi_steps", {"rising", "[3, 2]"}),
         [](T& t) {
             Schedule::multi_steps(t.optimizer, {3, 2});
         }},
        {"Schedule::multi_steps", "a gamma that is no number", raises<ValueError>("multi_steps", {"gamma > 0", "nan"}),
         [](T& t) { Schedule::multi_steps(t.optimizer, {1}, nan); }},
        {"Schedule::exponential", "an infinite gamma", raises<ValueError>("exponential", {"gamma > 0", "inf"}),
         [](T& t) { Schedule::exponential(t.optimizer, inf); }},
        {"Schedule::linear_warmup", "a negative length", raises<ValueError>("linear_warmup", {"warmup >= 0", "-1"}),
         [](T& t) { Schedule::linear_warmup(t.optimizer, -1); }},
        {"Schedule::cosine", "no steps", raises<ValueError>("cosine", {"warmup < total", "0 and 0"}),
         [](T& t) { Schedule::cosine(t.optimizer, {.total = 0}); }},
        {"Schedule::cosine", "a warm-up as long as all", raises<ValueError>("cosine", {"warmup < total", "5 and 5"}),
         [](T& t) { Schedule::cosine(t.optimizer, {.warmup = 5, .total = 5}); }},
        {"Schedule::cosine", "a ratio above 1", raises<ValueError>("cosine", {"[0, 1]", "1.5"}),
         [](T& t) { Schedule::cosine(t.optimizer, {.total = 5, .min_ratio = 1.5}); }},
        {"Schedule::noam", "no warm-up", raises<ValueError>("noam", {"> 0", "512 and 0"}),
         [](T& t) { Schedule::noam(t.optimizer, 512, {.warmup = 0}); }},
        {"Schedule::noam", "no width", raises<ValueError>("noam", {"> 0", "0 and 4000"}),
         [](T& t) { Schedule::noam(t.optimizer, 0); }},
        {"Schedule::noam", "a factor that is no number", raises<ValueError>("noam", {"factor", "nan"}),
         [](T& t) { Schedule::noam(t.optimizer, 512, {.factor = nan}); }},
        {"Schedule::noam", "an infinite factor", raises<ValueError>("set_lr", {"finite", "inf"}),
         [](T& t) { Schedule::noam(t.optimizer, 512, {.factor = inf}); }},
        {"Schedule::one_cycle", "no steps", raises<ValueError>("one_cycle", {"total_steps > 0", "got 0"}),
         [](T& t) { Schedule::one_cycle(t.optimizer, {.max_lr = 1, .total_steps = 0}); }},
        {"Schedule::one_cycle", "a negative peak", raises<ValueError>("one_cycle", {"max_lr", "-1"}),
         [](T& t) { Schedule::one_cycle(t.optimizer, {.max_lr = -1, .total_steps = 5}); }},
        {"Schedule::one_cycle", "a peak after the end", raises<ValueError>("one_cycle", {"[0, 1]", "2"}),
         [](T& t) { Schedule::one_cycle(t.optimizer, {.max_lr = 1, .total_steps = 5, .pct_start = 2}); }},
        {"Schedule::one_cycle", "a divisor of 0", raises<ValueError>("one_cycle", {"div_factor", "0 and"}),
         [](T& t) { Schedule::one_cycle(t.optimizer, {.max_lr = 1, .total_steps = 5, .div_factor = 0}); }},
        {"Schedule::load_state_dict", "a negative step", raises<StateError>("load_state_dict", {"a step", "-1"}),
         [](T& t) {
             Schedule::constant(t.optimizer).load_state_dict({-1, 1});
         }},
        {"Schedule::load_state_dict", "an infinite base rate", raises<StateError>("load_state_dict", {"a base_lr", "inf"}),
         [](T& t) {
             Schedule::constant(t.optimizer).load_state_dict({1, inf});
         }},
        {"ReduceOnPlateau", "a factor of 1", raises<ValueError>("ReduceOnPlateau", {"[0, 1)", "got 1"}),
         [](T& t) { ReduceOnPlateau(t.optimizer, {.factor = 1}); }},
        {"ReduceOnPlateau", "a negative patience", raises<ValueError>("ReduceOnPlateau", {"patience", "-1"}),
         [](T& t) { ReduceOnPlateau(t.optimizer, {.patience = -1}); }},
        {"ReduceOnPlateau", "a threshold that is no number", raises<ValueError>("ReduceOnPlateau", {"threshold", "nan"}),
         [](T& t) { ReduceOnPlateau(t.optimizer, {.threshold = nan}); }},
        {"ReduceOnPlateau::load_state_dict", "a negative count", raises<StateError>("load_state_dict", {"counts", "-1"}),
         [](T& t) {
             ReduceOnPlateau(t.optimizer, {}).load_state_dict({0, -1, 0});
         }},
    };
}

Misuses of_averages() {
    constexpr auto name = "ExponentialMovingAverage";
    return {
        {name, "a decay of 1", raises<ValueError>(name, {"[0, 1)", "got 1"}),
         [](T& t) { ExponentialMovingAverage(own(t), {.decay = 1}); }},
        {name, "a decay that is no number", raises<ValueError>(name, {"[0, 1)", "nan"}),
         [](T& t) { ExponentialMovingAverage(own(t), {.decay = nan}); }},
        {name, "no parameters", raises<ValueError>(name, {"parameters", "none"}),
         [](T&) { ExponentialMovingAverage(Parameters{}); }},
        {name, "an undefined parameter", raises<ValueError>(name, {"undefined one as '0'"}),
         [](T& t) { ExponentialMovingAverage({t.none}); }},
        {"ExponentialMovingAverage::update", "the averages swapped in",
         raises<StateError>("update", {"own values", "averages"}),
         [](T& t) {
             t.average.swap();
             t.begin();
             t.average.update();
         }},
        {"ExponentialMovingAverage::apply", "twice", raises<StateError>("apply", {"own values", "averages"}),
         [](T& t) {
             t.average.swap();
             t.begin();
             const auto again = t.average.apply();
         }},
        {"ExponentialMovingAverage::Applied", "twice", raises<StateError>("apply", {"own values", "averages"}),
         [](T& t) {
             t.average.swap();
             t.begin();
             const ExponentialMovingAverage::Applied again(t.average);
         }},
        {"ExponentialMovingAverage::state_dict", "the averages swapped in",
         raises<StateError>("state_dict", {"own values", "averages"}),
         [](T& t) {
             t.average.swap();
             t.begin();
             t.average.state_dict();
         }},
        {"ExponentialMovingAverage::load_state_dict", "a missing name",
         raises<StateError>("load_state_dict", {"'bias' is missing"}),
         [](T& t) {
             AverageState state = t.average.state_dict();
             state.averages.pop_back();
             t.average.load_state_dict(state);
         }},
        {"ExponentialMovingAverage::load_state_dict", "an undefined average",
         raises<StateError>("load_state_dict", {"'bias' has another shape than [4]"}),
         [](T& t) {
             AverageState state = t.average.state_dict();
             state.averages.back().tensor = {};
             t.average.load_state_dict(state);
         }},
        {"ExponentialMovingAverage::load_state_dict", "fewer updates than none",
         raises<StateError>("load_state_dict", {"-1 updates"}),
         [](T& t) {
             AverageState state = t.average.state_dict();
             state.updates = -1;
             t.average.load_state_dict(state);
         }},
    };
}

}  // namespace

Misuses misuses_of_optim() {
    Misuses all = of_optimizers();
    for (const Misuses& family : {of_schedules(), of_averages()}) all.insert(all.end(), family.begin(), family.end());
    return all;
}

}  // namespace testing
