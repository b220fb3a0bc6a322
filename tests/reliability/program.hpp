// Program: a random program as data, lines that make values from earlier ones; and operations, what a line can be.
//
// A value is known by its number. The library and the reference both run the same lines (evaluate.hpp); a program prints as C++
// that can be pasted behind `#include <reliability/paste.hpp>`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <tapehead/tapehead.hpp>

#include <reliability/plain.hpp>

namespace random_programs {

using tapehead::Tensor;
using Plains = std::vector<Plain>;
using Tensors = std::vector<Tensor>;

inline constexpr bool is_f64 = sizeof(tapehead::Scalar) == 8;

struct Operation;
class Chooser;

/// A leaf, or a call of an operation on earlier values; it makes the values from number `first` on.
struct Line {
    const Operation* operation = nullptr;  // null for a leaf
    std::vector<int> inputs = {};
    std::vector<Integers> lists = {};  // axes, shapes, positions, flags
    Numbers reals = {};
    std::string text = {};  // an equation
    int first = 0, count = 1;
    Plain value = {};       // of a leaf
    bool is_wanted = true;  // whether the leaf requires grad

    std::ptrdiff_t integer(std::size_t list, std::size_t i = 0) const { return lists.at(list).at(i); }
    bool flag(std::size_t list, std::size_t i = 0) const { return integer(list, i) != 0; }
};

/// A value that the gradient starts from, with its seed.
struct Seeded {
    int value;
    Plain seed;
};

struct Program {
    std::uint64_t seed = 0;  // it was made from; the checks draw from it too
    std::vector<Line> lines;
    std::vector<Seeded> outputs;

    int values() const { return lines.empty() ? 0 : lines.back().first + lines.back().count; }
    std::size_t calls() const;
};

/// What a line can be: how it is proposed, what the library makes of it, and what it should.
struct Operation {
    std::string name;
    /// C++ with $0 for an input, $* for all, $I0 an integer, $B0 a flag, $L0 a list, $A0 axes, $R0 a number, $D0 ids (of list 0 in
    /// the shape of list 1), $C0 flags, $T the text in quotes and $O what `options` writes.
    std::string code;
    std::string also;  // operations of the headers that the code uses as operators, separated by spaces
    std::function<Line(Chooser&)> propose;
    std::function<Tensors(const Line&, const Tensors&)> library;
    std::function<Plains(const Line&, const Plains&)> reference;
    std::function<std::string(const Line&)> options = {};
    bool is_detached = false;    // no gradient passes: a finite difference takes the values of the middle
    bool has_free_lists = true;  // whether lists can be changed one number at a time and mean something
};

/// All operations, in families.
const std::vector<Operation>& operations();
std::vector<Operation> pointwise_operations();
std::vector<Operation> arithmetic_operations();
std::vector<Operation> reductions();
std::vector<Operation> products();
std::vector<Operation> shaping_operations();
std::vector<Operation> part_operations();
std::vector<Operation> indexing_operations();
std::vector<Operation> normalizations();
std::vector<Operation> losses();
std::vector<Operation> attention_operations();

/// The names of the headers' operations that an operation's code calls.
std::vector<std::string> covered(const Operation& operation);

/// C++, one statement a line.
std::string to_text(const Program& program);
std::string to_text(const Line& line);

tapehead::Shape shape_of(const Extents& extents);
tapehead::Ids ids_of(const Integers& values, const Extents& shape);
tapehead::Condition flags_of(const Integers& values, const Extents& shape);
Tensor tensor_of(const Plain& plain);

}  // namespace random_programs
