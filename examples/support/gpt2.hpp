// GPT-2, made of the library's layers, and its folders as Hugging Face has them: config.json and model.safetensors.
//
// A folder is read strictly: the names and shapes of its tensors are compared with its configuration before anything is built of either.
#pragma once

#include <string>
#include <vector>

#include <tapehead/data/batches.hpp>
#include <tapehead/layers/layers.hpp>

namespace examples {

using namespace tapehead;

/// What config.json says, under its own names; the defaults are the smallest published model's.
struct GPT2Config {
    Index vocab_size = 50257, n_positions = 1024, n_embd = 768, n_layer = 12, n_head = 12;
    Index n_inner = 0;  ///< width inside the feed-forward network; 0 for 4 n_embd
    Real layer_norm_epsilon = 1e-5;
    std::string activation_function = "gelu_new";
    Real embd_pdrop = 0.1, attn_pdrop = 0.1, resid_pdrop = 0.1;
    std::string prefix = "";    ///< of the names in model.safetensors: nothing or "transformer."
    std::string source = "{}";  ///< the text that it was read from, whose other keys are written again
};

/// The configuration in the text of a config.json, the published one for keys that it has not.
///
/// Throws FileError for what is no such JSON, for another model, and for kinds of GPT-2 that are not built here.
GPT2Config parse_gpt2_config(const std::string& text);

/// A causal pre-norm Transformer with learned positions, whose output projection is its embedding (Radford et al. 2019).
struct GPT2 : Module {
    GPT2Config config;
    Embedding tokens;                     // wte [V, E]
    LearnedPositionalEncoding positions;  // wpe [n_positions, E]
    Dropout dropout;
    TransformerEncoder layers;  // h and ln_f

    /// Starts as N(0, 0.02²), what is added to the residual stream divided by √(2 n_layer), and biases of 0. Throws ValueError.
    explicit GPT2(const GPT2Config& c);

    /// ids [B, T] → logits of each next token [B, T, V]
    Tensor forward(const Ids& ids) const;
    /// ids [B, T] that go on from those in the caches → logits of what follows the last [B, V]
    Tensor next(const Ids& ids, std::vector<KeyValueCache>& caches) const;
    /// The mean cross entropy of the targets, in nats.
    Tensor loss(const TokenWindows& windows) const;
    void visit(Visitor& v) override;

private:
    Tensor embed(const Ids& ids, Index first) const;
};

/// Reads one text [1, T] with a key-value cache, and gives logits of the first `vocabulary` ids. Where a text outgrows the positions,
/// the last half of them is read anew, and so it can go on for ever.
StepModel gpt2_steps(const GPT2& model, Index vocabulary);

/// Reads config.json and model.safetensors, in F16, BF16, F32 or F64.
///
/// Throws FileError for files that cannot be read or are no such files, StateError with the names of all tensors that are missing,
/// unexpected or of another shape, and for an lm_head.weight that is not the embedding.
GPT2 load_gpt2(const std::string& folder);

/// Writes config.json and model.safetensors, in the number type of the library, with the names that were read; the folder is made where
/// there is none. Throws FileError.
void save_gpt2(const std::string& folder, GPT2& model);

}  // namespace examples
