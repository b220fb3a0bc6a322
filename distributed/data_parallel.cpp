// DataParallel; see data_parallel.hpp.
//
// Buckets hold parameters from the last to the first, which is about the order in which a sweep gets to know their gradients. They are
// exchanged in the order of their numbers, whatever the order on one process, since all must call the same exchanges.
#include <tapehead/distributed/data_parallel.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/observer.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::mpi {
namespace {

using Clock = std::chrono::steady_clock;

void check_same_models(const Communicator& processes, const NamedTensors& tensors) {
    std::vector<std::string> lines;
    for (const auto& [name, tensor] : tensors)
        lines.push_back(fmt::format("{} {}{}", name, tensor.shape(), tensor.requires_grad() ? "" : " without grad"));
    processes.check_same("DataParallel", "one model", lines);
}

void check_weight(const char* operation, Real weight) {
    check<ValueError>(0 <= weight && std::isfinite(weight), "{}: expected a weight that is finite and not negative, got {}",
                      operation, weight);
}

/// Whether somebody else has a word in the gradient of a leaf.
bool has_hooks(const Tensor& parameter) {
    const Keepsakes* keepsakes = parameter.node()->find_keepsakes();
    return keepsakes && !keepsakes->hooks.empty();
}

}  // namespace

/// Sees a sweep pass, and which gradients it will add nothing more to.
class DataParallel::Watch final : public Observer {
public:
    /// `counts`: whether what passes is added to the buckets.
    Watch(DataParallel& owner, const Tensor& loss, bool counts)
        : owner_(owner), counts_(counts), left_(owner.parameters_.size()) {
        for (std::size_t p = 0; p < owner.parameters_.size(); ++p)
            if (const Tensor& tensor = owner.parameters_[p].tensor; !has_hooks(tensor) && tensor.node() != loss.node())
                numbers_[tensor.node().get()] = p;
        count_uses(loss.node().get());
    }

    void on_pull(const PullEvent& event) override {
        owner_.progress();
        if (!users_.contains(event.node.id)) return;
        const auto inputs = event.node.inputs();
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const auto found = numbers_.find(inputs[i].get());
            if (found == numbers_.end()) continue;
            if (event.dx[i] && counts_) owner_.add(found->second, event.dx[i]);
            if (--left_[found->second] == 0) owner_.know(found->second);
        }
    }

    /// Whether it gathers this parameter's gradient; else the sweep has it at its end.
    bool gathers(const Tensor& parameter) const { return numbers_.contains(parameter.node().get()); }

private:
    /// How often each parameter is an input on the way from `root` back.
    void count_uses(const Node* root) {
        std::vector<const Node*> open{root};
        std::unordered_set<const Node*> seen{root};
        while (!open.empty()) {
            const Node* node = open.back();
            open.pop_back();
            for (const Ref<Node>& input : node->inputs()) {
                if (!input) continue;
                if (const auto found = numbers_.find(input.get()); found != numbers_.end()) {
                    ++left_[found->second];
                    users_.insert(node->id);
                }
                if (seen.insert(input.get()).second) open.push_back(input.get());
            }
        }
    }

    DataParallel& owner_;
    bool counts_;
    std::unordered_map<const Node*, std::size_t> numbers_;  // of the parameters that may be known before the end
    std::vector<Index> left_;                               // uses that the sweep has not passed
    std::unordered_set<std::uint64_t> users_;               // nodes that have a parameter as an input
};

DataParallel::DataParallel(const Communicator& processes, Module& model, const DataParallelOptions& options)
    : processes_(processes.split(0)) {  // its own exchanges, apart from those of rules
    check<ValueError>(options.bucket_bytes >= 1, "DataParallel: expected bucket_bytes of at least 1, got {}",
                      options.bucket_bytes);
    tensors_ = detail::distinct_tensors("DataParallel", model);
    check_same_models(processes_, tensors_);
    for (const NamedTensor& named : tensors_) require_grad_.push_back(named.tensor.requires_grad());
    for (const NamedTensor& named : model.named_parameters()) parameters_.push_back({named.tensor, 0, 0, 0});
    fill_buckets(options.bucket_bytes);
    const no_grad off;
    for (NamedTensor& named : tensors_) processes_.broadcast(named.tensor);
    separate_random_stream(processes_);
}

