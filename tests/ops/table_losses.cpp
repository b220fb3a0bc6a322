// The rows of autograd/ops/losses.hpp and cross_entropy.hpp: the loss of each element, or of each target, by its formula.
//
// Inputs are away from kinks, where finite differences mean nothing; a set with values at one holds that input fixed.
#include "table.hpp"

#include <limits>
#include <optional>

namespace testing {
namespace {

constexpr Reduction reductions[] = {Reduction::mean, Reduction::sum, Reduction::none};

/// All the losses, their sum, or that over `count`.
Values reduced_by(Reduction reduction, const Values& losses, double count) {
    if (reduction == Reduction::none) return losses;
    const double total = std::accumulate(losses.v.begin(), losses.v.end(), 0.0);
    return {Shape(), {reduction == Reduction::sum ? total : total / count}};
}

Values reduced_by(Reduction reduction, const Values& losses) {
    return reduced_by(reduction, losses, static_cast<double>(losses.v.size()));
}

/// Sets of input and target with |difference| in (low, high).
std::vector<std::vector<Tensor>> apart(double low, double high) {
    std::vector<std::vector<Tensor>> sets;
    for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{1}, Shape{2, 1, 3}, Shape{0, 3}, Shape{90, 70}}) {
        const Tensor target = spread(shape, -1, 1, 2);
        sets.push_back({target + both_signs(shape, low, high, 1), target});
    }
    return sets;
}

/// A loss of the difference d with each reduction.
template <class Loss, class F>
void add_difference_loss(std::vector<Row>& rows, const char* name, Loss loss, F formula,
                         const std::vector<std::vector<Tensor>>& inputs) {
    for (const Reduction reduction : reductions)
        rows.push_back({.name = name,
                        .f = [=](const std::vector<Tensor>& in) { return loss(in[0], in[1], reduction); },
                        .reference =
                            [=](const std::vector<Values>& in) {
                                return reduced_by(reduction, each(in[0].shape, [&](const Shape& p) {
                                                      return formula(in[0].at(p) - in[1].at(p));
                                                  }));
                            },
                        .inputs = inputs});
}

double huber_of(double d, double delta) { return std::abs(d) <= delta ? d * d / 2 : delta * (std::abs(d) - delta / 2); }

void add_difference_losses(std::vector<Row>& rows) {
    using T = const Tensor&;
    using R = Reduction;
    const auto both_sides = [](double kink) {  // differences on either side of ±kink
        auto sets = apart(0.1 * kink, 0.9 * kink);
        for (auto& set : apart(1.1 * kink, 3 * kink)) sets.push_back(set);
        return sets;
    };
    add_difference_loss(
        rows, "mse_loss", [](T x, T t, R r) { return mse_loss(x, t, r); }, [](double d) { return d * d; }, apart(0, 2));
    const auto absolute = [](double d) { return std::abs(d); };
    add_difference_loss(
        rows, "l1_loss", [](T x, T t, R r) { return l1_loss(x, t, r); }, absolute, apart(0.1, 2));
    for (const double bound : {1.0, 0.3}) {
        add_difference_loss(
            rows, "huber_loss", [=](T x, T t, R r) { return huber_loss(x, t, bound, r); },
            [=](double d) { return huber_of(d, bound); }, both_sides(bound));
        add_difference_loss(
            rows, "smooth_l1_loss", [=](T x, T t, R r) { return smooth_l1_loss(x, t, bound, r); },
            [=](double d) { return huber_of(d, bound) / bound; }, both_sides(bound));
    }
    add_difference_loss(
        rows, "smooth_l1_loss", [](T x, T t, R r) { return smooth_l1_loss(x, t, 0, r); }, absolute, apart(0.1, 2));
}

/// The value at a position, 1 for an array that is not there.
double factor(const std::vector<Values>& in, std::size_t which, const Shape& p) {
    return in.size() > which && in[which].defined ? in[which].at(p) : 1;
}

Tensor at_or_none(const std::vector<Tensor>& in, std::size_t which) { return in.size() > which ? in[which] : Tensor(); }

