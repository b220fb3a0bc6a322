// Runs the tests on all processes. A check that fails on one of them ends them all: the others would wait for it.
#define CATCH_CONFIG_RUNNER
#include <distributed/processes.hpp>

#include <iostream>
#include <memory>
#include <sstream>

#include <tapehead/autograd/threads.hpp>

namespace {

std::unique_ptr<const tapehead::mpi::Communicator> world;

/// Ends the program where a check fails, after Catch has said which.
struct EndAll : Catch::TestEventListenerBase {
    using TestEventListenerBase::TestEventListenerBase;
    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        if (stats.totals.assertions.allOk()) return;
        std::cout.flush();
        std::cerr << "process " << world->rank() << " of " << world->size() << ": failed in '" << stats.testInfo.name << "'\n";
        MPI_Abort(world->handle(), 1);
    }
};
CATCH_REGISTER_LISTENER(EndAll)

}  // namespace

const tapehead::mpi::Communicator& testing::processes() { return *world; }

int main(int argc, char** argv) {
    tapehead::set_num_threads(1);  // there may be more processes than cores
    return tapehead::mpi::run(argc, argv, [&](const tapehead::mpi::Communicator& processes) {
        world = std::make_unique<tapehead::mpi::Communicator>(processes);
        const std::ostringstream nowhere;
        std::streambuf* const out = std::cout.rdbuf();
        if (!processes.is_first()) std::cout.rdbuf(nowhere.rdbuf());
        const int status = Catch::Session().run(argc, argv);
        std::cout.rdbuf(out);
        world.reset();
        return status;
    });
}
