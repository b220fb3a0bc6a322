// A network with the layer learns a wave with a slope, y = x / 2 + sin 3x, from 128 points.
#include <iostream>

#include "snake.hpp"

using namespace tapehead;

int main() {
    manual_seed(1);
    const Tensor x = 4 * rand({128, 1}) - 2;  // [128, 1] in [-2, 2)
    const Tensor y = x / 2 + sin(3 * x);      // [128, 1]
    Sequential net(Linear(1, 16), snake::Snake(16), Linear(16, 1));
    std::cout << net << "\n";

    Adam optimizer(net.named_parameters(), {.lr = 0.02});
    Real loss = 0;
    for (int step = 1; step <= 500; ++step) {
        const Tensor error = mse_loss(net(x), y);
        optimizer.zero_grad();
        error.backward();
        optimizer.step();
        loss = error.item();
        if (step % 100 == 0) std::cout << "step " << step << "  loss " << loss << "\n";
    }
    const bool learned = loss < 0.01;  // a hundredth of the variance of y or so
    std::cout << (learned ? "learned" : "not learned") << "\n";
    return learned ? 0 : 1;
}
