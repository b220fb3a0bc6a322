// Node: one recorded operation on the tape, or the leaf at its end.
//
// Knows its inputs by their nodes alone, and Tensor only by name, so that tensors can hold nodes. What a concrete operation adds
// to it is in tape.hpp.
#pragma once

#include <memory>
#include <span>

#include <tapehead/autograd/memory.hpp>
#include <tapehead/autograd/shape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

class Tensor;
struct Keepsakes;

/// The tape's clock: a new reading, larger than all before it on any thread.
std::uint64_t tick();

/// A line of the sources. std::source_location in little: that of GCC's library does not compile with clang 14.
struct Place {
    const char* file;  ///< as the compiler was given it
    int line;          ///< counted from 1
    /// The line that calls this, or that has it as a default argument.
    static constexpr Place current(const char* at_file = __builtin_FILE(), int at_line = __builtin_LINE()) {
        return {at_file, at_line};
    }
};

/// What is known of an operation before it runs: its name, its formula, and where it is written. All string literals.
///
///     record({"mul", "y = a b;  da = dy b,  db = dy a"}, ...)
struct Operation {
    const char* name;     ///< "matmul"
    const char* formula;  ///< the value; then, after a semicolon, the gradient of each input. May be empty
    Place place;          ///< where `record` was called, or the operation's name was written

    /// A name alone may stand for an operation; the place is that of the call.
    constexpr Operation(const char* operation, const char* with_formula = "", Place where = Place::current())
        : name(operation), formula(with_formula), place(where) {}
};

/// One recorded operation, or a leaf. Holds what its rules captured and the nodes of its inputs, never its own tensor.
class Node : public memory::Cached {
public:
    /// A node of the present time, for an output of that shape.
    Node(const Operation& made_by, const Shape& output_shape);
    virtual ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    /// Destroys nodes that nobody needs any more, one after another and not one inside the other.
    void dispose() noexcept;

    const std::uint64_t id;     ///< the time of recording: larger than the ids of all inputs
    const Operation operation;  ///< "leaf" for a leaf
    const Shape shape;          ///< of the value, and so of its gradient

    /// The nodes of the inputs, null where an input needs no gradient.
    virtual std::span<const Ref<Node>> inputs() const { return {}; }
    /// Runs the rules for the inputs that are `wanted`: dx, the gradients of the inputs, from dy, that of the output y.
    virtual void pull(const Tensor& dy, const Tensor& y, std::span<const bool> wanted, std::span<Tensor> dx);
    /// Marks those of the operation's inputs whose tensors the rules hold on to.
    virtual void mark_kept(std::span<const Tensor> tensors, std::span<bool> kept) const;
    /// Drops the rules, the inputs and all they kept alive.
    virtual void release() {}
    virtual bool is_leaf() const { return false; }  ///< whether no operation made it

    bool is_released() const { return released_; }  ///< whether a sweep has dropped its rules
    /// The output's value, if a rule needs it.
    const Ref<Storage>& output() const { return output_; }
    /// Hooks and gradient; created on first use.
    Keepsakes& keepsakes();
    /// The same if there are any, else null.
    const Keepsakes* find_keepsakes() const { return keepsakes_.get(); }

    std::atomic<int> owners{0};  ///< for Ref

protected:
    Ref<Storage> output_;    ///< the output's value, if a rule needs it
    bool released_ = false;  ///< set by `release`

private:
    std::unique_ptr<Keepsakes> keepsakes_;
    Node* next_dead_ = nullptr;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
