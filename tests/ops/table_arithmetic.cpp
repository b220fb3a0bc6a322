// The rows of autograd/ops/arithmetic.hpp: two operands broadcast by loops, operators, comparisons and choices.
#include "table.hpp"

namespace testing {
namespace {

using R = double;

/// Pairs of shapes of every kind of broadcasting, sizes 1 and 0 among them.
const std::vector<std::pair<Shape, Shape>> pairs = {{{2, 3}, {2, 3}},
                                                    {{2, 3}, {3}},
                                                    {{3}, {2, 3}},
                                                    {{2, 1}, {1, 3}},
                                                    {{2, 3}, {}},
                                                    {{}, {2, 3}},
                                                    {{}, {}},
                                                    {{1}, {2, 3}},
                                                    {{2, 1, 3}, {4, 1}},
                                                    {{2, 3, 1}, {2, 1, 2}},
                                                    {{0}, {0}},
                                                    {{2, 0, 3}, {3}},
                                                    {{0, 3}, {1, 3}},
                                                    {{1}, {0}},
                                                    {{2, 17}, {2, 17}},
                                                    {{2, 2, 2, 2}, {2, 1, 2, 1}},
                                                    {{70, 1000}, {70, 1000}},
                                                    {{70, 1000}, {1000}},
                                                    {{70, 1000}, {70, 1}}};

using Fill = Tensor (*)(const Shape&, double, double, unsigned);

template <class F, class G>
Row binary(std::string name, F f, G reference, Fill fill_a, double low_a, double high_a, Fill fill_b, double low_b,
           double high_b) {
    Row row{.name = std::move(name),
            .f = [=](const std::vector<Tensor>& in) { return f(in[0], in[1]); },
            .reference =
                [=](const std::vector<Values>& in) {
                    return each(joint_shape(in[0].shape, in[1].shape),
                                [&](const Shape& p) { return reference(in[0].at(p), in[1].at(p)); });
                },
            .inputs = {}};
    for (const auto& [a, b] : pairs) row.inputs.push_back({fill_a(a, low_a, high_a, 1), fill_b(b, low_b, high_b, 2)});
    return row;
}

template <class F, class G>
Row with_number(std::string name, F f, G reference, double low = 0.5, double high = 2) {
    Row row{.name = std::move(name),
            .f = [=](const std::vector<Tensor>& in) { return f(in[0]); },
            .reference =
                [=](const std::vector<Values>& in) {
                    return each(in[0].shape, [&](const Shape& p) { return reference(in[0].at(p)); });
                },
            .inputs = {}};
    for (const Shape& shape : {Shape{2, 3}, Shape{}, Shape{0}, Shape{1, 19}}) row.inputs.push_back({spread(shape, low, high)});
    return row;
}

/// A comparison as 1 and 0; the sets have equal elements, and NaN, too.
template <class F, class G>
Row comparison(std::string name, F f, G reference) {
    const auto as_number = [=](const Tensor& a, const Tensor& b) { return as_tensor(f(a, b)); };
    Row row = binary(std::move(name), as_number, reference, spread, -1, 1, spread, -1, 1);
    row.inputs.push_back({Tensor{1, 2, 3, NAN, 0.0}, Tensor{2, 2, 2, NAN, -0.0}});
    row.inputs.push_back({Tensor{{1, 2}, {2, 1}}, Tensor{1, 2}});
    row.inputs.push_back({Tensor{{1}, {2}}, Tensor(2)});
    row.inputs.push_back({Tensor(2), Tensor{{1}, {2}, {3}}});
    row.differentiable = false;
    return row;
}

/// true at every element whose place is odd when counted by `step`
Condition pattern(const Shape& shape, Index step) {
    Condition c(shape);
    for (Index i = 0; i < c.numel(); ++i) c.raw()[i] = (i / step + i) % 2 == 1;
    return c;
}

Values values_of(const Condition& c) { return {c.shape(), std::vector<double>(c.values().begin(), c.values().end())}; }

Row where_row(const Shape& c, const Shape& a, const Shape& b) {
    const Condition condition = pattern(c, 2);
    return {.name = "where",
            .f = [=](const std::vector<Tensor>& in) { return where(condition, in[0], in[1]); },
            .reference =
                [=, taken = values_of(condition)](const std::vector<Values>& in) {
                    return each(joint_shape(c, joint_shape(a, b)),
                                [&](const Shape& p) { return taken.at(p) != 0 ? in[0].at(p) : in[1].at(p); });
                },
            .inputs = {{spread(a, -1, 1, 1), spread(b, -1, 1, 2)}}};
}

Row masked_fill_row(const Shape& x, const Shape& c) {
    const Condition condition = pattern(c, 1);
    return {.name = "masked_fill",
            .f = [=](const std::vector<Tensor>& in) { return masked_fill(in[0], condition, -7); },
            .reference =
                [filled = values_of(condition)](const std::vector<Values>& in) {
                    return each(in[0].shape, [&](const Shape& p) { return filled.at(p) != 0 ? -7.0 : in[0].at(p); });
                },
            .inputs = {{spread(x, -1, 1)}}};
}

void add_named(std::vector<Row>& rows) {
    rows.push_back(binary(
        "add", tapehead::add, [](R a, R b) { return a + b; }, spread, -2, 2, spread, -2, 2));
    rows.push_back(binary(
        "sub", tapehead::sub, [](R a, R b) { return a - b; }, spread, -2, 2, spread, -2, 2));
    rows.push_back(binary(
        "mul", tapehead::mul, [](R a, R b) { return a * b; }, spread, -2, 2, spread, -2, 2));
    rows.push_back(binary(
        "div", tapehead::div, [](R a, R b) { return a / b; }, spread, -2, 2, both_signs, 0.5, 2));
    const auto power = [](const Tensor& a, const Tensor& b) { return pow(a, b); };
    rows.push_back(binary(
        "pow", power, [](R a, R b) { return std::pow(a, b); }, spread, 0.4, 2, spread, -1.5, 2));
    rows.push_back(binary(
        "maximum", tapehead::maximum, [](R a, R b) { return std::max(a, b); }, spread, -1, 1, spread, -1, 1));
    rows.push_back(binary(
        "minimum", tapehead::minimum, [](R a, R b) { return std::min(a, b); }, spread, -1, 1, spread, -1, 1));
    rows.push_back(binary(
        "chain", tapehead::chain, [](R a, R b) { return a * b; }, both_signs, 0.2, 2, spread, -2, 2));
    for (const R p : {2.0, 3.0, 0.5, -1.0, -1.5, 1.0, 0.0, 2.7})
        rows.push_back(with_number(
            "pow", [=](const Tensor& x) { return pow(x, p); }, [=](R x) { return std::pow(x, p); }));
    const auto cube = [](const Tensor& x) { return pow(x, 3); };
    rows.push_back(with_number(
        "pow", cube, [](R x) { return x * x * x; }, -2, 2));
    rows.push_back(with_number(
        "affine", [](const Tensor& x) { return affine(x, -1.5, 0.25); }, [](R x) { return -1.5 * x + 0.25; }));
    rows.push_back(with_number(
        "affine", [](const Tensor& x) { return affine(x, 0, 3); }, [](R) { return 3.0; }));
}

void add_operators(std::vector<Row>& rows) {
    const auto two = [&](std::string name, auto f, auto reference) {
        rows.push_back(binary(std::move(name), f, reference, spread, -2, 2, both_signs, 0.5, 2));
    };
    using T = const Tensor&;
    two(
        "operator+", [](T a, T b) { return a + b; }, [](R a, R b) { return a + b; });
    two(
        "operator-", [](T a, T b) { return a - b; }, [](R a, R b) { return a - b; });
    two(
        "operator*", [](T a, T b) { return a * b; }, [](R a, R b) { return a * b; });
    two(
        "operator/", [](T a, T b) { return a / b; }, [](R a, R b) { return a / b; });
    // x op= y makes x a handle of a new result, of any shape.
    two(
        "operator+=",
        [](T a, T b) {
            Tensor x = a;
            return x += b;
        },
        [](R a, R b) { return a + b; });
    two(
        "operator-=",
        [](T a, T b) {
            Tensor x = a;
            return x -= b;
        },
        [](R a, R b) { return a - b; });
    two(
        "operator*=",
        [](T a, T b) {
            Tensor x = a;
            return x *= b;
        },
        [](R a, R b) { return a * b; });
    two(
        "operator/=",
        [](T a, T b) {
            Tensor x = a;
            return x /= b;
        },
        [](R a, R b) { return a / b; });
    const auto one = [&](std::string name, auto f, auto reference) {
        rows.push_back(with_number(std::move(name), f, reference));
    };
    one(
        "operator+", [](T x) { return x + 2.5; }, [](R x) { return x + 2.5; });
    one(
        "operator+", [](T x) { return 2.5 + x; }, [](R x) { return x + 2.5; });
    one(
        "operator-", [](T x) { return x - 2.5; }, [](R x) { return x - 2.5; });
    one(
        "operator-", [](T x) { return 2.5 - x; }, [](R x) { return 2.5 - x; });
    one(
        "operator*", [](T x) { return x * 2.5; }, [](R x) { return x * 2.5; });
    one(
        "operator*", [](T x) { return 3 * x; }, [](R x) { return x * 3; });
    one(
        "operator/", [](T x) { return x / 2.5; }, [](R x) { return x / 2.5; });
    one(
        "operator/", [](T x) { return 3 / x; }, [](R x) { return 3 / x; });
    one(
        "operator-", [](T x) { return -x; }, [](R x) { return -x; });
}

void add_comparisons(std::vector<Row>& rows) {
    using T = const Tensor&;
    rows.push_back(comparison("eq", tapehead::eq, [](R a, R b) { return a == b; }));
    rows.push_back(comparison("ne", tapehead::ne, [](R a, R b) { return a != b; }));
    rows.push_back(comparison("lt", tapehead::lt, [](R a, R b) { return a < b; }));
    rows.push_back(comparison("le", tapehead::le, [](R a, R b) { return a <= b; }));
    rows.push_back(comparison("gt", tapehead::gt, [](R a, R b) { return a > b; }));
    rows.push_back(comparison("ge", tapehead::ge, [](R a, R b) { return a >= b; }));
    rows.push_back(comparison(
        "operator==", [](T a, T b) { return a == b; }, [](R a, R b) { return a == b; }));
    rows.push_back(comparison(
        "operator!=", [](T a, T b) { return a != b; }, [](R a, R b) { return a != b; }));
    rows.push_back(comparison(
        "operator<", [](T a, T b) { return a < b; }, [](R a, R b) { return a < b; }));
    rows.push_back(comparison(
        "operator<=", [](T a, T b) { return a <= b; }, [](R a, R b) { return a <= b; }));
    rows.push_back(comparison(
        "operator>", [](T a, T b) { return a > b; }, [](R a, R b) { return a > b; }));
    rows.push_back(comparison(
        "operator>=", [](T a, T b) { return a >= b; }, [](R a, R b) { return a >= b; }));
}

}  // namespace

std::vector<Row> arithmetic_rows() {
    std::vector<Row> rows;
    add_named(rows);
    add_operators(rows);
    add_comparisons(rows);
    rows.push_back(where_row({2, 3}, {2, 3}, {2, 3}));
    rows.push_back(where_row({3}, {2, 3}, {}));
    rows.push_back(where_row({2, 3}, {}, {2, 3}));
    rows.push_back(where_row({2, 3}, {}, {}));
    rows.push_back(where_row({2, 1}, {1, 3}, {2, 3}));
    rows.push_back(where_row({}, {2, 1, 3}, {4, 1}));
    rows.push_back(where_row({0}, {1}, {}));
    rows.push_back(where_row({2, 41}, {2, 41}, {41}));
    rows.push_back(masked_fill_row({2, 3}, {2, 3}));
    rows.push_back(masked_fill_row({2, 3}, {3}));
    rows.push_back(masked_fill_row({2, 3}, {2, 1}));
    rows.push_back(masked_fill_row({2, 3}, {}));
    rows.push_back(masked_fill_row({}, {}));
    rows.push_back(masked_fill_row({0, 3}, {3}));
    return rows;
}

}  // namespace testing
