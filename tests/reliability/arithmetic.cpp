// Arithmetic with broadcasting, comparisons and choices.
#include <reliability/chooser.hpp>

#include <cmath>

namespace random_programs {
namespace {

using Binary = Tensor (*)(const Tensor&, const Tensor&);
using Comparison = tapehead::Condition (*)(const Tensor&, const Tensor&);
using Number = double (*)(double, double);

Line two(Chooser& c, Domain first, Domain second) {
    const int a = c.in(first, c.any());
    return Line{.inputs = {a, c.in(second, c.broadcasting_with(c.shape(a)))}};
}

Operation binary(const char* name, const char* code, const char* also, Binary f, Number reference, Domain first = Domain::any,
                 Domain second = Domain::any) {
    return {name,
            code,
            also,
            [=](Chooser& c) { return two(c, first, second); },
            [f](const Line&, const Tensors& x) { return Tensors{f(x[0], x[1])}; },
            [reference](const Line&, const Plains& x) { return Plains{zip(x[0], x[1], reference)}; }};
}

Operation with_number(const char* name, const char* code, const char* also, Tensor (*f)(const Tensor&, double),
                      Number reference, Domain domain = Domain::any) {
    return {name,
            code,
            also,
            [=](Chooser& c) {
                const double number = c.real(0.25, 2);
                return Line{.inputs = {c.in(domain, c.any())}, .reals = {c.chance(0.5) ? number : -number}};
            },
            [f](const Line& l, const Tensors& x) { return Tensors{f(x[0], l.reals[0])}; },
            [reference](const Line& l, const Plains& x) {
                return Plains{map(x[0], [&](double e) { return reference(e, l.reals[0]); })};
            }};
}

/// where(a < b, c, d) and the like.
Operation choice(const char* name, const char* condition, const char* also, Comparison f, bool (*reference)(double, double)) {
    return {name,
            "where(" + std::string(condition) + ", $2, $3)",
            also,
            [](Chooser& c) {
                Line line = two(c, Domain::any, Domain::any);
                line.inputs.push_back(c.broadcasting_with(c.shape(line.inputs[0])));
                line.inputs.push_back(c.broadcasting_with(c.shape(line.inputs[2])));
                return line;
            },
            [f](const Line&, const Tensors& x) { return Tensors{where(f(x[0], x[1]), x[2], x[3])}; },
            [reference](const Line&, const Plains& x) {
                const Plain holds = zip(x[0], x[1], [&](double a, double b) { return reference(a, b) ? 1 : 0; });
                const Extents shape = broadcast(holds.shape, broadcast(x[2].shape, x[3].shape));
                return Plains{
                    build(shape, [&](const Position& p) { return read(holds, p) != 0 ? read(x[2], p) : read(x[3], p); })};
            }};
}

double sign(double x) {
    kink(x);
    return x > 0 ? 1 : -1;
}
bool less(double a, double b) {
    kink(b - a);
    return a < b;
}
bool same_sign(double a, double b) { return sign(a) == sign(b); }
double larger(double a, double b) { return less(a, b) ? b : a; }
double smaller(double a, double b) { return less(a, b) ? a : b; }

void add_choices(std::vector<Operation>& all) {
    const Comparison eq = [](const Tensor& a, const Tensor& b) { return tapehead::eq(sign(a), sign(b)); };
    const Comparison ne = [](const Tensor& a, const Tensor& b) { return sign(a) != sign(b); };
    const Comparison both = [](const Tensor& a, const Tensor& b) { return (a < b) & !(b < a * 2); };
    const Comparison either = [](const Tensor& a, const Tensor& b) { return (a < b) | (b > a * 2); };
    const auto greater = [](double a, double b) { return !less(a, b); };
    all.push_back(choice("eq", "eq(sign($0), sign($1))", "", eq, same_sign));
    all.push_back(choice(
        "==", "sign($0) == sign($1)", "operator==", [](const Tensor& a, const Tensor& b) { return sign(a) == sign(b); },
        same_sign));
    all.push_back(choice(
        "ne", "ne(sign($0), sign($1))", "", [](const Tensor& a, const Tensor& b) { return tapehead::ne(sign(a), sign(b)); },
        [](double a, double b) { return !same_sign(a, b); }));
    all.push_back(choice("!=", "sign($0) != sign($1)", "operator!=", ne, [](double a, double b) { return !same_sign(a, b); }));
    all.push_back(choice("lt", "lt($0, $1)", "", tapehead::lt, less));
    all.push_back(choice(
        "<", "$0 < $1", "operator<", [](const Tensor& a, const Tensor& b) { return a < b; }, less));
    all.push_back(choice("le", "le($0, $1)", "", tapehead::le, less));
    all.push_back(choice(
        "<=", "$0 <= $1", "operator<=", [](const Tensor& a, const Tensor& b) { return a <= b; }, less));
    all.push_back(choice("gt", "gt($0, $1)", "", tapehead::gt, greater));
    all.push_back(choice(
        ">", "$0 > $1", "operator>", [](const Tensor& a, const Tensor& b) { return a > b; }, greater));
    all.push_back(choice("ge", "ge($0, $1)", "", tapehead::ge, greater));
    all.push_back(choice(
        ">=", "$0 >= $1", "operator>=", [](const Tensor& a, const Tensor& b) { return a >= b; }, greater));
    all.push_back(choice("&", "($0 < $1) & !($1 < $0 * 2)", "operator& operator!", both, [](double a, double b) {
        const bool first = less(a, b), second = less(b, 2 * a);
        return first && !second;
    }));
    all.push_back(choice("|", "($0 < $1) | ($1 > $0 * 2)", "operator|", either, [](double a, double b) {
        const bool first = less(a, b), second = less(2 * a, b);
        return first || second;
    }));
}

/// Handles that are made to refer to a new result, and changes of a value of its own in place.
void add_assignments(std::vector<Operation>& all) {
    all.push_back(binary(
        "+=", "[&] { Tensor t = $0; return t += $1; }()", "operator+=",
        [](const Tensor& a, const Tensor& b) {
            Tensor t = a;
            return t += b;
        },
        [](double a, double b) { return a + b; }));
    all.push_back(binary(
        "-=", "[&] { Tensor t = $0; return t -= $1; }()", "operator-=",
        [](const Tensor& a, const Tensor& b) {
            Tensor t = a;
            return t -= b;
        },
        [](double a, double b) { return a - b; }));
    all.push_back(binary(
        "*=", "[&] { Tensor t = $0; return t *= $1; }()", "operator*=",
        [](const Tensor& a, const Tensor& b) {
            Tensor t = a;
            return t *= b;
        },
        [](double a, double b) { return a * b; }));
    all.push_back(binary(
        "/=", "[&] { Tensor t = $0; return t /= $1; }()", "operator/=",
        [](const Tensor& a, const Tensor& b) {
            Tensor t = a;
            return t /= b;
        },
        [](double a, double b) { return a / b; }, Domain::any, Domain::positive));
    all.push_back(with_number(
        "mul_", "clone($0.detach()).mul_($R0).add_($0.detach(), 0.5)", "detach",
        [](const Tensor& x, double c) { return clone(x.detach()).mul_(c).add_(x.detach(), 0.5); },
        [](double x, double c) { return c * x + 0.5 * x; }));
    all.back().is_detached = true;
    all.push_back(with_number(
        "detach", "$0.detach()", "", [](const Tensor& x, double) { return x.detach(); }, [](double x, double) { return x; }));
    all.back().is_detached = true;
}

void add_functions(std::vector<Operation>& all) {
    all.push_back(binary("add", "add($0, $1)", "", tapehead::add, [](double a, double b) { return a + b; }));
    all.push_back(binary("sub", "sub($0, $1)", "", tapehead::sub, [](double a, double b) { return a - b; }));
    all.push_back(binary("mul", "mul($0, $1)", "", tapehead::mul, [](double a, double b) { return a * b; }));
    all.push_back(binary(
        "div", "div($0, $1)", "", tapehead::div, [](double a, double b) { return a / b; }, Domain::any, Domain::positive));
    all.push_back(binary(
        "pow", "pow($0, $1)", "", [](const Tensor& a, const Tensor& b) { return pow(a, b); },
        [](double a, double b) { return std::pow(a, b); }, Domain::positive));
    all.push_back(binary("maximum", "maximum($0, $1)", "", tapehead::maximum, larger));
    all.push_back(binary("minimum", "minimum($0, $1)", "", tapehead::minimum, smaller));
    all.push_back(binary("chain", "chain($0, $1)", "", tapehead::chain, [](double a, double b) { return a * b; }));
    all.push_back(with_number(
        "pow_number", "pow($0, $R0)", "", [](const Tensor& x, double p) { return pow(x, p); },
        [](double x, double p) { return std::pow(x, p); }, Domain::positive));
    all.push_back(with_number(
        "cube", "pow($0, 3)", "", [](const Tensor& x, double) { return pow(x, 3); },
        [](double x, double) { return x * x * x; }));
    all.push_back({"affine", "affine($0, $R0, $R1)", "",
                   [](Chooser& c) {
                       return Line{.inputs = {c.any()}, .reals = {c.real(-2, 2), c.real(-1, 1)}};
                   },
                   [](const Line& l, const Tensors& x) { return Tensors{affine(x[0], l.reals[0], l.reals[1])}; },
                   [](const Line& l, const Plains& x) {
                       return Plains{map(x[0], [&](double e) { return l.reals[0] * e + l.reals[1]; })};
                   }});
}

void add_operators(std::vector<Operation>& all) {
    all.push_back(binary(
        "+", "$0 + $1", "operator+", [](const Tensor& a, const Tensor& b) { return a + b; },
        [](double a, double b) { return a + b; }));
    all.push_back(binary(
        "-", "$0 - $1", "operator-", [](const Tensor& a, const Tensor& b) { return a - b; },
        [](double a, double b) { return a - b; }));
    all.push_back(binary(
        "*", "$0 * $1", "operator*", [](const Tensor& a, const Tensor& b) { return a * b; },
        [](double a, double b) { return a * b; }));
    all.push_back(binary(
        "/", "$0 / $1", "operator/", [](const Tensor& a, const Tensor& b) { return a / b; },
        [](double a, double b) { return a / b; }, Domain::any, Domain::positive));
    all.push_back(with_number(
        "x + c", "$0 + ($R0)", "", [](const Tensor& x, double c) { return x + c; }, [](double x, double c) { return x + c; }));
    all.push_back(with_number(
        "c - x", "$R0 - $0", "", [](const Tensor& x, double c) { return c - x; }, [](double x, double c) { return c - x; }));
    all.push_back(with_number(
        "x * c", "$0 * ($R0)", "", [](const Tensor& x, double c) { return x * c; }, [](double x, double c) { return x * c; }));
    all.push_back(with_number(
        "x / c", "$0 / ($R0)", "", [](const Tensor& x, double c) { return x / c; }, [](double x, double c) { return x / c; }));
    all.push_back(with_number(
        "c / x", "$R0 / $0", "", [](const Tensor& x, double c) { return c / x; }, [](double x, double c) { return c / x; },
        Domain::positive));
    all.push_back(with_number(
        "-x", "-$0", "", [](const Tensor& x, double) { return -x; }, [](double x, double) { return -x; }));
}

Operation filling() {
    return {"masked_fill",
            "masked_fill($0, $C0, $R0)",
            "",
            [](Chooser& c) {
                const int x = c.any();
                const Extents shape = c.broadcasting_to(c.shape(x));
                return Line{.inputs = {x}, .lists = {c.flags(shape, 0.4), shape}, .reals = {c.real(-2, 2)}};
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{masked_fill(x[0], flags_of(l.lists[0], l.lists[1]), l.reals[0])};
            },
            [](const Line& l, const Plains& x) {
                Plain flags(l.lists[1]);
                flags.v.assign(l.lists[0].begin(), l.lists[0].end());
                require(broadcasts(flags.shape, x[0].shape), "condition does not broadcast");
                return Plains{
                    build(x[0].shape, [&](const Position& p) { return read(flags, p) != 0 ? l.reals[0] : x[0].at(p); })};
            },
            {},
            false,
            false};
}

}  // namespace

std::vector<Operation> arithmetic_operations() {
    std::vector<Operation> all;
    add_functions(all);
    add_operators(all);
    add_choices(all);
    add_assignments(all);
    all.push_back(filling());
    return all;
}

}  // namespace random_programs
