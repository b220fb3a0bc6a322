// Observer: sees what happens on the tape of its thread while it lives; study/ is built on it.
//
// Operations as they are recorded, scopes entered and left, nodes as a sweep passes them, updates of parameters. Nothing is
// gathered while no observer lives: each of these places then costs one test of a thread's variable.
#pragma once

#include <chrono>
#include <initializer_list>
#include <span>
#include <string_view>
#include <typeinfo>
#include <utility>

#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

struct AttentionCall;

/// An operation as it is put on the tape, or as it runs where nothing is recorded: then the result has no node.
struct RecordEvent {
    const Operation& operation;      ///< its name, formula and place
    std::span<const Tensor> inputs;  ///< those that can have a gradient, whether or not they require one
    const Tensor& result;            ///< with its node, if it has one
    std::span<const bool> kept;      ///< of each input, whether the rules keep its value for the backward pass
    bool keeps_result;               ///< the same of the result
    bool in_sweep;                   ///< whether a sweep runs it, on the way back
};

/// A scope entered or left: a name, or an object and its type (a module).
struct ScopeEvent {
    std::string_view name;       ///< empty for an object
    const void* object;          ///< null for a name
    const std::type_info* type;  ///< of the object; null for a name
    Place place;                 ///< where it was entered
    int depth;                   ///< how many scopes are around it
};

/// A node that a sweep has passed.
struct PullEvent {
    const Node& node;              ///< of the operation, or the leaf
    const Tensor& dy;              ///< the gradient of its output, all parts summed
    std::span<const Tensor> dx;    ///< the gradients of its inputs, undefined where not asked for; empty for a leaf
    std::span<const bool> wanted;  ///< which were asked for
    std::chrono::steady_clock::time_point started;  ///< before its rules ran
};

/// A parameter that an optimizer is about to change, or has changed.
struct UpdateEvent {
    std::string_view optimizer;  ///< "AdamW"
    std::string_view name;       ///< of the parameter
    const Tensor& parameter;     ///< with its value before or after
    const Tensor& gradient;      ///< that the optimizer uses
};

/// The base of what watches the tape. It sees the thread that made it, from then to its end.
///
/// Observers are told in the order in which they were made. What an observer does itself is not observed. An exception that it
/// throws passes on through the operation, scope, sweep or step that it was told of.
class Observer {
public:
    Observer();           ///< watches this thread from here on
    virtual ~Observer();  ///< on the thread that made it
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;

    virtual void on_record(const RecordEvent&) {}         ///< an operation was recorded, or ran without
    virtual void on_enter(const ScopeEvent&) {}           ///< a scope begins, unless it throws
    virtual void on_leave(const ScopeEvent&) noexcept {}  ///< a scope ends, by an exception too
    virtual void on_pull(const PullEvent&) {}             ///< a sweep has passed a node
    virtual void before_update(const UpdateEvent&) {}     ///< an optimizer is about to change a parameter
    virtual void after_update(const UpdateEvent&) {}      ///< it has changed it
    virtual void on_attention(const AttentionCall&) {}    ///< attention was called, after its output was made

private:
    friend struct ObserverList;
    Observer* next_ = nullptr;
};

namespace detail {

/// The first of this thread's observers, null while it has none or one of them is at work.
inline constinit thread_local Observer* observers = nullptr;

/// Whether a sweep is at work on this thread.
inline constinit thread_local bool sweeping = false;

/// Whether anybody watches this thread.
inline bool is_observed() { return observers != nullptr; }

/// While it lives nobody watches this thread. Observers are neither made nor destroyed meanwhile.
class Unobserved {
public:
    Unobserved() : before_(std::exchange(observers, nullptr)) {}
    ~Unobserved() { observers = before_; }
    Unobserved(const Unobserved&) = delete;
    Unobserved& operator=(const Unobserved&) = delete;

    Observer* first() const { return before_; }

private:
    Observer* before_;
};

/// Tell all observers of this thread.
void observe(const RecordEvent& event);
void observe(const PullEvent& event);
void observe(const AttentionCall& call);
void observe_before(const UpdateEvent& event);
void observe_after(const UpdateEvent& event);

}  // namespace detail

/// A part of a computation, by name, that observers see entered and left: `const Scope scope("loss");`.
///
/// Scopes nest. A layer is a scope of its own (ModuleScope), which its full name in the model stands for.
class Scope {
public:
    /// Enters a scope by name.
    explicit Scope(std::string_view name, Place place = Place::current()) {
        if (detail::is_observed()) [[unlikely]]
            enter(name, nullptr, nullptr, place);
    }
    /// Leaves it.
    ~Scope() {
        if (entered_) [[unlikely]]
            leave();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

protected:
    /// Enters the scope of an object, for ModuleScope.
    Scope(const void* object, const std::type_info& type, Place place) {
        if (detail::is_observed()) [[unlikely]]
            enter({}, object, &type, place);
    }

private:
    void enter(std::string_view name, const void* object, const std::type_info* type, Place place);
    void leave() noexcept;

    bool entered_ = false;
    const void* object_ = nullptr;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
