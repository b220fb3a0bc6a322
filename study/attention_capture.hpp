// AttentionCapture: what every attention layer of a model did, head by head, without a change to the model's code.
//
// A call is kept as queries, keys, values and mask; the steps between them and the output are made anew on request, so that
// capturing costs no memory that grows with T².
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tapehead/autograd/ops/attention.hpp>
#include <tapehead/study/watcher.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// One head of one sequence: each step of attention as a matrix.
struct AttentionHead {
    Tensor q;              ///< [Tq, D]
    Tensor k;              ///< [Tk, D]: of the key-value head that serves this one
    Tensor v;              ///< [Tk, Dv]
    Tensor scores;         ///< [Tq, Tk]: Q Kᵀ times the scale
    Tensor masked_scores;  ///< [Tq, Tk]: after softcap and biases, −∞ where a query may not attend
    Tensor weights;        ///< [Tq, Tk]: their softmax, before dropout
    Tensor output;         ///< [Tq, Dv]
};

/// The steps by their names, as files and pages call them.
inline constexpr std::pair<const char*, Tensor AttentionHead::*> attention_head_steps[] = {{"q", &AttentionHead::q},
                                                                                           {"k", &AttentionHead::k},
                                                                                           {"v", &AttentionHead::v},
                                                                                           {"scores", &AttentionHead::scores},
                                                                                           {"masked_scores",
                                                                                            &AttentionHead::masked_scores},
                                                                                           {"weights", &AttentionHead::weights},
                                                                                           {"output", &AttentionHead::output}};

/// One call of attention, with the gradient of its output once a backward pass went through it.
class CapturedAttention {
public:
    /// Keeps what a call read and gave; for AttentionCapture.
    CapturedAttention(std::string scope, const AttentionCall& call);

    std::string scope;                            ///< of the layer, "encoder.layers.0.self_attention"
    Index batch, heads, kv_heads, queries, keys;  ///< B, H, Hkv, Tq, Tk
    Index head_dim;                               ///< D
    Real scale, softcap;                          ///< of the scores; a softcap of 0 is none
    Real dropout;                                 ///< of the weights, 0 outside training
    Tensor output;                                ///< [B, H, Tq, Dv], or [B, Tq, H, Dv] if the call was time first
    Tensor output_gradient;                       ///< of the same shape; undefined before the backward pass

    /// The steps of one head, made anew: memory for one Tq × Tk matrix each, except under dropout, where all heads are made. Throws
    /// IndexError.
    AttentionHead head(Index sequence, Index head) const;
    /// The gradients at the same steps, from that of the output. k and v: what this head adds to the gradient of its key-value
    /// head, which sums over the heads that it serves. Throws IndexError, and GradError before a backward pass.
    AttentionHead gradients(Index sequence, Index head) const;
    /// The weights of one head, [Tq, Tk]. Throws IndexError.
    Tensor weights(Index sequence, Index head) const { return this->head(sequence, head).weights; }

private:
    struct Run {
        AttentionHead leaves;  // q, k and v require grad
        AttentionSteps steps;  // [B or 1, H or 1, Tq, Tk]
        Index sequence, head;  // where in the steps
    };
    Run run(Index sequence, Index head) const;

    Tensor q_, k_, v_;  // [B, H, T, D]
    AttentionOptions options_;
    kernels::PhiloxKey stream_;
    bool time_first_;
};

/// Records every call of attention on this thread while it lives, and the gradient that comes back to it.
///
///     study::AttentionCapture capture(model);
///     const Tensor loss = criterion(model(x));
///     loss.backward();
///     for (const auto& call : capture.calls()) std::cout << call.scope << call.weights(0, 0) << "\n";
///     capture.save("attention.npz");
///
/// Calls are in the order in which they ran; `clear()` before the next step. Of decoding with a cache, a call is the
/// queries of one step over the keys so far.
class AttentionCapture : public Watcher {
public:
    /// Names the layers of `model`; without one they have the names of their types.
    explicit AttentionCapture(Module& model) : Watcher(model) {}
    /// Without a model, layers have the names of their types.
    AttentionCapture() = default;

    const std::deque<CapturedAttention>& calls() const { return calls_; }  ///< in the order in which they ran
    /// The nth call of one layer, the first by default. Throws ValueError if it made fewer, naming those that made some.
    const CapturedAttention& call(const std::string& scope, std::size_t nth = 0) const;
    void clear() { calls_.clear(); }  ///< forgets all calls

    /// Writes scores, weights, Q, K, V and output of every call, and the gradients at each where there are some, to an npz file: the array
    /// "encoder.layers.0.self_attention.weights" is [B, H, Tq, Tk], its gradient "encoder.layers.0.self_attention.weights.grad".
    /// A second call of a layer is "….1.weights". Takes memory that grows with B H Tq Tk. Throws FileError.
    void save(const std::string& path) const;

    void on_attention(const AttentionCall& call) override;
    void on_pull(const PullEvent& event) override;

private:
    std::deque<CapturedAttention> calls_;  // references to them stay good
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