Row binary_row(Reduction reduction) {
    return {.name = "binary_cross_entropy",
            .f =
                [=](const std::vector<Tensor>& in) {
                    return binary_cross_entropy(in[0], in[1], {.weight = at_or_none(in, 2), .reduction = reduction});
                },
            .reference =
                [=](const std::vector<Values>& in) {
                    return reduced_by(reduction, each(in[0].shape, [&](const Shape& p) {
                                          const double x = in[0].at(p), t = in[1].at(p);
                                          const double log_p = std::max(std::log(x), -100.0);
                                          const double log_q = std::max(std::log(1 - x), -100.0);
                                          return -factor(in, 2, p) * (t * log_p + (1 - t) * log_q);
                                      }));
                },
            .inputs = {},
            .slack = 5};
}

Row binary_with_logits_row(Reduction reduction) {
    return {.name = "binary_cross_entropy_with_logits",
            .f =
                [=](const std::vector<Tensor>& in) {
                    return binary_cross_entropy_with_logits(
                        in[0], in[1], {.weight = at_or_none(in, 2), .pos_weight = at_or_none(in, 3), .reduction = reduction});
                },
            .reference =
                [=](const std::vector<Values>& in) {
                    return reduced_by(reduction, each(in[0].shape, [&](const Shape& p) {
                                          const double s = 1 / (1 + std::exp(-in[0].at(p))), t = in[1].at(p);
                                          const double own = factor(in, 3, p) * t * std::log(s);
                                          return -factor(in, 2, p) * (own + (1 - t) * std::log(1 - s));
                                      }));
                },
            .inputs = {},
            .slack = 5};
}

void add_binary_losses(std::vector<Row>& rows) {
    const Shape s{3, 4};
    for (const Reduction reduction : reductions) {
        Row binary = binary_row(reduction), with_logits = binary_with_logits_row(reduction);
        for (const Shape& shape : {s, Shape{}, Shape{1}, Shape{0, 3}, Shape{2, 1, 3}, Shape{70, 80}}) {
            binary.inputs.push_back({spread(shape, 0.1, 0.9, 1), spread(shape, 0, 1, 2)});
            with_logits.inputs.push_back({spread(shape, -3, 3, 1), spread(shape, 0, 1, 2)});
        }
        for (const Shape& shape : {s, Shape{4}, Shape{3, 1}, Shape{}}) {
            const Tensor weight = spread(shape, 0.5, 2, 3), t = spread(s, 0, 1, 2), x = spread(s, -3, 3, 1);
            binary.inputs.push_back({spread(s, 0.1, 0.9, 1), t, weight});
            with_logits.inputs.push_back({x, t, weight});
            with_logits.inputs.push_back({x, t, Tensor(), weight});
            with_logits.inputs.push_back({x, t, spread({3, 1}, 0.5, 2, 4), weight});
        }
        rows.push_back(binary);
        rows.push_back(with_logits);
    }
    Row ends = binary_row(Reduction::none);  // certain and right, certain and wrong
    ends.inputs = {{Tensor({0.0, 0.0, 1.0, 1.0, 0.5}), Tensor({0.0, 1.0, 0.0, 1.0, 0.5})}};
    ends.fixed = {0};
    rows.push_back(ends);
}

Row kl_div_row(Reduction reduction, bool log_target) {
    return {.name = "kl_div",
            .f =
                [=](const std::vector<Tensor>& in) {
                    return kl_div(in[0], in[1], {.reduction = reduction, .log_target = log_target});
                },
            .reference =
                [=](const std::vector<Values>& in) {
                    const Values losses = each(in[0].shape, [&](const Shape& p) {
                        const double t = log_target ? std::exp(in[1].at(p)) : in[1].at(p);
                        return t == 0 ? 0 : t * (std::log(t) - in[0].at(p));
                    });
                    if (reduction != Reduction::batchmean) return reduced_by(reduction, losses);
                    const Shape& shape = in[0].shape;
                    return reduced_by(Reduction::mean, losses, static_cast<double>(shape.rank() > 0 ? shape[0] : 1));
                },
            .inputs = {},
            .slack = 5};
}

