// The checks of contract.hpp, each a function that adds what it finds.
#include <tapehead/testing/contract.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/observer.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/indexing.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/sweep.hpp>
#include <tapehead/autograd/threads.hpp>
#include <tapehead/io/checkpoint.hpp>
#include <tapehead/layers/gradcheck.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::testing {
namespace {

constexpr bool is_f64 = sizeof(Scalar) == 8;
constexpr Real tolerance = is_f64 ? 1e-9 : 1e-4;  // relative to the larger of 1 and the number

using Tensors = std::vector<Tensor>;

/// Lets the default random stream begin at one place again and again, and puts it back at the end.
class SameDraws {
public:
    SameDraws() = default;
    ~SameDraws() { restart(); }
    SameDraws(const SameDraws&) = delete;
    SameDraws& operator=(const SameDraws&) = delete;

    void restart() const { default_generator().set_state(seed_, position_); }

private:
    std::uint64_t seed_ = default_generator().seed(), position_ = default_generator().position();
};

/// Sets a number of threads, and puts it back at the end.
class Threads {
public:
    explicit Threads(int n) { set_num_threads(n); }
    ~Threads() { set_num_threads(before_); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

private:
    int before_ = num_threads();
};

bool same_bits(const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.values().size_bytes()) == 0;
}

/// Nothing if two tensors are equal to rounding, else where they are not.
std::string difference(const Tensor& actual, const Tensor& expected) {
    if (actual.shape() != expected.shape())
        return fmt::format("shape {} instead of {}", to_string(actual.shape()), to_string(expected.shape()));
    for (Index i = 0; i < actual.numel(); ++i) {
        const Real a = actual.data()[i], e = expected.data()[i];
        const bool is_same = a == e || (std::isnan(a) && std::isnan(e));
        if (!is_same && !(std::abs(a - e) <= tolerance * std::max<Real>(1, std::abs(e))))
            return fmt::format("{} instead of {} as element {}", a, e, i);
    }
    return "";
}

void expect_close(Faults& faults, const Tensor& actual, const Tensor& expected, const std::string& what) {
    const std::string found = difference(actual, expected);
    if (!found.empty()) faults.push_back(fmt::format("{}: got {}", what, found));
}

/// Results of one computation on one thread and on two, of which only rounding may tell.
void expect_same_on_threads(Faults& faults, const Tensors& on_one, const Tensors& on_two) {
    for (std::size_t i = 0; i < on_one.size(); ++i)
        expect_close(faults, on_two[i], on_one[i],
                     i == 0 ? std::string("the value on two threads") : fmt::format("gradient {} on two threads", i - 1));
}

void expect(Faults& faults, bool is_true, const std::string& otherwise) {
    if (!is_true) faults.push_back(otherwise);
}

/// A scalar that sees every element of y with another weight.
Tensor weighted(const Tensor& y) {
    Generator generator(9);
    return sum(y * randn(y.shape(), generator));
}

/// Leaves of the same values; those require grad that did.
Tensors leaves(const Tensors& inputs) {
    Tensors result;
    for (const Tensor& x : inputs) result.push_back(!x.defined() ? x : clone(x.detach()).requires_grad_(x.requires_grad()));
    return result;
}

Tensors requiring_grad(const Tensors& inputs) {
    Tensors wanted;
    std::ranges::copy_if(inputs, std::back_inserter(wanted), [](const Tensor& x) { return x.defined() && x.requires_grad(); });
    return wanted;
}

/// x as the result of an operation on other memory of another shape, which is the second.
std::pair<Tensor, Tensor> as_result(const Tensor& x) {
    Tensor other = clone(x.dim() < 2 ? reshape(x.detach(), {-1, 1}) : transpose(x.detach())).requires_grad_();
    return {x.dim() < 2 ? reshape(other, x.shape()) : transpose(other), other};
}

/// Back to the shape of x, for a gradient of the second of as_result(x).
Tensor back_from(const Tensor& gradient, const Tensor& x) {
    return x.dim() < 2 ? reshape(gradient, x.shape()) : transpose(gradient);
}

void check_finite_differences(Faults& faults, const GradcheckReport& report, const std::string& which) {
    if (!report) faults.push_back(fmt::format("{} derivatives: {}", which, report.message()));
}

// Operations

void check_values(Faults& faults, const Function& f, const Tensors& inputs) {
    const SameDraws draws;
    const Tensors xs = leaves(inputs);
    const auto run = [&](int threads) {
        const Threads set(threads);
        draws.restart();
        Tensors results{f(xs)};
        for (Tensor& dx : grad(weighted(results[0]), requiring_grad(xs))) results.push_back(std::move(dx));
        return results;
    };
    const Tensors on_two = run(2), again = run(2);
    expect(faults, std::ranges::equal(on_two, again, same_bits), "expected the same bits from the same inputs, got others");
    expect_same_on_threads(faults, run(1), on_two);
    for (std::size_t i = 0; i < inputs.size(); ++i)
        expect(faults, !inputs[i].defined() || same_bits(xs[i], inputs[i]),
               fmt::format("expected input {} as it was, got it changed", i));
}

void check_recording(Faults& faults, const Function& f, const Tensors& inputs) {
    Tensors fixed;
    for (const Tensor& x : inputs) fixed.push_back(x.defined() ? x.detach() : x);
    expect(faults, !f(fixed).requires_grad(), "expected nothing to be recorded where no input requires grad");
    const no_grad off;
    expect(faults, !f(leaves(inputs)).requires_grad(), "expected nothing to be recorded under no_grad");
}

void check_gradients(Faults& faults, const Function& f, const Tensors& inputs, const OperationContract& contract) {
    const SameDraws draws;
    const auto gradients = [&](const Tensors& xs, const Tensors& wanted, const GradOptions& options = {}) {
        draws.restart();
        return grad(weighted(f(xs)), wanted, options);
    };
    const Tensors xs = leaves(inputs), wanted = requiring_grad(xs);
    const Tensors plain = gradients(xs, wanted);
    if (contract.second_order) {
        const Tensors recorded = gradients(xs, wanted, {.create_graph = true});
        for (std::size_t i = 0; i < wanted.size(); ++i)
            expect_close(faults, recorded[i], plain[i], fmt::format("gradient {}, recorded", i));
    }
    for (std::size_t i = 0, which = 0; i < xs.size(); ++i) {
        if (!xs[i].defined() || !xs[i].requires_grad()) continue;
        Tensors with_result = xs;
        const auto [result, other] = as_result(xs[i]);
        with_result[i] = result;
        expect_close(faults, back_from(gradients(with_result, {other})[0], xs[i]), plain[which],
                     fmt::format("gradient of input {}, the result of an operation", i));
        ++which;
    }
    for (std::size_t i = 0; i + 1 < xs.size(); ++i) {
        const Tensor &x = xs[i], &next = xs[i + 1];
        const bool is_pair = x.defined() && next.defined() && x.requires_grad() && next.requires_grad();
        if (!is_pair || x.shape() != next.shape()) continue;
        Tensors apart = xs, same = xs;
        apart[i + 1] = clone(x.detach()).requires_grad_();
        same[i + 1] = x;
        const Tensors both = gradients(apart, {apart[i], apart[i + 1]});
        expect_close(faults, gradients(same, {x})[0], both[0] + both[1],
                     fmt::format("gradient of a tensor that is given as inputs {} and {}", i, i + 1));
    }
}

// Layers

using Run = std::function<Tensor(Module&, const Tensors&)>;

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
    for (const auto& [tensor, operation] : leaves_seen.used)
        expect(faults, std::ranges::any_of(known, [&](const Tensor& other) { return other.is(tensor); }),
               fmt::format("expected visit to name every tensor that requires grad, got none for one of shape {} in '{}'",
                           to_string(tensor.shape()), operation));
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

Faults operation_faults(const Function& f, const Tensors& inputs, const OperationContract& contract) {
    check<GradError>(!requiring_grad(inputs).empty(), "operation_faults: expected an input that requires grad, got none");
    Faults faults;
    check_values(faults, f, inputs);
    check_recording(faults, f, inputs);
    check_gradients(faults, f, inputs, contract);
    if (!is_f64) return faults;
    const Tensors xs = leaves(inputs);
    const SameDraws draws;
    const Function same = [&](const Tensors& in) {
        draws.restart();
        return f(in);
    };
    check_finite_differences(faults, gradcheck(same, xs, contract.gradcheck), "first");
    if (contract.second_order) check_finite_differences(faults, gradgradcheck(same, xs, contract.gradcheck), "second");
    return faults;
}

Faults layer_faults(const LayerCase& layer, const LayerContract& contract) {
    Faults faults;
    check_names(faults, *layer.make());
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
