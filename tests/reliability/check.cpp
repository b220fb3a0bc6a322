// The checks of one program, in this order: values, refusals, gradients, and the same gradients by other ways.
//
// Tolerances, with ε the rounding of the library's numbers: a value may differ by 32 ε (1 + |largest of the tensor| + amplification),
// a derivative along a direction by the error of its difference, 256 ε (1 + Σ |gradient · direction|) and 64 ε conditioning
// (differences.hpp).
#include <reliability/check.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include <reliability/differences.hpp>
#include <reliability/evaluate.hpp>
#include <reliability/illegal.hpp>

namespace random_programs {
namespace {

using tapehead::Index;

constexpr double epsilon = is_f64 ? 1.2e-16 : 6e-8;
constexpr double coarsest = 1e-4;  // a difference that may be off by more, relatively, says nothing

struct Failed {
    Failure failure;
};

template <class... Args>
[[noreturn]] void fail(const char* kind, fmt::format_string<Args...> text, Args&&... args) {
    throw Failed{{kind, fmt::format(text, std::forward<Args>(args)...)}};
}

bool same_bits(const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && (a.numel() == 0 || std::memcmp(a.data(), b.data(), a.values().size_bytes()) == 0);
}

class Checks {
public:
    Checks(const Program& program, Figures& figures)
        : program_(program),
          figures_(figures),
          random_(program.seed ^ 0x5DEECE66D),
          middle_(run_reference(program, leaves_of(program))) {}

    void run() {
        for (std::uint64_t& lot : lots_) lot = random_();
        leaves_ = make_leaves();
        const Tensors values = run_library(program_, leaves_);
        check_values(values);
        check_refusals(program_, middle_, values, random_, figures_);
        const Tensors gradients = gradients_of(values);
        check_shapes(gradients);
        check_gradients(gradients);
        if (lots_[1] % 4 == 0) check_second_order();
        if (lots_[2] % 6 == 0) check_checkpoint();
        if (lots_[3] % 8 == 0) check_no_grad();
        if (lots_[4] % 12 == 0 || is_large()) check_threads();
    }

private:
    const Program& program_;
    Figures& figures_;
    std::mt19937_64 random_;
    std::array<std::uint64_t, 5>
        lots_;  // what is checked: drawn first, so that a smaller program of the same seed is checked alike
    Plains middle_;
    Tensors leaves_;

    bool is_large() const {
        return std::any_of(middle_.begin(), middle_.end(), [](const Plain& x) { return x.v.size() > 1000; });
    }

    Tensors make_leaves() const {
        Tensors leaves;
        for (const Line& line : program_.lines)
            if (line.operation == nullptr) leaves.push_back(tensor_of(line.value).requires_grad_(line.is_wanted));
        return leaves;
    }

    Tensors wanted() const {
        Tensors result;
        for (const Tensor& leaf : leaves_)
            if (leaf.requires_grad()) result.push_back(leaf);
        return result;
    }

    void check_values(const Tensors& values) {
        const Numbers amplification = amplifications(program_, middle_);
        if (values.size() != middle_.size()) fail("value", "{} values instead of {}", values.size(), middle_.size());
        for (std::size_t i = 0; i < values.size(); ++i) {
            const Plain& expected = middle_[i];
            if (values[i].shape() != shape_of(expected.shape))
                fail("shape", "v{} is {} instead of {}", i, to_string(values[i].shape()), to_string(shape_of(expected.shape)));
            double largest = 0;
            for (const double e : expected.v) largest = std::isfinite(e) ? std::max(largest, std::abs(e)) : largest;
            const double tolerance = 32 * epsilon * (1 + largest + amplification[i]);
            for (std::size_t j = 0; j < expected.v.size(); ++j)
                check_value(i, j, values[i].data()[j], expected.v[j], tolerance);
            figures_.elements += expected.v.size();
        }
        figures_.values += values.size();
    }

