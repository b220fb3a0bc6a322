// Losses of numbers and of classes.
#include <reliability/chooser.hpp>

#include <cmath>

namespace random_programs {
namespace {

using tapehead::Reduction;

const char* const reduction_names[] = {"mean", "sum", "none", "batchmean"};

Reduction reduction_of(const Line& l) { return static_cast<Reduction>(l.integer(0)); }
std::string reduction_text(const Line& l) { return std::string("Reduction::") + reduction_names[l.integer(0)]; }

Plain reduced(const Plain& losses, std::ptrdiff_t reduction) {
    double sum = 0;
    for (const double loss : losses.v) sum += loss;
    if (reduction == 2) return losses;
    if (reduction == 1) return Plain({}, sum);
    return Plain({}, sum / static_cast<double>(reduction == 0 ? std::ssize(losses.v) : losses.shape[0]));
}

/// Input and target of one shape, the input in a domain.
Line pair_line(Chooser& c, Domain input, Domain target, std::ptrdiff_t least_rank = 0) {
    const int x = c.in(input, c.any(least_rank));
    return Line{.inputs = {x, c.in(target, c.like(c.shape(x)))}, .lists = {{c.below(3)}}};
}

double distance(double x, double t) {
    kink(x - t);
    return std::abs(x - t);
}

double huber(double d, double delta) {
    kink(d - delta);
    return d <= delta ? d * d / 2 : delta * (d - delta / 2);
}

using PairLoss = Tensor (*)(const Tensor&, const Tensor&, double, Reduction);

Operation pair_loss(const char* name, const char* code, Numbers numbers, PairLoss f,
                    double (*reference)(double, double, double)) {
    return {name,
            code,
            "",
            [numbers](Chooser& c) {
                Line line = pair_line(c, Domain::any, Domain::any);
                line.reals = {c.one_of(numbers)};
                return line;
            },
            [f](const Line& l, const Tensors& x) { return Tensors{f(x[0], x[1], l.reals[0], reduction_of(l))}; },
            [reference](const Line& l, const Plains& x) {
                require(x[0].shape == x[1].shape, "one shape");
                const Plain losses = zip(x[0], x[1], [&](double a, double t) { return reference(a, t, l.reals[0]); });
                return Plains{reduced(losses, l.integer(0))};
            },
            reduction_text,
            false,
            false};
}

void add_pair_losses(std::vector<Operation>& all) {
    all.push_back(pair_loss(
        "mse_loss", "mse_loss($0, $1, $O)", {0},
        [](const Tensor& x, const Tensor& t, double, Reduction r) { return mse_loss(x, t, r); },
        [](double x, double t, double) { return (x - t) * (x - t); }));
    all.push_back(pair_loss(
        "l1_loss", "l1_loss($0, $1, $O)", {0},
        [](const Tensor& x, const Tensor& t, double, Reduction r) { return l1_loss(x, t, r); },
        [](double x, double t, double) { return distance(x, t); }));
    all.push_back(pair_loss(
        "huber_loss", "huber_loss($0, $1, $R0, $O)", {0.5, 1, 2},
        [](const Tensor& x, const Tensor& t, double d, Reduction r) { return huber_loss(x, t, d, r); },
        [](double x, double t, double d) { return huber(std::abs(x - t), d); }));
    all.push_back(pair_loss(
        "smooth_l1_loss", "smooth_l1_loss($0, $1, $R0, $O)", {0, 0.5, 1, 2},
        [](const Tensor& x, const Tensor& t, double b, Reduction r) { return smooth_l1_loss(x, t, b, r); },
        [](double x, double t, double b) { return b == 0 ? distance(x, t) : huber(std::abs(x - t), b) / b; }));
}

/// Input and target, then the weights that the flags of list 1 say are there, which broadcast.
std::string weights_text(const Line& l, bool has_positive) {
    std::string text;
    int next = 2;
    if (l.flag(1, 0)) text += ".weight = v" + std::to_string(l.inputs[static_cast<std::size_t>(next++)]) + ", ";
    if (has_positive && l.flag(1, 1))
        text += ".pos_weight = v" + std::to_string(l.inputs[static_cast<std::size_t>(next)]) + ", ";
    return "{" + text + ".reduction = " + reduction_text(l) + "}";
}

Operation binary_loss(bool has_logits) {
    const char* name = has_logits ? "binary_cross_entropy_with_logits" : "binary_cross_entropy";
    return {name,
            std::string(name) + "($0, $1, $O)",
            "",
            [=](Chooser& c) {
                Line line = pair_line(c, has_logits ? Domain::any : Domain::unit, Domain::unit);
                line.lists.push_back({c.below(2), has_logits ? c.below(2) : 0});
                for (const auto is_there : line.lists[1])
                    if (is_there) line.inputs.push_back(c.like(c.broadcasting_to(c.shape(line.inputs[0]))));
                return line;
            },
            [=](const Line& l, const Tensors& x) {
                const Tensor weight = l.flag(1, 0) ? x[2] : Tensor(), positive = l.flag(1, 1) ? x.back() : Tensor();
                return Tensors{has_logits
                                   ? binary_cross_entropy_with_logits(
                                         x[0], x[1], {.weight = weight, .pos_weight = positive, .reduction = reduction_of(l)})
                                   : binary_cross_entropy(x[0], x[1], {.weight = weight, .reduction = reduction_of(l)})};
            },
            [=](const Line& l, const Plains& x) {
                require(x[0].shape == x[1].shape, "one shape");
                for (std::size_t i = 2; i < x.size(); ++i) require(broadcasts(x[i].shape, x[0].shape), "weights");
                for (const double p : x[0].v) require(has_logits || (0 <= p && p <= 1), "probabilities");
                const Plain losses = build(x[0].shape, [&](const Position& at) {
                    const double raw = x[0].at(at), t = x[1].at(at);
                    const double log_p = has_logits ? -std::log1p(std::exp(-raw)) : std::log(raw);
                    const double log_q = has_logits ? -std::log1p(std::exp(raw)) : std::log(1 - raw);
                    const double w = l.flag(1, 0) ? read(x[2], at) : 1, positive = l.flag(1, 1) ? read(x.back(), at) : 1;
                    return -w * (positive * t * log_p + (1 - t) * log_q);
                });
                return Plains{reduced(losses, l.integer(0))};
            },
            [=](const Line& l) { return weights_text(l, has_logits); },
            false,
            false};
}

Operation divergence() {
    return {"kl_div",
            "kl_div($0, $1, $O)",
            "",
            [](Chooser& c) {
                const bool is_log = c.chance(0.5);
                Line line = pair_line(c, Domain::any, is_log ? Domain::any : Domain::positive, 1);
                line.lists[0][0] = c.below(4);
                line.lists.push_back({is_log});
                return line;
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{kl_div(x[0], x[1], {.reduction = reduction_of(l), .log_target = l.flag(1)})};
            },
            [](const Line& l, const Plains& x) {
                require(x[0].shape == x[1].shape, "one shape");
                if (x[0].rank() == 0 && l.integer(0) == 3) throw TooLarge("batchmean of a scalar is not said");
                return Plains{reduced(zip(x[0], x[1],
                                          [&](double a, double t) {
                                              const double p = l.flag(1) ? std::exp(t) : t;
                                              return p * ((l.flag(1) ? t : std::log(t)) - a);
                                          }),
                                      l.integer(0))};
            },
            [](const Line& l) {
                return "{.reduction = " + reduction_text(l) + ", .log_target = " + (l.flag(1) ? "true}" : "false}");
            },
            false,
            false};
}

constexpr std::ptrdiff_t ignored = -100;

std::size_t class_axis(const Plain& x) { return x.rank() == 1 ? 0 : 1; }

Extents loss_shape(Extents shape) {
    shape.erase(shape.begin() + (shape.size() == 1 ? 0 : 1));
    return shape;
}

/// Lists: the reduction, whether there is a weight, targets and their shape; reals: the smoothing.
Line class_line(Chooser& c, bool is_smoothed) {
    const int x = c.any(1);
    const auto classes = c.shape(x)[c.rank(x) == 1 ? 0 : 1];
    const Extents shape = loss_shape(c.shape(x));
    Line line{.inputs = {x},
              .lists = {{c.below(3)}, {c.below(2)}, c.positions(elements(shape), classes, false), shape},
              .reals = {is_smoothed && c.chance(0.5) ? 0.125 : 0}};
    for (auto& target : line.lists[2])
        if (c.chance(0.15)) target = ignored;
    if (line.flag(1)) line.inputs.push_back(c.in(Domain::positive, c.like({classes})));
    return line;
}

std::string class_text(const Line& l) {
    std::string text = l.flag(1) ? ".weight = v" + std::to_string(l.inputs.back()) + ", " : "";
    text += ".reduction = " + reduction_text(l);
    if (l.reals[0] != 0) text += ", .label_smoothing = " + std::to_string(l.reals[0]);
    return "{" + text + "}";
}

/// −Σ_c q(c) x(c) of each row; the mean by the weights that count. q(position, class) is the target distribution before weights.
template <class Q, class X>
Plain class_loss(const Line& l, const Plains& x, const Extents& shape, Q q, X log_p, const std::vector<double>& counts) {
    const std::size_t axis = class_axis(x[0]);
    const auto classes = x[0].shape[axis];
    require(!l.flag(1) || x.back().shape == Extents{classes}, "weight");
    double total = 0;
    std::size_t row = 0;
    const Plain losses = build(shape, [&](const Position& p) {
        double loss = 0;
        for (std::ptrdiff_t k = 0; k < classes; ++k) {
            Position at = p;
            at.insert(at.begin() + static_cast<std::ptrdiff_t>(axis), k);
            const double smooth = (1 - l.reals[0]) * q(p, at, k) + l.reals[0] / static_cast<double>(classes);
            loss -= (l.flag(1) ? x.back().at({k}) : 1) * smooth * log_p(at);
        }
        total += counts[row];
        return counts[row++] == 0 ? 0 : loss;
    });
    if (l.integer(0) != 0) return reduced(losses, l.integer(0));
    double sum = 0;
    for (const double loss : losses.v) sum += loss;
    return Plain({}, total == 0 ? 0 : sum / total);
}

Plain log_softmax_of(const Plain& x) {
    return along(x, static_cast<std::ptrdiff_t>(class_axis(x)), [](Numbers line) {
        double sum = 0;
        for (const double element : line) sum += std::exp(element);
        for (double& element : line) element -= std::log(sum);
        return line;
    });
}

Plains by_ids(const Line& l, const Plains& x, bool takes_logits) {
    require(x[0].rank() >= 1, "classes");
    const auto classes = x[0].shape[class_axis(x[0])];
    require(loss_shape(x[0].shape) == l.lists[3], "targets");
    require(!l.flag(1) || x.back().shape == Extents{classes}, "weight");
    std::vector<double> counts;
    for (const auto target : l.lists[2]) {
        require(target == ignored || (0 <= target && target < classes), "target");
        counts.push_back(target == ignored ? 0 : l.flag(1) ? x.back().at({target}) : 1);
    }
    Plain targets(l.lists[3]);
    targets.v.assign(l.lists[2].begin(), l.lists[2].end());
    const Plain log_p = takes_logits ? log_softmax_of(x[0]) : x[0];
    return {class_loss(
        l, x, l.lists[3],
        [&](const Position& p, const Position&, std::ptrdiff_t k) {
            return targets.at(p) == static_cast<double>(k) ? 1.0 : 0.0;
        },
        [&](const Position& at) { return log_p.at(at); }, counts)};
}

using ClassLoss = Tensor (*)(const Tensor&, const tapehead::Ids&, const Tensor&, Reduction, double);

Operation class_operation(const char* name, ClassLoss f, bool takes_logits) {
    return {name,
            std::string(name) + "($0, ids($L3, $L2), $O)",
            "",
            [=](Chooser& c) { return class_line(c, takes_logits); },
            [f](const Line& l, const Tensors& x) {
                return Tensors{
                    f(x[0], ids_of(l.lists[2], l.lists[3]), l.flag(1) ? x.back() : Tensor(), reduction_of(l), l.reals[0])};
            },
            [takes_logits](const Line& l, const Plains& x) { return by_ids(l, x, takes_logits); },
            class_text,
            false,
            false};
}

Operation distribution_operation() {
    return {"cross_entropy of distributions",
            "cross_entropy($0, $1, $O)",
            "",
            [](Chooser& c) {
                Line line = class_line(c, true);
                line.inputs.insert(line.inputs.begin() + 1, c.in(Domain::unit, c.like(c.shape(line.inputs[0]))));
                return line;
            },
            [](const Line& l, const Tensors& x) {
                return Tensors{cross_entropy(
                    x[0], x[1],
                    {.weight = l.flag(1) ? x.back() : Tensor(), .reduction = reduction_of(l), .label_smoothing = l.reals[0]})};
            },
            [](const Line& l, const Plains& x) {
                require(x[0].rank() >= 1 && x[0].shape == x[1].shape, "one shape");
                const Extents shape = loss_shape(x[0].shape);
                const Plain log_p = log_softmax_of(x[0]);
                return Plains{class_loss(
                    l, x, shape, [&](const Position&, const Position& at, std::ptrdiff_t) { return x[1].at(at); },
                    [&](const Position& at) { return log_p.at(at); },
                    std::vector<double>(static_cast<std::size_t>(elements(shape)), 1))};
            },
            class_text,
            false,
            false};
}

}  // namespace

std::vector<Operation> losses() {
    std::vector<Operation> all;
    add_pair_losses(all);
    all.push_back(binary_loss(true));
    all.push_back(binary_loss(false));
    all.push_back(divergence());
    all.push_back(class_operation(
        "cross_entropy",
        [](const Tensor& x, const tapehead::Ids& t, const Tensor& w, Reduction r, double e) {
            return cross_entropy(x, t, {.weight = w, .reduction = r, .label_smoothing = e});
        },
        true));
    all.push_back(class_operation(
        "cross_entropy_composite",
        [](const Tensor& x, const tapehead::Ids& t, const Tensor& w, Reduction r, double e) {
            return cross_entropy_composite(x, t, {.weight = w, .reduction = r, .label_smoothing = e});
        },
        true));
    all.push_back(class_operation(
        "nll_loss",
        [](const Tensor& x, const tapehead::Ids& t, const Tensor& w, Reduction r, double) {
            return nll_loss(x, t, {.weight = w, .reduction = r});
        },
        false));
    all.push_back(distribution_operation());
    return all;
}

}  // namespace random_programs
