// Changed lines, and who refuses them.
#include <reliability/illegal.hpp>

#include <array>

#include <reliability/evaluate.hpp>

namespace random_programs {
namespace {

constexpr std::ptrdiff_t far = 1000;  // numbers beyond stand for an end, and are left alone

/// One input, or one number of a list, or a list longer or shorter by one; false if there is nothing to change.
bool change(Line& line, std::mt19937_64& random, int values) {
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    if (below(2) == 0 && !line.inputs.empty()) {
        line.inputs[below(line.inputs.size())] = static_cast<int>(below(static_cast<std::size_t>(values)));
        return true;
    }
    if (!line.operation->has_free_lists || line.lists.empty()) return false;
    Integers& list = line.lists[below(line.lists.size())];
    const auto is_single = [&] { return list.size() == 1; };  // read as one number: may not come to be none
    switch (below(4)) {
        case 0:
            list.insert(list.begin() + static_cast<std::ptrdiff_t>(below(list.size() + 1)), static_cast<long>(below(4)) - 1);
            return !is_single();
        case 1:
            if (list.size() < 2) return false;
            list.pop_back();
            return true;
        default:
            if (list.empty()) return false;
            auto& number = list[below(list.size())];
            if (std::abs(number) > far) return false;
            number += std::array<std::ptrdiff_t, 6>{-1, 1, -2, 2, 7, -9}[below(6)];
            return true;
    }
}

/// The shapes that the reference gives, or that it refuses; nothing where it does not say.
enum class Verdict { legal, illegal, unsaid };

Verdict verdict(const Line& line, const Plains& middle, Plains& made) {
    try {
        made = reference_line(line, middle, {});
        return Verdict::legal;
    } catch (const Illegal&) {
        return Verdict::illegal;
    } catch (const TooLarge&) {
        return Verdict::unsaid;
    }
}

/// The line and the shapes of its inputs.
std::string described(const Line& line, const Tensors& values) {
    std::string text = to_text(line) + " //";
    for (const int input : line.inputs)
        text += " v" + std::to_string(input) + " " + to_string(values[static_cast<std::size_t>(input)].shape());
    return text;
}

void try_line(const Line& line, const Plains& middle, const Tensors& values, Figures& figures) {
    Plains expected;
    const Verdict said = verdict(line, middle, expected);
    if (said == Verdict::unsaid) return;
    try {
        const Tensors made = line.operation->library(line, inputs_of(line, values));
        if (said == Verdict::illegal) throw Refusal{"accepted", "accepted: " + described(line, values)};
        if (made.size() != expected.size()) throw Refusal{"changed", "another number of results: " + described(line, values)};
        for (std::size_t i = 0; i < made.size(); ++i)
            if (made[i].shape() != shape_of(expected[i].shape))
                throw Refusal{"changed", to_string(made[i].shape()) + " instead of " + to_string(shape_of(expected[i].shape)) +
                                             ": " + described(line, values)};
        ++figures.accepted;
    } catch (const tapehead::Error& error) {
        if (said == Verdict::legal) throw Refusal{"refused", std::string(error.what()) + ": " + described(line, values)};
        ++figures.refused;
    } catch (const std::exception& error) {
        throw Refusal{"foreign exception", std::string(error.what()) + ": " + described(line, values)};
    }
}

}  // namespace

void check_refusals(const Program& program, const Plains& middle, const Tensors& values, std::mt19937_64& random,
                    Figures& figures) {
    for (const Line& original : program.lines) {
        if (original.operation == nullptr || random() % 3 != 0) continue;
        Line line = original;
        if (change(line, random, program.values())) try_line(line, middle, values, figures);
    }
}

}  // namespace random_programs
