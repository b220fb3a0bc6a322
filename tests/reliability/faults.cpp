// Operations that are right but for one thing, for a test that the random programs find each of them.
#include <reliability/faults.hpp>

#include <cmath>
#include <limits>
#include <stdexcept>

#include <reliability/chooser.hpp>
#include <tapehead/autograd/threads.hpp>

namespace random_programs {
namespace {

Tensors& leaked() {
    static Tensors tensors;
    return tensors;
}

Operation unary(const char* name, Tensor (*f)(const Tensor&), double (*reference)(double)) {
    return {name,
            std::string(name) + "($0)",
            "",
            [](Chooser& c) { return Line{.inputs = {c.any()}}; },
            [f](const Line&, const Tensors& x) { return Tensors{f(x[0])}; },
            [reference](const Line&, const Plains& x) { return Plains{map(x[0], reference)}; }};
}

/// y = x²;  dx = 1.9 x dy
Tensor wrong_derivative(const Tensor& x) {
    const Tensor y = square(x).detach();
    return record("wrong", y, wrt(x, [=](const Tensor& dy) { return dy * x * 1.9; }));
}

/// y = sin x;  dx = cos x dy, as if cos x were constant
Tensor wrong_second(const Tensor& x) {
    return record("wrong", sin(x).detach(), wrt(x, [=](const Tensor& dy) { return dy * cos(x).detach(); }));
}

/// y = x, but not where the last of several axes has one element.
Tensor wrong_value(const Tensor& x) { return x.dim() > 1 && x.size(-1) == 1 ? x * 1.001 : clone(x); }

Tensor leaking(const Tensor& x) {
    leaked().push_back(clone(x));
    return clone(x);
}

/// y = x, but for a bit where there are several threads.
Tensor threaded(const Tensor& x) {
    return tapehead::num_threads() > 1 ? x * (1 + std::numeric_limits<tapehead::Scalar>::epsilon()) : clone(x);
}

/// y = x, but not where nothing is recorded.
Tensor wrong_unrecorded(const Tensor& x) { return tapehead::grad_enabled() ? clone(x) : x * 1.001; }

/// y = x, or an exception that is none of the library's.
Tensor foreign(const Tensor& x) { return x.dim() == 3 ? throw std::out_of_range("foreign") : clone(x); }

/// select, which takes the nearest position where there is none.
Operation unchecked() {
    return {"unchecked",
            "unchecked($0, 0, $I0)",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                return Line{.inputs = {x}, .lists = {c.positions(1, c.shape(x)[0], false)}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{select(x[0], 0, std::min(l.integer(0), x[0].size(0) - 1))}; },
            [](const Line& l, const Plains& x) {
                require(x[0].rank() >= 1, "an axis");
                const auto i = checked_axis(l.integer(0), x[0].shape[0]);
                return Plains{build({x[0].shape.begin() + 1, x[0].shape.end()}, [&](Position p) {
                    p.insert(p.begin(), i);
                    return x[0].at(p);
                })};
            }};
}

}  // namespace

std::vector<Operation> wrong_operations() {
    return {unary("wrong_derivative", wrong_derivative, [](double x) { return x * x; }),
            unary("wrong_second", wrong_second, [](double x) { return std::sin(x); }),
            unary("wrong_value", wrong_value, [](double x) { return x; }),
            unchecked(),
            unary("leaking", leaking, [](double x) { return x; }),
            unary("threaded", threaded, [](double x) { return x; }),
            unary("wrong_unrecorded", wrong_unrecorded, [](double x) { return x; }),
            unary("foreign", foreign, [](double x) { return x; })};
}

void forget_leaked() { leaked().clear(); }

}  // namespace random_programs
