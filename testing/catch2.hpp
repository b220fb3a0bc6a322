// Tests for operations and layers of your own, in Catch2 (2 or 3).
//
//     TEST_CASE("mish") {
//         const Tensor x = randn({3, 4}).requires_grad_();
//         CHECK_THAT(mish, passes_gradcheck({x}));
//         check_operation(mish, {x});
//     }
//     TEST_CASE("Highway") { check_layer([] { return Highway(8); }, randn({2, 3, 8})); }
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_templated.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <string>
#include <utility>
#include <vector>

#include <tapehead/testing/contract.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::testing {

namespace detail {
#if __has_include(<catch2/catch_all.hpp>)
using MatcherOfAny = Catch::Matchers::MatcherGenericBase;
#else
using MatcherOfAny = Catch::Matchers::Impl::MatcherUntypedBase;
#endif
}  // namespace detail

/// Matches a function whose derivatives at some inputs agree with finite differences: of one to three tensors, or of a list of them.
///
///     CHECK_THAT(mish, passes_gradcheck({x}));
///
/// Of the first order, and unless it is switched off of the second. Meant for f64; throws as gradcheck.
class passes_gradcheck : public detail::MatcherOfAny {
public:
    /// Of functions at these inputs.
    explicit passes_gradcheck(std::vector<Tensor> inputs, GradcheckOptions options = {}, bool second_order = true)
        : inputs_(std::move(inputs)), options_(std::move(options)), second_order_(second_order) {}

    /// Whether they do.
    template <class F>
    bool match(const F& f) const {
        const Function function = as_function(f);
        GradcheckReport report = gradcheck(function, inputs_, options_);
        if (report && second_order_) report = gradgradcheck(function, inputs_, options_);
        message_ = report.message();
        return static_cast<bool>(report);
    }
    /// The report of the last match, in words.
    std::string describe() const override { return "passes gradcheck: " + message_; }

private:
    std::vector<Tensor> inputs_;
    GradcheckOptions options_;
    bool second_order_;
    mutable std::string message_;
};

namespace detail {
inline void report(const Faults& faults) {
    for (const std::string& fault : faults) FAIL_CHECK(fault);
    CHECK(faults.empty());
}
}  // namespace detail

/// Puts an operation of one to three tensors, or of a list of them, to the tests of operation_faults.
template <class F>
void check_operation(const F& f, const std::vector<Tensor>& inputs, const OperationContract& contract = {}) {
    detail::report(operation_faults(as_function(f), inputs, contract));
}

/// Puts a Layer, which `make` makes anew each time, to the tests of layer_faults.
template <class Make>
void check_layer(Make make, const Tensor& x, const LayerContract& contract = {}) {
    detail::report(layer_faults(layer_case(std::move(make), x), contract));
}

/// The same for a Module, with `forward(module, inputs)` that calls it.
///
///     check_layer([] { return CrossAttention(8, 2); },
///                 [](const CrossAttention& layer, const std::vector<Tensor>& in) { return layer(in[0], in[1]); },
///                 {x, memory});
template <class Make, CallOf<std::invoke_result_t<Make&>> Forward>
void check_layer(Make make, Forward forward, std::vector<Tensor> inputs, const LayerContract& contract = {}) {
    detail::report(layer_faults(layer_case(std::move(make), std::move(forward), std::move(inputs)), contract));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::testing
