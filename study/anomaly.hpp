// detect_anomaly: finds the first operation that makes a NaN or an infinity.
#pragma once

#include <map>

#include <tapehead/study/watcher.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// What detect_anomaly found, in words.
struct AnomalyError : Error {
    using Error::Error;
};

/// While it lives, the first operation of this thread whose value or gradient is not finite throws AnomalyError.
///
///     const study::detect_anomaly guard(model);
///     const Tensor loss = criterion(model(x), y);
///     loss.backward();
///     optimizer.step();
///
/// The message names the operation, where in the model it ran and where it is written, its inputs, and whether the number was made
/// there or came in with one of them. An operation may give infinities if it was given one (a masked score), but no NaN. Updates are
/// checked too: a gradient before its parameter changes, the parameter after. Every value is read once more: for debugging.
class detect_anomaly : public Watcher {
public:
    /// Names the layers and parameters of `model`.
    explicit detect_anomaly(Module& model) : Watcher(model) {}
    /// Without a model, layers have the names of their types.
    detect_anomaly() = default;

    void on_record(const RecordEvent& event) override;
    void on_pull(const PullEvent& event) override;
    void before_update(const UpdateEvent& event) override;
    void after_update(const UpdateEvent& event) override;

private:
    std::string described(const Operation& operation, const std::string& scope_name) const;
    std::string described(std::span<const Tensor> inputs) const;

    std::map<std::uint64_t, std::size_t> scope_of_node_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
