// Faults that other libraries shipped in their automatic differentiation, each as a case with its right values.
//
// The letters and numbers name a case; deep graphs (A19) are in test_deep_graphs.cpp, threads (A22) in test_threads.cpp.
#include <support/testing.hpp>

#include <xtensor/xview.hpp>

using namespace testing;

namespace {

/// Σ of y weighted by a seed, which gives y that upstream gradient.
Tensor with_upstream(const Tensor& y, const Tensor& upstream) { return sum(y * upstream); }

/// dL/dx of a scalar.
Tensor gradient(const Tensor& loss, const Tensor& x) { return grad(loss, {x}, {.retain_graph = true})[0]; }

/// The same with the sweep recorded, which takes the written-out rules.
Tensor recorded_gradient(const Tensor& loss, const Tensor& x) { return grad(loss, {x}, {.create_graph = true})[0]; }

void check_gradient(const Tensor& loss, const Tensor& x, const Tensor& expected) {
    check_close(gradient(loss, x), expected, 1e-6);
    check_close(recorded_gradient(loss, x), expected, 1e-6);
}

}  // namespace

TEST_CASE("A1: a node reached by several paths is passed once, after all of them") {
    const Tensor a = leaf(1), b = a + a;
    check_gradient(b + b, a, 4);
    const Tensor p = leaf(2), q = leaf(3), y = (p + q) * p;
    check_gradient(y, p, 7);
    check_gradient(y, q, 2);
    const Tensor x = leaf(3);
    check_gradient(x * x, x, 6);
    check_gradient(x - x, x, 0);
    check_gradient(x / x, x, 0);
    const Tensor m = leaf(Tensor{{1, 2}, {3, 4}});
    check_gradient(sum(matmul(m, transpose(m))), m, Tensor{{8, 12}, {8, 12}});
}

TEST_CASE("A3: the gradient of a broadcast operand is summed to its own shape") {
    const Tensor a = leaf(Tensor{{1, 2, 3}, {4, 5, 6}}), b = leaf(Tensor{{10}, {20}}), c = leaf(Tensor{1, 1, 1}), s = leaf(2);
    check_gradient(sum(a * b), a, Tensor{{10, 10, 10}, {20, 20, 20}});
    check_gradient(sum(a * b), b, Tensor{{6}, {15}});
    check_gradient(sum(a * c), c, Tensor{5, 7, 9});
    check_gradient(sum(a * s), s, 21);
    const Tensor column = leaf(ones({2, 1})), row = leaf(ones({1, 3}));
    check_gradient(sum(column + row), column, Tensor{{3}, {3}});
    check_gradient(sum(column + row), row, Tensor{{2, 2, 2}});
    const Tensor deep = leaf(ones({2, 1, 3})), flat = leaf(ones({4, 1}));
    check_gradient(sum(deep + flat), deep, full({2, 1, 3}, 4));
    check_gradient(sum(deep + flat), flat, full({4, 1}, 6));
}

TEST_CASE("A5: a reduction over several or negative axes restores the right ones") {
    const Tensor x = leaf(ones({2, 3, 4}));
    const Tensor expected = zeros({2, 3, 4}) + Tensor{{0.125}, {0.25}, {0.375}};
    for (const Axes& axes : {Axes{0, 2}, Axes{2, 0}, Axes{-1, 0}})
        check_gradient(with_upstream(mean(x, axes), Tensor{1, 2, 3}), x, expected);
    CHECK_THROWS_AS(mean(x, {0, 0}), IndexError);
    CHECK_THROWS_AS(sum(x, {2, -1}), IndexError);
    CHECK_THROWS_AS(amax(x, {0, -3}), IndexError);
}

TEST_CASE("A6: the gradient of a product is right where elements are zero") {
    for (const auto& [value, expected] : {std::pair{Tensor{2, 0, 5, 3}, Tensor{0, 30, 0, 0}},
                                          {Tensor{2, 0, 0, 4}, Tensor{0, 0, 0, 0}},
                                          {Tensor{4, 0}, Tensor{0, 4}}}) {
        const Tensor x = leaf(value);
        check_gradient(prod(x), x, expected);
    }
    const Tensor rows = leaf(Tensor{{2, 0}, {3, 5}});
    check_gradient(sum(prod(rows, 1)), rows, Tensor{{0, 2}, {5, 3}});
}

