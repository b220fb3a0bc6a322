// Programs as text, and the table of operations put together.
#include <reliability/program.hpp>

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <reliability/paste.hpp>

namespace random_programs {
namespace {

std::string braces(const Integers& list) { return fmt::format("{{{}}}", fmt::join(list, ", ")); }
std::string name_of(int value) { return "v" + std::to_string(value); }

std::string constant(const char* kind, const Plain& plain) {
    return fmt::format("{}({}, {{{:.9g}}})", kind, braces(plain.shape), fmt::join(plain.v, ", "));
}

std::string all_inputs(const Line& line) {
    std::string text;
    for (const int input : line.inputs) text += (text.empty() ? "" : ", ") + name_of(input);
    return text;
}

/// What stands for one placeholder: its letter and its number.
std::string substitute(const Line& line, char kind, std::size_t i) {
    switch (kind) {
        case 'I': return std::to_string(line.integer(i));
        case 'B': return line.flag(i) ? "true" : "false";
        case 'L': return braces(line.lists.at(i));
        case 'A': return fmt::format("Axes{}", braces(line.lists.at(i)));
        case 'R': return std::isinf(line.reals.at(i)) ? "INFINITY" : fmt::format("{}", line.reals.at(i));
        case 'D': return fmt::format("ids({}, {})", braces(line.lists.at(i + 1)), braces(line.lists.at(i)));
        case 'C': return fmt::format("flags({}, {})", braces(line.lists.at(i + 1)), braces(line.lists.at(i)));
        case 'T': return '"' + line.text + '"';
        case 'O': return line.operation->options(line);
        case '*': return all_inputs(line);
        default: return name_of(line.inputs.at(i));
    }
}

std::string code_of(const Line& line) {
    const std::string& code = line.operation->code;
    std::string text;
    for (std::size_t i = 0; i < code.size(); ++i) {
        if (code[i] != '$') {
            text += code[i];
            continue;
        }
        const char kind = code[++i];
        const bool is_input = kind >= '0' && kind <= '9', has_number = !is_input && kind != 'T' && kind != 'O' && kind != '*';
        if (has_number) ++i;
        text += substitute(line, kind, is_input || has_number ? static_cast<std::size_t>(code[i] - '0') : 0);
    }
    return text;
}

}  // namespace

std::size_t Program::calls() const {
    return static_cast<std::size_t>(
        std::count_if(lines.begin(), lines.end(), [](const Line& line) { return line.operation != nullptr; }));
}

std::string to_text(const Line& line) {
    if (line.operation == nullptr)
        return fmt::format("Tensor {} = {};", name_of(line.first), constant(line.is_wanted ? "leaf" : "constant", line.value));
    const bool is_list = line.operation->code.starts_with("split(") || line.operation->code.starts_with("chunk(");
    if (line.count == 1 && !is_list) return fmt::format("Tensor {} = {};", name_of(line.first), code_of(line));
    std::string names, elements;
    for (int i = 0; i < line.count; ++i) {
        names += (i > 0 ? ", " : "") + name_of(line.first + i);
        elements += fmt::format(" Tensor {} = r{}[{}];", name_of(line.first + i), line.first, i);
    }
    if (!is_list) return fmt::format("auto [{}] = {};", names, code_of(line));  // a struct
    return fmt::format("const std::vector<Tensor> r{} = {};{}", line.first, code_of(line), elements);
}

std::string to_text(const Program& program) {
    std::string text;
    for (const Line& line : program.lines) text += to_text(line) + '\n';
    std::string loss;
    for (const Seeded& output : program.outputs)
        loss +=
            fmt::format("{}sum({} * {})", loss.empty() ? "" : " + ", name_of(output.value), constant("constant", output.seed));
    return text + fmt::format("({}).backward();\n", loss);
}

const std::vector<Operation>& operations() {
    static const std::vector<Operation> all = [] {
        std::vector<Operation> result;
        for (const auto& family :
             {pointwise_operations(), arithmetic_operations(), reductions(), products(), shaping_operations(),
              part_operations(), indexing_operations(), normalizations(), losses(), attention_operations()})
            result.insert(result.end(), family.begin(), family.end());
        return result;
    }();
    return all;
}

std::vector<std::string> covered(const Operation& operation) {
    static const std::regex call(R"((\w+)\()"), word(R"(\S+)");
    std::set<std::string> names;
    const auto add = [&](const std::string& text, const std::regex& pattern, std::size_t group) {
        for (std::sregex_iterator i(text.begin(), text.end(), pattern), end; i != end; ++i) names.insert((*i)[group]);
    };
    add(operation.code, call, 1);
    add(operation.also, word, 0);
    return {names.begin(), names.end()};
}

tapehead::Shape shape_of(const Extents& extents) { return tapehead::Shape(std::span<const tapehead::Index>(extents)); }

tapehead::Ids ids_of(const Integers& values, const Extents& shape) {
    return paste::ids(shape_of(shape), std::vector<tapehead::Id>(values.begin(), values.end()));
}

tapehead::Condition flags_of(const Integers& values, const Extents& shape) {
    return paste::flags(shape_of(shape), std::vector<int>(values.begin(), values.end()));
}

Tensor tensor_of(const Plain& plain) { return paste::constant(shape_of(plain.shape), plain.v); }

}  // namespace random_programs
