// Processes that compute together, on MPI: how a program begins and ends on them, and the exchanges that training needs.
//
// Knows tensors and MPI, nothing of the tape or of layers. Exchanges are collective, but for those from one process to another: all
// processes of a communicator call the same ones in the same order.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <mpi.h>

#include <tapehead/autograd/error.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {

/// An exchange between processes that failed, or that they did not agree on.
struct CommunicationError : Error {
    using Error::Error;
};

/// An exchange on its way: the memory it was given belongs to it until it has ended.
class Request {
public:
    Request() = default;  ///< none: has ended
    /// Takes over what MPI has started.
    explicit Request(MPI_Request started) : request_(started) {}
    Request(Request&& other) noexcept;             ///< takes it over
    Request& operator=(Request&& other) noexcept;  ///< takes it over, and gives its own away
    ~Request();  ///< waits, but not where an exception is on its way: who throws is not waited for

    /// Lets MPI work on it; returns whether it has ended. Throws CommunicationError.
    bool test();
    /// Returns when it has ended. Throws CommunicationError.
    void wait();

private:
    MPI_Request request_ = MPI_REQUEST_NULL;
};

/// A group of processes, numbered from 0. Copies are the same group.
class Communicator {
public:
    /// All processes of the program. Throws CommunicationError outside of `run`.
    static Communicator world();

    int rank() const { return rank_; }            ///< which one this is
    int size() const { return size_; }            ///< how many there are
    bool is_first() const { return rank_ == 0; }  ///< whether this is process 0, the one that prints and saves
    MPI_Comm handle() const { return *handle_; }  ///< for exchanges of your own

    /// The group of those that give the same color, in the same order. Throws ValueError for a negative one.
    Communicator split(int color) const;

    /// Returns when all have called it.
    void barrier() const;
    /// x becomes what it is on process `root`. Throws ShapeError where the shapes differ from that on the root, and IndexError for a
    /// root that is not there.
    void broadcast(Tensor& x, int root = 0) const;
    /// The text of process `root`. Throws IndexError.
    std::string broadcast(const std::string& text, int root = 0) const;
    /// x becomes Σ over all processes of their x, with the same bits on each. Throws ShapeError where the shapes differ.
    void all_reduce(Tensor& x) const;
    /// Σ over all processes, number by number, of as many on each.
    std::vector<Real> all_reduce(std::vector<Real> x) const;
    /// Σ over all processes.
    Real all_reduce(Real x) const { return all_reduce(std::vector{x})[0]; }
    /// The largest over all processes.
    Real all_reduce_max(Real x) const;
    /// Whether it holds on any of the processes.
    bool any(bool x) const { return all_reduce_max(x ? 1 : 0) != 0; }
    /// The numbers of all processes, as many of each, one process after the other.
    std::vector<Real> all_gather(const std::vector<Real>& x) const;

    /// Throws ShapeError, in the name of an operation, unless x has one shape on all processes.
    void check_same_shapes(const char* operation, const Tensor& x) const;
    /// Throws CommunicationError, in the name of an operation that expects `what` on all processes, unless they have the same lines; it gives
    /// the first of them that differs.
    void check_same(const char* operation, const char* what, const std::vector<std::string>& lines) const;

    /// The most numbers that MPI exchanges at once; all exchanges throw ValueError beyond it.
    static constexpr Index max_numbers = std::numeric_limits<int>::max();

    /// Begins to sum n numbers in place, for whoever has something else to do meanwhile.
    Request start_all_reduce(Scalar* x, Index n) const;
    /// Begins to send n numbers of process `root` to all others.
    Request start_broadcast(Scalar* x, Index n, int root) const;
    /// Begins to send n numbers to process `to`, which begins to receive as many; of one process's to another the order is kept.
    Request start_send(const Scalar* x, Index n, int to) const;
    /// Begins to receive n numbers of process `from`.
    Request start_receive(Scalar* x, Index n, int from) const;
    /// Part p of `from`, of n numbers, goes to process p; part p of `to` comes from it.
    void all_to_all(const Scalar* from, Scalar* to, Index n) const;

private:
    explicit Communicator(MPI_Comm owned);
    int checked_process(const char* operation, int process) const;

    std::shared_ptr<const MPI_Comm> handle_;
    int rank_ = 0, size_ = 1;
};

/// How many processes a launcher such as mpirun or srun says that it has started with this one; 1 without a launcher.
int launched_size();

/// Runs the body of a program on all the processes that `mpirun` has started, or on one without it; returns the body's status.
///
///     int main(int argc, char** argv) {
///         return mpi::run(argc, argv, [&](const mpi::Communicator& processes) { ...; return 0; });
///     }
///
/// MPI begins before the body and ends after it: the body must return on all processes or throw on one. Where an exception leaves the
/// body, on any of the processes, all of them end with status 1, and stderr says which one it was, on which machine, and why: none
/// waits for one that has gone. So do processes that a launcher has started together and that MPI does not connect, as where the
/// launcher is that of another MPI: each would train alone.
int run(int& argc, char**& argv, const std::function<int(const Communicator& processes)>& body);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
