// Misuse of the tape: sweeps, changes in place, rules, hooks, derivatives of functions, checks of gradients.
#include <tapehead/testing/contract.hpp>

#include "misuse/misuse.hpp"

namespace testing {
namespace {

using T = Things;

Misuses of_sweeps() {
    return {
        {"Tensor::backward", "a result of several elements without a seed",
         raises<GradError>("backward", {"one element", "[2, 3]"}), [](T& t) { t.result.backward(); }},
        {"Tensor::backward", "nothing recorded", raises<GradError>("backward", {"recorded operations", "requires no grad"}),
         [](T& t) { t.scalar.backward(); }},
        {"Tensor::backward", "an undefined tensor", raises<GradError>("backward", {"recorded operations"}),
         [](T& t) { t.none.backward(); }},
        {"Tensor::backward", "a seed of another shape", raises<ShapeError>("backward", {"[2, 3]", "[3]"}),
         [](T& t) { t.result.backward(t.row); }},
        {"Tensor::backward", "the same graph twice",
         raises<GradError>("backward", {"a recorded graph", "freed", "retain_graph"}),
         [](T& t) {
             const Tensor y = sum(exp(t.x));
             grad(y, {t.x});
             y.backward();
         }},
        {"Tensor::backward", "a value that was changed in place since",
         raises<GradError>("backward of mul", {"changed in place"}),
         [](T& t) {
             const Tensor factor = clone(t.y);
             const Tensor y = sum(t.x * factor);
             Tensor(factor).fill_(0);
             y.backward();
         }},
        {"Tensor::backward", "a value that was changed under no_grad since",
         raises<GradError>("backward of mul", {"changed in place"}),
         [](T& t) {
             Tensor p = clone(t.x.detach()).requires_grad_();
             const Tensor y = sum(p * p);
             {
                 const no_grad off;
                 p.mul_(2);
             }
             y.backward();
         }},
        {"Tensor::backward", "a rule that gives a gradient of another shape",
         raises<ShapeError>("backward of odd", {"[2, 3]", "[2, 4]"}),
         [](T& t) {
             record("odd", zeros({2, 3}), wrt(t.x, [](const Tensor&) { return zeros({2, 4}); })).backward(t.y);
         }},
        {"Tensor::backward", "a hook that gives a gradient of another shape",
         raises<ShapeError>("register_hook", {"[2, 3]", "[1]"}),
         [](T& t) {
             Tensor y = t.x * t.y;
             y.register_hook([](const Tensor&) { return zeros({1}); });
             y.backward(t.y);
         }},
        {"record", "a joint rule that gives too few gradients",
         raises<GradError>("backward of short", {"2 gradients", "got 1"}),
         [](T& t) {
             const std::vector<Tensor> in{t.x, t.y};
             record("short", zeros({2, 3}), wrt(in, [](const Tensor& dy) { return std::vector{dy}; })).backward(t.y);
         }},
        {"grad", "an x that requires none", raises<GradError>("grad", {"require grad", "one that does not"}),
         [](T& t) { grad(t.loss, {t.y}); }},
        {"grad", "an undefined x", raises<GradError>("grad", {"require grad"}), [](T& t) { grad(t.loss, {t.none}); }},
        {"grad", "an undefined y", undefined(), [](T& t) { grad(t.none, {t.x}); }},
        {"grad", "a y of several elements without a seed", raises<GradError>("grad", {"one element", "[2, 3]"}),
         [](T& t) { grad(t.result, {t.x}); }},
        {"grad", "a seed of another shape", raises<ShapeError>("grad", {"[2, 3]", "[2, 4]"}),
         [](T& t) { grad(t.result, {t.x}, {.seed = t.w}); }},
        {"grad", "a graph that is freed", raises<GradError>("backward", {"freed", "retain_graph"}),
         [](T& t) {
             const Tensor y = sum(exp(t.x));
             grad(y, {t.x});
             grad(y, {t.x});
         }},
        {"BackwardSteps", "nothing recorded", raises<GradError>("BackwardSteps", {"recorded operations"}),
         [](T& t) { BackwardSteps steps(t.y); }},
        {"BackwardSteps", "no seed", raises<GradError>("BackwardSteps", {"one element", "[2, 3]"}),
         [](T& t) { BackwardSteps steps(t.result); }},
        {"BackwardSteps::next", "a step after the last", raises<ValueError>("BackwardSteps", {"still to come", "none"}),
         [](T& t) {
             BackwardSteps steps(t.loss);
             while (!steps.done()) steps.next();
             steps.next();
         }},
    };
}

Tensor cube_of(const Tensor& x) { return sum(x * x * x); }

Misuses of_functions() {
    return {
        {"vjp", "no function", raises<ValueError>("vjp", {"a function", "none"}), [](T& t) { vjp(UnaryFunction(), t.y); }},
        {"vjp", "a vector of another shape", raises<ShapeError>("vjp", {"[2, 3]", "[3]"}),
         [](T& t) { vjp([](const Tensor& x) { return exp(x); }, t.y, t.row); }},
        {"vjp", "no vector for several elements", raises<GradError>("vjp without a vector", {"one element", "[2, 3]"}),
         [](T& t) { vjp([](const Tensor& x) { return exp(x); }, t.y); }},
        {"jvp", "no function", raises<ValueError>("jvp", {"a function", "none"}), [](T& t) { jvp(UnaryFunction(), t.y, t.y); }},
        {"jvp", "a tangent of another shape", raises<ShapeError>("jvp", {"[2, 3]", "[3]"}),
         [](T& t) { jvp(cube_of, t.y, t.row); }},
        {"jvp", "fewer tangents than inputs", raises<ValueError>("jvp", {"each of 2 inputs", "got 1"}),
         [](T& t) {
             jvp([](const std::vector<Tensor>& in) { return in[0] * in[1]; }, std::vector{t.y, t.y}, std::vector{t.y});
         }},
        {"hvp", "no function", raises<ValueError>("hvp", {"a function", "none"}), [](T& t) { hvp(UnaryFunction(), t.y, t.y); }},
        {"hvp", "a function of several elements", raises<GradError>("hvp", {"one element", "[2, 3]"}),
         [](T& t) { hvp([](const Tensor& x) { return exp(x); }, t.y, t.y); }},
        {"hvp", "a vector of another shape", raises<ShapeError>("hvp", {"[2, 3]", "[3]"}),
         [](T& t) { hvp(cube_of, t.y, t.row); }},
        {"jacobian", "no function", raises<ValueError>("jacobian", {"a function", "none"}),
         [](T& t) { jacobian(UnaryFunction(), t.y); }},
        {"jacobian", "too many axes together", raises<ShapeError>("jacobian", {"at most 8 axes"}),
         [](T& t) { jacobian([](const Tensor& x) { return x * 2; }, t.all_axes); }},
        {"hessian", "no function", raises<ValueError>("hessian", {"a function", "none"}),
         [](T& t) { hessian(UnaryFunction(), t.y); }},
        {"hessian", "a function of several elements", raises<GradError>("hessian", {"one element", "[2, 3]"}),
         [](T& t) { hessian([](const Tensor& x) { return exp(x); }, t.y); }},
        {"per_sample_grads", "a negative number of samples", raises<ValueError>("per_sample_grads", {"at least 0", "-1"}),
         [](T& t) { per_sample_grads([&](Index) { return sum(t.x); }, -1, {t.x}); }},
        {"per_sample_grads", "a parameter that requires no grad", raises<GradError>("per_sample_grads", {"require grad"}),
         [](T& t) { per_sample_grads([&](Index) { return sum(t.x); }, 1, {t.y}); }},
        {"per_sample_grads", "a loss of several elements", raises<GradError>("per_sample_grads", {"one element", "[2, 3]"}),
         [](T& t) { per_sample_grads([&](Index) { return exp(t.x); }, 1, {t.x}); }},
        {"per_sample_grads", "no loss", raises<ValueError>("per_sample_grads", {"a function", "none"}),
         [](T& t) { per_sample_grads({}, 1, {t.x}); }},
        {"checkpoint", "no function", raises<ValueError>("checkpoint", {"a function", "none"}),
         [](T& t) { checkpoint(UnaryFunction(), t.x); }},
        {"checkpoint", "a function that gives another shape the second time",
         raises<GradError>("checkpoint", {"[2, 3] again", "[6]"}),
         [](T& t) {
             int runs = 0;
             checkpoint([&](const Tensor& x) { return runs++ ? reshape(x, {6}) : x * 2; }, t.x).backward(t.y);
         }},
        {"gradcheck", "no input that requires grad", raises<GradError>("gradcheck", {"requires grad", "none"}),
         [](T& t) { gradcheck([](const std::vector<Tensor>& in) { return in[0]; }, {t.y}); }},
        {"gradcheck", "no function", raises<ValueError>("gradcheck", {"a function", "none"}),
         [](T& t) { gradcheck(Function(), {t.x}); }},
        {"gradcheck", "a step of 0", raises<ValueError>("gradcheck", {"above 0", "got 0"}),
         [](T& t) { gradcheck([](const std::vector<Tensor>& in) { return in[0]; }, {t.x}, {.step = 0}); }},
        {"gradcheck", "a tolerance that is no number", raises<ValueError>("gradcheck", {"at least 0", "nan"}),
         [](T& t) { gradcheck([](const std::vector<Tensor>& in) { return in[0]; }, {t.x}, {.relative = nan}); }},
        {"gradgradcheck", "a negative step", raises<ValueError>("gradgradcheck", {"above 0", "-1"}),
         [](T& t) { gradgradcheck([](const std::vector<Tensor>& in) { return in[0]; }, {t.x}, {.step = -1}); }},
        {"gradcheck of a layer", "a result of an operation as input", raises<GradError>("gradcheck", {"leaves", "'mul'"}),
         [](T& t) { gradcheck(t.linear, [&] { return t.linear(t.result); }, {t.result}); }},
        {"gradcheck of a layer", "no function", raises<ValueError>("gradcheck", {"a function", "none"}),
         [](T& t) { gradcheck(t.linear, {}, {t.y}); }},
        {"gradcheck of a layer", "an input of another width", raises<ShapeError>("linear", {"[2, 4]", "[4, 3]"}),
         [](T& t) { gradcheck(t.linear, t.w); }},
        {"testing::operation_faults", "no input that requires grad",
         raises<GradError>("operation_faults", {"requires grad", "none"}),
         [](T& t) { tapehead::testing::operation_faults([](const std::vector<Tensor>& in) { return in[0]; }, {t.y}); }},
    };
}

}  // namespace

Misuses misuses_of_tape() {
    Misuses all = of_sweeps();
    const Misuses functions = of_functions();
    all.insert(all.end(), functions.begin(), functions.end());
    return all;
}

}  // namespace testing
