// Processes that train together; see team.hpp. The one place of the examples that knows whether there is MPI.
#include <support/team.hpp>

#include <cstdio>
#include <optional>

#include <xtensor/xview.hpp>

#include <tapehead/autograd/ops/arithmetic.hpp>
#if defined(TAPEHEAD_MPI)
#include <tapehead/distributed/distributed.hpp>
#endif

namespace examples {

using namespace tapehead;

#if defined(TAPEHEAD_MPI)

namespace {
std::optional<mpi::Communicator> processes;  // of the program, while `run` runs it on several
}

int team::run(int& argc, char**& argv, const std::function<int()>& body) {
    if (launched() == 1) return body();
    return mpi::run(argc, argv, [&](const mpi::Communicator& all) {
        processes = all;
        if (!all.is_first() && !std::freopen("/dev/null", "w", stdout)) throw FileError("team: expected /dev/null, got none");
        const int status = body();
        processes.reset();
        return status;
    });
}

int team::launched() { return mpi::launched_size(); }
int team::size() { return processes ? processes->size() : 1; }
bool team::is_first() { return !processes || processes->is_first(); }
bool team::any(bool x) { return processes ? processes->any(x) : x; }
Real team::of_first(Real x) { return processes ? processes->all_reduce(is_first() ? x : 0) : x; }
Real team::sum(Real x) { return processes ? processes->all_reduce(x) : x; }
team::Part team::part(Index n) {
    if (!processes) return {0, n};
    const mpi::Part own = mpi::part(*processes, n);
    return {own.begin, own.end};
}

struct Team::Exchange {
    explicit Exchange(Module& model) : parallel(*processes, model) {}
    mpi::DataParallel parallel;
};

Team::Team(Module& model, Optimizer& optimizer, bool shards) {
    if (!processes) return;
    exchange_ = std::make_unique<Exchange>(model);
    if (shards) mpi::shard(*processes, optimizer);
}

Real Team::backward(const Tensor& loss, Real weight) {
    if (exchange_) return exchange_->parallel.backward(loss, weight);
    loss.backward();
    return loss.item();
}

#else

int team::run(int&, char**&, const std::function<int()>& body) { return body(); }
int team::launched() { return 1; }
int team::size() { return 1; }
bool team::is_first() { return true; }
bool team::any(bool x) { return x; }
Real team::of_first(Real x) { return x; }
Real team::sum(Real x) { return x; }
team::Part team::part(Index n) { return {0, n}; }

struct Team::Exchange {};

Team::Team(Module&, Optimizer&, bool) {}

Real Team::backward(const Tensor& loss, Real) {
    loss.backward();
    return loss.item();
}

#endif

Team::~Team() = default;

Ids team::part(const Ids& batch) {
    const auto [begin, end] = part(static_cast<Index>(batch.shape(0)));
    return xt::view(batch, xt::range(begin, end));
}

}  // namespace examples
