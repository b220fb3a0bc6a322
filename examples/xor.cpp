// The first program: a network of two layers learns exclusive or, which no single layer can.
#include <support/program.hpp>
#include <tapehead/tapehead.hpp>

using namespace tapehead;

int main(int argc, char** argv) {
    examples::Program program("xor", "Learns the exclusive or of two bits.");
    return program.run(argc, argv, [] {
        const Tensor x{{0, 0}, {0, 1}, {1, 0}, {1, 1}};  // [4, 2]
        const Tensor y{{0}, {1}, {1}, {0}};              // [4, 1]

        Sequential net(Linear(2, 8), Tanh(), Linear(8, 1));
        Adam optimizer(net.named_parameters(), {.lr = 0.05});
        for (int step = 1; step <= 300; ++step) {
            const Tensor loss = binary_cross_entropy_with_logits(net(x), y);
            optimizer.zero_grad();
            loss.backward();
            optimizer.step();
            if (step % 50 == 0) fmt::print("step {:3}  loss {:.6f}\n", step, loss.item());
        }

        const Tensor answer = sigmoid(net(x));  // [4, 1], the probability of 1
        for (int i = 0; i < 4; ++i) fmt::print("{:.0f} xor {:.0f} = {:5.2f}\n", x(i, 0), x(i, 1), answer(i, 0));
        const bool learned = amax(abs(answer - y)).item() < 0.1;
        fmt::print("xor: {}\n", learned ? "learned" : "not learned; try another --seed");
        return learned ? 0 : 1;
    });
}
