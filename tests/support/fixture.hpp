// The reference data in tests/fixtures, found by name; tests/fixtures/README.md says what is in it.
#pragma once

#include <support/safetensors.hpp>
#include <support/testing.hpp>

namespace testing {

/// The fixture of a name such as "loss_huber_mean".
inline SafetensorsFile fixture(const std::string& name) {
    return SafetensorsFile(std::string(TAPEHEAD_FIXTURES) + "/" + name + ".safetensors");
}

}  // namespace testing
