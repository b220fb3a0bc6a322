// The reference data in tests/fixtures, found by name; tests/fixtures/README.md says what is in it.
#pragma once

#include <nlohmann/json.hpp>

#include <support/testing.hpp>

namespace testing {

/// The file of a case, with what is in its metadata.
struct Fixture : SafetensorsFile {
    using SafetensorsFile::SafetensorsFile;

    /// The operation's name in PyTorch.
    const std::string& op() const { return metadata().at("op"); }
    /// What the operation was called with.
    nlohmann::json arguments() const { return nlohmann::json::parse(metadata().at("arguments")); }
};

/// The fixture of a name such as "loss_huber_mean".
inline Fixture fixture(const std::string& name) {
    return Fixture(std::string(TAPEHEAD_FIXTURES) + "/" + name + ".safetensors");
}

/// Who may attend to whom, by the arrays and the arguments of a file.
inline AttentionMask mask_of(const Fixture& file) {
    const auto arguments = file.arguments();
    AttentionMask mask;
    if (file.has("mask.allow")) mask = mask & AttentionMask::allow(file.condition("mask.allow"));
    if (file.has("mask.keys_valid")) mask = mask & AttentionMask::keys(file.condition("mask.keys_valid"));
    if (arguments.value("causal", false)) mask = mask & AttentionMask::causal();
    if (arguments.contains("lengths")) mask = mask & AttentionMask::lengths(arguments.at("lengths").get<std::vector<Index>>());
    if (arguments.contains("window")) {
        const auto window = arguments.at("window").get<std::vector<Index>>();
        mask = mask & AttentionMask::window(window.at(0), window.at(1));
    }
    return mask;
}

}  // namespace testing
