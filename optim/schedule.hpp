// Schedules: the learning rate of an optimizer as a function of the step, or of how training goes.
//
// Knows the optimizer's `set_lr` alone, which keeps the groups' rates in proportion.
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include <tapehead/optim/optimizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The length and the end of Schedule::cosine.
struct CosineOptions {
    Index warmup = 0;    ///< steps of linear warm-up
    Index total;         ///< steps after which the rate is the lowest, warm-up included
    Real min_ratio = 0;  ///< the lowest rate as a part of the base rate
};

/// The rates and the length of Schedule::one_cycle.
struct OneCycleOptions {
    Real max_lr;                  ///< the peak
    Index total_steps;            ///< of the whole cycle
    Real pct_start = 0.3;         ///< the part of the cycle before the peak
    Real div_factor = 25;         ///< the first rate is max_lr / div_factor
    Real final_div_factor = 1e4;  ///< the last rate is the first / final_div_factor
};

/// The paper's warm-up, and a factor of one's own.
struct NoamOptions {
    Index warmup = 4000;  ///< steps in which the rate grows
    Real factor = 1;      ///< of all rates
};

/// What a schedule remembers.
struct ScheduleState {
    Index step = 0;    ///< the current one
    Real base_lr = 0;  ///< the optimizer's rate when the schedule was made
};

/// Sets the learning rate of an optimizer to a function of the step.
///
///     AdamW optimizer(model.named_parameters(), {.lr = 3e-4});
///     Schedule schedule = Schedule::cosine(optimizer, {.warmup = 100, .total = 2000});
///     for (...) { ...; optimizer.step(); schedule.step(); }
///
/// Steps count from 0. The constructor gives the optimizer the rate of step 0, which its first `step()` uses; `step()` here, after
/// that of the optimizer, moves on by one. The base rate is the one that the optimizer has when the schedule is made. Noam and
/// one-cycle set their own rates and do not look at it. The optimizer must outlive the schedule.
class Schedule {
public:
    /// The rate at a step, given the base rate.
    using Function = std::function<Real(Index step, Real base_lr)>;

    /// Any function. Throws ValueError, here and in step(), for a rate that is negative or not finite.
    Schedule(Optimizer& optimizer, Function lr);

    /// @name By name
    /// With t the step; all throw ValueError for arguments out of range.
    /// @{

    /// base
    static Schedule constant(Optimizer& optimizer);
    /// base γ^⌊t / step_size⌋
    static Schedule steps(Optimizer& optimizer, Index step_size, Real gamma = 0.1);
    /// base γ^(the number of milestones ≤ t)
    static Schedule multi_steps(Optimizer& optimizer, std::vector<Index> milestones, Real gamma = 0.1);
    /// base γᵗ
    static Schedule exponential(Optimizer& optimizer, Real gamma);
    /// base min(1, (t + 1) / warmup): the last of the `warmup` steps is the first with the whole rate
    static Schedule linear_warmup(Optimizer& optimizer, Index warmup);

    /// Linear warm-up, then base (r + (1 − r) (1 + cos(π q)) / 2), r = min_ratio, q = (t − warmup) / (total − warmup) up to 1
    /// (Loshchilov and Hutter 2017)
    static Schedule cosine(Optimizer& optimizer, CosineOptions options);

    /// factor E^−½ min(n^−½, n warmup^−3/2), n = t + 1  (Vaswani et al. 2017, section 5.3)
    static Schedule noam(Optimizer& optimizer, Index embed_dim, NoamOptions options = {});

    /// Up from max_lr / div_factor to max_lr at t = pct_start total_steps − 1, then down to max_lr / div_factor / final_div_factor
    /// at the last step and after it, along cosines  (Smith and Topin 2018; PyTorch's two phases). Momentum stays as it is.
    static Schedule one_cycle(Optimizer& optimizer, OneCycleOptions options);

    /// @}

    /// Moves on to the next step and gives the optimizer its rate.
    void step();
    /// The rate of the current step.
    Real lr() const { return lr_(state_.step, state_.base_lr); }
    Index step_count() const { return state_.step; }  ///< the current step

    ScheduleState state_dict() const { return state_; }  ///< a copy of the step and the base rate
    /// Goes to the step of a state and gives the optimizer its rate. Throws StateError for negative numbers, ValueError for the rate, and then
    /// changes nothing.
    void load_state_dict(const ScheduleState& state) { prepare_load(state)(); }
    /// Does of load_state_dict what can fail; what it returns does not throw. Throws as load_state_dict.
    std::function<void()> prepare_load(const ScheduleState& state);

private:
    Optimizer* optimizer_;
    Function lr_;
    ScheduleState state_;
};

/// When ReduceOnPlateau reduces the rate, and how far.
struct PlateauOptions {
    Real factor = 0.1;      ///< the rate is multiplied by it
    Index patience = 10;    ///< how many steps without improvement are put up with
    Real threshold = 1e-4;  ///< an improvement is one by more than this part of the best
    Index cooldown = 0;     ///< how many steps after a reduction are not counted
    Real min_lr = 0;        ///< the rate never falls below it
    bool maximize = false;  ///< larger is better
};

/// What ReduceOnPlateau remembers; the rate itself is the optimizer's.
struct PlateauState {
    Real best = std::numeric_limits<Real>::quiet_NaN();  ///< NaN before the first step
    Index bad_steps = 0;                                 ///< in a row, without improvement
    Index cooldown_left = 0;                             ///< steps that are not counted yet
};

/// Reduces the learning rate of an optimizer when a metric, such as the held-out loss, has stopped improving.
///
///     ReduceOnPlateau schedule(optimizer, {.factor = 0.5, .patience = 3});
///     for (each epoch) { ...; schedule.step(held_out_loss); }
///
/// The constructor leaves the rate alone. `step` multiplies it by `factor` when more than `patience` steps in a row brought no
/// improvement. A metric that is NaN is none. The optimizer must outlive it. Throws ValueError for options out of range.
class ReduceOnPlateau {
public:
    /// For an optimizer, whose rate stays until the first reduction.
    explicit ReduceOnPlateau(Optimizer& optimizer, PlateauOptions options = {});

    /// Takes in a metric, and reduces the rate if it is time.
    void step(Real metric);

    /// The best metric and the counts.
    const PlateauState& state_dict() const { return state_; }
    /// Throws StateError for negative counts.
    void load_state_dict(const PlateauState& state) { prepare_load(state)(); }
    /// Does of load_state_dict what can fail; what it returns does not throw. Throws as load_state_dict.
    std::function<void()> prepare_load(const PlateauState& state);

private:
    bool is_better(Real metric) const;

    Optimizer* optimizer_;
    PlateauOptions options_;
    PlateauState state_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
