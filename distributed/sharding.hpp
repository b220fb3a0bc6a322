// What an optimizer remembers, spread over several processes.
#pragma once

#include <tapehead/distributed/communicator.hpp>
#include <tapehead/optim/optimizer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {

/// Lets each process update a part of the parameters and send them to the others: what the optimizer remembers takes 1/n of the memory
/// on n processes, and the weights are those that it would give without (Rajbhandari et al. 2020, ZeRO, stage 1).
///
///     AdamW optimizer(model.named_parameters());
///     mpi::shard(processes, optimizer);
///
/// Parameters stay whole: the largest go first, each to the process that has the least. Since all know all gradients, as DataParallel
/// leaves them, clipping is as without. `state_dict`, and so a Checkpoint, gathers what is remembered on the first process, which then
/// has room for all of it; any number of processes can load it, each its part. Collective. Throws CommunicationError where the
/// optimizers differ, ValueError for parameters of more than Communicator::max_numbers, and StateError the second time.
void shard(const Communicator& processes, Optimizer& optimizer);

/// Which of n processes has what of the given sizes: the largest first, each to the one that has the least so far.
std::vector<int> partition(const std::vector<Index>& sizes, int n);

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
