// Node: one of ONNX's operator cases, read from its file: an operator, its attributes, its inputs and what it must give.
//
// Optional inputs and attributes are asked for by has(), or with what stands for them. What is missing otherwise, or is not of the
// kind asked for, throws; the runner reports the case as failed.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include <tapehead/tapehead.hpp>

namespace onnx {

using namespace tapehead;

/// Thrown by an operator for a case that Tapehead has no operation for; the reason is printed.
struct Skip : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Node {
public:
    explicit Node(const std::string& path);

    const std::string& op() const { return op_; }

    // Inputs, by their place in the operator's list; an absent optional one counts as a place.

    Index inputs() const { return static_cast<Index>(inputs_.size()); }
    bool has(Index input) const { return input < inputs() && !inputs_[static_cast<std::size_t>(input)].empty(); }
    /// Numbers, integers and flags all become numbers.
    Tensor tensor(Index input) const { return file_.tensor(name(input)); }
    Tensor tensor_if_any(Index input) const { return has(input) ? tensor(input) : Tensor(); }
    /// Inputs `first` to `last`, the last one not included; all that follow unless it is given.
    std::vector<Tensor> tensors(Index first, Index last = -1) const;
    /// Integers; numbers that are integers will do.
    Ids ids(Index input) const;
    Condition condition(Index input) const { return file_.condition(name(input)); }
    bool is_condition(Index input) const { return file_.at(name(input)).dtype == Dtype::BOOL; }
    /// A list of integers, such as axes.
    std::vector<Index> integers(Index input) const;
    Shape shape(Index input) const { return file_.at(name(input)).shape; }

    // Attributes, with the value that stands for an absent one. Cases may write numbers as texts and flags as integers.

    bool has_attribute(const std::string& attribute) const { return attributes_.contains(attribute); }
    Index integer(const std::string& attribute, std::optional<Index> otherwise = {}) const;
    Real real(const std::string& attribute, std::optional<Real> otherwise = {}) const;
    std::string text(const std::string& attribute, const std::string& otherwise) const;
    /// A list of integers that is an input in later versions of the operator and was an attribute in earlier ones.
    std::optional<std::vector<Index>> integers(Index input, const std::string& attribute) const;

    // Outputs, by their place in the operator's list

    Index outputs() const { return static_cast<Index>(outputs_.size()); }
    bool wants(Index output) const { return output < outputs() && !outputs_[static_cast<std::size_t>(output)].empty(); }
    const StoredTensor& expected(Index output) const { return file_.at(outputs_[static_cast<std::size_t>(output)]); }
    /// What the output must be: numbers, and the same as integers where it is of integers or flags.
    Tensor expected_numbers(Index output) const { return file_.tensor(expected(output).name); }
    Ids expected_integers(Index output) const { return file_.ids(expected(output).name); }
    /// Whether inputs and outputs were computed without float32.
    bool is_double() const;

private:
    const std::string& name(Index input) const;

    SafetensorsFile file_;
    std::string op_;
    std::vector<std::string> inputs_, outputs_;  // names of tensors in the file; empty for absent ones
    nlohmann::json attributes_;
};

/// What an operator gives: one tensor for each output, undefined for those that nobody wants.
using Outputs = std::vector<Tensor>;
using Operator = std::function<Outputs(const Node&)>;
using Operators = std::map<std::string, Operator>;

// ONNX's operators in terms of Tapehead's operations, by family.
void add_pointwise(Operators& operators);
void add_arithmetic(Operators& operators);
void add_reductions(Operators& operators);
void add_shaping(Operators& operators);
void add_slicing(Operators& operators);
void add_indexing(Operators& operators);
void add_normalizations(Operators& operators);
void add_losses(Operators& operators);
void add_attention(Operators& operators);
void add_optimizers(Operators& operators);

/// Why an operator that is not among them is not offered.
std::string missing_reason(const std::string& op);

/// Where and how outputs differ from what the case expects; empty if they do not.
std::string difference(const Node& node, const Outputs& outputs);

/// A list of integers as a shape or as axes.
inline Shape to_shape(const std::vector<Index>& integers) { return Shape(std::span(integers)); }
/// A list of integers as ids, shape [n].
Ids to_ids(const std::vector<Index>& integers);

}  // namespace onnx
