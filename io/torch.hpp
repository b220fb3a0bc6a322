// Models under PyTorch's names: what torch.nn's modules of the same kind call their tensors, and how they pack them.
//
// Knows the layers whose members differ there: attention, whose three input projections PyTorch keeps in one matrix, and the layers of
// the encoder and decoder. All other modules, a user's own among them, have the same names on both sides: those in `visit`.
#pragma once

#include <string>

#include <tapehead/io/safetensors.hpp>
#include <tapehead/layers/module.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Copies of all tensors of a model as `state_dict()` has them in PyTorch; tied ones under each of their names.
///
///     MultiHeadAttention        q_proj, k_proj, v_proj .weight [E, E], .bias [E]  →  in_proj_weight [3E, E], in_proj_bias [3E];
///                               with other kdim or vdim  →  q_proj_weight [E, E], k_proj_weight [E, kdim], v_proj_weight [E, vdim]
///     TransformerEncoderLayer   self_attention  →  self_attn;  feed_forward.linear1, .linear2  →  linear1, linear2
///     TransformerDecoderLayer   the same, and cross_attention  →  multihead_attn
///
/// Throws StateError, naming the module, for attention that nn.MultiheadAttention cannot be: with fewer key-value heads than heads,
/// rotary positions, a softcap, a scale of its own, or biases in some projections alone. (Windows and ALiBi are masks there.)
NamedTensors torch_state_dict(Module& model);

/// Copies the values of a PyTorch `state_dict()` into a model; of a tied tensor one name is enough.
///
/// Throws StateError as torch_state_dict, and as Module::load_state_dict with PyTorch's names, and then changes nothing. Unless strict,
/// missing and unexpected names are passed over and returned.
LoadReport load_torch_state_dict(Module& model, const NamedTensors& state, LoadOptions options = {});

/// Writes torch_state_dict as a safetensors file that says `format: pt`. Throws as torch_state_dict and save_safetensors.
void save_torch_model(const std::string& path, Module& model, SafetensorsOptions options = {});

/// Reads a safetensors file with a PyTorch `state_dict()`. Throws FileError as load_safetensors and StateError as
/// load_torch_state_dict, and then changes nothing.
LoadReport load_torch_model(const std::string& path, Module& model, LoadOptions options = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR
