// A small model that the tests of study/ look at.
#pragma once

#include <support/scratch.hpp>
#include <support/testing.hpp>

namespace testing {

/// An encoder layer after an embedding, and a loss in a scope of its own.
struct SmallModel : Module {
    Embedding embedding{7, 8};
    TransformerEncoderLayer layer;
    Linear output{8, 3};

    explicit SmallModel(Real dropout = 0)
        : layer({.embed_dim = 8, .num_heads = 2, .feedforward_dim = 12, .dropout = dropout}) {}

    Tensor forward(const Ids& ids, const AttentionMask& mask = AttentionMask::causal()) const {
        return output(layer(embedding(ids), mask));
    }
    Tensor loss(const Ids& ids, const AttentionMask& mask = AttentionMask::causal()) const {
        const Tensor y = forward(ids, mask);
        const Scope scope("loss");
        return mean(square(y));
    }
    void visit(Visitor& v) override {
        v("embedding", embedding);
        v("layer", layer);
        v("output", output);
    }
};

/// Two sequences of four tokens.
inline Ids tokens() { return randint(0, 7, {2, 4}); }

inline SmallModel seeded_model(Real dropout = 0) {
    manual_seed(5);
    return SmallModel(dropout);
}

/// A model's loss, its backward pass, and the tape of both.
struct RecordedModel {
    SmallModel model = seeded_model();
    Ids ids = tokens();
    study::Recorder recorder{model};
    Tensor loss = model.loss(ids);
    Tape tape = swept();

private:
    Tape swept() {
        loss.backward();
        return Tape(loss, recorder);
    }
};

}  // namespace testing
