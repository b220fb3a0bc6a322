// Gradient flow: how large the values, gradients and updates of each parameter are.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <tapehead/study/watcher.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// One parameter of a model.
struct ParameterFlow {
    std::string name;                   ///< full
    Shape shape;                        ///< of the value
    Real value_norm = 0;                ///< ‖w‖, the root of the sum of squares
    std::optional<Real> gradient_norm;  ///< ‖dw‖; none before a backward pass
    std::optional<Real> update_ratio;  ///< ‖Δw‖ / ‖w‖ of the last update, about 1e-3 where training goes well; none before one
};

/// The parameters of a model, in its order.
using GradientFlowTable = std::vector<ParameterFlow>;

/// The values and gradients of the parameters as they are now.
GradientFlowTable gradient_flow(Module& model);

/// Watches the updates of a model's parameters too.
///
///     study::GradientFlow flow(model);
///     loss.backward();
///     optimizer.step();
///     std::cout << flow.table();
class GradientFlow : public Observer {
public:
    /// Watches updates from here on.
    explicit GradientFlow(Module& model) : model_(model) {}
    /// The gradients are those that the optimizer saw.
    GradientFlowTable table() const;

    void before_update(const UpdateEvent& event) override;
    void after_update(const UpdateEvent& event) override;

private:
    struct Update {
        Real gradient_norm, ratio;
    };
    Module& model_;
    Tensor before_;
    std::map<const void*, Update> updates_;
};

/// A table: a line for each parameter, with its norms and the ratio of its update.
std::ostream& operator<<(std::ostream& out, const GradientFlowTable& table);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
