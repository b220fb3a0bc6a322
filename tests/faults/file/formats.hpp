// Everything that io/ and data/ write, in versions that can be told apart.
#pragma once

#include "child.hpp"

namespace testing {

/// A kind of file: written with a number in all of its values, which is read back.
struct Format {
    std::string name;
    std::function<void(const std::string& path, Index version)> save;
    std::function<Index(const std::string& path)> load;  ///< throws for a file that is not one whole version
};

/// The one number that all elements are. Throws where they are several.
inline Index version_of(const NamedTensors& tensors) {
    std::set<Scalar> values;
    for (const auto& [name, tensor] : tensors) values.insert(tensor.values().begin(), tensor.values().end());
    if (values.size() != 1) throw std::runtime_error("several versions in one file");
    return static_cast<Index>(*values.begin());
}

inline Tensor version_tensor(Index version, Index n = 300) { return full({n}, static_cast<Real>(version)); }

/// A training with all of whose numbers are of one version.
struct VersionedTraining {
    Sequential model{Linear(16, 24), LayerNorm(24), Linear(24, 4)};
    SGD optimizer{model.named_parameters(), {.momentum = 0.5}};
    Index step = 0;
    Checkpoint checkpoint;

    VersionedTraining() {
        checkpoint.add("model", model);
        checkpoint.add("optimizer", optimizer);
        checkpoint.add("step", step);
    }
    void set(Index version) {
        const no_grad off;
        for (Tensor& p : model.parameters()) p.fill_(static_cast<Real>(version));
        step = version;
        default_generator().set_state(static_cast<std::uint64_t>(version), 0);
    }
    Index version() {
        const Index of_model = version_of(model.state_dict());
        if (of_model != step || default_generator().seed() != static_cast<std::uint64_t>(step))
            throw std::runtime_error("parts of several versions");
        return step;
    }
};

/// As many special tokens as the version says.
inline std::vector<std::string> version_names(Index version) {
    std::vector<std::string> names;
    for (Index i = 0; i < version % 40 + 1; ++i) names.push_back("<" + std::to_string(version) + "." + std::to_string(i) + ">");
    return names;
}

template <class T>
Index version_of_tokenizer(const T& tokenizer) {
    const Index version = std::stoll(tokenizer.special_tokens().at(0).substr(1));
    if (tokenizer.special_tokens() != version_names(version)) throw std::runtime_error("special tokens of several versions");
    return version;
}

inline std::vector<Format> formats() {
    const auto training = std::make_shared<VersionedTraining>();
    static const std::vector<std::string> texts = {"the cat sat on the mat", "the hat sat on that cat"};
    return {
        {"write_file",
         [](const std::string& path, Index v) {
             write_file(path, std::string(5000, static_cast<char>('a' + v % 26)) + std::to_string(v));
         },
         [](const std::string& path) {
             const std::string text = read_file(path);
             const Index v = std::stoll(text.substr(5000));
             if (text != std::string(5000, static_cast<char>('a' + v % 26)) + std::to_string(v))
                 throw std::runtime_error("parts");
             return v;
         }},
        {"save_npy", [](const std::string& path, Index v) { save_npy(path, version_tensor(v, 3000)); },
         [](const std::string& path) {
             return version_of({{"", load_npy(path)}});
         }},
        {"save_npz",
         [](const std::string& path, Index v) {
             save_npz(path, {{"a", version_tensor(v)}, {"b", version_tensor(v, 70)}});
         },
         [](const std::string& path) { return version_of(load_npz(path)); }},
        {"save_safetensors",
         [](const std::string& path, Index v) {
             save_safetensors(path, {{"a", version_tensor(v)}, {"b", version_tensor(v, 70)}});
         },
         [](const std::string& path) { return version_of(load_safetensors(path)); }},
        {"save_model",
         [training](const std::string& path, Index v) {
             training->set(v);
             save_model(path, training->model);
         },
         [training](const std::string& path) {
             load_model(path, training->model);
             return version_of(training->model.state_dict());
         }},
        {"Checkpoint.save",
         [training](const std::string& path, Index v) {
             training->set(v);
             training->checkpoint.save(path);
         },
         [training](const std::string& path) {
             training->checkpoint.load(path);
             return training->version();
         }},
        {"CharacterTokenizer.save",
         [](const std::string& path, Index v) {
             CharacterTokenizer::train(texts, {.special_tokens = version_names(v)}).save(path);
         },
         [](const std::string& path) { return version_of_tokenizer(CharacterTokenizer::load(path)); }},
        {"BytePairTokenizer.save",
         [](const std::string& path, Index v) {
             BytePairTokenizer::train(texts, {.vocab_size = 310, .special_tokens = version_names(v)}).save(path);
         },
         [](const std::string& path) { return version_of_tokenizer(BytePairTokenizer::load(path)); }},
    };
}

}  // namespace testing
