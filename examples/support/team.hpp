// The processes that train one model together: those that mpirun has started, or this one alone. Without MPI there is only this one.
//
//     int main(int argc, char** argv) {
//         ...
//         return team::run(argc, argv, [&] { return program.run(argc, argv, body); });
//     }
//     ...
//     Team team(model, optimizer, shard);                      // after a run was resumed
//     team.backward(loss_of(model, team::part(batch)), count);  // in the place of loss.backward()
#pragma once

#include <functional>
#include <memory>

#include <tapehead/autograd/arrays.hpp>
#include <tapehead/autograd/tensor.hpp>
#include <tapehead/layers/module.hpp>
#include <tapehead/optim/optimizer.hpp>

namespace examples {

namespace team {

/// Runs the body on all processes; where an exception leaves it on one of them, all end. What the others print is not shown.
int run(int& argc, char**& argv, const std::function<int()>& body);
int launched();                             // how many a launcher has started
int size();                                 // how many of them train together
bool is_first();                            // whether this is the one that prints and saves
bool any(bool x);                           // whether it holds on any of them
tapehead::Real of_first(tapehead::Real x);  // what the first one has
tapehead::Real sum(tapehead::Real x);       // over all

/// The rows of n that are this process's.
struct Part {
    tapehead::Index begin, end;
};
Part part(tapehead::Index n);
/// Those of a batch [B, ...].
tapehead::Ids part(const tapehead::Ids& batch);

}  // namespace team

/// A model whose gradients are those of the batch of all processes.
class Team {
public:
    /// Also spreads what the optimizer remembers, if `shards`.
    Team(tapehead::Module& model, tapehead::Optimizer& optimizer, bool shards);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    /// The mean loss of all, each loss with its weight.
    tapehead::Real backward(const tapehead::Tensor& loss, tapehead::Real weight = 1);

private:
    struct Exchange;
    std::unique_ptr<Exchange> exchange_;  // null for one process
};

}  // namespace examples
