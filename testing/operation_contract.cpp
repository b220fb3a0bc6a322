// The contract of operations; see contract.hpp.
#include <tapehead/autograd/sweep.hpp>
#include <tapehead/testing/contract.hpp>
#include <tapehead/testing/faults.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::testing {

using namespace detail;

namespace {

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

}  // namespace tapehead::inline TAPEHEAD_SCALAR::testing
