// The reference data in tests/fixtures, found by name; tests/fixtures/README.md says what is in it.
#pragma once

#include <support/safetensors.hpp>
#include <support/testing.hpp>

namespace testing {

/// The fixture of a name such as "loss_huber_mean".
inline SafetensorsFile fixture(const std::string& name) {
    return SafetensorsFile(std::string(TAPEHEAD_FIXTURES) + "/" + name + ".safetensors");
}

/// Who may attend to whom, by the arrays and the arguments of a file.
inline AttentionMask mask_of(const SafetensorsFile& file) {
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
