// Infinities, NaN, numbers below the smallest normal one and extreme logits: what docs/reliability.md says of them.
#include <support/testing.hpp>

#include <limits>

using namespace testing;

namespace {

constexpr double inf = INFINITY;
constexpr double tiny = std::numeric_limits<Scalar>::denorm_min();
constexpr double largest = std::numeric_limits<Scalar>::max();

/// Exactly the numbers, where NaN is NaN.
void check_exact(const Tensor& actual, const Tensor& expected) { check_close(actual, expected, 0); }

}  // namespace

TEST_CASE("functions of one element have their limits at the infinities, and NaN stays NaN") {
    const Tensor x{-inf, inf, NAN};
    check_exact(exp(x), Tensor{0, inf, NAN});
    check_exact(expm1(x), Tensor{-1, inf, NAN});
    check_exact(log(x), Tensor{NAN, inf, NAN});
    check_exact(log1p(x), Tensor{NAN, inf, NAN});
    check_exact(sqrt(x), Tensor{NAN, inf, NAN});
    check_exact(reciprocal(x), Tensor{0, 0, NAN});
    check_exact(square(x), Tensor{inf, inf, NAN});
    check_exact(abs(x), Tensor{inf, inf, NAN});
    check_exact(tanh(x), Tensor{-1, 1, NAN});
    check_exact(sigmoid(x), Tensor{0, 1, NAN});
    check_exact(erf(x), Tensor{-1, 1, NAN});
    check_exact(softplus(x), Tensor{0, inf, NAN});
    check_exact(relu(x), Tensor{0, inf, NAN});
    check_exact(elu(x), Tensor{-1, inf, NAN});
    check_exact(clamp(x, -1, 1), Tensor{-1, 1, NAN});
    check_exact(sin(x), Tensor{NAN, NAN, NAN});
    check_exact(cos(x), Tensor{NAN, NAN, NAN});
}

TEST_CASE("activations that multiply by their argument are NaN at minus infinity and right far below 0") {
    for (const auto f : {gelu, gelu_tanh, silu}) {
        check_exact(f(Tensor{-inf, inf, NAN}), Tensor{NAN, inf, NAN});
        check_exact(f(Tensor{-1e30, 1e30}), Tensor{0, 1e30});
    }
}

TEST_CASE("a NaN wins in every maximum and minimum, and none arises from infinities") {
    const Tensor x{1, NAN, -inf, inf};
    check_exact(amax(x), Tensor(NAN));
    check_exact(amin(x), Tensor(NAN));
    check_exact(maximum(x, full({4}, 0)), Tensor{1, NAN, 0, inf});
    check_exact(minimum(x, full({4}, 0)), Tensor{0, NAN, -inf, 0});
    check_exact(amax(Tensor{-inf, inf}), Tensor(inf));
    check_exact(sum(Tensor{inf, -inf}), Tensor(NAN));
}

TEST_CASE("numbers below the smallest normal one are taken and given as they are") {
    const Tensor x{tiny, -tiny, 4 * tiny};
    check_exact(x + x, Tensor{2 * tiny, -2 * tiny, 8 * tiny});
    check_exact(0.5 * Tensor{4 * tiny}, Tensor{2 * tiny});
    check_exact(sum(x), Tensor(4 * tiny));
    check_exact(relu(x), Tensor{tiny, 0, 4 * tiny});
    check_exact(tanh(x), x);
    check_exact(expm1(x), x);
    check_exact(sin(x), x);
    check_exact(exp(x), Tensor{1, 1, 1});
    check_exact(matmul(Tensor{{tiny, 0}}, Tensor{{3}, {5}}), Tensor{{3 * tiny}});
    CHECK(std::isfinite(log(Tensor(tiny)).item()));
}

TEST_CASE("extreme logits neither overflow nor become NaN, in values and in gradients") {
    const Tensor x = leaf(Tensor{{largest, -largest, 0}, {-inf, 0, 0}, {1000, 999, -1000}});
    const Tensor y = softmax(x, -1);
    check_close(y, Tensor{{1, 0, 0}, {0, 0.5, 0.5}, {0.7310585786300049, 0.2689414213699951, 0}});
    check_close(softmax(Tensor{-inf, -inf}, -1), Tensor{0, 0});
    sum(y * y).backward();
    CHECK(all_finite(x.grad()));
    const Tensor logits = leaf(Tensor{{largest / 4, -largest / 4}});
    const Tensor loss = cross_entropy(logits, Ids{0});
    CHECK(loss.item() == 0);
    loss.backward();
    check_exact(logits.grad(), Tensor{{0, 0}});
}
