// Watcher: an observer that knows where in a model it is. What Recorder, Profiler and the other observers of study/ share.
#pragma once

#include <map>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include <tapehead/autograd/observer.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// A layer of the model, or another named part of a computation.
struct ScopeInfo {
    std::string name;   ///< full, "encoder.layers.0.self_attention"; empty for the outermost
    std::string type;   ///< of the module; empty for other scopes
    std::string place;  ///< where it was entered, "layers/attention.cpp:98"
};

/// "layers/attention.cpp:98": a place in the sources, from the folder that the library's headers are in.
std::string to_string(const Place& place);

/// Keeps track of scopes by their full names.
///
/// A module of the given model has the name that `visit` gives it, any other one the name of its type within the scope around it,
/// with a number from the second of the kind on.
class Watcher : public Observer {
public:
    void on_enter(const ScopeEvent& event) override;
    void on_leave(const ScopeEvent& event) noexcept override;

    /// All scopes seen so far, in the order of their first entry; the first is the outermost.
    const std::vector<ScopeInfo>& scopes() const { return scopes_; }

protected:
    /// Without a model: all modules have the names of their types.
    Watcher() : scopes_(1) {}
    /// Modules and parameters have the names that `model` gives them.
    explicit Watcher(Module& model);

    /// The present scope, as an index into scopes().
    std::size_t scope() const { return stack_.empty() ? 0 : stack_.back().scope; }
    const std::string& scope_name() const { return scopes_[scope()].name; }  ///< the full name of the present scope
    /// @{
    /// The full name of a parameter of the model, the name it was given, or nothing.
    std::string name_of(const Tensor& tensor) const;
    std::string name_of(const Node& leaf) const;
    /// @}

private:
    struct Entered {
        std::size_t scope;
        int depth;
    };
    std::string full_name(const ScopeEvent& event);

    std::map<const void*, std::string> modules_, parameters_;  // the model's by address; parameters by tensor and by node
    std::map<std::pair<const void*, std::type_index>, std::string> strangers_;  // modules that are not the model's
    std::map<std::string, int> namesakes_;                                      // how many strangers were given a name
    std::vector<ScopeInfo> scopes_;
    std::map<std::string, std::size_t> index_;  // of each scope
    std::vector<Entered> stack_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
