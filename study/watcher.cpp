// Which scope a thread is in; see watcher.hpp.
#include <tapehead/study/watcher.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

std::string to_string(const Place& place) {
    std::string_view file = place.file;
    for (const std::string_view folder : {"/autograd/", "/layers/", "/optim/", "/study/", "/io/", "/examples/"})
        if (const std::size_t at = file.rfind(folder); at != std::string_view::npos) {
            file.remove_prefix(at + 1);
            return fmt::format("{}:{}", file, place.line);
        }
    return fmt::format("{}:{}", file.substr(file.rfind('/') + 1), place.line);
}

Watcher::Watcher(Module& model) : Watcher() {
    modules_[&model] = "";
    scopes_[0].type = type_name(model);
    Visitor visitor(
        [&](const std::string& name, Tensor& tensor) {
            parameters_.emplace(tensor.identity(), name);
            if (tensor.node()) parameters_.emplace(tensor.node().get(), name);
        },
        [&](const std::string& name, Module& module) { modules_[&module] = name; });
    model.visit(visitor);
}

std::string Watcher::name_of(const Tensor& tensor) const {
    const auto known = parameters_.find(tensor.identity());
    return known != parameters_.end() ? known->second : tensor.name();
}

std::string Watcher::full_name(const ScopeEvent& event) {
    const std::string around = scope_name().empty() ? "" : scope_name() + ".";
    if (!event.object) return around + std::string(event.name);
    if (const auto known = modules_.find(event.object); known != modules_.end()) return known->second;
    std::string& name = strangers_[{event.object, *event.type}];
    if (name.empty()) {
        name = around + type_name(*event.type);
        if (const int n = ++namesakes_[name]; n > 1) name += fmt::format("_{}", n);
    }
    return name;
}

std::string Watcher::name_of(const Node& leaf) const {
    const auto known = parameters_.find(&leaf);
    if (known != parameters_.end()) return known->second;
    const Keepsakes* keepsakes = leaf.find_keepsakes();
    return keepsakes ? keepsakes->name : "";
}

void Watcher::on_enter(const ScopeEvent& event) {
    const std::string name = full_name(event);
    std::size_t scope = 0;
    if (const auto known = index_.find(name); known != index_.end()) {
        scope = known->second;
    } else if (!name.empty()) {
        scope = scopes_.size();
        scopes_.push_back({name, event.type ? type_name(*event.type) : "", to_string(event.place)});
        index_.emplace(name, scope);  // last: it leads to nothing that is not there
    }
    stack_.push_back({scope, event.depth});
}

void Watcher::on_leave(const ScopeEvent& event) noexcept {
    if (!stack_.empty() && stack_.back().depth == event.depth) stack_.pop_back();
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
