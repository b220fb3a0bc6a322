// Trains on as many processes as there are, with the installed library.
#include <iostream>
#include <tapehead/distributed/distributed.hpp>
#include <tapehead/tapehead.hpp>

using namespace tapehead;

int main(int argc, char** argv) {
    return mpi::run(argc, argv, [](const mpi::Communicator& processes) {
        Linear model(3, 1);
        mpi::DataParallel parallel(processes, model);
        Adam optimizer(model.named_parameters(), {.lr = 0.1});
        mpi::shard(processes, optimizer);
        Real loss = 1;
        for (int step = 0; step < 100; ++step) {
            optimizer.zero_grad();
            loss = parallel.backward(mean(square(model(ones({2, 3})) - 1)));
            optimizer.step();
        }
        if (processes.is_first()) std::cout << loss << "\n";
        return loss < 0.1 ? 0 : 1;
    });
}