void add_kl_divs(std::vector<Row>& rows) {
    const Real none = -std::numeric_limits<Real>::infinity();
    const Tensor log_probs({-0.5, -1.0, none, -2.0});
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none, Reduction::batchmean})
        for (const bool log_target : {false, true}) {
            Row row = kl_div_row(reduction, log_target);
            for (const Shape& shape : {Shape{3, 4}, Shape{}, Shape{1}, Shape{2, 1, 3}, Shape{0, 3}, Shape{80, 70}}) {
                const Tensor target = log_target ? spread(shape, -3, -0.1, 2) : spread(shape, 0.1, 0.9, 2);
                row.inputs.push_back({spread(shape, -3, -0.1, 1), target});
            }
            rows.push_back(row);
            row.inputs = {{log_probs, log_target ? Tensor({-0.7, none, none, -0.2}) : Tensor({0.5, 0.0, 0.0, 0.3})}};
            row.fixed = {1};  // targets of probability 0, of inputs that are finite and that are not
            rows.push_back(row);
        }
}

/// The place of a class: the position of a target with the class put in after the batch axis.
Shape place(const Shape& position, Index c) {
    Shape p = position;
    p.insert(p.rank() == 0 ? 0 : 1, c);
    return p;
}

/// Targets for logits of a shape: all classes in turn; every third is `ignored` if that is given.
Ids targets_for(const Shape& logits, std::optional<Id> ignored) {
    const Index axis = logits.rank() == 1 ? 0 : 1;
    Shape shape = logits;
    shape.erase(axis);
    Ids targets = make_array<Id>(shape);
    for (Index i = 0; i < shape.numel(); ++i) {
        const Id target = (i * 2 + 1) % std::max<Index>(1, logits[axis]);
        targets.data()[i] = ignored && (i % 3 == 1 || logits[axis] == 0) ? *ignored : target;
    }
    return targets;
}

/// −Σ_c q_c x_c of every target that counts, where q_c = w_c ((1 − ε) [c = target] + ε / C); the mean over Σ w_target.
Values class_loss(const Values& x, const Values& w, const Ids& targets, Id ignored, double smoothing, Reduction reduction) {
    const Index classes = x.shape[x.shape.rank() == 1 ? 0 : 1];
    Shape shape = x.shape;
    shape.erase(x.shape.rank() == 1 ? 0 : 1);
    const auto weight = [&](Index c) { return w.defined ? w.at({c}) : 1; };
    double count = 0;
    const Values losses = each(shape, [&, i = 0](const Shape& p) mutable {
        const Id target = targets.data()[i++];
        if (target == ignored) return 0.0;
        count += weight(target);
        double loss = 0;
        for (Index c = 0; c < classes; ++c) {
            const double q = (c == target ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes);
            loss -= weight(c) * q * x.at(place(p, c));
        }
        return loss;
    });
    return reduced_by(reduction, losses, count == 0 ? 1 : count);
}

/// x_c − log Σ_c exp x_c over the classes.
Values log_softmax_over_classes(const Values& x) {
    const Values total = reduced(x, {x.shape.rank() == 1 ? 0 : 1}, true, [](const std::vector<double>& run) {
        return std::accumulate(run.begin(), run.end(), 0.0, [](double sum, double v) { return sum + std::exp(v); });
    });
    return each(x.shape, [&](const Shape& p) { return x.at(p) - std::log(total.at(p)); });
}

const std::vector<Shape> logit_shapes = {{4, 3}, {3}, {1, 1}, {2, 3, 2}, {2, 4, 1, 3}, {0, 3}, {2, 3, 0}, {300, 40}};

/// The sets of logits [N, C, ...] alone and with weights [C].
std::vector<std::vector<Tensor>> logits_and_weights(const Shape& shape) {
    const Tensor x = spread(shape, -3, 3, 1);
    return {{x}, {x, spread({shape[shape.rank() == 1 ? 0 : 1]}, 0.5, 2, 2)}};
}

