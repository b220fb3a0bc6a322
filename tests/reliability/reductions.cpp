// Reductions over axes, running sums, and positions of extremes.
#include <reliability/chooser.hpp>

#include <algorithm>
#include <cmath>

namespace random_programs {
namespace {

using tapehead::Axes;

double sum_of(const Numbers& x) {
    long double sum = 0;
    for (const double element : x) sum += element;
    return static_cast<double>(sum);
}

double variance(const Numbers& x, double correction) {
    const auto n = static_cast<long double>(x.size());
    require(n > correction, "too few elements");
    long double mean = 0, sum = 0;
    for (const double element : x) mean += element / n;
    for (const double element : x) sum += (element - mean) * (element - mean);
    return static_cast<double>(sum / (n - correction));
}

/// The position of the largest of sign · x; a kink where the second comes near it.
std::size_t extreme(const Numbers& x, double sign) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < x.size(); ++i)
        if (sign * x[i] > sign * x[best]) best = i;
    for (std::size_t i = 0; i < x.size(); ++i)
        if (i != best) kink(sign * (x[best] - x[i]));
    branches.ways = branches.ways * 31 + best;
    return best;
}

double norm_of(const Numbers& x, double p) {
    double sum = 0, most = 0;
    for (const double element : x) {
        if (p != 2) kink(element);
        sum += std::pow(std::abs(element), p);
        most = std::max(most, std::abs(element));
    }
    if (std::isinf(p) && !x.empty()) {
        Numbers sizes = x;
        for (double& element : sizes) element = std::abs(element);
        extreme(sizes, 1);
        return most;
    }
    if (!x.empty()) kink(sum);
    return x.empty() ? 0 : std::pow(sum, 1 / p);
}

Line reduction_line(Chooser& c) {
    const int x = c.any();
    return Line{.inputs = {x}, .lists = {c.axes(c.rank(x)), {c.below(2)}}};
}

Axes axes_of(const Line& l) { return shape_of(l.lists[0]); }

Operation reduction(const char* name, Tensor (*f)(const Tensor&, const Axes&, bool), double (*reference)(const Numbers&)) {
    return {name,
            std::string(name) + "($0, $A0, $B1)",
            "",
            reduction_line,
            [f](const Line& l, const Tensors& x) { return Tensors{f(x[0], axes_of(l), l.flag(1))}; },
            [reference](const Line& l, const Plains& x) { return Plains{reduce(x[0], l.lists[0], l.flag(1), reference)}; }};
}

Operation with_number(const char* name, const char* code, Numbers numbers,
                      Tensor (*f)(const Tensor&, double, const Axes&, bool), double (*reference)(const Numbers&, double)) {
    return {name,
            code,
            "",
            [numbers](Chooser& c) {
                Line line = reduction_line(c);
                line.reals = {c.one_of(numbers)};
                return line;
            },
            [f](const Line& l, const Tensors& x) { return Tensors{f(x[0], l.reals[0], axes_of(l), l.flag(1))}; },
            [reference](const Line& l, const Plains& x) {
                // Even where there is no line to be summed up, its length must do.
                double n = 1;
                const std::vector<bool> gone = checked_axes(l.lists[0], x[0].rank());
                for (std::size_t i = 0; i < gone.size(); ++i) n *= gone[i] ? static_cast<double>(x[0].shape[i]) : 1;
                const Branches before = branches;
                reference(Numbers(static_cast<std::size_t>(n), 1), l.reals[0]);
                branches = before;
                return Plains{reduce(x[0], l.lists[0], l.flag(1), [&](const Numbers& e) { return reference(e, l.reals[0]); })};
            }};
}

Operation running_sum() {
    return {"cumsum",
            "cumsum($0, $I0, {.reverse = $B1, .exclusive = $B2})",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                return Line{.inputs = {x}, .lists = {{c.axis(c.rank(x))}, {c.below(2)}, {c.below(2)}}};
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{cumsum(x[0], l.integer(0), {.reverse = l.flag(1), .exclusive = l.flag(2)})};
            },
            [](const Line& l, const Plains& x) {
                return Plains{along(x[0], l.integer(0), [&](Numbers line) {
                    if (l.flag(1)) std::reverse(line.begin(), line.end());
                    Numbers sums;
                    for (std::size_t i = 0; i < line.size(); ++i)
                        sums.push_back(sum_of(Numbers(line.begin(), line.begin() + static_cast<long>(i + !l.flag(2)))));
                    if (l.flag(1)) std::reverse(sums.begin(), sums.end());
                    return sums;
                })};
            }};
}

