// The rows of autograd/ops/softmax.hpp, normalization.hpp and dropout.hpp.
#include "table.hpp"

#include <support/philox.hpp>

namespace testing {
namespace {

/// Every run along an axis replaced by f of it.
template <class F>
Values along(const Values& x, Index axis, F f) {
    if (x.shape.rank() == 0) return {x.shape, f(x.v)};
    axis = axis < 0 ? axis + x.shape.rank() : axis;
    Values y = x;
    Shape starts = x.shape;
    starts[axis] = std::min<Index>(1, starts[axis]);
    each_position(starts, [&](Shape p) {
        std::vector<double> run;
        for (p[axis] = 0; p[axis] < x.shape[axis]; ++p[axis]) run.push_back(x.at(p));
        run = f(run);
        for (p[axis] = 0; p[axis] < x.shape[axis]; ++p[axis]) y.at(p) = run[static_cast<std::size_t>(p[axis])];
    });
    return y;
}

std::vector<double> softmax_of(std::vector<double> x) {
    double total = 0;
    for (const double v : x) total += std::exp(v);
    for (double& v : x) v = std::exp(v) / total;
    return x;
}

std::vector<double> log_softmax_of(std::vector<double> x) {
    double total = 0;
    for (const double v : x) total += std::exp(v);
    for (double& v : x) v -= std::log(total);
    return x;
}

void add_softmax(std::vector<Row>& rows) {
    for (const auto& [shape, axis] : std::vector<std::pair<Shape, Index>>{{{2, 3}, -1},
                                                                          {{2, 3}, 0},
                                                                          {{2, 3, 2}, 1},
                                                                          {{}, -1},
                                                                          {{1}, 0},
                                                                          {{3, 1}, 1},
                                                                          {{0, 3}, 1},
                                                                          {{3, 0}, 1},
                                                                          {{3, 0}, 0},
                                                                          {{2, 41}, -1},
                                                                          {{40, 513}, 1},
                                                                          {{513, 40}, 0}}) {
        const Tensor x = spread(shape, -3, 3);
        rows.push_back({.name = "softmax",
                        .f = [axis = axis](const std::vector<Tensor>& in) { return softmax(in[0], axis); },
                        .reference = [axis = axis](const std::vector<Values>& in) { return along(in[0], axis, softmax_of); },
                        .inputs = {{x}}});
        rows.push_back(
            {.name = "log_softmax",
             .f = [axis = axis](const std::vector<Tensor>& in) { return log_softmax(in[0], axis); },
             .reference = [axis = axis](const std::vector<Values>& in) { return along(in[0], axis, log_softmax_of); },
             .inputs = {{x}}});
    }
}

/// (x − mean) / √(var + ε) or x / √(mean(x²) + ε) over the trailing axes, times w, plus b.
Values normalized(const std::vector<Values>& in, const Shape& shape, double eps, bool centre) {
    Values y = in[0];
    const auto n = static_cast<std::size_t>(shape.numel());
    for (std::size_t row = 0; n > 0 && row < y.v.size(); row += n) {
        double mean = 0, square = 0;
        for (std::size_t i = 0; centre && i < n; ++i) mean += y.v[row + i] / static_cast<double>(n);
        for (std::size_t i = 0; i < n; ++i) square += std::pow(y.v[row + i] - mean, 2) / static_cast<double>(n);
        for (std::size_t i = 0; i < n; ++i) {
            double& v = y.v[row + i];
            v = (v - mean) / std::sqrt(square + eps);
            if (in[1].defined) v *= in[1].v[i];
            if (in.size() > 2 && in[2].defined) v += in[2].v[i];
        }
    }
    return y;
}

void add_norms(std::vector<Row>& rows) {
    const std::vector<std::pair<Shape, Shape>> shapes = {{{3, 4}, {4}},       {{4}, {4}},       {{2, 3, 4}, {4}},
                                                         {{2, 3, 2}, {3, 2}}, {{2, 3}, {2, 3}}, {{0, 4}, {4}},
                                                         {{2, 0}, {0}},       {{2, 21}, {21}},  {{300, 130}, {130}}};
    for (const auto& [x, shape] : shapes)
        for (const double eps : {1e-5, 0.3}) {
            const Tensor value = spread(x, -2, 2, 1), weight = spread(shape, 0.5, 1.5, 2), bias = spread(shape, -1, 1, 3);
            rows.push_back(
                {.name = "layer_norm",
                 .f = [=, n = shape](const std::vector<Tensor>& in) { return layer_norm(in[0], n, in[1], in[2], eps); },
                 .reference = [=, n = shape](const std::vector<Values>& in) { return normalized(in, n, eps, true); },
                 .inputs =
                     {{value, weight, bias}, {value, weight, Tensor()}, {value, Tensor(), bias}, {value, Tensor(), Tensor()}},
                 .slack = 10});
            rows.push_back(
                {.name = "rms_norm",
                 .f = [=, n = shape](const std::vector<Tensor>& in) { return rms_norm(in[0], n, in[1], eps); },
                 .reference = [=, n = shape](const std::vector<Values>& in) { return normalized(in, n, eps, false); },
                 .inputs = {{value, weight}, {value, Tensor()}},
                 .slack = 10});
        }
}

Row dropout_row(double p, bool training) {
    Row row{.name = "dropout",
            .f =
                [=](const std::vector<Tensor>& in) {
                    Generator generator(77);  // the same stream, and so the same mask, in every run
                    return dropout(in[0], p, training, generator);
                },
            .reference =
                [=](const std::vector<Values>& in) {
                    const std::vector<double> u = uniform_numbers(77, 0, in[0].v.size());
                    Values y = in[0];
                    if (!training) return y;
                    for (std::size_t i = 0; i < y.v.size(); ++i) y.v[i] = u[i] < p ? 0 : y.v[i] / (1 - p);
                    return y;
                },
            .inputs = {}};
    for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{0}, Shape{1}, Shape{5, 7}, Shape{60, 500}})
        row.inputs.push_back({spread(shape, -2, 2)});
    return row;
}

}  // namespace

std::vector<Row> normalization_rows() {
    std::vector<Row> rows;
    add_softmax(rows);
    add_norms(rows);
    rows.push_back(dropout_row(0.3, true));
    rows.push_back(dropout_row(0, true));
    rows.push_back(dropout_row(1, true));
    rows.push_back(dropout_row(0.3, false));
    return rows;
}

}  // namespace testing
