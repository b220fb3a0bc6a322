// One simplification at a time, greedily, until none is left that still fails.
#include <reliability/shrink.hpp>

#include <algorithm>
#include <cmath>
#include <set>

#include <reliability/evaluate.hpp>

namespace random_programs {
namespace {

std::size_t at(int value) { return static_cast<std::size_t>(value); }

/// Without lines that no output depends on, numbered anew.
Program pruned(const Program& program) {
    std::vector<bool> is_needed(at(program.values()), false);
    for (const Seeded& output : program.outputs) is_needed[at(output.value)] = true;
    std::vector<bool> keeps(program.lines.size(), false);
    for (std::size_t i = program.lines.size(); i-- > 0;) {
        const Line& line = program.lines[i];
        for (int value = line.first; value < line.first + line.count; ++value) keeps[i] = keeps[i] || is_needed[at(value)];
        if (keeps[i])
            for (const int input : line.inputs) is_needed[at(input)] = true;
    }
    std::vector<int> number(at(program.values()), -1);
    Program result{.seed = program.seed, .lines = {}, .outputs = program.outputs};
    for (std::size_t i = 0; i < program.lines.size(); ++i) {
        if (!keeps[i]) continue;
        Line line = program.lines[i];
        const int first = result.values();
        for (int k = 0; k < line.count; ++k) number[at(line.first + k)] = first + k;
        line.first = first;
        for (int& input : line.inputs) input = number[at(input)];
        result.lines.push_back(std::move(line));
    }
    for (Seeded& output : result.outputs) output.value = number[at(output.value)];
    return result;
}

/// Gives every output a seed of its shape; false if a line is not legal any more, or makes another number of results.
bool fit(Program& program) {
    try {
        const Plains values = run_reference(program, leaves_of(program));
        for (Seeded& output : program.outputs) {
            const Plain& value = values[at(output.value)];
            if (output.seed.shape == value.shape) continue;
            output.seed = Plain(value.shape);
            for (std::size_t i = 0; i < output.seed.v.size(); ++i) output.seed.v[i] = i % 2 == 0 ? 1 : -0.5;
        }
        for (const Seeded& output : program.outputs)
            for (const double element : values[at(output.value)].v)
                if (!std::isfinite(element)) return false;
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

class Shrinker {
public:
    Shrinker(Program program, const std::function<bool(const Program&)>& fails) : program_(std::move(program)), fails_(fails) {}

    Program run() {
        for (bool is_better = true; is_better && tries_ < most_tries;)
            is_better = fewer_outputs() || earlier_output() || leaf_for_call() || bypass() || smaller_leaf() ||
                        smaller_extent() || fewer_numbers() || simpler_numbers();
        return program_;
    }

private:
    static constexpr int most_tries = 4000;
    Program program_;
    const std::function<bool(const Program&)>& fails_;
    int tries_ = 0;

    /// Takes a candidate over if it fails too.
    bool take(Program candidate) {
        if (++tries_ > most_tries || candidate.outputs.empty()) return false;
        candidate = pruned(candidate);
        if (!fit(candidate) || !fails_(candidate)) return false;
        program_ = std::move(candidate);
        return true;
    }

    bool fewer_outputs() {
        if (program_.outputs.size() < 2) return false;
        for (const Seeded& output : program_.outputs) {
            Program candidate = program_;
            candidate.outputs = {output};
            if (take(std::move(candidate))) return true;
        }
        for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
            Program candidate = program_;
            candidate.outputs.erase(candidate.outputs.begin() + static_cast<std::ptrdiff_t>(i));
            if (take(std::move(candidate))) return true;
        }
        return false;
    }

    /// The loss from one value alone, the earliest that will do.
    bool earlier_output() {
        if (program_.lines.size() < 2) return false;
        for (int value = 0; value + 1 < program_.values(); ++value) {
            if (program_.outputs.size() == 1 && program_.outputs[0].value <= value) return false;
            Program candidate = program_;
            candidate.outputs = {{value, Plain()}};
            candidate.outputs[0].seed.shape = {-1};  // to be made
            if (take(std::move(candidate))) return true;
        }
        return false;
    }

    /// A call's results as leaves, latest first: what led to them falls away.
    bool leaf_for_call() {
        const Plains values = run_reference(program_, leaves_of(program_));
        for (std::size_t i = program_.lines.size(); i-- > 0;) {
            const Line& line = program_.lines[i];
            if (line.operation == nullptr) continue;
            Program candidate = program_;
            std::vector<Line> leaves(at(line.count));
            for (std::size_t k = 0; k < leaves.size(); ++k) {
                leaves[k].first = line.first + static_cast<int>(k);
                leaves[k].value = values[at(leaves[k].first)];
                for (double& element : leaves[k].value.v) element = static_cast<float>(element);
            }
            const auto place = candidate.lines.erase(candidate.lines.begin() + static_cast<std::ptrdiff_t>(i));
            candidate.lines.insert(place, leaves.begin(), leaves.end());
            if (take(std::move(candidate))) return true;
        }
        return false;
    }

    /// Another input of the same shape that is older.
    bool bypass() {
        const Plains values = run_reference(program_, leaves_of(program_));
        for (std::size_t i = program_.lines.size(); i-- > 0;)
            for (std::size_t k = 0; k < program_.lines[i].inputs.size(); ++k)
                for (int other = 0; other < program_.lines[i].inputs[k]; ++other) {
                    if (values[at(other)].shape != values[at(program_.lines[i].inputs[k])].shape) continue;
                    Program candidate = program_;
                    candidate.lines[i].inputs[k] = other;
                    if (take(std::move(candidate))) return true;
                }
        return false;
    }

    static Plain cut(const Plain& x, const Extents& shape) {
        return build(shape, [&](const Position& p) { return x.at(p); });
    }

    /// One axis of one leaf shorter, or gone.
    bool smaller_leaf() {
        for (std::size_t i = 0; i < program_.lines.size(); ++i) {
            const Line& line = program_.lines[i];
            if (line.operation != nullptr) continue;
            for (std::size_t axis = 0; axis < line.value.shape.size(); ++axis) {
                const auto n = line.value.shape[axis];
                for (const std::ptrdiff_t to : {std::ptrdiff_t{-1}, std::ptrdiff_t{1}, n / 2, n - 1}) {
                    if (to >= n || (to == -1 ? n == 0 : to < 1)) continue;
                    Program candidate = program_;
                    Extents shape = line.value.shape;
                    shape[axis] = to == -1 ? 1 : to;
                    Plain& value = candidate.lines[i].value;
                    value = cut(value, shape);
                    if (to == -1) value.shape.erase(value.shape.begin() + static_cast<std::ptrdiff_t>(axis));
                    if (take(std::move(candidate))) return true;
                }
            }
        }
        return false;
    }

    /// An extent that occurs in several places, made smaller in all: leaves and lists.
    bool smaller_extent() {
        std::set<std::ptrdiff_t> extents;
        for (const Line& line : program_.lines)
            if (line.operation == nullptr) extents.insert(line.value.shape.begin(), line.value.shape.end());
        for (const auto n : extents)
            for (const std::ptrdiff_t to : {std::ptrdiff_t{1}, n / 2, n - 1}) {
                if (to < 1 || to >= n) continue;
                Program candidate = program_;
                for (Line& line : candidate.lines) {
                    Extents shape = line.value.shape;
                    std::replace(shape.begin(), shape.end(), n, to);
                    if (line.operation == nullptr) line.value = cut(line.value, shape);
                    else if (line.operation->has_free_lists)
                        for (Integers& list : line.lists) std::replace(list.begin(), list.end(), n, to);
                }
                if (take(std::move(candidate))) return true;
            }
        return false;
    }

    /// A list without one of its numbers.
    bool fewer_numbers() {
        for (std::size_t i = 0; i < program_.lines.size(); ++i)
            for (std::size_t k = 0; k < program_.lines[i].lists.size(); ++k) {
                if (!program_.lines[i].operation->has_free_lists || program_.lines[i].lists[k].size() < 2) continue;
                Program candidate = program_;
                candidate.lines[i].lists[k].pop_back();
                if (take(std::move(candidate))) return true;
            }
        return false;
    }

    /// Numbers of leaves and seeds that read well: all the same, or of one decimal.
    bool simpler_numbers() {
        const auto simplify = [&](auto&& of) {
            for (const double step : {0.0, 0.5, 0.125}) {
                Program candidate = program_;
                Plain& x = of(candidate);
                for (double& element : x.v) element = step == 0 ? 1 : std::round(element / step) * step;
                if (x.v != of(program_).v && take(std::move(candidate))) return true;
            }
            return false;
        };
        for (std::size_t i = 0; i < program_.lines.size(); ++i)
            if (program_.lines[i].operation == nullptr)
                if (simplify([i](Program& p) -> Plain& { return p.lines[i].value; })) return true;
        for (std::size_t i = 0; i < program_.outputs.size(); ++i)
            if (simplify([i](Program& p) -> Plain& { return p.outputs[i].seed; })) return true;
        return false;
    }
};

}  // namespace

Program shrink(Program program, const std::function<bool(const Program&)>& fails) {
    return Shrinker(std::move(program), fails).run();
}

}  // namespace random_programs
