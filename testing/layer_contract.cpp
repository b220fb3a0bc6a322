// The contract of layers; see contract.hpp.
#include <unistd.h>

#include <filesystem>
#include <set>

#include <tapehead/autograd/observer.hpp>
#include <tapehead/autograd/ops/indexing.hpp>
#include <tapehead/autograd/sweep.hpp>
#include <tapehead/io/checkpoint.hpp>
#include <tapehead/layers/gradcheck.hpp>
#include <tapehead/testing/contract.hpp>
#include <tapehead/testing/faults.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::testing {

using namespace detail;

namespace {

void check_names(Faults& faults, Module& module) {
    std::set<std::string> names;
    Visitor visitor([&](const std::string& name, Tensor&) {
        expect(faults, names.insert(name).second, fmt::format("expected each name once in visit, got '{}' twice", name));
    });
    module.visit(visitor);
}

/// Every tensor that gathers a gradient is one of the inputs or named in visit, else it would be neither trained nor saved.
void check_visit_is_complete(Faults& faults, const LayerCase& layer) {
    struct Leaves : Observer {
        std::vector<std::pair<Tensor, std::string>> used;  // with the operation that uses it
        void on_record(const RecordEvent& event) override {
            for (const Tensor& input : event.inputs)
                if (input.requires_grad() && input.is_leaf()) used.emplace_back(input, event.operation.name);
        }
    };
    const auto module = layer.make();
    Leaves leaves_seen;
    layer.forward(*module, layer.inputs);
    Tensors known = layer.inputs;
    Visitor visitor([&](const std::string&, Tensor& tensor) { known.push_back(tensor); });
    module->visit(visitor);
    for (const auto& use : leaves_seen.used)
        expect(faults, std::ranges::any_of(known, [&](const Tensor& other) { return other.is(use.first); }),
               fmt::format("expected visit to name every tensor that requires grad, got none for one of shape {} in '{}'",
                           to_string(use.first.shape()), use.second));
}

/// The largest magnitude among some gradients.
Real largest(const Tensors& gradients) {
    Real most = 0;
    for (const Tensor& gradient : gradients)
        for (const Scalar g : gradient.values()) most = std::max<Real>(most, std::abs(g));
    return most;
}

void check_parameters_get_gradients(Faults& faults, const LayerCase& layer, const LayerContract& contract) {
    const auto module = layer.make();
    module->eval();
    if (module->parameters().empty()) return;
    weighted(layer.forward(*module, layer.inputs)).backward();
    Tensors gradients;
    for (const Tensor& parameter : module->parameters())
        if (parameter.grad().defined()) gradients.push_back(parameter.grad());
    const Real rounding = largest(gradients) * (is_f64 ? 1e-10 : 1e-5);
    for (const auto& [name, parameter] : module->named_parameters()) {
        if (!parameter.grad().defined()) {
            faults.push_back(fmt::format("expected a gradient for the parameter '{}', got none", name));
            continue;
        }
        const bool is_zero = largest({parameter.grad()}) <= rounding;
        const bool is_idle = std::ranges::find(contract.idle, name) != contract.idle.end();
        expect(faults, is_idle || !is_zero, fmt::format("expected a gradient for the parameter '{}', got 0 everywhere", name));
        expect(faults, !is_idle || is_zero, fmt::format("expected '{}' to be idle, got a gradient", name));
    }
    module->zero_grad();
    for (const auto& [name, parameter] : module->named_parameters())
        expect(faults, !parameter.grad().defined(), fmt::format("expected zero_grad to clear '{}'", name));
}

void check_modes(Faults& faults, const LayerCase& layer, const LayerContract& contract) {
    const SameDraws draws;
    const auto module = layer.make();
    for (const bool training : {true, false, true}) {
        module->train(training);
        Visitor visitor({}, [&](const std::string& name, Module& inside) {
            expect(faults, inside.training == training, fmt::format("expected train() and eval() to reach '{}'", name));
        });
        module->visit(visitor);
    }
    const auto run = [&] { return layer.forward(*module, layer.inputs); };
    const auto draws_in = [&](auto&& body) {
        const std::uint64_t before = default_generator().position();
        body();
        return default_generator().position() != before;
    };
    Tensor first, second;
    expect(faults, draws_in(run) == contract.is_random,
           contract.is_random ? "expected random numbers to be drawn in training, got none"
                              : "expected no random number to be drawn in training; say is_random where it is meant");
    draws.restart();
    first = run();
    draws.restart();
    second = run();
    expect(faults, same_bits(first, second), "expected the same bits in training from the same random numbers, got others");
    module->eval();
    expect(faults, !draws_in([&] { first = run(); }), "expected no random number to be drawn in evaluation");
    expect(faults, same_bits(first, run()), "expected the same bits from the same inputs, got others");
}

/// Whether two instances give the same bits in evaluation.
bool compute_the_same(const LayerCase& layer, Module& a, Module& b) {
    a.eval();
    b.eval();
    return same_bits(layer.forward(a, layer.inputs), layer.forward(b, layer.inputs));
}

/// Whether two instances have a tensor in common.
bool share_tensors(Module& a, Module& b) {
    Tensors known;
    bool found = false;
    Visitor first([&](const std::string&, Tensor& tensor) { known.push_back(tensor); });
    Visitor second([&](const std::string&, Tensor& tensor) {
        found = found || std::ranges::any_of(known, [&](const Tensor& other) { return other.is(tensor); });
    });
    a.visit(first);
    b.visit(second);
    return found;
}

/// A path among the system's temporary ones, where nothing is left.
class TemporaryFile {
public:
    TemporaryFile()
        : path_(std::filesystem::temp_directory_path() / fmt::format("tapehead-{}-{}.safetensors", getpid(), fmt::ptr(this))) {}
    ~TemporaryFile() {
        std::error_code none;
        std::filesystem::remove(path_, none);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    std::string path() const { return path_; }

private:
    std::filesystem::path path_;
};

void check_state(Faults& faults, const LayerCase& layer) {
    const SameDraws draws;
    const auto first = layer.make();
    draws.restart();
    const auto same_seed = layer.make();
    if (share_tensors(*first, *same_seed)) {
        faults.emplace_back(
            "expected a new instance each time, got one that shares its tensors: construct it, as copies share");
        return;
    }
    expect(faults, compute_the_same(layer, *first, *same_seed), "expected the seed to decide the first values, got others");
    const auto by_name = layer.make(), from_file = layer.make();
    by_name->load_state_dict(first->state_dict());
    expect(faults, compute_the_same(layer, *first, *by_name),
           "expected the same values from the state of another instance, got others; is a member missing in visit?");
    const TemporaryFile file;
    save_model(file.path(), *first);
    load_model(file.path(), *from_file);
    expect(faults, compute_the_same(layer, *first, *from_file), "expected the same values from a file, got others");
}

/// The parameters of a module after its inputs.
Tensors with_parameters(const Tensors& inputs, Module& module) {
    Tensors all = requiring_grad(inputs);
    for (const Tensor& parameter : module.parameters()) all.push_back(parameter);
    return all;
}

void check_inputs(Faults& faults, const LayerCase& layer, const LayerContract& contract) {
    const auto module = layer.make();
    module->eval();
    const Tensor y = layer.forward(*module, layer.inputs);
    if (contract.rows_are_independent && !layer.inputs.empty()) {
        Tensors one;
        for (const Tensor& x : layer.inputs) one.push_back(slice(x.detach(), 0, 0, 1));
        expect_close(faults, layer.forward(*module, one), slice(y, 0, 0, 1), "a batch of one");
    }
    for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
        Tensors plain = leaves(layer.inputs), with_result = plain;
        plain[i].requires_grad_();
        const auto [result, other] = as_result(plain[i]);
        with_result[i] = result;
        const Tensor dx = grad(weighted(layer.forward(*module, plain)), {plain[i]})[0];
        const Tensor z = layer.forward(*module, with_result);
        expect_close(faults, z, y, fmt::format("the value where input {} is the result of an operation", i));
        expect_close(faults, back_from(grad(weighted(z), {other})[0], plain[i]), dx,
                     fmt::format("the gradient where input {} is the result of an operation", i));
    }
}

void check_threads(Faults& faults, const LayerCase& layer) {
    const auto module = layer.make();
    module->eval();
    const auto run = [&](int threads) {
        const Threads set(threads);
        const Tensors xs = leaves(layer.inputs);
        Tensors results{layer.forward(*module, xs)};
        const Tensors wanted = with_parameters(xs, *module);
        if (!wanted.empty())
            for (Tensor& dx : grad(weighted(results[0]), wanted)) results.push_back(std::move(dx));
        return results;
    };
    expect_same_on_threads(faults, run(1), run(2));
}

void check_derivatives(Faults& faults, const LayerCase& layer, const LayerContract& contract) {
    const auto module = layer.make();
    const Tensors xs = leaves(layer.inputs);
    const auto run = [&] { return layer.forward(*module, xs); };
    for (const bool training : contract.is_random ? std::vector{false, true} : std::vector{false}) {
        module->train(training);
        const std::string mode = training ? ", in training" : "";
        check_finite_differences(faults, gradcheck(*module, run, xs, contract.gradcheck), "first" + mode);
        if (contract.second_order)
            check_finite_differences(faults, gradgradcheck(*module, run, xs, contract.gradcheck), "second" + mode);
    }
}

}  // namespace

Faults layer_faults(const LayerCase& layer, const LayerContract& contract) {
    Faults faults;
    check_names(faults, *layer.make());
    if (!faults.empty()) return faults;  // nothing can be told of members without names of their own
    check_visit_is_complete(faults, layer);
    check_parameters_get_gradients(faults, layer, contract);
    check_modes(faults, layer, contract);
    check_state(faults, layer);
    check_inputs(faults, layer, contract);
    check_threads(faults, layer);
    if (is_f64) check_derivatives(faults, layer, contract);
    return faults;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::testing