Operation position(const char* name, double sign, tapehead::Ids (*f)(const Tensor&, std::ptrdiff_t, bool)) {
    return {name,
            "as_tensor(" + std::string(name) + "($0, $I0, $B1))",
            "",
            [](Chooser& c) {
                const int x = c.any(1);
                return Line{.inputs = {x}, .lists = {{c.axis(c.rank(x))}, {c.below(2)}}};
            },
            [f](const Line& l, const Tensors& x) { return Tensors{tapehead::as_tensor(f(x[0], l.integer(0), l.flag(1)))}; },
            [sign](const Line& l, const Plains& x) {
                const auto axis = checked_axis(l.integer(0), x[0].rank());
                require(x[0].shape[static_cast<std::size_t>(axis)] > 0, "no element");
                return Plains{
                    reduce(x[0], {axis}, l.flag(1), [&](const Numbers& e) { return static_cast<double>(extreme(e, sign)); })};
            }};
}

Operation position_of_all(const char* name, double sign, tapehead::Ids (*f)(const Tensor&)) {
    return {std::string(name) + " of all",
            "as_tensor(" + std::string(name) + "($0))",
            "",
            [](Chooser& c) { return Line{.inputs = {c.any()}}; },
            [f](const Line&, const Tensors& x) { return Tensors{tapehead::as_tensor(f(x[0]))}; },
            [sign](const Line&, const Plains& x) {
                require(!x[0].v.empty(), "no element");
                return Plains{Plain({}, static_cast<double>(extreme(x[0].v, sign)))};
            }};
}

Operation summed_to() {
    return {"sum_to",
            "sum_to($0, $L0)",
            "",
            [](Chooser& c) {
                const int x = c.any();
                return Line{.inputs = {x}, .lists = {c.broadcasting_to(c.shape(x))}};
            },
            [](const Line& l, const Tensors& x) { return Tensors{sum_to(x[0], shape_of(l.lists[0]))}; },
            [](const Line& l, const Plains& x) {
                for (const auto extent : l.lists[0]) require(extent >= 0, "negative extent");
                require(broadcasts(l.lists[0], x[0].shape), "shape does not broadcast");
                Plain y(l.lists[0]);
                for_each_position(x[0].shape, [&](const Position& p) { y.at(source(y.shape, p)) += x[0].at(p); });
                return Plains{y};
            }};
}

Operation finiteness() {
    return {"all_finite",
            "Tensor(all_finite($0) ? 1 : 0)",
            "",
            [](Chooser& c) { return Line{.inputs = {c.any()}}; },
            [](const Line&, const Tensors& x) { return Tensors{Tensor(all_finite(x[0]) ? 1 : 0)}; },
            [](const Line&, const Plains& x) {
                return Plains{Plain({}, std::all_of(x[0].v.begin(), x[0].v.end(), [](double e) { return std::isfinite(e); }))};
            }};
}

void add_plain_reductions(std::vector<Operation>& all) {
    all.push_back(reduction("sum", tapehead::sum, sum_of));
    all.push_back(
        reduction("mean", tapehead::mean, [](const Numbers& x) { return sum_of(x) / static_cast<double>(x.size()); }));
    all.push_back(reduction("prod", tapehead::prod, [](const Numbers& x) {
        double product = 1;
        for (const double element : x) product *= element;
        return product;
    }));
    all.push_back(reduction("amax", tapehead::amax, [](const Numbers& x) { return x.empty() ? -INFINITY : x[extreme(x, 1)]; }));
    all.push_back(reduction("amin", tapehead::amin, [](const Numbers& x) { return x.empty() ? INFINITY : x[extreme(x, -1)]; }));
    all.push_back(reduction("logsumexp", tapehead::logsumexp, [](const Numbers& x) {
        double sum = 0;
        for (const double element : x) sum += std::exp(element);
        return std::log(sum);
    }));
}

}  // namespace

std::vector<Operation> reductions() {
    std::vector<Operation> all;
    add_plain_reductions(all);
    all.push_back(with_number(
        "var", "var($0, $A0, $R0, $B1)", {0, 1, 1, 0.5},
        [](const Tensor& x, double c, const Axes& axes, bool keepdim) { return tapehead::var(x, axes, c, keepdim); },
        variance));
    all.push_back(with_number(
        "std", "tapehead::std($0, $A0, $R0, $B1)", {0, 1, 1, 0.5},
        [](const Tensor& x, double c, const Axes& axes, bool keepdim) { return tapehead::std(x, axes, c, keepdim); },
        [](const Numbers& x, double c) {
            const double v = variance(x, c);
            kink(v);
            return std::sqrt(v);
        }));
    all.push_back(with_number(
        "norm", "norm($0, $R0, $A0, $B1)", {1, 2, 2, 1.5, 3, INFINITY},
        [](const Tensor& x, double p, const Axes& axes, bool keepdim) { return tapehead::norm(x, p, axes, keepdim); },
        norm_of));
    all.push_back(running_sum());
    all.push_back(position("argmax", 1, tapehead::argmax));
    all.push_back(position("argmin", -1, tapehead::argmin));
    all.push_back(position_of_all("argmax", 1, tapehead::argmax));
    all.push_back(position_of_all("argmin", -1, tapehead::argmin));
    all.push_back(summed_to());
    all.push_back(finiteness());
    return all;
}

}  // namespace random_programs
