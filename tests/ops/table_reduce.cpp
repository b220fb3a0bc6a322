// The rows of autograd/ops/reduce.hpp: loops over the elements along the reduced axes.
#include "table.hpp"

#include <numeric>

namespace testing {
namespace {

using Elements = std::vector<double>;

/// A shape and the axes to reduce; `all` is what an empty list stands for, named for the reference.
struct Case {
    Shape shape;
    Axes axes;
    std::vector<Index> normal;
    bool keepdim = false;
};

const std::vector<Case> cases = {
    {{2, 3}, {}, {0, 1}},
    {{2, 3}, {}, {0, 1}, true},
    {{2, 3}, {1}, {1}},
    {{2, 3}, {0}, {0}},
    {{2, 3, 4}, {-1}, {2}, true},
    {{2, 3, 4}, {0, 2}, {0, 2}},
    {{2, 3, 4}, {2, 0}, {0, 2}, true},
    {{2, 3, 4}, {1, 0}, {0, 1}},
    {{2, 1, 3}, {1}, {1}},
    {{1}, {0}, {0}},
    {{2, 2, 2, 2}, {0, 2}, {0, 2}},
    {{3, 41}, {1}, {1}},
    {{41, 3}, {0}, {0}},
    {{0, 3}, {1}, {1}},
    {{300, 400}, {1}, {1}},
    {{300, 400}, {0}, {0}},
    {{40, 30, 50}, {0, 2}, {0, 2}},
};
const std::vector<Case> with_one_number = {{{}, {}, {}}, {{}, {}, {}, true}};
const std::vector<Case> over_nothing = {{{0}, {}, {0}}, {{3, 0}, {1}, {1}}, {{3, 0, 2}, {-2}, {1}, true}, {{0, 3}, {0}, {0}}};

/// Rows of f over the cases; f takes (x, axes, keepdim).
template <class F, class G>
void add(std::vector<Row>& rows, std::string name, F f, G reference, const std::vector<Case>& at,
         Tensor (*fill)(const Shape&, double, double, unsigned) = spread, double low = -1, double high = 1, double slack = 1) {
    for (const Case& c : at)
        rows.push_back(
            {.name = name,
             .f = [=](const std::vector<Tensor>& in) { return f(in[0], c.axes, c.keepdim); },
             .reference = [=](const std::vector<Values>& in) { return reduced(in[0], c.normal, c.keepdim, reference); },
             .inputs = {{fill(c.shape, low, high, 1)}},
             .slack = slack});
}

double sum_of(const Elements& x) { return std::accumulate(x.begin(), x.end(), 0.0); }
double mean_of(const Elements& x) { return sum_of(x) / static_cast<double>(x.size()); }
double product_of(const Elements& x) { return std::accumulate(x.begin(), x.end(), 1.0, std::multiplies<>()); }
double largest_of(const Elements& x) {
    double largest = -INFINITY;
    for (const double v : x) largest = std::max(largest, v);
    return largest;
}
double smallest_of(const Elements& x) {
    double smallest = INFINITY;
    for (const double v : x) smallest = std::min(smallest, v);
    return smallest;
}
double variance_of(const Elements& x, double correction) {
    const double m = mean_of(x);
    double total = 0;
    for (const double v : x) total += (v - m) * (v - m);
    return total / (static_cast<double>(x.size()) - correction);
}
double norm_of(const Elements& x, double p) {
    double total = 0;
    for (const double v : x) total += std::pow(std::fabs(v), p);
    return std::pow(total, 1 / p);
}
double logsumexp_of(const Elements& x) {
    double total = 0;
    for (const double v : x) total += std::exp(v);
    return std::log(total);
}

using T = const Tensor&;
using A = const Axes&;

void add_sums(std::vector<Row>& rows) {
    for (const auto& at : {cases, with_one_number, over_nothing}) {
        add(
            rows, "sum", [](T x, A axes, bool k) { return sum(x, axes, k); }, sum_of, at, spread, -1, 1, 30);
        add(
            rows, "amax", [](T x, A axes, bool k) { return amax(x, axes, k); }, largest_of, at);
        add(
            rows, "amin", [](T x, A axes, bool k) { return amin(x, axes, k); }, smallest_of, at);
        add(
            rows, "logsumexp", [](T x, A axes, bool k) { return logsumexp(x, axes, k); }, logsumexp_of, at);
    }
    for (const auto& at : {cases, with_one_number})
        add(
            rows, "mean", [](T x, A axes, bool k) { return mean(x, axes, k); }, mean_of, at);
    const std::vector<Case> up_to_small(cases.begin(), cases.end() - 3);  // a product of thousands would vanish
    for (const auto& at : {up_to_small, with_one_number, over_nothing})
        add(
            rows, "prod", [](T x, A axes, bool k) { return prod(x, axes, k); }, product_of, at, both_signs, 0.7, 1.4);
}

void add_spreads(std::vector<Row>& rows) {
    std::vector<Case> several;  // at least two elements to each result
    for (const Case& c : cases)
        if (c.shape.numel() > 1 && c.shape != Shape{2, 1, 3}) several.push_back(c);
    for (const double correction : {1.0, 0.0}) {
        add(
            rows, "var", [=](T x, A axes, bool k) { return var(x, axes, correction, k); },
            [=](const Elements& x) { return variance_of(x, correction); }, several);
        add(
            rows, "std", [=](T x, A axes, bool k) { return tapehead::std(x, axes, correction, k); },
            [=](const Elements& x) { return std::sqrt(variance_of(x, correction)); }, several);
    }
    for (const auto& at : {cases, with_one_number}) {
        add(
            rows, "norm", [](T x, A axes, bool k) { return norm(x, 2, axes, k); },
            [](const Elements& x) { return norm_of(x, 2); }, at, both_signs, 0.2, 1.5, 10);
        add(
            rows, "norm", [](T x, A axes, bool k) { return norm(x, 1, axes, k); },
            [](const Elements& x) { return norm_of(x, 1); }, at, both_signs, 0.2, 1.5, 10);
        add(
            rows, "norm", [](T x, A axes, bool k) { return norm(x, 3, axes, k); },
            [](const Elements& x) { return norm_of(x, 3); }, at, both_signs, 0.2, 1.5, 10);
        add(
            rows, "norm", [](T x, A axes, bool k) { return norm(x, 0.5, axes, k); },
            [](const Elements& x) { return norm_of(x, 0.5); }, at, both_signs, 0.2, 1.5, 10);
        add(
            rows, "norm", [](T x, A axes, bool k) { return norm(x, INFINITY, axes, k); },
            [](const Elements& x) {
                double m = 0;
                for (const double v : x) m = std::max(m, std::fabs(v));
                return m;
            },
            at, both_signs, 0.2, 1.5);
    }
}

/// The positions in [0, n) in the order in which a running sum takes them.
std::vector<Index> order(Index n, bool reverse) {
    std::vector<Index> places(static_cast<std::size_t>(n));
    std::iota(places.begin(), places.end(), 0);
    if (reverse) std::reverse(places.begin(), places.end());
    return places;
}

void add_cumsum(std::vector<Row>& rows) {
    for (const CumsumOptions options :
         {CumsumOptions{}, {.reverse = true}, {.exclusive = true}, {.reverse = true, .exclusive = true}})
        for (const Index axis : {Index{0}, Index{-2}, Index{2}})
            rows.push_back({.name = "cumsum",
                            .f = [=](const std::vector<Tensor>& in) { return cumsum(in[0], axis, options); },
                            .reference =
                                [=](const std::vector<Values>& in) {
                                    const Index normal = axis < 0 ? axis + 3 : axis;
                                    Values y = in[0];
                                    each_position(in[0].shape, [&](const Shape& p) {
                                        double total = 0;
                                        Shape q = p;
                                        for (const Index i : order(in[0].shape[normal], options.reverse)) {
                                            q[normal] = i;
                                            if (i == p[normal] && options.exclusive) break;
                                            total += in[0].at(q);
                                            if (i == p[normal]) break;
                                        }
                                        y.at(p) = total;
                                    });
                                    return y;
                                },
                            .inputs = {{spread({2, 3, 4}, -1, 1)}, {spread({1, 1, 1}, -1, 1)}, {spread({2, 0, 3}, -1, 1)}}});
}

/// argmax and argmin; `sign` −1 finds the smallest.
void add_positions(std::vector<Row>& rows, const std::string& name, double sign) {
    const auto first_best = [=](const Elements& x) {
        std::size_t best = 0;
        for (std::size_t i = 1; i < x.size(); ++i)
            if (sign * x[i] > sign * x[best]) best = i;
        return static_cast<double>(best);
    };
    const bool smallest = sign < 0;
    for (const bool keepdim : {false, true})
        for (const Index axis : {0, 1})
            rows.push_back(
                {.name = name,
                 .f =
                     [=](const std::vector<Tensor>& in) {
                         return as_tensor(smallest ? argmin(in[0], axis - 2, keepdim) : argmax(in[0], axis - 2, keepdim));
                     },
                 .reference = [=](const std::vector<Values>& in) { return reduced(in[0], {axis}, keepdim, first_best); },
                 .inputs = {{spread({3, 4}, -1, 1)},
                            {Tensor{{1, 3, 3}, {3, 1, 1}, {3, 0, 0}}},
                            {spread({1, 1}, -1, 1)},
                            {spread({40, 700}, -1, 1)}},
                 .differentiable = false});
    rows.push_back({.name = name,
                    .f = [=](const std::vector<Tensor>& in) { return as_tensor(smallest ? argmin(in[0]) : argmax(in[0])); },
                    .reference = [=](const std::vector<Values>& in) { return Values({}, {first_best(in[0].v)}); },
                    .inputs = {{spread({3, 4}, -1, 1)}, {Tensor(5)}, {Tensor{2, 1, 1, 2}}},
                    .differentiable = false});
}

void add_sum_to(std::vector<Row>& rows) {
    const std::vector<std::pair<Shape, Shape>> at = {
        {{2, 3}, {3}}, {{2, 3}, {2, 1}}, {{2, 3}, {}},  {{2, 3}, {1, 1}},    {{2, 3, 4}, {3, 1}}, {{2, 3}, {2, 3}},
        {{}, {}},      {{0, 3}, {1, 3}}, {{0, 3}, {3}}, {{4, 1, 3}, {1, 3}}, {{80, 999}, {999}}};
    for (const auto& [from, to] : at)
        rows.push_back({.name = "sum_to",
                        .f = [shape = to](const std::vector<Tensor>& in) { return sum_to(in[0], shape); },
                        .reference =
                            [shape = to](const std::vector<Values>& in) {
                                Values y = each(shape, [](const Shape&) { return 0; });
                                each_position(in[0].shape, [&](const Shape& p) { y.at(p) += in[0].at(p); });
                                return y;
                            },
                        .inputs = {{spread(from, -1, 1)}},
                        .slack = 10});
}

}  // namespace

std::vector<Row> reduce_rows() {
    std::vector<Row> rows;
    add_sums(rows);
    add_spreads(rows);
    add_cumsum(rows);
    add_positions(rows, "argmax", 1);
    add_positions(rows, "argmin", -1);
    add_sum_to(rows);
    return rows;
}

}  // namespace testing
