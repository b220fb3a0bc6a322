// A network of two layers learns exclusive or, which no single layer can.
#include <iostream>

#include <tapehead/tapehead.hpp>

using namespace tapehead;

int main() {
    const Tensor x{{0, 0}, {0, 1}, {1, 0}, {1, 1}}, target{{0}, {1}, {1}, {0}};
    Sequential net(Linear(2, 8), Tanh(), Linear(8, 1));
    Adam optimizer(net.parameters(), {.lr = 0.05});
    Real last = 0;
    for (int step = 0; step < 500; ++step) {
        const Tensor loss = mse_loss(net(x), target);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        last = loss.item();
    }
    std::cout << "Tapehead " << version << ": exclusive or to a loss of " << last << "\n" << net(x) << "\n";
    return last < 0.01 ? 0 : 1;
}
