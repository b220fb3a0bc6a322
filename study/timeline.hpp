// Timeline: what a model looked like at some steps of its training.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tapehead/study/attention_capture.hpp>
#include <tapehead/study/gradient_flow.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// One step of training.
struct Snapshot {
    /// The weights of one head.
    struct Attention {
        std::string scope;  ///< of the layer
        Index head;         ///< in [0, H)
        Tensor weights;     ///< [Tq, Tk] of the first sequence
    };
    Index step;                        ///< which one
    Real loss;                         ///< of that step
    GradientFlowTable parameters;      ///< values, gradients and updates
    std::vector<Attention> attention;  ///< the first call of each layer, head by head
};

/// Takes snapshots while training; the page shows them with a slider.
///
///     study::Timeline timeline(model);
///     for (Index step = 1; step <= 500; ++step)
///         if (step % 50 == 1) timeline.watch(step, [&] { return train_step(); });
///         else train_step();
class Timeline {
public:
    /// Of a model, which it reads while `watch` runs.
    explicit Timeline(Module& model) : model_(model) {}

    /// Runs a training step, which returns its loss, keeps what it did, and returns the loss too.
    template <class Step>
    Tensor watch(Index step, const Step& train_step) {
        AttentionCapture capture(model_);
        GradientFlow flow(model_);
        Tensor loss = train_step();
        take(step, static_cast<Real>(loss.item()), flow, capture);
        return loss;
    }
    /// Keeps what observers have seen. Throws ValueError unless steps grow.
    void take(Index step, Real loss, const GradientFlow& flow, const AttentionCapture& capture);

    const std::vector<Snapshot>& snapshots() const { return snapshots_; }  ///< in the order of their steps

private:
    Module& model_;
    std::vector<Snapshot> snapshots_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
