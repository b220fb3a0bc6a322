// Communicators; see communicator.hpp.
#include <tapehead/distributed/communicator.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <utility>
#include <vector>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {
namespace {

const MPI_Datatype scalar_type = sizeof(Scalar) == sizeof(double) ? MPI_DOUBLE : MPI_FLOAT;
const MPI_Datatype real_type = MPI_DOUBLE;
static_assert(sizeof(Real) == sizeof(double));

/// Throws where MPI does not report success.
void require(const char* operation, int status) {
    if (status == MPI_SUCCESS) return;
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int length = 0;
    MPI_Error_string(status, text.data(), &length);
    throw CommunicationError(fmt::format("{}: expected an exchange that succeeds, got {}", operation, text.data()));
}

int count_of(const char* operation, Index n) {
    check<ValueError>(0 <= n && n <= Communicator::max_numbers, "{}: expected at most {} numbers at once, got {}", operation,
                      Communicator::max_numbers, n);
    return static_cast<int>(n);
}

bool is_running() {
    int begun = 0, ended = 0;
    MPI_Initialized(&begun);
    MPI_Finalized(&ended);
    return begun != 0 && ended == 0;
}

std::string machine() {
    std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
    int length = 0;
    MPI_Get_processor_name(name.data(), &length);
    return name.data();
}

}  // namespace

// Requests

Request::Request(Request&& other) noexcept : request_(std::exchange(other.request_, MPI_REQUEST_NULL)) {}

Request& Request::operator=(Request&& other) noexcept {
    std::swap(request_, other.request_);
    return *this;
}

Request::~Request() {
    if (request_ != MPI_REQUEST_NULL && std::uncaught_exceptions() == 0 && is_running()) MPI_Wait(&request_, MPI_STATUS_IGNORE);
}

bool Request::test() {
    int ended = 0;
    require("Request.test", MPI_Test(&request_, &ended, MPI_STATUS_IGNORE));
    return ended != 0;
}

void Request::wait() { require("Request.wait", MPI_Wait(&request_, MPI_STATUS_IGNORE)); }

// Communicators

Communicator::Communicator(MPI_Comm owned)
    : handle_(new MPI_Comm(owned), [](const MPI_Comm* comm) {
          MPI_Comm own = *comm;
          if (is_running() && std::uncaught_exceptions() == 0) MPI_Comm_free(&own);  // which may wait for the others
          delete comm;
      }) {
    MPI_Comm_set_errhandler(owned, MPI_ERRORS_RETURN);
    MPI_Comm_rank(owned, &rank_);
    MPI_Comm_size(owned, &size_);
}

Communicator Communicator::world() {
    check<CommunicationError>(is_running(), "Communicator.world: expected to be called within mpi::run, got none around it");
    MPI_Comm own = MPI_COMM_NULL;
    require("Communicator.world", MPI_Comm_dup(MPI_COMM_WORLD, &own));
    return Communicator(own);
}

Communicator Communicator::split(int color) const {
    check<ValueError>(color >= 0, "Communicator.split: expected a color of at least 0, got {}", color);
    MPI_Comm part = MPI_COMM_NULL;
    require("Communicator.split", MPI_Comm_split(handle(), color, rank_, &part));
    return Communicator(part);
}

void Communicator::barrier() const { require("Communicator.barrier", MPI_Barrier(handle())); }

void Communicator::check_same_shapes(const char* operation, const Tensor& x) const {
    std::array<std::int64_t, 2 * (max_rank + 1)> most{};  // of the rank and the extents, and of their opposites
    const auto note = [&](Index i, Index n) {
        most[static_cast<std::size_t>(2 * i)] = n;
        most[static_cast<std::size_t>(2 * i + 1)] = -n;
    };
    note(0, x.dim());
    for (Index i = 0; i < x.dim(); ++i) note(i + 1, x.size(i));
    require(operation, MPI_Allreduce(MPI_IN_PLACE, most.data(), static_cast<int>(most.size()), MPI_INT64_T, MPI_MAX, handle()));
    for (std::size_t i = 0; i < most.size(); i += 2)
        check<ShapeError>(most[i] == -most[i + 1], "{}: expected one shape on all processes, got {} on process {}", operation,
                          x.shape(), rank_);
}

void Communicator::check_same(const char* operation, const char* what, const std::vector<std::string>& lines) const {
    std::string own;
    for (const std::string& line : lines) own += line + "\n";
    const std::string first = broadcast(own);
    const auto differs = static_cast<int>(all_reduce_max(own != first ? rank_ : 0));  // the last process that does
    if (differs == 0) return;
    std::istringstream own_lines(own), first_lines(first);
    std::string mine, theirs;
    bool has_mine = true, has_theirs = true;
    do {
        has_mine = !std::getline(own_lines, mine).fail();
        has_theirs = !std::getline(first_lines, theirs).fail();
    } while (has_mine && has_theirs && mine == theirs);
    const std::string difference =
        broadcast(fmt::format("{} on process 0 and {} on process {}", has_theirs ? theirs : "nothing more",
                              has_mine ? mine : "nothing more", rank_),
                  differs);
    throw CommunicationError(fmt::format("{}: expected {} on all processes, got {}", operation, what, difference));
}