TEST_CASE("A8: equal elements share the gradient of max and min evenly") {
    const Tensor x = leaf(Tensor{1, 3, 3});
    check_gradient(amax(x), x, Tensor{0, 0.5, 0.5});
    const Tensor a = leaf(2), b = leaf(2);
    check_gradient(maximum(a, b), a, 0.5);
    check_gradient(maximum(a, b), b, 0.5);
    check_gradient(minimum(a, b), a, 0.5);
    const Tensor m = leaf(Tensor{{1, 1}, {2, 5}});
    check_gradient(sum(amin(m, 1)), m, Tensor{{0.5, 0.5}, {1, 0}});
    check_gradient(sum(amax(leaf(m), {})), m, Tensor{{0, 0}, {0, 0}});  // of another leaf
}

TEST_CASE("A9: norms have gradient zero at zero, and a plain square root an infinite one") {
    const Tensor zero = leaf(Tensor{0, 0});
    check_gradient(norm(zero), zero, Tensor{0, 0});
    check_gradient(square(norm(zero)), zero, Tensor{0, 0});
    check_gradient(sum(square(zero)), zero, Tensor{0, 0});
    check_gradient(sum(norm(zero, 1)), zero, Tensor{0, 0});
    check_gradient(norm(zero, 3), zero, Tensor{0, 0});
    check_gradient(tapehead::std(zero), zero, Tensor{0, 0});
    const Tensor at_zero = leaf(0);
    check_gradient(sqrt(at_zero), at_zero, INFINITY);
    const Tensor x = leaf(Tensor{3, 4});
    check_gradient(norm(x), x, Tensor{0.6, 0.8});
    const Tensor tiny = leaf(Tensor{1e-30, 0});
    CHECK_THAT(norm(tiny).item(), Catch::WithinRel(static_cast<Scalar>(1e-30), static_cast<Scalar>(1e-5)));
    check_gradient(norm(tiny), tiny, Tensor{1, 0});
    CHECK(norm(tiny * 0).item() == 0);
    const Tensor huge = leaf(Tensor{3e30, 4e30});
    check_close(norm(huge) / 1e30, 5);
    check_gradient(norm(huge), huge, Tensor{0.6, 0.8});
}

TEST_CASE("A12: where and masked_fill let no NaN through from the side not taken") {
    const Tensor x = leaf(Tensor{-1, 4}), y = where(x > 0, sqrt(x), x);
    check_close(y, Tensor{-1, 2});
    check_gradient(sum(y), x, Tensor{1, 0.25});
    const Condition first = Tensor{1, 0} > 0;
    const Tensor filled = log(masked_fill(x, first, 0));
    CHECK(filled(0) == -INFINITY);
    check_gradient(sum(filled), x, Tensor{0, 0.25});
    check_gradient(with_upstream(masked_fill(x, first, 0), Tensor{NAN, 1}), x, Tensor{0, 1});
    check_gradient(with_upstream(masked_fill(x, first, 0), Tensor{INFINITY, 1}), x, Tensor{0, 1});
}

TEST_CASE("A12: no function of one element sends a NaN back from where its result was not taken") {
    using F = Tensor (*)(const Tensor&);
    const std::vector<std::pair<std::string, F>> functions = {{"exp", tapehead::exp},
                                                              {"log", tapehead::log},
                                                              {"log1p", tapehead::log1p},
                                                              {"expm1", tapehead::expm1},
                                                              {"sqrt", tapehead::sqrt},
                                                              {"rsqrt", tapehead::rsqrt},
                                                              {"square", tapehead::square},
                                                              {"reciprocal", tapehead::reciprocal},
                                                              {"abs", tapehead::abs},
                                                              {"sin", tapehead::sin},
                                                              {"cos", tapehead::cos},
                                                              {"erf", tapehead::erf},
                                                              {"tanh", tapehead::tanh},
                                                              {"sigmoid", tapehead::sigmoid},
                                                              {"softplus", tapehead::softplus},
                                                              {"relu", tapehead::relu},
                                                              {"silu", tapehead::silu},
                                                              {"gelu", tapehead::gelu},
                                                              {"gelu_tanh", tapehead::gelu_tanh},
                                                              {"elu", [](const Tensor& x) { return elu(x); }},
                                                              {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }},
                                                              {"clamp", [](const Tensor& x) { return clamp(x, -1, 1); }},
                                                              {"pow 1.5", [](const Tensor& x) { return pow(x, 1.5); }},
                                                              {"pow -2", [](const Tensor& x) { return pow(x, -2); }}};
    const Tensor x = leaf(Tensor{NAN, INFINITY, -INFINITY, 0, -1, 0.5});
    const Condition taken = Tensor{0, 0, 0, 0, 0, 1} > 0;
    for (const auto& [name, f] : functions) {
        INFO(name);
        const Tensor loss = sum(where(taken, f(x), 0));
        for (const Tensor& g : {gradient(loss, x), recorded_gradient(loss, x)})
            for (Index i = 0; i < 5; ++i) CHECK(g(i) == 0);
    }
}

TEST_CASE("A13: repeated indices add their gradients up") {
    const Tensor x = leaf(Tensor{7});
    check_gradient(with_upstream(index_select(x, 0, Ids{0, 0, 0}), Tensor{1, 2, 4}), x, Tensor{7});
    check_gradient(with_upstream(gather(x, 0, Ids{0, 0, 0}), Tensor{1, 2, 4}), x, Tensor{7});
    const Tensor table = leaf(zeros({4, 2}));
    check_gradient(with_upstream(embedding(Ids{1, 1, 3}, table), Tensor{{1, 2}, {10, 20}, {5, 5}}), table,
                   Tensor{{0, 0}, {11, 22}, {0, 0}, {5, 5}});
}

TEST_CASE("A16: matrix products with 1-D operands and broadcast batches have the right gradients") {
    const Tensor m = leaf(Tensor{{1, 2}, {3, 4}}), b = leaf(Tensor{5, 6}), a = leaf(Tensor{1, 2}), c = leaf(Tensor{3, 4});
    const Tensor upstream{1, 10};
    check_close(matmul(m, b), Tensor{17, 39});
    check_gradient(with_upstream(matmul(m, b), upstream), m, Tensor{{5, 6}, {50, 60}});
    check_gradient(with_upstream(matmul(m, b), upstream), b, Tensor{31, 42});
    check_close(matmul(a, m), Tensor{7, 10});
    check_gradient(with_upstream(matmul(a, m), upstream), a, Tensor{21, 43});
    check_gradient(with_upstream(matmul(a, m), upstream), m, Tensor{{1, 10}, {2, 20}});
    check_close(matmul(a, c), 11);
    check_gradient(matmul(a, c), a, Tensor{3, 4});
    check_gradient(matmul(a, c), c, Tensor{1, 2});
    const Tensor batch = leaf(Tensor{{{1, 0}, {2, 1}}, {{3, 1}, {0, 2}}});
    check_gradient(sum(matmul(batch, m)), m, Tensor{{6, 6}, {4, 4}});
    check_gradient(sum(matmul(batch, m)), batch, zeros({2, 2, 2}) + Tensor{3, 7});
}

TEST_CASE("A23: a second backward and a non-scalar without a seed throw what can be caught, and the program goes on") {
    const Tensor x = leaf(3), y = x * x;
    y.backward({.retain_graph = true});
    y.backward({.retain_graph = true});
    check_close(x.grad(), 12);
    const Tensor z = x * x;
    z.backward();
    check_close(x.grad(), 18);
    CHECK_THROWS_AS(z.backward(), std::exception);
    CHECK_THROWS_AS(leaf(Tensor{1, 2}).backward(), std::exception);
    y.backward();
    check_close(x.grad(), 24);
}

