// gradcheck of a whole module: its parameters are inputs like the others; see gradcheck.hpp.
#include <tapehead/layers/gradcheck.hpp>

#include <optional>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/random.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using Check = GradcheckReport (*)(const Function&, const std::vector<Tensor>&, const GradcheckOptions&);

/// Makes leaves require grad while it lives.
class RequiringGrad {
public:
    explicit RequiringGrad(const std::vector<Tensor>& tensors) {
        for (const Tensor& tensor : tensors) {
            check<GradError>(tensor.is_leaf(), "gradcheck: expected leaves as inputs, got the result of '{}'",
                             tensor.is_leaf() ? "" : tensor.node()->operation.name);
            if (!tensor.requires_grad()) changed_.push_back(tensor);
        }
        for (Tensor& tensor : changed_) tensor.requires_grad_();
    }
    ~RequiringGrad() {
        for (Tensor& tensor : changed_) tensor.requires_grad_(false);
    }
    RequiringGrad(const RequiringGrad&) = delete;
    RequiringGrad& operator=(const RequiringGrad&) = delete;

private:
    std::vector<Tensor> changed_;
};

/// run() with the random numbers that its first run drew.
Tensor repeat(const std::function<Tensor()>& run, std::optional<std::vector<kernels::PhiloxKey>>& keys) {
    if (keys) {
        detail::Draws same(*keys);
        return run();
    }
    detail::Draws drawn;
    Tensor y = run();
    keys = drawn.keys();
    return y;
}

GradcheckReport check_module(Check checked, Module& module, const std::function<Tensor()>& run,
                             const std::vector<Tensor>& inputs, GradcheckOptions options) {
    detail::check_function("gradcheck", run);
    std::vector<Tensor> all = inputs;
    for (std::size_t i = options.names.size(); i < inputs.size(); ++i) options.names.push_back(fmt::format("input {}", i));
    options.names.resize(inputs.size());
    for (const auto& [name, parameter] : module.named_parameters()) {
        all.push_back(parameter);
        options.names.push_back(name);
    }
    const RequiringGrad guard(inputs);
    std::optional<std::vector<kernels::PhiloxKey>> keys;
    return checked([&](const std::vector<Tensor>&) { return repeat(run, keys); }, all, options);
}

GradcheckReport check_layer(Check checked, Layer& layer, const Tensor& x, GradcheckOptions options) {
    const Tensor input = Tensor::from_values(x.values(), x.shape());  // not to be seen to change
    options.names = {"x"};
    const auto run = [&] { return layer(input); };
    return check_module(checked, layer, run, {input}, options);
}

}  // namespace

GradcheckReport gradcheck(Layer& layer, const Tensor& x, const GradcheckOptions& options) {
    return check_layer(&gradcheck, layer, x, options);
}

GradcheckReport gradcheck(Module& module, const std::function<Tensor()>& run, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
    return check_module(&gradcheck, module, run, inputs, options);
}

GradcheckReport gradgradcheck(Layer& layer, const Tensor& x, const GradcheckOptions& options) {
    return check_layer(&gradgradcheck, layer, x, options);
}

GradcheckReport gradgradcheck(Module& module, const std::function<Tensor()>& run, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options) {
    return check_module(&gradgradcheck, module, run, inputs, options);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
