// Operations written outside the library, which several tests of recording use.
#pragma once

#include <support/testing.hpp>

namespace testing {

/// The value of f without recording, which a rule of its own then takes the place of.
template <class F>
Tensor value_of(const F& f) {
    const no_grad off;
    return f();
}

/// y = Π xᵢ, one joint rule with a vector, which takes y
inline Tensor product_of(const std::vector<Tensor>& xs) {
    return record("product_of", value_of([&] {
                      Tensor y = xs[0];
                      for (std::size_t i = 1; i < xs.size(); ++i) y = y * xs[i];
                      return y * 1;
                  }),
                  wrt(xs, [xs](const Tensor& dy, const Tensor& y) {
                      std::vector<Tensor> dx;
                      for (const Tensor& x : xs) dx.push_back(dy * y / x);
                      return dx;
                  }));
}

inline void check_all_orders(const Function& f, const std::vector<Tensor>& inputs) {
    if (!is_f64) return;
    const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
    INFO(first.message() << "\n" << second.message());
    CHECK(first.passed);
    CHECK(second.passed);
}

}  // namespace testing
