// Modules that hold others in a row.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Layers one after another: y = fₙ(... f₂(f₁(x))).
///
///     Sequential net(Linear(2, 8), Tanh(), Linear(8, 1));
///
/// A copy shares the layers.
struct Sequential : Layer {
    std::vector<std::shared_ptr<Layer>> layers;  ///< in the order in which they are called

    /// No layer yet: y = x.
    Sequential() = default;
    /// Layers in their order, moved in.
    template <std::derived_from<Layer>... Layers>
    requires(sizeof...(Layers) > 0 &&
             !(std::same_as<Layers, Sequential> && ... && (sizeof...(Layers) == 1))) explicit Sequential(Layers... parts) {
        (append(std::move(parts)), ...);
    }

    /// Adds a layer at the end.
    template <std::derived_from<Layer> L>
    Sequential& append(L layer) {
        layers.push_back(std::make_shared<L>(std::move(layer)));
        return *this;
    }
    Tensor forward(const Tensor& x) const override {
        Tensor y = x;
        for (const auto& layer : layers) y = (*layer)(y);
        return y;
    }
    void visit(Visitor& v) override {
        for (std::size_t i = 0; i < layers.size(); ++i) v(std::to_string(i), *layers[i]);
    }
};

/// Modules of one type in a vector, named "0", "1", ...
template <std::derived_from<Module> M>
struct ModuleList : Module {
    std::vector<M> items;  ///< in their order

    /// No module yet.
    ModuleList() = default;
    /// The modules of a vector.
    explicit ModuleList(std::vector<M> modules) : items(std::move(modules)) {}

    void push_back(M module) { items.push_back(std::move(module)); }  ///< adds a module at the end
    std::size_t size() const { return items.size(); }                 ///< how many there are
    /// @{
    /// The module at a place. Throws IndexError unless it is below size().
    M& operator[](std::size_t i) { return items[detail::checked_place("ModuleList", i, items.size())]; }
    const M& operator[](std::size_t i) const { return items[detail::checked_place("ModuleList", i, items.size())]; }
    /// @}
    /// @{
    /// For loops over the modules.
    auto begin() { return items.begin(); }
    auto end() { return items.end(); }
    auto begin() const { return items.begin(); }
    auto end() const { return items.end(); }
    /// @}
    void visit(Visitor& v) override {
        for (std::size_t i = 0; i < items.size(); ++i) v(std::to_string(i), items[i]);
    }
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
