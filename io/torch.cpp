// One list of what PyTorch's tensors are made of, which serves saving and loading; see torch.hpp.
#include <tapehead/io/torch.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/layers/transformer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// A tensor of PyTorch's: one of ours, or a copy of several of one shape, one below the other.
struct TorchTensor {
    std::string name;
    Tensor whole;
    std::vector<Tensor> parts;
};

/// What nn.MultiheadAttention lacks to be a module of ours; empty if nothing.
std::string beyond_torch(const MultiHeadAttention& m) {
    const std::array<const Linear*, 4> projections{&m.q_proj, &m.k_proj, &m.v_proj, &m.out_proj};
    const auto biases = std::ranges::count_if(projections, [](const Linear* p) { return p->bias.defined(); });
    if (m.num_kv_heads != m.num_heads) return fmt::format("{} key-value heads for {} heads", m.num_kv_heads, m.num_heads);
    if (m.rotary) return "rotary positions";
    if (m.softcap > 0) return "a softcap";
    if (m.scale) return "a scale of its own";
    if (biases != 0 && biases != 4) return "biases in some projections alone";
    return {};
}

/// The name in PyTorch of a member of a module, with the dot behind it; "" where the member's own members stand in its place.
std::string torch_member(const Module& owner, const std::string& member) {
    static const std::map<std::string, std::string> names = {{"self_attention", "self_attn."},
                                                             {"cross_attention", "multihead_attn."},
                                                             {"feed_forward", ""}};
    const bool is_layer =
        dynamic_cast<const TransformerEncoderLayer*>(&owner) || dynamic_cast<const TransformerDecoderLayer*>(&owner);
    const auto found = names.find(member);
    return is_layer && found != names.end() ? found->second : member + ".";
}

/// A walk that lists the tensors which a model's counterpart in PyTorch has, in the order of its `state_dict()`.
class TorchWalk {
public:
    TorchWalk(const char* operation, Module& model) : operation_(operation) {
        enter("", model, "");
        Visitor visitor([this](const std::string& name, Tensor& tensor) { take(name, tensor); },
                        [this](const std::string& name, Module& module) { enter(name, module); });
        model.visit(visitor);
    }

    const std::vector<TorchTensor>& tensors() const { return tensors_; }

private:
    /// Where the members of a module stand in PyTorch.
    struct Place {
        const Module* module = nullptr;  // null if it has none there
        std::string prefix;              // with a dot at its end
    };

    /// The place of the innermost module around a member, and what it calls the member.
    std::pair<Place, std::string> owner_of(const std::string& name) const {
        std::size_t dot = name.rfind('.');
        while (dot != std::string::npos && !places_.contains(name.substr(0, dot))) dot = name.rfind('.', dot - 1);
        if (dot == std::string::npos) return {places_.at(""), name};
        return {places_.at(name.substr(0, dot)), name.substr(dot + 1)};
    }

    void enter(const std::string& name, Module& module) {
        const auto [owner, member] = owner_of(name);
        const bool is_packed = dynamic_cast<const MultiHeadAttention*>(owner.module) &&
                               (member == "q_proj" || member == "k_proj" || member == "v_proj");
        if (!owner.module || is_packed) places_[name] = {};
        else enter(name, module, owner.prefix + torch_member(*owner.module, member));
    }

    void enter(const std::string& name, Module& module, const std::string& prefix) {
        places_[name] = {&module, prefix};
        const auto* attention = dynamic_cast<const MultiHeadAttention*>(&module);
        if (!attention) return;
        const std::string beyond = beyond_torch(*attention);
        check<StateError>(beyond.empty(), "{}: expected attention that nn.MultiheadAttention can be, got '{}' with {}",
                          operation_, name.empty() ? type_name(module) : name, beyond);
        pack(*attention, prefix);
    }

    void take(const std::string& name, const Tensor& tensor) {
        const auto [owner, member] = owner_of(name);
        if (owner.module) add(owner.prefix + member, {tensor});
    }

    void pack(const MultiHeadAttention& m, const std::string& prefix) {
        const Tensor &q = m.q_proj.weight, &k = m.k_proj.weight, &v = m.v_proj.weight;
        if (q.shape() == k.shape() && q.shape() == v.shape()) {
            add(prefix + "in_proj_weight", {q, k, v});
        } else {
            add(prefix + "q_proj_weight", {q});
            add(prefix + "k_proj_weight", {k});
            add(prefix + "v_proj_weight", {v});
        }
        if (m.q_proj.bias) add(prefix + "in_proj_bias", {m.q_proj.bias, m.k_proj.bias, m.v_proj.bias});
    }

    /// The same parts make the same whole, so that what is tied here is tied there.
    void add(const std::string& name, const std::vector<Tensor>& parts) {
        const auto known = std::ranges::find_if(tensors_, [&](const TorchTensor& other) {
            return std::ranges::equal(other.parts, parts, [](const Tensor& a, const Tensor& b) { return a.is(b); });
        });
        if (known != tensors_.end()) tensors_.push_back({name, known->whole, parts});
        else tensors_.push_back({name, parts.size() == 1 ? parts[0] : concat(parts), parts});
    }

    const char* operation_;
    std::map<std::string, Place> places_;  // by our names
    std::vector<TorchTensor> tensors_;
};

/// What is to be copied into our tensors, of what is to be copied into PyTorch's. Throws StateError where it is not the same for all
/// that have a tensor of ours as a part.
std::vector<detail::StateMatch::Copy> into_parts(const char* operation, const std::vector<TorchTensor>& tensors,
                                                 const std::vector<detail::StateMatch::Copy>& copies) {
    std::vector<detail::StateMatch::Copy> result;
    for (const auto& [to, from] : copies) {
        const auto packed = std::ranges::find_if(tensors, [&, &whole = to](const TorchTensor& t) { return t.whole.is(whole); });
        const auto count = static_cast<Index>(packed->parts.size());
        const std::vector<Tensor> values = count == 1 ? std::vector{from.tensor} : chunk(from.tensor, count);
        for (std::size_t i = 0; i < values.size(); ++i) {
            const Tensor& part = packed->parts[i];
            const auto known = std::ranges::find_if(result, [&](const auto& copy) { return copy.to.is(part); });
            check<StateError>(known == result.end() || detail::same_bits(known->from.tensor, values[i]),
                              "{}: expected one value for a tensor that is tied, got different ones in {} and {}", operation,
                              known == result.end() ? "" : known->from.name, from.name);
            result.push_back({part, {from.name, values[i]}});
        }
    }
    return result;
}

}  // namespace

NamedTensors torch_state_dict(Module& model) {
    const no_grad off;
    NamedTensors state;
    const TorchWalk walk("torch_state_dict", model);
    state.reserve(walk.tensors().size());
    for (const TorchTensor& tensor : walk.tensors()) state.push_back({tensor.name, clone(tensor.whole.detach())});
    return state;
}

LoadReport load_torch_state_dict(Module& model, const NamedTensors& state, LoadOptions options) {
    constexpr auto operation = "load_torch_state_dict";
    const no_grad off;
    const TorchWalk walk(operation, model);
    NamedTensors tensors;
    tensors.reserve(walk.tensors().size());
    for (const TorchTensor& tensor : walk.tensors()) tensors.push_back({tensor.name, tensor.whole});
    const detail::StateMatch match = detail::match_state(operation, type_name(model), tensors, state, options);
    for (auto& [to, from] : into_parts(operation, walk.tensors(), match.copies)) to.copy_(from.tensor);
    return match.report;
}

void save_torch_model(const std::string& path, Module& model, SafetensorsOptions options) {
    options.metadata.emplace("format", "pt");
    save_safetensors(path, torch_state_dict(model), options);
}

LoadReport load_torch_model(const std::string& path, Module& model, LoadOptions options) {
    return load_torch_state_dict(model, load_safetensors(path), options);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