TEST_CASE("A24: limits have one answer at the bound") {
    const Tensor x = leaf(Tensor{-1, 0, 3, 6, 7});
    check_close(clamp(x, 0, 6), Tensor{0, 0, 3, 6, 6});
    check_gradient(sum(clamp(x, 0, 6)), x, Tensor{0, 1, 1, 1, 0});
    const Tensor one = leaf(1), zero = leaf(Tensor{0, -0.0});
    check_close(clamp(one, 1, 1), 1);
    check_gradient(clamp(one, 1, 1), one, 0);
    check_gradient(clamp(one, 2, 0), one, 0);
    check_gradient(sum(abs(zero)), zero, Tensor{0, 0});
    check_gradient(sum(relu(zero)), zero, Tensor{0, 0});
    check_gradient(sum(leaky_relu(zero, 0.25)), zero, Tensor{0.25, 0.25});
}

TEST_CASE("powers of zero have the limit where it is finite") {
    const Tensor zero = leaf(0);
    check_gradient(pow(zero, 2), zero, 0);
    check_gradient(pow(zero, 1), zero, 1);
    check_gradient(pow(zero, 0), zero, 0);
    check_close(pow(zero, 0), 1);
    check_gradient(pow(zero, Tensor(2)), zero, 0);
    check_gradient(pow(zero, Tensor(1)), zero, 1);
    check_gradient(pow(zero, Tensor(0)), zero, 0);
    const Tensor exponent = leaf(2);
    check_gradient(pow(Tensor(0), exponent), exponent, 0);
    check_gradient(grad(pow(zero, 2), {zero}, {.create_graph = true})[0], zero, 2);
}

TEST_CASE("X1: expressions and reducers of temporaries are evaluated when they become tensors") {
    const auto degrees = [] { return xt::xarray<double>{180, 90}; };
    check_close(Tensor(degrees() * (M_PI / 180) + degrees() * 0), Tensor{M_PI, M_PI / 2}, 1e-6);
    check_close(logsumexp(Tensor{-0.04, -0.05, -0.06}), 1.048646, 1e-6);
    const auto expression = [](const xt::xarray<double>& x) { return Tensor(xt::exp(x) + 1); };
    check_close(expression({0, 0}), Tensor{2, 2});
}

TEST_CASE("X2: a value of another shape is refused, not broadcast into place") {
    const Tensor x = reshape(arange(9), {3, 3}), column = slice(x, 1, 2, 3);
    CHECK_THROWS_AS(Tensor(clone(slice(x, 1, 0, 2))).copy_(reshape(column, {3})), ShapeError);
    check_close(expand(column, {3, 2}), Tensor{{2, 2}, {5, 5}, {8, 8}});
    Tensor row{{1, 2, 3, 4}};
    row = transpose(row);
    check_close(row, Tensor{{1}, {2}, {3}, {4}});
    const xt::xarray<double> array = {{1, 2}, {3, 4}};
    check_close(Tensor(xt::transpose(array)), Tensor{{1, 3}, {2, 4}});
    check_close(Tensor(xt::view(array, xt::all(), 1)), Tensor{2, 4});
}

TEST_CASE("X3: products of transposed, sliced and reversed operands are right") {
    const Tensor x{{1, 2, 3}, {4, 5, 6}};
    check_close(matmul(transpose(x), x), Tensor{{17, 22, 27}, {22, 29, 36}, {27, 36, 45}});
    check_close(gemm(x, true, x, false), Tensor{{17, 22, 27}, {22, 29, 36}, {27, 36, 45}});
    const Tensor part = slice(reshape(arange(30), {2, 3, 5}), -1, 2, 4);
    check_close(matmul(part, Tensor{{1, 2}, {3, 4}}),
                Tensor{{{11, 16}, {31, 46}, {51, 76}}, {{71, 106}, {91, 136}, {111, 166}}});
    const Tensor y{{1, 2}, {3, 4}, {5, 6}};
    check_close(matmul(select(y, 1, 0), flip(select(y, 1, 1))), 28);
    check_close(matmul(Tensor{1, 2}, Tensor{{1, 0, 2}, {3, 1, 1}}), Tensor{7, 2, 4});
}
