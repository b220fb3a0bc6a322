// A layer of your own: a struct with members, a constructor, `forward`, and `visit` that names each member once.
//
// Counting, printing, optimizing and saving follow from `visit`.
#include <iostream>
#include <numbers>

#include <support/program.hpp>
#include <support/progress.hpp>
#include <tapehead/tapehead.hpp>

using namespace tapehead;

namespace {

/// y = g f(x) + (1 − g) x, f(x) = tanh(W x + b), g = sigmoid(W' x + b'): [..., E] → [..., E]  (Srivastava et al. 2015)
struct Highway : Layer {
    Linear transform, gate;  // E → E each

    explicit Highway(Index embed_dim) : transform(embed_dim, embed_dim), gate(embed_dim, embed_dim) {
        init::constant_(gate.bias, -1);  // starts near the identity
    }
    Tensor forward(const Tensor& x) const override {
        const Tensor f = tanh(transform(x));  // [..., E]
        const Tensor g = sigmoid(gate(x));    // [..., E]
        return g * f + (1 - g) * x;           // [..., E]
    }
    void visit(Visitor& v) override {
        v("transform", transform);
        v("gate", gate);
    }
};

}  // namespace

int main(int argc, char** argv) {
    examples::Program program("custom_layer",
                              "Trains a layer defined outside the library, a highway layer, on a small regression.");
    Index steps = 600;
    program.option("--steps", steps, "Training steps")->check(examples::between(1));
    return program.run(argc, argv, [&] {
        Sequential net(Linear(2, 16), Highway(16), Highway(16), Linear(16, 1));
        std::cout << net << "\n" << std::flush;

        const Tensor x = 2 * rand({256, 2}) - 1;                                         // [256, 2]
        const Tensor y = sin(std::numbers::pi * slice(x, 1, 0, 1)) * slice(x, 1, 1, 2);  // [256, 1]
        Adam optimizer(net.named_parameters(), {.lr = 0.01});
        examples::Progress progress(steps);
        Real loss = 0;
        for (Index step = 1; step <= steps; ++step) {
            const Tensor error = mse_loss(net(x), y);
            optimizer.zero_grad();
            error.backward();
            optimizer.step();
            progress.update(step, loss = error.item());
        }
        progress.finish();

        constexpr Real threshold = 5e-3;  // a thirtieth of the variance of y
        fmt::print("custom_layer: {} parameters, loss {:.5f}, {} {}\n", net.num_parameters(), loss,
                   loss < threshold ? "under" : "not under", threshold);
        return loss < threshold ? 0 : 1;
    });
}
