// Schedules; see schedule.hpp.
#include <tapehead/optim/schedule.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// From `start` to `end` along half a cosine, as q goes from 0 to 1.
Real cosine_between(Real start, Real end, Real q) { return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * q)); }

/// The part of the whole rate at a step of the warm-up, 1 after it.
Real warmup_factor(Index step, Index warmup) {
    return step < warmup ? static_cast<Real>(step + 1) / static_cast<Real>(warmup) : 1;
}

void check_gamma(const char* operation, Real gamma) {
    check<ValueError>(gamma > 0 && std::isfinite(gamma), "{}: expected gamma > 0, got {}", operation, gamma);
}

}  // namespace

Schedule::Schedule(Optimizer& optimizer, Function lr) : optimizer_(&optimizer), lr_(std::move(lr)), state_{0, optimizer.lr()} {
    check<ValueError>(static_cast<bool>(lr_), "Schedule: expected a function of the step, got none");
    optimizer.set_lr(this->lr());
}

void Schedule::step() {
    optimizer_->set_lr(lr_(state_.step + 1, state_.base_lr));
    ++state_.step;
}

std::function<void()> Schedule::prepare_load(const ScheduleState& state) {
    check<StateError>(state.step >= 0 && state.base_lr >= 0 && std::isfinite(state.base_lr),
                      "load_state_dict: expected a step and a base_lr, got {} and {}", state.step, state.base_lr);
    return [this, state, lr = detail::checked_lr(lr_(state.step, state.base_lr))] {
        optimizer_->set_lr(lr);
        state_ = state;
    };
}

Schedule Schedule::constant(Optimizer& optimizer) {
    return Schedule(optimizer, [](Index, Real base) { return base; });
}

Schedule Schedule::steps(Optimizer& optimizer, Index step_size, Real gamma) {
    check<ValueError>(step_size > 0, "steps: expected step_size > 0, got {}", step_size);
    check_gamma("steps", gamma);
    return Schedule(optimizer, [=](Index t, Real base) {
        const Index falls = t / step_size;
        return base * std::pow(gamma, static_cast<Real>(falls));
    });
}

Schedule Schedule::multi_steps(Optimizer& optimizer, std::vector<Index> milestones, Real gamma) {
    check<ValueError>(std::is_sorted(milestones.begin(), milestones.end()), "multi_steps: expected rising milestones, got {}",
                      milestones);
    check_gamma("multi_steps", gamma);
    return Schedule(optimizer, [milestones = std::move(milestones), gamma](Index t, Real base) {
        const auto passed = std::upper_bound(milestones.begin(), milestones.end(), t) - milestones.begin();
        return base * std::pow(gamma, static_cast<Real>(passed));
    });
}

Schedule Schedule::exponential(Optimizer& optimizer, Real gamma) {
    check_gamma("exponential", gamma);
    return Schedule(optimizer, [=](Index t, Real base) { return base * std::pow(gamma, static_cast<Real>(t)); });
}

Schedule Schedule::linear_warmup(Optimizer& optimizer, Index warmup) {
    check<ValueError>(warmup >= 0, "linear_warmup: expected warmup >= 0, got {}", warmup);
    return Schedule(optimizer, [=](Index t, Real base) { return base * warmup_factor(t, warmup); });
}

Schedule Schedule::cosine(Optimizer& optimizer, CosineOptions options) {
    const auto [warmup, total, min_ratio] = options;
    check<ValueError>(0 <= warmup && warmup < total, "cosine: expected 0 <= warmup < total, got {} and {}", warmup, total);
    check<ValueError>(0 <= min_ratio && min_ratio <= 1, "cosine: expected min_ratio in [0, 1], got {}", min_ratio);
    return Schedule(optimizer, [=](Index t, Real base) {
        if (t < options.warmup) return base * warmup_factor(t, options.warmup);
        const Real q = static_cast<Real>(t - options.warmup) / static_cast<Real>(options.total - options.warmup);
        return base * cosine_between(1, options.min_ratio, std::min<Real>(q, 1));
    });
}

