// Tape: the operations that led to a result, as an object to read, print, draw, export and step through.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include <tapehead/autograd/backward_steps.hpp>
#include <tapehead/study/recorder.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// What led to a result, oldest first: every entry comes after its inputs, the last one is the result.
///
///     const Tape tape(loss);
///     for (const TapeEntry& entry : tape) ...
///     std::cout << tape;                              // as a table
///     std::ofstream("tape.dot") << study::to_dot(tape);
///     for (BackwardSteps steps = tape.backward(); !steps.done();) steps.next();
///
/// The tape alone knows operations, shapes, and of the values those that a rule keeps. With a Recorder that watched it being made it
/// knows all values and names, scopes, saved bytes, times, and, after a backward pass, gradients.
class Tape {
public:
    /// Throws GradError if no operation was recorded for `result`.
    explicit Tape(const Tensor& result);
    /// Throws ValueError if the recorder did not see the result made.
    Tape(const Tensor& result, const study::Recorder& recorder);

    /// @{
    /// For loops over the entries.
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }
    /// @}
    std::size_t size() const { return entries_.size(); }  ///< how many entries there are
    /// Entry i. Throws IndexError unless it is below size().
    const TapeEntry& operator[](std::size_t i) const { return entries_[detail::checked_place("Tape", i, size())]; }
    /// The scopes that the entries refer to.
    const std::vector<study::ScopeInfo>& scopes() const { return scopes_; }
    /// A call of attention that the recorder saw.
    struct Attention {
        std::size_t entry;              ///< that of its output
        study::CapturedAttention call;  ///< its inputs, steps and weights
    };
    /// The calls of attention, in the order in which they ran.
    const std::vector<Attention>& attention() const { return attention_; }

    /// A sweep over this tape, to be taken one node at a time. Throws GradError.
    BackwardSteps backward(const Tensor& seed = {}) const { return BackwardSteps(result_, seed); }

private:
    Tensor result_;
    std::vector<TapeEntry> entries_;
    std::vector<study::ScopeInfo> scopes_;
    std::vector<Attention> attention_;
};

/// A table with a line for each entry: number, operation, scope, inputs, shape, saved bytes and times where known.
std::ostream& operator<<(std::ostream& out, const Tape& tape);

namespace study {

/// The graph in Graphviz' language, scopes as clusters: `dot -Tsvg tape.dot -o tape.svg`.
std::string to_dot(const Tape& tape);

}  // namespace study
}  // namespace tapehead::inline TAPEHEAD_SCALAR
