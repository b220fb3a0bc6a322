// Softmax, normalisation over trailing axes, and rotary embedding.
#include <reliability/chooser.hpp>

#include <algorithm>
#include <cmath>

namespace random_programs {
namespace {

Line along_line(Chooser& c) {
    const int x = c.any();
    return Line{.inputs = {x}, .lists = {{c.axis(std::max<std::ptrdiff_t>(1, c.rank(x)))}}};
}

Operation soft(const char* name, Tensor (*f)(const Tensor&, std::ptrdiff_t), bool is_log) {
    return {name,
            std::string(name) + "($0, $I0)",
            "",
            along_line,
            [f](const Line& l, const Tensors& x) { return Tensors{f(x[0], l.integer(0))}; },
            [is_log](const Line& l, const Plains& x) {
                const bool is_scalar = x[0].rank() == 0;  // counts as a vector of one element
                const Plain y = along(is_scalar ? reshaped(x[0], {1}) : x[0], l.integer(0), [&](Numbers line) {
                    double sum = 0;
                    for (const double element : line) sum += std::exp(element);
                    for (double& element : line) element = is_log ? element - std::log(sum) : std::exp(element) / sum;
                    return line;
                });
                return Plains{reshaped(y, x[0].shape)};
            }};
}

/// The elements from p's on that share its leading axes, the last `n` axes running.
Numbers trailing(const Plain& x, std::size_t n, const Position& p) {
    Numbers result;
    const Extents inner(x.shape.end() - static_cast<std::ptrdiff_t>(n), x.shape.end());
    for_each_position(inner, [&](const Position& q) {
        Position whole(p.begin(), p.end() - static_cast<std::ptrdiff_t>(n));
        whole.insert(whole.end(), q.begin(), q.end());
        result.push_back(x.at(whole));
    });
    return result;
}

/// (x − centre) / √(mean (x − centre)² + ε), where the centre is the mean or 0.
Plain normalized(const Plain& x, const Extents& shape, double eps, bool is_centred) {
    require(!shape.empty() && std::ssize(shape) <= x.rank() &&
                Extents(x.shape.end() - std::ssize(shape), x.shape.end()) == shape,
            "normalised shape");
    return build(x.shape, [&](const Position& p) {
        const Numbers group = trailing(x, shape.size(), p);
        const auto n = static_cast<long double>(group.size());
        long double mean = 0, square = 0;
        if (is_centred)
            for (const double element : group) mean += element / n;
        for (const double element : group) square += (element - mean) * (element - mean) / n;
        return static_cast<double>((x.at(p) - mean) / std::sqrt(square + eps));
    });
}

using Norm = Tensor (*)(const Tensor& x, const tapehead::Shape& shape, const Tensor& weight, const Tensor& bias, double eps);

/// How many of weight and bias there are is in the number of inputs.
Operation norm(const char* name, const char* code, std::ptrdiff_t parameters, Norm f, bool is_centred) {
    return {std::string(name) + " " + std::to_string(parameters),
            code,
            "",
            [parameters](Chooser& c) {
                const int x = c.any(1);
                Extents shape(c.shape(x).end() - c.between(1, c.rank(x)), c.shape(x).end());
                Line line{.inputs = {x}, .lists = {shape}, .reals = {c.one_of(Numbers{1e-5, 0.125, 0.5})}};
                for (std::ptrdiff_t i = 0; i < parameters; ++i) line.inputs.push_back(c.like(shape));
                return line;
            },
            [f](const Line& l, const Tensors& x) {
                return Tensors{
                    f(x[0], shape_of(l.lists[0]), x.size() > 1 ? x[1] : Tensor(), x.size() > 2 ? x[2] : Tensor(), l.reals[0])};
            },
            [is_centred](const Line& l, const Plains& x) {
                Plain y = normalized(x[0], l.lists[0], l.reals[0], is_centred);
                for (std::size_t i = 1; i < x.size(); ++i) {
                    require(x[i].shape == l.lists[0], "weight or bias");
                    y = zip(y, x[i], [&](double a, double b) { return i == 1 ? a * b : a + b; });
                }
                return Plains{y};
            }};
}

Tensor rms(const Tensor& x, const tapehead::Shape& shape, const Tensor& weight, const Tensor&, double eps) {
    return rms_norm(x, shape, weight, eps);
}
Tensor rms_twin(const Tensor& x, const tapehead::Shape& shape, const Tensor& weight, const Tensor&, double eps) {
    return rms_norm_composite(x, shape, weight, eps);
}

Operation rotary(bool is_adjacent) {
    return {is_adjacent ? "rotary_embedding" : "rotary_embedding by halves",
            is_adjacent ? "rotary_embedding($0, $1, $2)" : "rotary_embedding($0, $1, $2, RotaryLayout::half_split)",
            "",
            [](Chooser& c) {
                const int x = c.any(2);
                Extents shape = c.shape(x);
                const auto half = c.below(shape.back() / 2 + 1);
                shape.pop_back();
                shape = c.broadcasting_to(shape);
                shape.push_back(half);
                return Line{.inputs = {x, c.like(shape), c.like(shape)}};
            },
            [is_adjacent](const Line&, const Tensors& x) {
                using tapehead::RotaryLayout;
                return Tensors{
                    rotary_embedding(x[0], x[1], x[2], is_adjacent ? RotaryLayout::adjacent : RotaryLayout::half_split)};
            },
            [is_adjacent](const Line&, const Plains& x) {
                require(x[0].rank() >= 2 && x[1].rank() >= 1 && x[1].shape == x[2].shape, "ranks");
                const auto half = x[1].shape.back();
                Extents angles = x[0].shape;
                angles.back() = half;
                require(2 * half <= x[0].shape.back() && broadcasts(x[1].shape, angles), "angles");
                return Plains{build(x[0].shape, [&](const Position& p) {
                    const auto i = p.back();
                    if (i >= 2 * half) return x[0].at(p);
                    const bool is_first = is_adjacent ? i % 2 == 0 : i < half;
                    Position pair = p, angle = p;
                    pair.back() = is_adjacent ? (is_first ? i + 1 : i - 1) : (is_first ? i + half : i - half);
                    angle.back() = is_adjacent ? i / 2 : i % half;
                    const double turned = x[0].at(pair) * read(x[2], angle);
                    return x[0].at(p) * read(x[1], angle) + (is_first ? -turned : turned);
                })};
            }};
}

}  // namespace

std::vector<Operation> normalizations() {
    return {soft("softmax", tapehead::softmax, false),
            soft("log_softmax", tapehead::log_softmax, true),
            norm("layer_norm", "layer_norm($0, $L0, {}, {}, $R0)", 0, tapehead::layer_norm, true),
            norm("layer_norm", "layer_norm($0, $L0, $1, {}, $R0)", 1, tapehead::layer_norm, true),
            norm("layer_norm", "layer_norm($0, $L0, $1, $2, $R0)", 2, tapehead::layer_norm, true),
            norm("layer_norm_composite", "layer_norm_composite($0, $L0, $1, $2, $R0)", 2, tapehead::layer_norm_composite, true),
            norm("rms_norm", "rms_norm($0, $L0, {}, $R0)", 0, rms, false),
            norm("rms_norm", "rms_norm($0, $L0, $1, $R0)", 1, rms, false),
            norm("rms_norm_composite", "rms_norm_composite($0, $L0, $1, $R0)", 1, rms_twin, false),
            rotary(true),
            rotary(false)};
}

}  // namespace random_programs
