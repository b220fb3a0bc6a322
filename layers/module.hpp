// Module: what every layer is. A plain struct with public members that names each of them once, in `visit`.
//
// Parameters, modes, counting, saving and printing are each one walk over `visit`; there is nothing to register.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <tapehead/autograd/named.hpp>
#include <tapehead/autograd/observer.hpp>
#include <tapehead/autograd/tensor.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

struct Module;

/// A walk over the members of a module, depth first, with their full names ("encoder.layers.0.norm1.weight").
class Visitor {
public:
    /// Is called with each tensor and its full name.
    using OnTensor = std::function<void(const std::string& name, Tensor& tensor)>;
    /// Is called with each module and its full name, before what is in it.
    using OnModule = std::function<void(const std::string& name, Module& module)>;

    /// A walk that calls these; a module's own name is not known to it.
    explicit Visitor(OnTensor on_tensor, OnModule on_module = {})
        : on_tensor_(std::move(on_tensor)), on_module_(std::move(on_module)) {}

    /// A tensor of the module; an undefined one is passed over. Throws ValueError for an empty name; so do those below.
    void operator()(const std::string& name, Tensor& tensor);
    /// A module inside the module.
    void operator()(const std::string& name, Module& module);
    /// A module that may be absent.
    template <class M>
    void operator()(const std::string& name, std::optional<M>& module) {
        if (module) (*this)(name, *module);
    }

private:
    OnTensor on_tensor_;
    OnModule on_module_;
    std::string prefix_;
};

/// What load_state_dict accepts.
struct LoadOptions {
    bool strict = true;  ///< every name must be there and known
};

/// The names that did not meet when a state was loaded.
struct LoadReport {
    std::vector<std::string> missing;     ///< tensors of the module that the state does not have
    std::vector<std::string> unexpected;  ///< names of the state that the module does not know
};

/// The base of all layers and models.
///
///     struct Linear : Layer {
///         Tensor weight, bias;
///         Tensor forward(const Tensor& x) const override { return linear(x, weight, bias); }
///         void visit(Visitor& v) override { v("weight", weight); v("bias", bias); }
///     };
///
/// Copies share their tensors, as tensors themselves do. For separate values construct a second module and load into it the
/// `state_dict()` of the first.
struct Module {
    bool training = true;  ///< whether dropout acts; set for a whole tree by train() and eval()

    virtual ~Module() = default;
    /// Names every tensor and module among the members.
    virtual void visit(Visitor& v) = 0;

    /// The tensors that require grad, each once even if it is used in several places, with the first of its names. Throws
    /// ValueError for a name that `visit` gives twice; so do state_dict and load_state_dict.
    NamedTensors named_parameters();
    /// The same without the names.
    std::vector<Tensor> parameters();
    /// How many numbers the parameters hold.
    Index num_parameters();

    /// Clears the gradient of every parameter.
    void zero_grad();
    /// Sets the mode of this module and all inside it.
    void train(bool on = true);
    void eval() { train(false); }  ///< for use: no dropout

    /// Copies of all tensors by name; tied ones under each of their names.
    NamedTensors state_dict();
    /// Copies values into the tensors of the same names; of a tied tensor one name is enough.
    ///
    /// Throws StateError listing every name that is missing, unexpected or of another shape, and tied names whose values differ, and
    /// then changes nothing. Unless strict, missing and unexpected names are passed over and returned.
    LoadReport load_state_dict(const NamedTensors& state, LoadOptions options = {});
};

namespace detail {

/// All tensors of a module, each once even if it is used in several places, with the first of its names. Throws as
/// Module::named_parameters, in the name of `operation`.
NamedTensors distinct_tensors(const char* operation, Module& module);

/// What loading a state comes to.
struct StateMatch {
    struct Copy {
        Tensor to;
        NamedTensor from;
    };
    std::vector<Copy> copies;  ///< one for each tensor that the state has
    LoadReport report;

    void copy();  ///< makes the copies, which asks for no memory
};

/// Finds for each tensor what a state has under its name, or one of its names, and changes nothing. Throws as
/// Module::load_state_dict does, in the name of `operation` and of the `owner` of the tensors.
StateMatch match_state(const char* operation, const std::string& owner, const NamedTensors& tensors, const NamedTensors& state,
                       LoadOptions options);

/// The same for a module and the tensors that it names.
StateMatch match_state(Module& module, const NamedTensors& state, LoadOptions options);

/// Whether two tensors of one shape have the same bits.
bool same_bits(const Tensor& a, const Tensor& b);

}  // namespace detail

/// The scope of a module, for observers: `const ModuleScope scope(*this);` at the head of `forward`.
///
/// It stands for the full name of the module in the model that is observed. A Layer that is called as `layer(x)` has it already.
struct ModuleScope : Scope {
    /// Enters the scope of a module.
    explicit ModuleScope(const Module& module, Place place = Place::current()) : Scope(&module, typeid(module), place) {}
};

/// A module from one tensor to one tensor.
struct Layer : Module {
    /// The output for x. Throws what its operations throw.
    virtual Tensor forward(const Tensor& x) const = 0;
    /// The same as forward, as a scope of its own.
    Tensor operator()(const Tensor& x) const {
        const ModuleScope scope(*this);
        return forward(x);
    }
};

/// The tree of a module: names, types, shapes and parameter counts.
std::ostream& operator<<(std::ostream& out, const Module& module);

/// @{
/// The name of a module's type, without namespaces.
std::string type_name(const Module& module);
std::string type_name(const std::type_info& type);
/// @}

/// A new uninitialised parameter, for the functions in init.hpp to fill.
Tensor make_parameter(const Shape& shape);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
