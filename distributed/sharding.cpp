// Sharded optimizers; see sharding.hpp.
#include <tapehead/distributed/sharding.hpp>

#include <algorithm>
#include <numeric>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/grad_mode.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {
namespace {

/// Each parameter to one process, and from it to the others; all exchanges are on their way at the same time.
class Shards final : public UpdateSharing {
public:
    Shards(const Communicator& processes, std::vector<int> owners)
        : processes_(processes.split(0)), owners_(std::move(owners)) {}

    bool is_own(std::size_t parameter) const override { return owners_[parameter] == processes_.rank(); }

    void check_same(const std::vector<std::size_t>& parameters) const override {
        std::uint64_t digest = 0;
        for (const std::size_t p : parameters) {
            digest = (digest + p + 1) * 0x9E3779B97F4A7C15u;
            digest ^= digest >> 29;
        }
        const std::vector<Real> all = processes_.all_gather({static_cast<Real>(digest >> 11)});  // 53 bits, which a Real holds
        check<CommunicationError>(std::ranges::adjacent_find(all, std::not_equal_to()) == all.end(),
                                  "Optimizer.step: expected gradients of the same parameters on all processes, got those of {} "
                                  "parameters on process {} and of others elsewhere",
                                  parameters.size(), processes_.rank());
    }

    void share(std::vector<Shared> tensors) override {
        const no_grad off;
        std::vector<Request> requests;
        requests.reserve(tensors.size());
        for (auto& [parameter, tensor] : tensors)
            requests.push_back(processes_.start_broadcast(tensor.mutable_data(), tensor.numel(), owners_[parameter]));
        for (Request& request : requests) request.wait();
    }

    bool gathers() const override { return processes_.is_first(); }

    void gather(std::vector<Shared> tensors) override {
        const no_grad off;
        std::vector<Request> requests;
        requests.reserve(tensors.size());
        for (auto& [parameter, tensor] : tensors) {
            const int owner = owners_[parameter];
            if (owner == 0) continue;
            if (gathers()) requests.push_back(processes_.start_receive(tensor.mutable_data(), tensor.numel(), owner));
            else requests.push_back(processes_.start_send(tensor.data(), tensor.numel(), 0));
        }
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
    std::vector<std::string> lines{optimizer.kind()};
    for (const Trained& trained : optimizer.trained()) {
        sizes.push_back(trained.parameter.numel());
        lines.push_back(fmt::format("{} {} in group {}", trained.name, trained.parameter.shape(), trained.group));
        check<ValueError>(sizes.back() <= Communicator::max_numbers, "shard: expected parameters of at most {} numbers, got {}",
                          Communicator::max_numbers, lines.back());
    }
    processes.check_same("shard", "one optimizer", lines);
    optimizer.share(std::make_unique<Shards>(processes, partition(sizes, processes.size())));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
