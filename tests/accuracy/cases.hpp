// The kernels and what they are tried on, for a comparison of the float library with the double one.
//
// cases.cpp is compiled once for each library; main.cpp runs both on the same inputs, which are exact in float.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace accuracy {

using Numbers = std::vector<double>;

/// The size at whose last place an error is measured.
enum class Scale {
    element,  ///< of the result's own element: a function of each element
    largest,  ///< of the largest element of the result: sums whose terms cancel
};

struct Case {
    std::string kernels;           ///< fields of kernels::Simd, separated by blanks
    std::string inputs;            ///< what it is tried on
    Scale scale;                   ///< how its error is measured
    double most;                   ///< the largest error allowed, in units of the last place
    std::function<Numbers()> run;  ///< the results
};

/// All cases in float and in double, in one order.
std::vector<Case> cases_f32();
std::vector<Case> cases_f64();

/// The instruction set of the kernels in use.
const char* instruction_set_f32();
const char* instruction_set_f64();

}  // namespace accuracy