Schedule Schedule::noam(Optimizer& optimizer, Index embed_dim, NoamOptions options) {
    check<ValueError>(embed_dim > 0 && options.warmup > 0, "noam: expected embed_dim and warmup > 0, got {} and {}", embed_dim,
                      options.warmup);
    check<ValueError>(options.factor >= 0, "noam: expected a factor that is not negative, got {}", options.factor);
    const auto [warmup, factor] = options;
    const Real scale = factor / std::sqrt(static_cast<Real>(embed_dim));
    return Schedule(optimizer, [scale, warmup = static_cast<Real>(warmup)](Index t, Real) {
        const auto n = static_cast<Real>(t + 1);
        return scale * std::min(1 / std::sqrt(n), n / (warmup * std::sqrt(warmup)));
    });
}

Schedule Schedule::one_cycle(Optimizer& optimizer, OneCycleOptions options) {
    check<ValueError>(options.max_lr >= 0, "one_cycle: expected a max_lr that is not negative, got {}", options.max_lr);
    check<ValueError>(options.total_steps > 0, "one_cycle: expected total_steps > 0, got {}", options.total_steps);
    check<ValueError>(0 <= options.pct_start && options.pct_start <= 1, "one_cycle: expected pct_start in [0, 1], got {}",
                      options.pct_start);
    check<ValueError>(options.div_factor > 0 && options.final_div_factor > 0,
                      "one_cycle: expected div_factor and final_div_factor > 0, got {} and {}", options.div_factor,
                      options.final_div_factor);
    return Schedule(optimizer, [options](Index step, Real) {
        const auto last = static_cast<Real>(options.total_steps - 1), t = std::min(static_cast<Real>(step), last);
        const Real peak = options.pct_start * static_cast<Real>(options.total_steps) - 1;
        const Real first_lr = options.max_lr / options.div_factor;
        if (t <= peak) return cosine_between(first_lr, options.max_lr, peak > 0 ? t / peak : 1);
        return cosine_between(options.max_lr, first_lr / options.final_div_factor, (t - peak) / (last - peak));
    });
}

ReduceOnPlateau::ReduceOnPlateau(Optimizer& optimizer, PlateauOptions options) : optimizer_(&optimizer), options_(options) {
    check<ValueError>(0 <= options.factor && options.factor < 1, "ReduceOnPlateau: expected factor in [0, 1), got {}",
                      options.factor);
    check<ValueError>(options.patience >= 0 && options.cooldown >= 0,
                      "ReduceOnPlateau: expected patience and cooldown >= 0, got {} and {}", options.patience,
                      options.cooldown);
    check<ValueError>(options.threshold >= 0 && options.min_lr >= 0,
                      "ReduceOnPlateau: expected threshold and min_lr >= 0, got {} and {}", options.threshold, options.min_lr);
}

bool ReduceOnPlateau::is_better(Real metric) const {
    if (std::isnan(state_.best)) return !std::isnan(metric);
    const Real margin = std::isfinite(state_.best) ? options_.threshold * std::abs(state_.best) : 0;
    return options_.maximize ? metric > state_.best + margin : metric < state_.best - margin;
}

void ReduceOnPlateau::step(Real metric) {
    if (is_better(metric)) {
        state_.best = metric;
        state_.bad_steps = 0;
    } else {
        ++state_.bad_steps;
    }
    if (state_.cooldown_left > 0) {
        --state_.cooldown_left;
        state_.bad_steps = 0;
    }
    if (state_.bad_steps <= options_.patience) return;
    optimizer_->set_lr(std::min(optimizer_->lr(), std::max(optimizer_->lr() * options_.factor, options_.min_lr)));
    state_.cooldown_left = options_.cooldown;
    state_.bad_steps = 0;
}

std::function<void()> ReduceOnPlateau::prepare_load(const PlateauState& state) {
    check<StateError>(state.bad_steps >= 0 && state.cooldown_left >= 0, "load_state_dict: expected counts, got {} and {}",
                      state.bad_steps, state.cooldown_left);
    return [this, state] { state_ = state; };
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
