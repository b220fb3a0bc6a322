// Which operations of the public headers random programs use.
#pragma once

#include <string>
#include <vector>

namespace random_programs {

/// What is wrong, a line each: operations of the headers in `folder` that no program uses and no reason is given for, and reasons
/// for what is used or does not exist.
std::vector<std::string> coverage_faults(const std::string& folder);

}  // namespace random_programs
