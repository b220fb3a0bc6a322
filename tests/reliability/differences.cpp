// Central differences with Richardson's extrapolation.
//
// D(h) = (f(h) − f(−h)) / 2h = f' + c h² + O(h⁴), so that (4 D(h) − D(2h)) / 3 is right to O(h⁴); a quarter of |D(h) − D(2h)| = 3 c h²
// bounds what is left for tame functions, and rounding adds ε |f| / h.
#include <reliability/differences.hpp>

#include <cmath>

#include <reliability/evaluate.hpp>

namespace random_programs {
namespace {

constexpr double rounding = 2.3e-16;

/// The loss at displaced leaves, as long as every kink goes the way it goes at the middle.
class Surface {
public:
    Surface(const Program& program, const Plains& middle, double noise)
        : program_(program), middle_(middle), leaves_(leaves_of(program)), noise_(noise) {
        branches = {};
        if (noise != 0) middle_ = run_reference(program, leaves_, {.noise = noise});
        else run_reference(program, leaves_);
        ways_ = branches.ways;
    }

    double at(double s, const Plains& d, double t = 0, const Plains* e = nullptr) {
        Plains leaves = leaves_;
        for (std::size_t i = 0; i < leaves.size(); ++i)
            for (std::size_t j = 0; j < leaves[i].v.size(); ++j)
                leaves[i].v[j] += s * d[i].v[j] + (e != nullptr ? t * (*e)[i].v[j] : 0);
        branches = {};
        const double loss = loss_of(program_, run_reference(program_, leaves, {.middle = &middle_, .noise = noise_}));
        is_smooth_ = is_smooth_ && branches.ways == ways_ && std::isfinite(loss);
        return loss;
    }

    double first(double h, const Plains& d) { return (at(h, d) - at(-h, d)) / (2 * h); }
    double second(double h, const Plains& d, const Plains& e) {
        return (at(h, d, h, &e) - at(h, d, -h, &e) - at(-h, d, h, &e) + at(-h, d, -h, &e)) / (4 * h * h);
    }
    bool is_smooth() const { return is_smooth_; }

private:
    const Program& program_;
    Plains middle_;
    Plains leaves_;
    double noise_;
    std::size_t ways_ = 0;
    bool is_smooth_ = true;
};

/// What rounding in the reference may change the loss by.
double loss_rounding(const Program& program, const Plains& middle) {
    double size = 0;
    for (const Seeded& output : program.outputs) {
        const Plain& value = middle[static_cast<std::size_t>(output.value)];
        for (std::size_t i = 0; i < value.v.size(); ++i) size += std::abs(output.seed.v[i] * value.v[i]);
    }
    constexpr double noise = 1e-9;
    const double noisy = loss_of(program, run_reference(program, leaves_of(program), {.noise = noise}));
    return rounding * (8 * (1 + size) + 4 * std::abs(noisy - loss_of(program, middle)) / noise);
}

/// f(surface, h) extrapolated, for the first step of these at which no kink is crossed; again with noise.
template <class F>
std::optional<Difference> extrapolated(const Program& program, const Plains& middle, std::initializer_list<double> steps,
                                       int order, double noise, F f) {
    for (const double h : steps) {
        Surface exact(program, middle, 0), noisy(program, middle, noise);
        const double near = f(exact, h), far = f(exact, 2 * h);
        if (!exact.is_smooth()) continue;
        Difference result;
        result.value = (4 * near - far) / 3;
        result.error = std::abs(near - far) / 4 + loss_rounding(program, middle) / std::pow(h, order);
        result.conditioning = std::abs((4 * f(noisy, h) - f(noisy, 2 * h)) / 3 - result.value) / noise;
        if (!std::isfinite(result.conditioning)) continue;
        return result;
    }
    return {};
}

}  // namespace

std::optional<Difference> directional_derivative(const Program& program, const Plains& middle, const Plains& direction) {
    return extrapolated(program, middle, {2e-4, 2e-5}, 1, 1e-6, [&](Surface& f, double h) { return f.first(h, direction); });
}

std::optional<Difference> second_derivative(const Program& program, const Plains& middle, const Plains& d, const Plains& e) {
    return extrapolated(program, middle, {1e-3, 2e-4}, 2, 1e-5, [&](Surface& f, double h) { return f.second(h, d, e); });
}

Numbers amplifications(const Program& program, const Plains& middle) {
    constexpr double noise = 1e-9;
    Numbers result(middle.size(), 0);
    for (const bool is_even : {false, true}) {
        const Plains noisy = run_reference(program, leaves_of(program), {.noise = noise, .is_even = is_even});
        for (std::size_t i = 0; i < middle.size(); ++i)
            for (std::size_t j = 0; j < middle[i].v.size(); ++j)
                if (std::isfinite(middle[i].v[j]))
                    result[i] = std::max(result[i], std::abs(noisy[i].v[j] - middle[i].v[j]) / noise);
    }
    return result;
}

}  // namespace random_programs
