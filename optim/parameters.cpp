// Lists of parameters; see parameters.hpp.
#include <tapehead/optim/parameters.hpp>

#include <algorithm>
#include <unordered_set>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

Parameters::Parameters(const std::vector<Tensor>& tensors) {
    reserve(tensors.size());
    for (const Tensor& tensor : tensors) push_back({std::to_string(size()), tensor});
}

SplitParameters split_parameters(const Parameters& parameters, const std::function<bool(const NamedTensor&)>& is_chosen) {
    check<ValueError>(static_cast<bool>(is_chosen), "split_parameters: expected a condition, got none");
    SplitParameters parts;
    for (const NamedTensor& parameter : parameters) (is_chosen(parameter) ? parts.chosen : parts.rest).push_back(parameter);
    return parts;
}

void detail::check_parameters(const char* operation, const Parameters& parameters) {
    check<ValueError>(!parameters.empty(), "{}: expected parameters, got none", operation);
    std::unordered_set<std::string> names;
    for (const auto& [name, tensor] : parameters)
        check<ValueError>(names.insert(name).second, "{}: expected each name once, got '{}' twice", operation, name);
    check_tensors(operation, parameters);
}

void detail::check_tensors(const char* operation, const Parameters& parameters) {
    std::vector<const Storage*> values;
    values.reserve(parameters.size());
    for (const auto& [name, tensor] : parameters) {
        check<ValueError>(tensor.defined(), "{}: expected tensors, got an undefined one as '{}'", operation, name);
        values.push_back(tensor.storage().get());
    }
    std::ranges::sort(values);
    const auto twice = std::ranges::adjacent_find(values);
    if (twice == values.end()) return;
    const auto later =
        std::find_if(parameters.rbegin(), parameters.rend(), [&](const auto& p) { return p.tensor.storage().get() == *twice; });
    throw ValueError(fmt::format("{}: expected each tensor once, got that of '{}' twice", operation, later->name));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
