// The version of the library, semver.org's; while it begins with 0, a new minor version may break programs.
//
// CMake takes the numbers from here. The macros are for programs that compile against several versions.
#pragma once

#include <string_view>

#include <tapehead/autograd/config.hpp>

#define TAPEHEAD_VERSION_MAJOR 0
#define TAPEHEAD_VERSION_MINOR 1
#define TAPEHEAD_VERSION_PATCH 0

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The three numbers, "major.minor.patch".
inline constexpr std::string_view version = "0.1.0";

}  // namespace tapehead::inline TAPEHEAD_SCALAR