int Communicator::checked_process(const char* operation, int process) const {
    check<IndexError>(0 <= process && process < size_, "{}: expected a process in [0, {}), got {}", operation, size_, process);
    return process;
}

void Communicator::broadcast(Tensor& x, int root) const {
    checked_process("Communicator.broadcast", root);
    check_same_shapes("Communicator.broadcast", x);
    start_broadcast(x.mutable_data(), x.numel(), root).wait();
}

std::string Communicator::broadcast(const std::string& text, int root) const {
    std::int64_t length = std::ssize(text);
    require("Communicator.broadcast",
            MPI_Bcast(&length, 1, MPI_INT64_T, checked_process("Communicator.broadcast", root), handle()));
    std::string result = rank_ == root ? text : std::string(static_cast<std::size_t>(length), '\0');
    require("Communicator.broadcast",
            MPI_Bcast(result.data(), count_of("Communicator.broadcast", length), MPI_CHAR, root, handle()));
    return result;
}

void Communicator::all_reduce(Tensor& x) const {
    check_same_shapes("Communicator.all_reduce", x);
    start_all_reduce(x.mutable_data(), x.numel()).wait();
}

std::vector<Real> Communicator::all_reduce(std::vector<Real> x) const {
    require("Communicator.all_reduce", MPI_Allreduce(MPI_IN_PLACE, x.data(), count_of("Communicator.all_reduce", std::ssize(x)),
                                                     real_type, MPI_SUM, handle()));
    return x;
}

Real Communicator::all_reduce_max(Real x) const {
    require("Communicator.all_reduce_max", MPI_Allreduce(MPI_IN_PLACE, &x, 1, real_type, MPI_MAX, handle()));
    return x;
}

std::vector<Real> Communicator::all_gather(const std::vector<Real>& x) const {
    const int n = count_of("Communicator.all_gather", std::ssize(x));
    std::vector<Real> all(x.size() * static_cast<std::size_t>(size_));
    require("Communicator.all_gather", MPI_Allgather(x.data(), n, real_type, all.data(), n, real_type, handle()));
    return all;
}

Request Communicator::start_all_reduce(Scalar* x, Index n) const {
    MPI_Request started = MPI_REQUEST_NULL;
    require("Communicator.start_all_reduce", MPI_Iallreduce(MPI_IN_PLACE, x, count_of("Communicator.start_all_reduce", n),
                                                            scalar_type, MPI_SUM, handle(), &started));
    return Request(started);
}

Request Communicator::start_broadcast(Scalar* x, Index n, int root) const {
    MPI_Request started = MPI_REQUEST_NULL;
    require("Communicator.start_broadcast",
            MPI_Ibcast(x, count_of("Communicator.start_broadcast", n), scalar_type,
                       checked_process("Communicator.start_broadcast", root), handle(), &started));
    return Request(started);
}

Request Communicator::start_send(const Scalar* x, Index n, int to) const {
    MPI_Request started = MPI_REQUEST_NULL;
    require("Communicator.start_send", MPI_Isend(x, count_of("Communicator.start_send", n), scalar_type,
                                                 checked_process("Communicator.start_send", to), 0, handle(), &started));
    return Request(started);
}

Request Communicator::start_receive(Scalar* x, Index n, int from) const {
    MPI_Request started = MPI_REQUEST_NULL;
    require("Communicator.start_receive",
            MPI_Irecv(x, count_of("Communicator.start_receive", n), scalar_type,
                      checked_process("Communicator.start_receive", from), 0, handle(), &started));
    return Request(started);
}

void Communicator::all_to_all(const Scalar* from, Scalar* to, Index n) const {
    const int count = count_of("Communicator.all_to_all", n);
    require("Communicator.all_to_all", MPI_Alltoall(from, count, scalar_type, to, count, scalar_type, handle()));
}

// Programs

int launched_size() {
    // Slurm's last: mpirun starts its processes within steps of Slurm.
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "JSM_NAMESPACE_SIZE", "FLUX_JOB_SIZE", "SLURM_STEP_NUM_TASKS"})
        if (const char* size = std::getenv(name)) return std::max(1, std::atoi(size));
    return 1;
}

int run(int& argc, char**& argv, const std::function<int(const Communicator&)>& body) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    const auto stop = [](const char* why) {
        int rank = 0, size = 1;
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
        MPI_Comm_size(MPI_COMM_WORLD, &size);
        std::fflush(stdout);
        fmt::print(stderr, "process {} of {} on {} ends the program: {}\n", rank, size, machine(), why);
        std::fflush(stderr);
        MPI_Abort(MPI_COMM_WORLD, 1);
    };
    int status = 1;
    try {
        const Communicator world = Communicator::world();
        check<CommunicationError>(
            world.size() > 1 || launched_size() == 1,
            "run: expected the {} processes of the launcher, got this one alone: start them by the mpirun of the "
            "same MPI, or by srun --mpi=pmix (OMPI_COMM_WORLD_SIZE, PMI_SIZE or SLURM_STEP_NUM_TASKS has their number)",
            launched_size());
        status = body(world);
    } catch (const std::exception& error) {
        stop(error.what());
    } catch (...) {
        stop("an exception that is none of C++'s own");
    }
    MPI_Finalize();
    return status;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
