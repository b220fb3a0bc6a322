// Sharded optimizers; see sharding.hpp.
#include <tapehead/distributed/sharding.hpp>

#include <algorithm>
#include <numeric>

#include <tapehead/autograd/grad_mode.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {
namespace {

/// Each parameter to one process, and by broadcasts, all on their way at the same time, to the others.
class Shards final : public UpdateSharing {
public:
    Shards(const Communicator& processes, std::vector<int> owners)
        : processes_(processes.split(0)), owners_(std::move(owners)) {}

    bool is_own(std::size_t parameter) const override { return owners_[parameter] == processes_.rank(); }

    void share(std::vector<Shared> tensors) override {
        const no_grad off;
        std::vector<Request> requests;
        requests.reserve(tensors.size());
        for (auto& [parameter, tensor] : tensors)
            requests.push_back(processes_.start_broadcast(tensor.mutable_data(), tensor.numel(), owners_[parameter]));
        for (Request& request : requests) request.wait();
    }

private:
    Communicator processes_;
    std::vector<int> owners_;
};

}  // namespace

std::vector<int> partition(const std::vector<Index>& sizes, int n) {
    std::vector<std::size_t> order(sizes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return sizes[i]; });
    std::vector<Index> loads(static_cast<std::size_t>(n));
    std::vector<int> owners(sizes.size());
    for (const std::size_t i : order) {
        const auto least = std::ranges::min_element(loads);
        *least += sizes[i];
        owners[i] = static_cast<int>(least - loads.begin());
    }
    return owners;
}

void shard(const Communicator& processes, Optimizer& optimizer) {
    std::vector<Index> sizes;
    for (const Trained& trained : optimizer.trained()) sizes.push_back(trained.parameter.numel());
    optimizer.share(std::make_unique<Shards>(processes, partition(sizes, processes.size())));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