/// Puts the parameters, the last first, in buckets that are full at this size.
void DataParallel::fill_buckets(Index bucket_bytes) {
    Index size = 0;
    for (std::size_t p = parameters_.size(); p-- > 0;) {
        if (buckets_.empty() || size * static_cast<Index>(sizeof(Scalar)) >= bucket_bytes) {
            buckets_.push_back({});
            size = 0;
        }
        parameters_[p].bucket = buckets_.size() - 1;
        parameters_[p].begin = std::exchange(size, size + parameters_[p].tensor.numel());
        buckets_.back().parameters.push_back(p);
    }
    for (Bucket& bucket : buckets_) {
        Index end = 0;
        for (const std::size_t p : bucket.parameters) end += parameters_[p].tensor.numel();
        for (const std::size_t p : bucket.parameters) parameters_[p].flag = end++;
        check<ValueError>(end <= Communicator::max_numbers,
                          "DataParallel: expected parameters and buckets of at most {} numbers, got a bucket of {}",
                          Communicator::max_numbers, end);
        bucket.size = end;
    }
}

/// Throws where parameters were frozen or set free, or exchanges are on their way for ever.
void DataParallel::check_parameters(const char* operation) const {
    check<CommunicationError>(!is_broken_, "{}: expected a sweep before that came to its end, got one that threw", operation);
    for (std::size_t i = 0; i < tensors_.size(); ++i)
        check<StateError>(tensors_[i].tensor.requires_grad() == require_grad_[i],
                          "{}: expected the parameters that required grad when DataParallel was made, got '{}' {}", operation,
                          tensors_[i].name, require_grad_[i] ? "without" : "with them");
}

void DataParallel::forget_if_cleared() {
    if (std::ranges::any_of(parameters_, [](const Parameter& p) { return p.tensor.grad().defined(); })) return;
    has_kept_ = false;
    kept_weight_ = kept_loss_ = 0;
}

/// Takes the gradients out of the parameters, undefined where there is none.
std::vector<Tensor> DataParallel::take_gradients() {
    std::vector<Tensor> taken;
    taken.reserve(parameters_.size());
    for (const Parameter& parameter : parameters_) taken.push_back(parameter.tensor.grad());
    for (Parameter& parameter : parameters_) parameter.tensor.zero_grad();
    return taken;
}

/// Empties the buckets, but for what was accumulated.
void DataParallel::begin_sweep(const std::vector<Tensor>& kept, Real factor) {
    next_ = 0;
    exchanges_.clear();
    for (Bucket& bucket : buckets_) {
        bucket.values = Tensor();
        bucket.missing = bucket.parameters.size();
    }
    for (std::size_t p = 0; p < kept.size(); ++p)
        if (kept[p]) add(p, kept[p], factor);
}

/// The numbers of a bucket, 0 where a sweep has added nothing yet.
Scalar* DataParallel::values_of(Bucket& bucket) {
    if (!bucket.values) bucket.values = zeros({bucket.size});
    return bucket.values.raw();
}

/// Adds to the gradient that a parameter has in its bucket.
void DataParallel::add(std::size_t parameter, const Tensor& gradient, Real factor) {
    const Parameter& p = parameters_[parameter];
    Scalar *const values = values_of(buckets_[p.bucket]), *const sum = values + p.begin;
    std::ranges::transform(gradient.values(), std::span<const Scalar>(sum, gradient.values().size()), sum,
                           [factor = static_cast<Scalar>(factor)](Scalar g, Scalar s) { return s + factor * g; });
    values[p.flag] = 1;
}

/// Says that nothing more will be added to it; starts what can be exchanged.
void DataParallel::know(std::size_t parameter) {
    --buckets_[parameters_[parameter].bucket].missing;
    while (next_ < buckets_.size() && buckets_[next_].missing == 0) start_next();
}

void DataParallel::start_next() {
    Bucket& bucket = buckets_[next_++];
    Scalar* const values = values_of(bucket);
    exchanges_.push_back({bucket.size * static_cast<Index>(sizeof(Scalar)), Clock::now(), {}, {}});
    bucket.request = processes_.start_all_reduce(values, bucket.size);
}

/// Lets MPI work on the exchanges, as it does only while it is called.
void DataParallel::progress() {
    for (std::size_t b = 0; b < next_; ++b)
        if (exchanges_[b].ended == Clock::time_point() && buckets_[b].request.test()) exchanges_[b].ended = Clock::now();
}