    void check_value(std::size_t i, std::size_t j, double actual, double expected, double tolerance) {
        if (actual == expected || (std::isnan(actual) && std::isnan(expected))) return;
        const double error = std::abs(actual - expected);
        if (!(error <= tolerance))
            fail("value", "v{}[{}] is {:.17g} instead of {:.17g}, tolerance {:.2g}", i, j, actual, expected, tolerance);
        figures_.worst_value = std::max(figures_.worst_value, error / std::max(1.0, std::abs(expected)));
        figures_.nearest_value = std::max(figures_.nearest_value, error / tolerance);
    }

    /// In one of three ways: as values, into .grad from the loss, or from each output with its seed.
    Tensors gradients_of(const Tensors& values) {
        const auto way = lots_[0] % 3;
        if (way == 0) return by_grad(loss_of(program_, values), false);
        if (way == 1) {
            if (const Tensor loss = loss_of(program_, values); loss.requires_grad()) loss.backward();
        } else {
            for (const Seeded& output : program_.outputs)
                if (const Tensor& y = values[static_cast<std::size_t>(output.value)]; y.requires_grad())
                    y.backward(tensor_of(output.seed), {.retain_graph = true});
        }
        Tensors result;
        for (Tensor& leaf : wanted()) {
            result.push_back(leaf.grad() ? leaf.grad() : zeros_like(leaf));
            leaf.zero_grad();
        }
        return result;
    }

    Tensors by_grad(const Tensor& loss, bool create_graph) const {
        if (!loss.requires_grad()) {
            Tensors zero;
            for (const Tensor& leaf : wanted()) zero.push_back(zeros_like(leaf));
            return zero;
        }
        return grad(loss, wanted(), {.create_graph = create_graph});
    }

    void check_shapes(const Tensors& gradients) const {
        const Tensors xs = wanted();
        for (std::size_t i = 0; i < xs.size(); ++i)
            if (gradients[i].shape() != xs[i].shape())
                fail("shape", "gradient {} is {} instead of {}", i, to_string(gradients[i].shape()), to_string(xs[i].shape()));
    }

    /// For every leaf, 0 for those that want no gradient.
    Plains random_direction() {
        Plains result;
        for (const Line& line : program_.lines) {
            if (line.operation != nullptr) continue;
            result.emplace_back(line.value.shape);
            if (!line.is_wanted) continue;
            for (double& element : result.back().v) element = static_cast<double>(random_() % 129) / 64 - 1;
        }
        return result;
    }

    /// Σ gradient · direction, and of the sizes of its terms.
    std::pair<double, double> along(const Tensors& gradients, const Plains& direction) const {
        double sum = 0, size = 0;
        std::size_t which = 0, next = 0;
        for (const Line& line : program_.lines) {
            if (line.operation != nullptr) continue;
            const Plain& d = direction[which++];
            if (!line.is_wanted) continue;
            const Tensor& g = gradients[next++];
            for (std::size_t i = 0; i < d.v.size(); ++i) {
                sum += d.v[i] * static_cast<double>(g.data()[i]);
                size += std::abs(d.v[i] * static_cast<double>(g.data()[i]));
            }
        }
        return {sum, size};
    }

    void compare(const char* kind, const Tensors& gradients, const Plains& direction,
                 const std::optional<Difference>& difference, double& worst, double& nearest) {
        const auto [actual, size] = along(gradients, direction);
        if (!std::isfinite(actual)) fail(kind, "a gradient is {}", actual);
        if (!difference || difference->error > coarsest * std::max(1.0, std::abs(difference->value))) {
            ++figures_.not_compared;
            return;
        }
        const double tolerance = difference->error + epsilon * (256 * (1 + size) + 64 * difference->conditioning);
        const double error = std::abs(actual - difference->value);
        if (!(error <= tolerance))
            fail(kind, "{:.12g} along a direction instead of {:.12g}, tolerance {:.2g}", actual, difference->value, tolerance);
        ++figures_.directions;
        worst = std::max(worst, error / std::max(1.0, size));
        nearest = std::max(nearest, error / tolerance);
    }

