// A model with a tied weight, for tests of what counts, saves and loads weights.
#pragma once

#include <tapehead/layers/layers.hpp>

namespace testing {

using namespace tapehead;

/// An embedding whose table is the output projection too.
struct Tied : Module {
    Embedding embedding{5, 3};
    Linear output{3, 5, false};

    Tied() { output.weight = embedding.weight; }
    void visit(Visitor& v) override {
        v("embedding", embedding);
        v("output", output);
    }
};

}  // namespace testing
