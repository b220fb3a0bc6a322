// ExponentialMovingAverage: weights averaged over the last steps, which often do better than the last ones.
//
// Knows tensors alone: the parameters of a model and a copy of its own.
#pragma once

#include <functional>

#include <tapehead/optim/parameters.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// How fast an average forgets.
struct AverageOptions {
    Real decay = 0.999;   ///< β, in [0, 1)
    bool warmup = false;  ///< min(β, (1 + n) / (10 + n)) at update n = 1, 2, ..., which soon forgets the first weights
};

/// What an average remembers, as copies.
struct AverageState {
    Index updates = 0;      ///< how often it was updated
    NamedTensors averages;  ///< by the names of the parameters
};

/// a = β a + (1 − β) p of every parameter p, starting at its value when this is made  (Polyak and Juditsky 1992)
///
///     ExponentialMovingAverage average(model.named_parameters());
///     for (...) { ...; optimizer.step(); average.update(); }
///     { const auto in_place = average.apply(); evaluate(model); }  // with the averaged weights; then the own ones are back
///
/// Throws ValueError for a decay out of range and for parameters that are none, undefined, or come twice.
class ExponentialMovingAverage {
public:
    /// Keeps the averages in the parameters while it lives.
    class [[nodiscard]] Applied {
    public:
        /// Swaps the averages in. Throws StateError if they are in already.
        explicit Applied(ExponentialMovingAverage& average);
        ~Applied() { average_.swap(); }  ///< and out again
        Applied(const Applied&) = delete;
        Applied& operator=(const Applied&) = delete;

    private:
        ExponentialMovingAverage& average_;
    };

    /// Begins with the parameters' present values.
    explicit ExponentialMovingAverage(const Parameters& parameters, AverageOptions options = {});

    /// Takes in the parameters' values, after a step of the optimizer. Throws StateError while the averages are swapped in.
    void update();
    /// Exchanges the parameters' values for the averages, or back, in place.
    void swap();
    bool is_swapped() const { return is_swapped_; }  ///< whether the parameters hold the averages now
    /// The averages in the parameters until the guard goes out of scope. Throws StateError if they are swapped in already.
    Applied apply();

    /// The averages, by the names of their parameters; not copies.
    const NamedTensors& averages() const { return averages_; }

    /// A copy of the averages. Throws StateError while they are swapped in.
    AverageState state_dict() const;
    /// The same without copies, of tensors that the next update changes: for whoever is done with them before.
    AverageState state_view() const;
    /// Takes over averages by their names. Throws StateError listing what differs, and then changes nothing.
    void load_state_dict(const AverageState& state) { prepare_load(state)(); }
    /// Does of load_state_dict what can fail; what it returns takes over the state and asks for no memory. Throws as load_state_dict.
    std::function<void()> prepare_load(const AverageState& state);

private:
    void check_not_swapped(const char* operation) const;

    Parameters parameters_;
    NamedTensors averages_;
    AverageOptions options_;
    Index updates_ = 0;
    bool is_swapped_ = false;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