    /// Along one direction, and for small programs for every element.
    void check_gradients(const Tensors& gradients) {
        const auto check_along = [&](const Plains& d) {
            compare("gradient", gradients, d, directional_derivative(program_, middle_, d), figures_.worst_gradient,
                    figures_.nearest_gradient);
        };
        const Plains direction = random_direction();
        check_along(direction);
        std::size_t elements = 0, which = 0;
        for (const Tensor& g : gradients) elements += static_cast<std::size_t>(g.numel());
        figures_.gradients += elements;
        if (elements > 12 || program_.lines.size() > 30) return;
        for (const Line& line : program_.lines) {
            if (line.operation != nullptr) continue;
            for (std::size_t i = 0; line.is_wanted && i < line.value.v.size(); ++i) {
                Plains unit;
                for (const Plain& d : direction) unit.emplace_back(d.shape);
                unit[which].v[i] = 1;
                check_along(unit);
            }
            ++which;
        }
    }

    /// The recorded gradient is the same, and its own derivative is right.
    void check_second_order() {
        const Tensors gradients = by_grad(loss_of(program_, run_library(program_, leaves_)), true);
        const Plains d = random_direction(), e = random_direction();
        compare("recorded gradient", gradients, d, directional_derivative(program_, middle_, d), figures_.worst_gradient,
                figures_.nearest_gradient);
        ++figures_.recorded;
        Tensor product = Tensor(0);
        std::size_t which = 0, next = 0;
        for (const Line& line : program_.lines) {
            if (line.operation != nullptr) continue;
            const Plain& weights = d[which++];
            if (line.is_wanted) product = product + sum(gradients[next++] * tensor_of(weights));
        }
        const Tensors second = by_grad(product, false);
        for (const Tensor& g : second) figures_.second_derivatives += static_cast<std::uint64_t>(g.numel());
        compare("second derivative", second, e, second_derivative(program_, middle_, d, e), figures_.worst_second,
                figures_.nearest_second);
    }

    /// The whole program in a checkpoint, and again with its gradient recorded.
    void check_checkpoint() {
        const Plains direction = random_direction();
        const auto expected = directional_derivative(program_, middle_, direction);
        const auto run = [&](const Tensors& leaves) { return loss_of(program_, run_library(program_, leaves)); };
        for (const bool create_graph : {false, true})
            compare("checkpoint", by_grad(checkpoint(run, leaves_), create_graph), direction, expected, figures_.worst_gradient,
                    figures_.nearest_gradient);
        ++figures_.checkpoints;
    }

    /// To rounding: cross_entropy with weights that want a gradient is written out where it is recorded.
    void check_no_grad() {
        const tapehead::no_grad off;
        check_values(run_library(program_, leaves_));
        ++figures_.unrecorded;
    }

    void check_threads() {
        const int before = tapehead::num_threads();
        std::vector<Tensors> results;
        for (const int threads : {1, 3}) {
            tapehead::set_num_threads(threads);
            results.push_back(run_library(program_, leaves_));
            for (Tensor& g : by_grad(loss_of(program_, results.back()), false)) results.back().push_back(std::move(g));
        }
        tapehead::set_num_threads(before);
        for (std::size_t i = 0; i < results[0].size(); ++i)
            if (!same_bits(results[0][i], results[1][i]))
                fail("threads", "{} {} differs between 1 and 3 threads", i < middle_.size() ? "value" : "gradient",
                     i < middle_.size() ? i : i - middle_.size());
        ++figures_.threads;
    }
};

}  // namespace

std::optional<Failure> check(const Program& program, Figures& figures) {
    const Index before = tapehead::live_tensors();
    ++figures.programs;
    figures.lines += program.calls();
    figures.deepest = std::max<std::uint64_t>(figures.deepest, program.calls());
    for (const Line& line : program.lines)
        if (line.operation != nullptr) ++figures.operations[line.operation->name];
    try {
        Checks(program, figures).run();
    } catch (const Failed& failed) {
        return failed.failure;
    } catch (const Refusal& refusal) {
        return Failure{refusal.kind, refusal.message};
    } catch (const std::exception& error) {
        return Failure{"exception", error.what()};
    }
    if (const Index after = tapehead::live_tensors(); after != before)
        return Failure{"leak", fmt::format("{} tensors are left", after - before)};
    return {};
}

}  // namespace random_programs