void add_class_losses(std::vector<Row>& rows, const Shape& shape, std::optional<Id> ignored) {
    const Ids targets = targets_for(shape, ignored);
    const Id ignore_index = ignored.value_or(-100);
    for (const Reduction reduction : reductions) {
        Row nll{.name = "nll_loss",
                .f =
                    [=](const std::vector<Tensor>& in) {
                        return nll_loss(in[0], targets,
                                        {.weight = at_or_none(in, 1), .ignore_index = ignore_index, .reduction = reduction});
                    },
                .reference =
                    [=](const std::vector<Values>& in) {
                        const Values w = in.size() > 1 ? in[1] : Values(Tensor());
                        return class_loss(in[0], w, targets, ignore_index, 0, reduction);
                    },
                .inputs = logits_and_weights(shape),
                .slack = 5};
        rows.push_back(nll);
        for (const double smoothing : {0.0, 0.1, 1.0}) {
            Row row = nll;
            row.name = "cross_entropy";
            row.f = [=](const std::vector<Tensor>& in) {
                return cross_entropy(in[0], targets,
                                     {.weight = at_or_none(in, 1),
                                      .ignore_index = ignore_index,
                                      .reduction = reduction,
                                      .label_smoothing = smoothing});
            };
            row.reference = [=](const std::vector<Values>& in) {
                const Values w = in.size() > 1 ? in[1] : Values(Tensor());
                return class_loss(log_softmax_over_classes(in[0]), w, targets, ignore_index, smoothing, reduction);
            };
            rows.push_back(row);
            row.inputs.erase(row.inputs.begin());
            row.fixed = {1};  // weights that require no grad are the fused kernel's
            rows.push_back(row);
        }
    }
}

Row distribution_row(Reduction reduction, double smoothing) {
    return {.name = "cross_entropy",
            .f =
                [=](const std::vector<Tensor>& in) {
                    return cross_entropy(in[0], in[1],
                                         {.weight = at_or_none(in, 2), .reduction = reduction, .label_smoothing = smoothing});
                },
            .reference =
                [=](const std::vector<Values>& in) {
                    const Index axis = in[0].shape.rank() == 1 ? 0 : 1, classes = in[0].shape[axis];
                    const Values log_p = log_softmax_over_classes(in[0]);
                    Shape shape = in[0].shape;
                    shape.erase(axis);
                    const Values losses = each(shape, [&](const Shape& p) {
                        double loss = 0;
                        for (Index c = 0; c < classes; ++c) {
                            const double even = smoothing / static_cast<double>(classes);
                            const double q = (1 - smoothing) * in[1].at(place(p, c)) + even;
                            loss -= factor(in, 2, {c}) * q * log_p.at(place(p, c));
                        }
                        return loss;
                    });
                    return reduced_by(reduction, losses, std::max(1.0, static_cast<double>(losses.v.size())));
                },
            .inputs = {},
            .slack = 5};
}

void add_distributions(std::vector<Row>& rows) {
    for (const Reduction reduction : reductions)
        for (const double smoothing : {0.0, 0.1}) {
            Row row = distribution_row(reduction, smoothing);
            for (const Shape& shape : logit_shapes)
                for (std::vector<Tensor> set : logits_and_weights(shape)) {
                    set.insert(set.begin() + 1, spread(shape, 0.1, 0.9, 3));
                    row.inputs.push_back(set);
                }
            rows.push_back(row);
        }
}

}  // namespace

std::vector<Row> losses_rows() {
    std::vector<Row> rows;
    add_difference_losses(rows);
    add_binary_losses(rows);
    add_kl_divs(rows);
    for (const Shape& shape : logit_shapes)
        for (const std::optional<Id> ignored : {std::optional<Id>(), std::optional<Id>(-100), std::optional<Id>(0)})
            add_class_losses(rows, shape, ignored);
    add_class_losses(rows, {2, 0}, -100);  // no class: nothing counts
    add_distributions(rows);
    return rows;
}

}  // namespace testing