/// Waits for the sums, and makes them the gradients; those of before are added to.
void DataParallel::finish(const std::vector<Tensor>& before) {
    while (next_ < buckets_.size()) start_next();
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
        Bucket& bucket = buckets_[b];
        exchanges_[b].waited = Clock::now();
        bucket.request.wait();
        if (exchanges_[b].ended == Clock::time_point()) exchanges_[b].ended = Clock::now();
        for (const std::size_t p : bucket.parameters) {
            Parameter& parameter = parameters_[p];
            Tensor sum = before[p];
            if (bucket.values.data()[parameter.flag] > 0) {
                const Scalar* const values = bucket.values.data() + parameter.begin;
                sum =
                    Tensor::from_values({values, static_cast<std::size_t>(parameter.tensor.numel())}, parameter.tensor.shape());
                if (before[p]) sum.add_(before[p]);
            }
            parameter.tensor.set_grad(std::move(sum));
        }
        bucket.values = Tensor();
    }
}

/// Lets the loss's gradients into the buckets, times its share in the whole.
void DataParallel::sweep(const Tensor& loss, Real share) {
    Watch watch(*this, loss, share > 0);
    loss.backward(full(loss.shape(), share));
    for (std::size_t p = 0; p < parameters_.size() && share > 0; ++p)
        if (const Tensor& tensor = parameters_[p].tensor; tensor.grad() && !watch.gathers(tensor)) add(p, tensor.grad());
}

/// What all processes together have. Lets their random streams go on from where the farthest of them is.
DataParallel::Totals DataParallel::add_up(Real weight, Real loss) const {
    Generator& random = default_generator();
    const std::vector<Real> all = processes_.all_gather({weight, loss, static_cast<Real>(random.position())});
    Totals totals{};
    Real farthest = 0;
    for (std::size_t i = 0; i < all.size(); i += 3) {
        totals.weight += all[i];
        totals.loss += all[i + 1];
        farthest = std::max(farthest, all[i + 2]);
    }
    if (farthest > static_cast<Real>(random.position())) random.set_state(random.seed(), static_cast<std::uint64_t>(farthest));
    return totals;
}

Real DataParallel::backward(const Tensor& loss, Real weight) {
    check_weight("DataParallel.backward", weight);
    check_parameters("DataParallel.backward");
    forget_if_cleared();
    const Real value = loss.item();
    const Totals totals = add_up(kept_weight_ + weight, kept_loss_ + (weight > 0 ? weight * value : 0));
    check<ValueError>(totals.weight > 0, "DataParallel.backward: expected a weight above 0 on one of the processes, got none");
    std::vector<Tensor> before = take_gradients();
    is_broken_ = true;  // until it is done
    try {
        begin_sweep(has_kept_ ? before : std::vector<Tensor>(), 1 / totals.weight);
        if (loss.requires_grad()) sweep(loss, weight / totals.weight);
        const no_grad off;
        finish(has_kept_ ? std::vector<Tensor>(parameters_.size()) : before);
    } catch (...) {
        for (std::size_t p = 0; p < parameters_.size(); ++p) parameters_[p].tensor.set_grad(std::move(before[p]));
        if (next_ == 0) is_broken_ = false;  // nothing has been sent
        throw;
    }
    is_broken_ = has_kept_ = false;
    kept_weight_ = kept_loss_ = 0;
    return totals.loss / totals.weight;
}

void DataParallel::accumulate(const Tensor& loss, Real weight) {
    check_weight("DataParallel.accumulate", weight);
    check_parameters("DataParallel.accumulate");
    forget_if_cleared();
    if (weight == 0) return;
    const Real value = loss.item();
    loss.backward(full(loss.shape(), weight));
    has_kept_ = true;
    kept_weight_ += weight;
    kept_loss_ += weight * value;
}

Part part(const Communicator& processes, Index n) {
    check<ValueError>(n >= 0, "part: expected a number of rows of at least 0, got {}", n);
    const Index rank = processes.rank(), size = processes.size(), few = n / size,
                more = n % size;  // `more` parts have one more
    const Index begin = rank * few + std::min(rank, more);
    return {begin, begin + few + (rank < more ? 1 : 0)};
}

void separate_random_stream(const Communicator& processes) {
    Generator& random = default_generator();
    const std::string first = processes.broadcast(fmt::format("{} {}", random.seed(), random.position()));
    std::uint64_t seed = 0, position = 0;
    std::istringstream(first) >> seed >> position;
    random.set_state(seed + static_cast<std::uint64_t>(processes.rank()) * 0x9E3779B97F4A7C15u, position);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::mpi
