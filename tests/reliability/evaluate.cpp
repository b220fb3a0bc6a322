// Both runs of a program, and the tensor that its gradient starts from.
#include <reliability/evaluate.hpp>

#include <algorithm>
#include <cmath>

namespace random_programs {
namespace {

/// ±1, hashed from where an element is.
double sign_of(int value, std::size_t element) {
    std::uint64_t z = (static_cast<std::uint64_t>(value) << 32) + element + 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (z >> 63) != 0 ? 1 : -1;
}

/// What rounding does to a result whose steps were as large as `size`.
void add_noise(Plain& x, int value, const ReferenceRun& run, double size) {
    for (std::size_t i = 0; i < x.v.size(); ++i)
        x.v[i] += run.noise * (run.is_even ? 1 : sign_of(value, i)) * std::max(size, std::abs(x.v[i]));
}

template <class T>
std::vector<T> picked(const Line& line, const std::vector<T>& values) {
    std::vector<T> result;
    for (const int input : line.inputs) result.push_back(values.at(static_cast<std::size_t>(input)));
    return result;
}

}  // namespace

Plains reference_line(const Line& line, const Plains& values, const ReferenceRun& run) {
    if (line.operation->is_detached && run.middle != nullptr)
        return {run.middle->begin() + line.first, run.middle->begin() + line.first + line.count};
    const Plains inputs = picked(line, values);
    Plains made = line.operation->reference(line, inputs);
    if (run.noise == 0) return made;
    double largest_input = 0;
    for (const Plain& input : inputs)
        for (const double element : input.v)
            largest_input = std::max(largest_input, std::isfinite(element) ? std::abs(element) : 0);
    for (std::size_t i = 0; i < made.size(); ++i) add_noise(made[i], line.first + static_cast<int>(i), run, largest_input);
    return made;
}

Plains run_reference(const Program& program, const Plains& leaves, const ReferenceRun& run) {
    Plains values;
    std::size_t next = 0;
    for (const Line& line : program.lines) {
        Plains made = line.operation == nullptr ? Plains{leaves.at(next++)} : reference_line(line, values, run);
        if (line.operation == nullptr && run.noise != 0) add_noise(made[0], line.first, run, 0);
        if (static_cast<int>(made.size()) != line.count) throw Illegal("another number of results");
        for (Plain& value : made) values.push_back(std::move(value));
    }
    return values;
}

Plains leaves_of(const Program& program) {
    Plains leaves;
    for (const Line& line : program.lines)
        if (line.operation == nullptr) leaves.push_back(line.value);
    return leaves;
}

double loss_of(const Program& program, const Plains& values) {
    double loss = 0;
    for (const Seeded& output : program.outputs) {
        const Plain& value = values.at(static_cast<std::size_t>(output.value));
        for (std::size_t i = 0; i < value.v.size(); ++i) loss += output.seed.v.at(i) * value.v[i];
    }
    return loss;
}

Tensors inputs_of(const Line& line, const Tensors& values) { return picked(line, values); }

Tensors run_library(const Program& program, const Tensors& leaves) {
    Tensors values;
    std::size_t next = 0;
    for (const Line& line : program.lines) {
        if (line.operation == nullptr) values.push_back(leaves.at(next++));
        else
            for (Tensor& value : line.operation->library(line, picked(line, values))) values.push_back(std::move(value));
    }
    return values;
}

Tensor loss_of(const Program& program, const Tensors& values) {
    Tensor loss;
    for (const Seeded& output : program.outputs) {
        const Tensor term = sum(values.at(static_cast<std::size_t>(output.value)) * tensor_of(output.seed));
        loss = loss ? loss + term : term;
    }
    return loss;
}

}  // namespace random_programs
