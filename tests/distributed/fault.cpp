// A training whose process 1 fails in its third step, as its argument says: by an exception, by a signal, or by a part that does not fit;
// or a program that asks for its processes before they run.
#include <csignal>
#include <iostream>
#include <string>

#include <tapehead/distributed/distributed.hpp>
#include <tapehead/tapehead.hpp>

using namespace tapehead;

int main(int argc, char** argv) {
    if (argc > 1 && std::string(argv[1]) == "early") {
        try {
            mpi::Communicator::world();
        } catch (const mpi::CommunicationError& error) {
            std::cout << error.what() << "\n";
            return 3;
        }
    }
    return mpi::run(argc, argv, [&](const mpi::Communicator& processes) {
        const std::string fault = argc > 1 ? argv[1] : "";
        Linear model(4, 2);
        mpi::DataParallel parallel(processes, model);
        Adam optimizer(model.named_parameters());
        for (int step = 1; step <= 5; ++step) {
            const bool is_at_fault = step == 3 && processes.rank() == 1;
            if (is_at_fault && fault == "exception") throw std::runtime_error("out of luck");
            if (is_at_fault && fault == "kill") std::raise(SIGKILL);
            optimizer.zero_grad();
            parallel.backward(mean(square(model(ones({3, is_at_fault && fault == "shape" ? 5 : 4})))));
            optimizer.step();
        }
        if (processes.is_first()) std::cout << "done\n";
        return 0;
    });
}
