// The chooser, and how lines are put together.
#include <reliability/generator.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <reliability/chooser.hpp>
#include <reliability/evaluate.hpp>

namespace random_programs {
namespace {

constexpr double step = 1e-4, noise = 1e-9;

double largest(const Plain& x) {
    double most = 0;
    for (const double element : x.v) most = std::isfinite(element) ? std::max(most, std::abs(element)) : INFINITY;
    return most;
}

std::uint64_t mixed(std::uint64_t seed) {  // neighbouring seeds make programs that have nothing in common
    seed = (seed ^ (seed >> 33)) * 0xFF51AFD7ED558CCD;
    seed = (seed ^ (seed >> 33)) * 0xC4CEB9FE1A85EC53;
    return seed ^ (seed >> 33);
}

std::size_t at(int value) { return static_cast<std::size_t>(value); }

}  // namespace

Chooser::Chooser(Program& program, std::uint64_t seed, std::ptrdiff_t most_elements)
    : program_(program), random_(seed), most_elements_(most_elements) {}

double Chooser::real(double low, double high) {
    return std::round((low + (high - low) * static_cast<double>(random_() >> 11) * 0x1p-53) * 64) / 64;
}

std::ptrdiff_t Chooser::extent() {
    if (most_elements_ > 1000 && chance(0.5)) return between(6, 40);
    static const Integers usual = {0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 7};
    return chance(0.1) ? usual[at(static_cast<int>(below(13)))] : usual[at(static_cast<int>(between(1, 11)))];
}

Extents Chooser::any_shape(std::ptrdiff_t least_rank, std::ptrdiff_t most_rank) {
    Extents shape(static_cast<std::size_t>(between(least_rank, std::max(least_rank, most_rank))));
    do {
        for (auto& extent_of_axis : shape) extent_of_axis = extent();
    } while (std::accumulate(shape.begin(), shape.end(), std::ptrdiff_t{1}, std::multiplies<>()) > most_elements_ / 2);
    return shape;
}

int Chooser::leaf(const Extents& shape) {
    if (elements(shape) > most_elements_) throw NotNow();
    Line line;
    line.value = Plain(shape);
    for (double& element : line.value.v)
        element = chance(0.04) ? 0 : (real(0, 1) + 1 / 64.0) * (chance(0.5) ? 1.5 : -1.5);  // 0 is where rules branch
    line.is_wanted = chance(0.85);
    line.first = number();
    Plain above = line.value, below = line.value;
    for (std::size_t i = 0; i < above.v.size(); ++i) {
        const double d = line.is_wanted ? step * real(-1, 1) : 0;
        above.v[i] += d, below.v[i] -= d;
    }
    Plain noisy = line.value;
    for (double& element : noisy.v) element *= chance(0.5) ? 1 + noise : 1 - noise;
    middle_.push_back(line.value), noisy_.push_back(std::move(noisy));
    above_.push_back(std::move(above)), below_.push_back(std::move(below));
    usable_.push_back(true);
    program_.lines.push_back(std::move(line));
    return number() - 1;
}

std::vector<int> Chooser::readable() const {
    std::vector<int> result;
    for (int value = 0; value < number(); ++value)
        if (may_be_read(value)) result.push_back(value);
    return result;
}

int Chooser::any(std::ptrdiff_t least_rank, std::ptrdiff_t most_rank) {
    std::vector<int> fitting;
    for (const int value : readable())
        if (rank(value) >= least_rank && rank(value) <= most_rank) fitting.push_back(value);
    if (fitting.empty() || chance(0.08)) return leaf(any_shape(least_rank, std::min<std::ptrdiff_t>(most_rank, 4)));
    return chance(0.5) ? fitting.back() : one_of(fitting);
}

int Chooser::like(const Extents& wanted) {
    std::vector<int> fitting;
    for (const int value : readable())
        if (shape(value) == wanted) fitting.push_back(value);
    return fitting.empty() || chance(0.2) ? leaf(wanted) : one_of(fitting);
}

Extents Chooser::broadcasting_to(Extents shape) {
    for (auto& extent_of_axis : shape)
        if (chance(0.25)) extent_of_axis = 1;
    const std::ptrdiff_t dropped = chance(0.6) ? 0 : below(static_cast<std::ptrdiff_t>(shape.size()) + 1);
    shape.erase(shape.begin(), shape.begin() + dropped);
    return shape;
}

int Chooser::broadcasting_with(const Extents& wanted) {
    std::vector<int> fitting;
    for (const int value : readable()) try {
            if (elements(broadcast(shape(value), wanted)) <= most_elements_) fitting.push_back(value);
        } catch (const std::runtime_error&) {}
    return fitting.empty() || chance(0.4) ? like(broadcasting_to(wanted)) : one_of(fitting);
}

int Chooser::in(Domain domain, int value) {
    if (domain == Domain::any) return value;
    const Plain& x = middle_[at(value)];
    const double most = domain == Domain::unit ? 0.9 : largest_value;
    if (std::all_of(x.v.begin(), x.v.end(), [&](double element) { return element > 0.1 && element < most; })) return value;
    const auto apply = [&](const char* name, int input, Numbers reals) {
        const auto found =
            std::find_if(operations().begin(), operations().end(), [&](const Operation& o) { return o.name == name; });
        Line line;
        line.operation = &*found;
        line.inputs = {input};
        line.reals = std::move(reals);
        if (!add(std::move(line))) throw NotNow();
        return number() - 1;
    };
    if (domain == Domain::unit) return apply("affine", apply("sigmoid", value, {}), {0.75, 0.125});
    return apply("affine", apply("softplus", value, {}), {1, 0.25});
}

std::ptrdiff_t Chooser::axis(std::ptrdiff_t rank) {
    if (rank == 0) throw NotNow();
    return between(-rank, rank - 1);
}

Integers Chooser::axes(std::ptrdiff_t rank) {
    Integers result;
    if (chance(0.25)) return result;
    for (std::ptrdiff_t i = 0; i < rank; ++i)
        if (chance(0.4)) result.push_back(chance(0.5) ? i : i - rank);
    std::shuffle(result.begin(), result.end(), random_);
    return result;
}

Integers Chooser::flags(const Extents& shape, double probability) {
    Integers result(at(static_cast<int>(elements(shape))));
    for (auto& flag : result) flag = chance(probability) ? 1 : 0;
    return result;
}

Integers Chooser::positions(std::ptrdiff_t count, std::ptrdiff_t n, bool may_be_negative) {
    if (n == 0 && count > 0) throw NotNow();
    Integers result(at(static_cast<int>(count)));
    for (auto& position : result) position = between(may_be_negative ? -n : 0, n - 1);
    return result;
}

bool Chooser::is_tame(const Plain& middle, const Plain& above, const Plain& below, const Plain& noisy) const {
    if (largest(middle) > largest_value) return false;
    for (std::size_t i = 0; i < middle.v.size(); ++i) {
        const double slope = (above.v[i] - below.v[i]) / (2 * step);
        const double curvature = (above.v[i] - 2 * middle.v[i] + below.v[i]) / (step * step);
        if (!(std::abs(slope) <= largest_slope) || !(std::abs(curvature) <= largest_curvature)) return false;
        if (!(std::abs(noisy.v[i] - middle.v[i]) <= largest_amplification * noise)) return false;
    }
    return true;
}

bool Chooser::add(Line line) {
    line.first = number();
    Plains middle, above, below, noisy;
    const auto run = [&](const Plains& values, const ReferenceRun& how) {
        branches = {};
        return reference_line(line, values, how);
    };
    middle = run(middle_, {});
    const Branches here = branches;
    line.count = static_cast<int>(middle.size());
    for (const Plain& value : middle)
        if (static_cast<std::ptrdiff_t>(value.v.size()) > most_elements_ || value.rank() > 5) return false;
    middle_.insert(middle_.end(), middle.begin(), middle.end());  // what a line that stops gradients gives everywhere
    above = run(above_, {.middle = &middle_});
    bool is_smooth = branches.ways == here.ways && here.margin >= least_margin;
    below = run(below_, {.middle = &middle_});
    is_smooth = is_smooth && branches.ways == here.ways;
    noisy = run(noisy_, {.noise = noise});
    middle_.resize(at(line.first));
    if (!is_smooth) return false;
    std::vector<bool> usable;
    for (std::size_t i = 0; i < middle.size(); ++i) {
        const bool tame = is_tame(middle[i], above[i], below[i], noisy[i]);
        if (!tame && std::isfinite(largest(middle[i]))) return false;
        usable.push_back(tame);  // infinities and NaNs that are right, as over nothing, are compared and left alone
    }
    for (std::size_t i = 0; i < middle.size(); ++i) {
        middle_.push_back(middle[i]), above_.push_back(above[i]), below_.push_back(below[i]), noisy_.push_back(noisy[i]);
        usable_.push_back(usable[i]);
    }
    program_.lines.push_back(std::move(line));
    return true;
}

void Chooser::truncate(std::size_t lines) {
    program_.lines.resize(lines);
    const std::size_t n = at(number());
    middle_.resize(n), above_.resize(n), below_.resize(n), noisy_.resize(n), usable_.resize(n);
}

bool Chooser::add(const Operation& operation) {
    const std::size_t before = program_.lines.size();
    try {
        Line line = operation.propose(*this);
        line.operation = &operation;
        if (add(std::move(line))) return true;
    } catch (const NotNow&) {
    } catch (const TooLarge&) {
    } catch (const Illegal&) {  // three shapes that broadcast in pairs alone, too few elements for a variance
    }
    truncate(before);
    return false;
}

std::vector<Seeded> random_outputs(const Program& program, const std::vector<int>& readable, const std::vector<Extents>& shapes,
                                   std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<bool> is_used(at(program.values()), false);
    for (const Line& line : program.lines)
        for (const int input : line.inputs) is_used[at(input)] = true;
    std::vector<Seeded> outputs;
    for (std::size_t i = 0; i < readable.size(); ++i) {
        const bool is_last = i + 1 == readable.size();
        if (!is_last && (is_used[at(readable[i])] ? random() % 12 : random() % 3) != 0) continue;
        Seeded output{readable[i], Plain(shapes[at(readable[i])])};
        for (double& element : output.seed.v)
            element = (static_cast<double>(random() % 96) / 64 + 1 / 64.0) * (random() % 2 ? 1 : -1);
        outputs.push_back(std::move(output));
    }
    return outputs;
}

Program generate(std::uint64_t seed, const std::vector<const Operation*>& from) {
    Program program;
    program.seed = seed;
    std::mt19937_64 random(mixed(seed));
    const auto kind = random() % 100;
    const std::ptrdiff_t most_elements = kind == 0 ? 8000 : 256;
    const std::size_t lines =
        kind < 3 ? (kind == 0 ? 1 + random() % 8 : 50 + random() % 150) : 1 + random() % (1 + random() % 24);
    Chooser choose(program, random(), most_elements);
    choose.leaf(choose.any_shape(0, 4));
    for (std::size_t tries = 0; program.calls() < lines && tries < 20 * lines; ++tries)
        choose.add(*from[random() % from.size()]);
    std::vector<Extents> shapes;
    for (int value = 0; value < program.values(); ++value) shapes.push_back(choose.shape(value));
    program.outputs = random_outputs(program, choose.readable(), shapes, random());
    return program;
}

}  // namespace random_programs
