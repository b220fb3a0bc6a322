// Reading a case; see node.hpp.
#include <onnx/node.hpp>

namespace onnx {
namespace {

using nlohmann::json;

/// The names of the file's tensors for the names of a node: those of the case, in order, without the empty ones.
std::vector<std::string> stored_names(const std::string& list, const std::string& kind) {
    std::vector<std::string> result;
    Index next = 0;
    for (const auto& given : json::parse(list))
        result.push_back(given.get<std::string>().empty() ? "" : kind + "." + std::to_string(next++));
    return result;
}

Index to_integer(const json& value) {
    if (value.is_string()) return static_cast<Index>(std::stoll(value.get<std::string>()));
    if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
    return value.get<Index>();
}

Real to_real(const json& value) { return value.is_string() ? std::stod(value.get<std::string>()) : value.get<Real>(); }

template <class T>
T value_or_throw(const std::optional<T>& value, const std::string& attribute) {
    if (!value) throw std::out_of_range("no attribute " + attribute);
    return *value;
}

}  // namespace

Node::Node(const std::string& path)
    : file_(path),
      op_(file_.metadata().at("op")),
      inputs_(stored_names(file_.metadata().at("input_names"), "input")),
      outputs_(stored_names(file_.metadata().at("output_names"), "output")),
      attributes_(json::parse(file_.metadata().at("attributes"))) {}

const std::string& Node::name(Index input) const {
    if (!has(input)) throw std::out_of_range("no input " + std::to_string(input));
    return inputs_[static_cast<std::size_t>(input)];
}

std::vector<Tensor> Node::tensors(Index first, Index last) const {
    std::vector<Tensor> result;
    for (Index i = first; i < (last < 0 ? inputs() : last); ++i) result.push_back(tensor(i));
    return result;
}

Ids Node::ids(Index input) const {
    if (!is_floating_point(file_.at(name(input)).dtype)) return file_.ids(name(input));
    const Tensor numbers = tensor(input);
    Ids result = make_array<Id>(numbers.shape());
    std::transform(numbers.data(), numbers.data() + numbers.numel(), result.begin(),
                   [](Scalar x) { return static_cast<Id>(x); });
    return result;
}

std::vector<Index> Node::integers(Index input) const {
    const Ids values = ids(input);
    return {values.begin(), values.end()};
}

Index Node::integer(const std::string& attribute, std::optional<Index> otherwise) const {
    return has_attribute(attribute) ? to_integer(attributes_.at(attribute)) : value_or_throw(otherwise, attribute);
}

Real Node::real(const std::string& attribute, std::optional<Real> otherwise) const {
    return has_attribute(attribute) ? to_real(attributes_.at(attribute)) : value_or_throw(otherwise, attribute);
}

std::string Node::text(const std::string& attribute, const std::string& otherwise) const {
    return has_attribute(attribute) ? attributes_.at(attribute).get<std::string>() : otherwise;
}

std::optional<std::vector<Index>> Node::integers(Index input, const std::string& attribute) const {
    if (input >= 0 && has(input)) return integers(input);
    if (!has_attribute(attribute)) return {};
    std::vector<Index> result;
    for (const json& value : attributes_.at(attribute)) result.push_back(to_integer(value));
    return result;
}

bool Node::is_double() const {
    return std::ranges::find(file_.entries(), Dtype::F32, &StoredTensor::dtype) == file_.entries().end();
}

Ids to_ids(const std::vector<Index>& integers) {
    Ids result = make_array<Id>(Shape{static_cast<Index>(integers.size())});
    std::copy(integers.begin(), integers.end(), result.begin());
    return result;
}

}  // namespace onnx
