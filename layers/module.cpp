// The walks over a module's members; see module.hpp.
#include <tapehead/layers/module.hpp>

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <typeinfo>
#include <unordered_set>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// A count with thousands separated: 44,140,544.
std::string grouped(Index n) {
    std::string digits = std::to_string(n);
    for (auto place = static_cast<Index>(digits.size()) - 3; place > 0; place -= 3)
        digits.insert(static_cast<std::size_t>(place), 1, ',');
    return digits;
}

void append(std::string& list, const std::string& entry) { list += (list.empty() ? "" : ", ") + entry; }

/// A tensor of a module that is loaded, under all its names, with what is there for it.
struct Target {
    Tensor tensor;
    std::vector<std::string> names;
    NamedTensors sources;

    bool has(const std::string& name) const { return std::ranges::find(names, name) != names.end(); }
};

void check_named(const std::string& prefix, const std::string& name) {
    if (!name.empty()) return;
    throw ValueError(fmt::format("visit: expected a name for each member, got none for one in '{}'",
                                 prefix.substr(0, prefix.size() - !prefix.empty())));
}

/// All tensors of a module by name, tied ones under each of their names.
NamedTensors all_tensors(const char* operation, Module& module) {
    NamedTensors tensors;
    std::unordered_set<std::string> names;
    Visitor visitor([&](const std::string& name, Tensor& tensor) {
        check<ValueError>(names.insert(name).second, "{}: expected each name once in visit, got '{}' twice", operation, name);
        tensors.push_back({name, tensor});
    });
    module.visit(visitor);
    return tensors;
}

}  // namespace

void Visitor::operator()(const std::string& name, Tensor& tensor) {
    check_named(prefix_, name);
    if (tensor && on_tensor_) on_tensor_(prefix_ + name, tensor);
}

void Visitor::operator()(const std::string& name, Module& module) {
    check_named(prefix_, name);
    if (on_module_) on_module_(prefix_ + name, module);
    const std::size_t length = prefix_.size();
    prefix_ += name + ".";
    module.visit(*this);
    prefix_.resize(length);
}

NamedTensors detail::distinct_tensors(const char* operation, Module& module) {
    NamedTensors tensors = all_tensors(operation, module);
    std::unordered_set<const void*> known;
    std::erase_if(tensors, [&](const NamedTensor& own) { return !known.insert(own.tensor.identity()).second; });
    return tensors;
}

NamedTensors Module::named_parameters() {
    NamedTensors parameters = detail::distinct_tensors("named_parameters", *this);
    std::erase_if(parameters, [](const NamedTensor& own) { return !own.tensor.requires_grad(); });
    return parameters;
}

std::vector<Tensor> Module::parameters() {
    std::vector<Tensor> parameters;
    for (const auto& [name, tensor] : named_parameters()) parameters.push_back(tensor);
    return parameters;
}

Index Module::num_parameters() {
    Index n = 0;
    for (const Tensor& parameter : parameters()) n += parameter.numel();
    return n;
}

void Module::zero_grad() {
    for (Tensor& parameter : parameters()) parameter.zero_grad();
}

void Module::train(bool on) {
    training = on;
    Visitor visitor({}, [on](const std::string&, Module& module) { module.training = on; });
    visit(visitor);
}

NamedTensors Module::state_dict() {
    NamedTensors state = all_tensors("state_dict", *this);
    for (auto& [name, tensor] : state) tensor = clone(tensor.detach());
    return state;
}

bool detail::same_bits(const Tensor& a, const Tensor& b) {
    return std::ranges::equal(std::as_bytes(a.values()), std::as_bytes(b.values()));
}

detail::StateMatch detail::match_state(const char* operation, const std::string& owner, const NamedTensors& tensors,
                                       const NamedTensors& state, LoadOptions options) {
    std::vector<Target> targets;
    for (const NamedTensor& own : tensors) {
        const auto known = std::ranges::find_if(targets, [&](const Target& target) { return target.tensor.is(own.tensor); });
        Target& target = known == targets.end() ? targets.emplace_back(Target{own.tensor, {}, {}}) : *known;
        target.names.push_back(own.name);
    }
    StateMatch match;
    LoadReport& report = match.report;
    for (const NamedTensor& entry : state) {
        const auto target = std::ranges::find_if(targets, [&](const Target& t) { return t.has(entry.name); });
        if (target == targets.end()) report.unexpected.push_back(entry.name);
        else target->sources.push_back(entry);
    }
    std::string misshapen, contradictory;
    for (const Target& target : targets) {
        if (target.sources.empty()) report.missing.insert(report.missing.end(), target.names.begin(), target.names.end());
        else match.copies.push_back({target.tensor, target.sources[0]});
        for (const auto& [name, tensor] : target.sources) {
            if (!tensor) append(misshapen, fmt::format("{} undefined instead of {}", name, target.tensor.shape()));
            else if (tensor.shape() != target.tensor.shape())
                append(misshapen, fmt::format("{} {} instead of {}", name, tensor.shape(), target.tensor.shape()));
            else if (target.sources[0].tensor && !same_bits(tensor, target.sources[0].tensor))
                append(contradictory, fmt::format("{} and {}", target.sources[0].name, name));
        }
    }
    const bool meets = !options.strict || (report.missing.empty() && report.unexpected.empty());
    check<StateError>(meets && misshapen.empty(),
                      "{}: expected the tensors of {}, got: missing [{}], unexpected [{}], of another shape [{}]", operation,
                      owner, fmt::join(report.missing, ", "), fmt::join(report.unexpected, ", "), misshapen);
    check<StateError>(contradictory.empty(), "{}: expected one value for tensors that {} ties, got different ones: {}",
                      operation, owner, contradictory);
    return match;
}

detail::StateMatch detail::match_state(Module& module, const NamedTensors& state, LoadOptions options) {
    return match_state("load_state_dict", type_name(module), all_tensors("load_state_dict", module), state, options);
}

void detail::StateMatch::copy() {
    const no_grad off;
    for (auto& [to, from] : copies) to.copy_(from.tensor);
}

LoadReport Module::load_state_dict(const NamedTensors& state, LoadOptions options) {
    detail::StateMatch match = detail::match_state(*this, state, options);
    match.copy();
    return match.report;
}

std::string type_name(const Module& module) { return type_name(typeid(module)); }

std::string type_name(const std::type_info& type) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> demangled(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                                &std::free);
    std::string name = status == 0 ? demangled.get() : type.name();
    name = name.substr(0, name.find('<'));
    const std::size_t colon = name.rfind(':');
    return colon == std::string::npos ? name : name.substr(colon + 1);
}

std::ostream& operator<<(std::ostream& out, const Module& constant) {
    // visit is not const, so that it can hand out members to be changed; printing changes none.
    auto& module = const_cast<Module&>(constant);
    const auto indent = [&](const std::string& name) -> std::ostream& {
        const auto depth = std::count(name.begin(), name.end(), '.') + 1;
        return out << "\n" << std::string(static_cast<std::size_t>(2 * depth), ' ') << name.substr(name.rfind('.') + 1);
    };
    const auto describe = [&](Module& m) {
        out << type_name(m);
        if (const Index n = m.num_parameters()) out << ", " << grouped(n) << " parameters";
    };
    describe(module);
    Visitor visitor([&](const std::string& name, Tensor& tensor) { indent(name) << " " << tensor.shape(); },
                    [&](const std::string& name, Module& m) {
                        indent(name) << ": ";
                        describe(m);
                    });
    module.visit(visitor);
    return out;
}

Tensor make_parameter(const Shape& shape) { return Tensor::empty(shape).requires_grad_(); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR
