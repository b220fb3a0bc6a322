// Functions of one element and arithmetic where the table's inputs do not go: extremes, infinities, NaN, bounds, errors.
#include <support/testing.hpp>

using namespace testing;

namespace {

const double inf = INFINITY;

/// Value and gradient of f at one number, by the fused and by the written-out rule.
template <class F>
void check_at(const F& f, double at, double value, double slope, double tol = 1e-6) {
    const Tensor x = leaf(at);
    INFO("at " << at);
    check_close(f(x), value, tol);
    check_close(grad(f(x), {x})[0], slope, tol);
    check_close(grad(f(x), {x}, {.create_graph = true})[0], slope, tol);
}

}  // namespace

TEST_CASE("L6: softplus neither overflows nor vanishes at the extremes") {
    check_at(tapehead::softplus, 100, 100, 1);
    check_at(tapehead::softplus, 1000, 1000, 1);
    check_at(tapehead::softplus, -1000, 0, 0);
    CHECK_THAT(static_cast<double>(softplus(Tensor(-80)).item()), Catch::WithinRel(1.8048513878454153e-35, 1e-5));
    CHECK_THAT(static_cast<double>(softplus(Tensor(-100)).item()), Catch::WithinAbs(3.72e-44, 1e-44));
    const Tensor low = leaf(-100);
    for (const bool recorded : {false, true}) {  // in single precision a denormal number, or 0
        const double slope = static_cast<double>(grad(softplus(low), {low}, {.create_graph = recorded})[0].item());
        CHECK_THAT(slope, Catch::WithinRel(3.720076e-44, 1e-6) || Catch::WithinAbs(3.72e-44, is_f64 ? 0 : 4e-44));
    }
}

TEST_CASE("L7: gelu is exact and gelu_tanh the approximation") {
    const Tensor x{-3, -1, 0.5, 1, 3};
    check_close(gelu(x), Tensor{-0.004050, -0.158655, 0.345731, 0.841345, 2.995950}, 1e-6);
    check_close(gelu_tanh(x), Tensor{-0.003637, -0.158808, 0.345714, 0.841192, 2.996363}, 1e-6);
    check_at(tapehead::gelu, 1, 0.841345, 1.083315);
    check_at(tapehead::gelu, -1, -0.158655, -0.083315);
    check_at(tapehead::gelu_tanh, 1, 0.841192, 1.082964);
    check_at(tapehead::gelu_tanh, -1, -0.158808, -0.082964);
}

TEST_CASE("activations are flat or straight far out and give no NaN") {
    for (const double far : {50.0, 500.0, 1e4}) {
        check_at(tapehead::sigmoid, far, 1, 0);
        check_at(tapehead::sigmoid, -far, 0, 0);
        check_at(tapehead::tanh, far, 1, 0);
        check_at(tapehead::tanh, -far, -1, 0);
        check_at(tapehead::gelu, far, far, 1);
        check_at(tapehead::gelu, -far, 0, 0);
        check_at(tapehead::gelu_tanh, far, far, 1);
        check_at(tapehead::gelu_tanh, -far, 0, 0);
        check_at(tapehead::silu, far, far, 1);
        check_at(tapehead::silu, -far, 0, 0);
        check_at(tapehead::relu, -far, 0, 0);
        check_at([](const Tensor& x) { return elu(x); }, -far, -1, 0);
        check_at([](const Tensor& x) { return elu(x); }, far, far, 1);
        check_at(tapehead::erf, far, 1, 0);
    }
}

TEST_CASE("the slopes of activations at zero are those documented") {
    check_at(tapehead::relu, 0, 0, 0);
    check_at(tapehead::abs, 0, 0, 0);
    check_at([](const Tensor& x) { return leaky_relu(x, 0.2); }, 0, 0, 0.2);
    check_at([](const Tensor& x) { return elu(x, 0.5); }, 0, 0, 0.5);
    check_at(tapehead::gelu, 0, 0, 0.5);
    check_at(tapehead::silu, 0, 0, 0.5);
    check_at(tapehead::sigmoid, 0, 0.5, 0.25);
    check_at(tapehead::softplus, 0, std::log(2.0), 0.5);
    check_at(tapehead::sign, 0, 0, 0);
}

TEST_CASE("functions of infinities have their limits") {
    check_close(exp(Tensor{-inf, inf, 0}), Tensor{0, inf, 1});
    check_close(log(Tensor{0, inf, 1}), Tensor{-inf, inf, 0});
    CHECK(std::isnan(log(Tensor(-1)).item()));
    check_close(log1p(Tensor{-1, inf}), Tensor{-inf, inf});
    check_close(expm1(Tensor{-inf, inf}), Tensor{-1, inf});
    check_close(tanh(Tensor{-inf, inf}), Tensor{-1, 1});
    check_close(sigmoid(Tensor{-inf, inf}), Tensor{0, 1});
    check_close(softplus(Tensor{-inf, inf}), Tensor{0, inf});
    check_close(relu(Tensor{-inf, inf}), Tensor{0, inf});
    check_close(erf(Tensor{-inf, inf}), Tensor{-1, 1});
    check_close(sqrt(Tensor{inf, 0}), Tensor{inf, 0});
    check_close(rsqrt(Tensor{inf, 0}), Tensor{0, inf});
    check_close(reciprocal(Tensor{inf, -inf}), Tensor{0, 0});
    check_close(abs(Tensor{-inf, inf}), Tensor{inf, inf});
    check_close(sign(Tensor{-inf, inf}), Tensor{-1, 1});
    check_close(clamp(Tensor{-inf, inf}, -1, 2), Tensor{-1, 2});
}

TEST_CASE("NaN stays NaN") {
    const Tensor nan(NAN);
    for (const Tensor& y :
         {exp(nan),        log(nan),        sqrt(nan),       abs(nan),         sign(nan),  sin(nan),   cos(nan),
          erf(nan),        tanh(nan),       sigmoid(nan),    softplus(nan),    relu(nan),  silu(nan),  gelu(nan),
          gelu_tanh(nan),  elu(nan),        leaky_relu(nan), clamp(nan, 0, 1), log1p(nan), expm1(nan), square(nan),
          maximum(nan, 1), maximum(1, nan), minimum(nan, 1), minimum(1, nan),  nan + 1,    nan * 0})
        CHECK(std::isnan(y.item()));
}

TEST_CASE("small arguments keep their digits") {
    const double tiny = 1e-7;
    CHECK_THAT(static_cast<double>(log1p(Tensor(tiny)).item()),
               Catch::WithinRel(std::log1p(static_cast<double>(static_cast<Scalar>(tiny))), is_f64 ? 1e-14 : 1e-6));
    CHECK_THAT(static_cast<double>(expm1(Tensor(tiny)).item()),
               Catch::WithinRel(std::expm1(static_cast<double>(static_cast<Scalar>(tiny))), is_f64 ? 1e-14 : 1e-6));
    CHECK_THAT(static_cast<double>(tanh(Tensor(tiny)).item()),
               Catch::WithinRel(static_cast<double>(static_cast<Scalar>(tiny)), 1e-6));
    CHECK_THAT(static_cast<double>(erf(Tensor(tiny)).item()), Catch::WithinRel(1.1283791670955126e-7, 1e-6));
}

TEST_CASE("the mixed second derivative of a power is right where the exponent is 0") {
    const Tensor a = leaf(Tensor{2, 0.5, -2}), b = leaf(zeros({3}));  // d²(aᵇ) / da db = aᵇ⁻¹ (1 + b log a)
    const Tensor da = grad(sum(pow(a, b)), {a}, {.create_graph = true})[0];
    check_close(da, zeros({3}));
    const Tensor mixed = grad(sum(slice(da, 0, 0, 2)), {b})[0];
    check_close(slice(mixed, 0, 0, 2), Tensor{0.5, 2});
    for (const bool recorded : {false, true}) {
        const Tensor nothing = leaf(zeros({1})), none = leaf(zeros({1}));
        for (const Tensor& g : grad(pow(nothing, none), {nothing, none}, {.create_graph = recorded}))
            check_close(g, zeros({1}));
    }
}

TEST_CASE("powers take the branches of the C library") {
    check_close(pow(Tensor{0, 2, -2, 4}, 0), Tensor{1, 1, 1, 1});
    check_close(pow(Tensor{0, 2, -2}, 3), Tensor{0, 8, -8});
    check_close(pow(Tensor{4, 9}, 0.5), Tensor{2, 3});
    check_close(pow(Tensor{0, 2}, -1), Tensor{inf, 0.5});
    CHECK(std::isnan(pow(Tensor(-2), 0.5).item()));
    check_close(pow(Tensor{2, 3}, Tensor{{1}, {2}}), Tensor{{2, 3}, {4, 9}});
    check_close(pow(Tensor(-2), Tensor(3)), -8);
}

TEST_CASE("division by zero is infinite or NaN, as in IEEE arithmetic") {
    check_close(Tensor{1, -1} / 0, Tensor{inf, -inf});
    CHECK(std::isnan((Tensor(0) / 0).item()));
}

TEST_CASE("comparisons with NaN are false, but for not equal") {
    const Tensor nan(NAN), one(1);
    CHECK_FALSE((nan == nan).any());
    CHECK((nan != nan).all());
    CHECK_FALSE((nan < one).any());
    CHECK_FALSE((nan >= one).any());
}

TEST_CASE("shapes that do not broadcast are refused with both shapes and the operation's name") {
    const Tensor a = zeros({2, 3}), b = zeros({2});
    CHECK_THROWS_WITH(a + b, Catch::StartsWith("add: ") && Catch::Contains("[2, 3]") && Catch::Contains("[2]"));
    CHECK_THROWS_AS(a - b, ShapeError);
    CHECK_THROWS_AS(a * b, ShapeError);
    CHECK_THROWS_AS(a / b, ShapeError);
    CHECK_THROWS_AS(pow(a, b), ShapeError);
    CHECK_THROWS_AS(maximum(a, b), ShapeError);
    CHECK_THROWS_AS(a < b, ShapeError);
    CHECK_THROWS_AS(where(a > 0, a, b), ShapeError);
    CHECK_THROWS_AS(where(b > 0, a, a), ShapeError);
    CHECK_THROWS_AS(masked_fill(b, a > 0, 1), ShapeError);
    CHECK_THROWS_AS(masked_fill(Tensor(1), b > 0, 1), ShapeError);
}
