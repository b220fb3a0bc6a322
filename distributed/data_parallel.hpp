// DataParallel: one model on several processes, each with a part of every batch.
//
// Knows modules by their parameters and the tape by its observer: what a sweep has finished goes on its way while it goes on.
#pragma once

#include <chrono>
#include <vector>

#include <tapehead/distributed/communicator.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {

/// How gradients are put together to be exchanged.
struct DataParallelOptions {
    Index bucket_bytes = Index{1} << 20;  ///< of gradients from which on a bucket is full, and the next one begins
};

/// An exchange of gradients, as DataParallel has timed it.
struct ExchangeTime {
    Index bytes;                                    ///< of gradients in it
    std::chrono::steady_clock::time_point started;  ///< when its gradients were known and those before it had begun
    std::chrono::steady_clock::time_point waited;   ///< when the sweep was over, and it was waited for
    std::chrono::steady_clock::time_point ended;    ///< when its sums were seen to be there, which may be before
};

/// Trains one model on several processes as if it were one: each has its part of a batch, and all have the same gradients.
///
///     mpi::DataParallel parallel(processes, model);        // all get the weights of process 0
///     AdamW optimizer(model.named_parameters());
///     ...
///     optimizer.zero_grad();
///     parallel.backward(loss, count);                      // in the place of loss.backward()
///     optimizer.step();
///
/// The gradients are those of Σ w L / Σ w over the processes, L the loss and w the weight of each: with means as losses and the numbers of
/// what they are means of as weights, the mean over the whole batch, however unevenly it is cut. While the sweep goes on, gradients that
/// are known are summed in flat buckets (Li et al. 2020, PyTorch Distributed, section 3.2).
///
/// The model must be the same on all processes, and lives longer than this. A parameter that the loss of a process does not depend on counts
/// as 0 there; one that no loss depends on has no gradient. A parameter with a hook is exchanged when the sweep is over, and so are the
/// buckets after its own.
///
/// Each process has a random stream of its own (separate_random_stream). `backward` lets all of them go on from where the farthest is, so that
/// the first process's, in a checkpoint, says where the others were.
class DataParallel {
public:
    /// Gives all processes the tensors of the first one's model. Throws CommunicationError where the models differ in names or shapes,
    /// and ValueError for bucket_bytes below 1 and for more than Communicator::max_numbers in one bucket or parameter.
    DataParallel(const Communicator& processes, Module& model, const DataParallelOptions& options = {});
    DataParallel(const DataParallel&) = delete;
    DataParallel& operator=(const DataParallel&) = delete;

    /// Adds to the `.grad` of the parameters what `loss` and those of the other processes give; returns Σ w L / Σ w.
    ///
    /// Collective. What a process gives with weight 0 has no say, even if it is NaN, and a loss that requires no grad gives nothing.
    /// Throws as Tensor::backward, ValueError for a weight that is negative or not finite, or if all are 0, StateError where other
    /// parameters require grad than did at first, and CommunicationError. An exception from within the sweep leaves exchanges on their
    /// way: then gradients are as before, and every further call throws CommunicationError.
    Real backward(const Tensor& loss, Real weight = 1);
    /// Keeps w ∂L/∂p of a part of this process's part of the batch, in `.grad`, for the next `backward` to exchange with its own, so that
    /// the weights of all parts count: gradient accumulation over micro-batches. Begin with gradients that are cleared, which also
    /// forgets what was accumulated before. Not collective.
    void accumulate(const Tensor& loss, Real weight = 1);

    /// The exchanges of the last `backward`, in the order in which they began.
    const std::vector<ExchangeTime>& exchanges() const { return exchanges_; }

private:
    class Watch;
    struct Parameter {
        Tensor tensor;
        std::size_t bucket;
        Index begin;  // of its gradient in the bucket
        Index flag;   // where the bucket counts the processes that have one
    };
    struct Bucket {
        Index size = 0;
        Tensor values;  // undefined until a sweep has some, and when they are the gradients
        std::vector<std::size_t> parameters;
        std::size_t missing = 0;  // parameters whose gradient is not known yet
        Request request;
    };

    struct Totals {
        Real weight, loss;
    };
    Totals add_up(Real weight, Real loss) const;

    void fill_buckets(Index bucket_bytes);
    void check_parameters(const char* operation) const;
    void forget_if_cleared();
    std::vector<Tensor> take_gradients();
    void sweep(const Tensor& loss, Real share);
    void begin_sweep(const std::vector<Tensor>& kept, Real factor);
    static Scalar* values_of(Bucket& bucket);
    void add(std::size_t parameter, const Tensor& gradient, Real factor = 1);
    void know(std::size_t parameter);
    void start_next();
    void progress();
    void finish(const std::vector<Tensor>& before);

    Communicator processes_;
    NamedTensors tensors_;  // of the model, to see whether the same ones require grad
    std::vector<bool> require_grad_;
    std::vector<Parameter> parameters_;
    std::vector<Bucket> buckets_;
    std::size_t next_ = 0;                  // the bucket that is exchanged next, in one order on all processes
    bool has_kept_ = false;                 // something was accumulated
    Real kept_weight_ = 0, kept_loss_ = 0;  // of that
    bool is_broken_ = false;                // exchanges were left on their way
    std::vector<ExchangeTime> exchanges_;
};

/// The part of n rows that a process has: all parts together are the n, in the order of the processes, and differ by one at most.
struct Part {
    Index begin, end;  ///< from `begin` to before `end`
};

/// This process's part of n rows, of a batch that all draw from one seed. Throws ValueError for a negative n.
Part part(const Communicator& processes, Index n);

/// Gives each process a stream of random numbers of its own, which follows from that of process 0: different rows drop out on each.
/// DataParallel does it; so does whoever loads the stream of process 0 on all, as a Checkpoint does. Collective.
void separate_random_stream(const Communicator& processes);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
