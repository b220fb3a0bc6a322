// An operation of your own, outside the library: its value, its derivative beside it. Checked to second order, then trained.
//
// Uses the library in double, as gradients are checked there.
#include <cmath>
#include <numbers>

#include <support/program.hpp>
#include <tapehead/tapehead.hpp>

using namespace tapehead;

namespace {

/// y = x t, t = tanh(softplus(x));  dx = dy (t + x (1 − t²) sigmoid(x))  (Misra 2019)
///
/// The rule is made of differentiable operations, so derivatives of every order follow.
Tensor mish(const Tensor& x) {
    Tensor y = Tensor::empty(x.shape());
    for (Index i = 0; i < x.numel(); ++i) y.raw()[i] = x.data()[i] * std::tanh(std::log1p(std::exp(x.data()[i])));
    return record("mish", y, wrt(x, [x](const Tensor& dy) {
                      const Tensor t = tanh(softplus(x));
                      return dy * (t + x * (1 - square(t)) * sigmoid(x));
                  }));
}

/// And a layer of it, for Sequential.
struct Mish : Elementwise<mish> {};

/// Fits y = sin(πx) on [-1, 1] and returns the last loss.
Real fit_sine() {
    const Tensor x = reshape(arange(-1, 1, 1.0 / 32), {-1, 1});  // [64, 1]
    const Tensor y = sin(std::numbers::pi * x);                  // [64, 1]
    Sequential net(Linear(1, 16), Mish(), Linear(16, 1));
    Adam optimizer(net.named_parameters(), {.lr = 0.02});
    Real loss = 0;
    for (int step = 0; step < 500; ++step) {
        const Tensor error = mse_loss(net(x), y);
        optimizer.zero_grad();
        error.backward();
        optimizer.step();
        loss = error.item();
    }
    return loss;
}

}  // namespace

int main(int argc, char** argv) {
    examples::Program program("custom_op",
                              "Checks and trains an operation defined outside the library: mish(x) = x tanh(softplus(x)).");
    return program.run(argc, argv, [] {
        const auto f = [](const std::vector<Tensor>& in) { return mish(in[0]); };
        const Tensor x = randn({3, 4}).requires_grad_();
        const GradcheckReport first = gradcheck(f, {x}), second = gradgradcheck(f, {x});
        fmt::print("first derivatives:  {}\nsecond derivatives: {}\n", first.message(), second.message());

        const Real loss = fit_sine();
        fmt::print("sin(pi x) fitted by 16 units of mish: loss {:.6f}\n", loss);

        const bool good = first && second && loss < 1e-2;
        fmt::print("custom_op: {}\n", good ? "both orders of derivative are right, and it trains" : "FAILED");
        return good ? 0 : 1;
    });
}
