// Snapshots of training; see timeline.hpp.
#include <tapehead/study/timeline.hpp>

#include <set>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

void Timeline::take(Index step, Real loss, const GradientFlow& flow, const AttentionCapture& capture) {
    check<ValueError>(snapshots_.empty() || step > snapshots_.back().step, "Timeline: expected a step after {}, got {}",
                      snapshots_.empty() ? 0 : snapshots_.back().step, step);
    Snapshot snapshot{step, loss, flow.table(), {}};
    std::set<std::string> seen;
    for (const CapturedAttention& call : capture.calls()) {
        if (!seen.insert(call.scope).second) continue;
        for (Index head = 0; head < call.heads; ++head) snapshot.attention.push_back({call.scope, head, call.weights(0, head)});
    }
    snapshots_.push_back(std::move(snapshot));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
