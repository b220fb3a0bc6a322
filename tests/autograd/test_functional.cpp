// Derivatives of functions against ones known by hand, against finite differences, and against each other.
#include <support/testing.hpp>

using namespace testing;

namespace {

/// Small numbers, so that finite differences are good.
Tensor small(const Shape& shape, std::uint64_t seed) { return 0.5 * numbers(shape, seed); }

TransformerEncoderLayer small_encoder_layer() {
    manual_seed(3);
    TransformerOptions options{.embed_dim = 4, .num_heads = 2, .feedforward_dim = 6, .dropout = 0, .activation = gelu};
    return TransformerEncoderLayer(options);
}

/// (f(x + h v) − f(x − h v)) / 2h
Tensor difference(const UnaryFunction& f, const Tensor& x, const Tensor& v, double h) {
    const no_grad off;
    return (f(x + h * v) - f(x - h * v)) / (2 * h);
}

Tensor unit(const Shape& shape, Index element) {
    Tensor e = zeros(shape);
    e.mutable_data()[element] = 1;
    return e;
}

/// y = (x₀ x₁, x₀², sin x₁)
Tensor curve(const Tensor& x) {
    const Tensor a = select(x, 0, 0), b = select(x, 0, 1);
    return stack({a * b, square(a), sin(b)});
}

/// ½ xᵀ A x + bᵀ x
Tensor quadratic(const Tensor& x) {
    const Tensor a{{2, 1, 0}, {1, 3, -1}, {0, -1, 4}}, b{1, -2, 3};
    return sum(x * matmul(a, x)) / 2 + sum(b * x);
}

template <class E, class F>
void check_message(const F& f, const std::string& expected) {
    try {
        f();
        FAIL("nothing was thrown instead of: " << expected);
    } catch (const E& error) {
        CHECK(std::string(error.what()) == expected);
    }
}

}  // namespace

TEST_CASE("vjp gives the value and the vector times the Jacobian") {
    const auto [y, dx] = vjp(curve, Tensor{2, 0.5}, Tensor{1, 10, 100});
    check_close(y, Tensor{1, 4, std::sin(0.5)});
    check_close(dx, Tensor{0.5 + 40, 2 + 100 * std::cos(0.5)});
    CHECK_FALSE(y.requires_grad());
    CHECK_FALSE(dx.requires_grad());
    check_close(vjp(quadratic, Tensor{1, 0, -1}).second, Tensor{2 + 1, 1 + 1 - 2, -4 + 3});
}

TEST_CASE("jvp gives the value and the Jacobian times the tangent") {
    const auto [y, dy] = jvp(curve, Tensor{2, 0.5}, Tensor{1, -3});
    check_close(y, Tensor{1, 4, std::sin(0.5)});
    check_close(dy, Tensor{0.5 - 6, 4, -3 * std::cos(0.5)});
    CHECK_FALSE(dy.requires_grad());
}

TEST_CASE("the Jacobian of a known function is exact, with the axes of the result before those of the point") {
    check_close(jacobian(curve, Tensor{2, 0.5}), Tensor{{0.5, 2}, {4, 0}, {0, std::cos(0.5)}});
    const Tensor a{{1, 2, 3}, {4, 5, 6}};
    check_close(jacobian([&](const Tensor& x) { return matmul(a, x); }, Tensor{7, 8, 9}), a);
    check_close(jacobian([](const Tensor& x) { return sum(x); }, ones({2, 3})), ones({2, 3}));
    // ∂(xᵀ)ij/∂xkl = δil δjk
    const Tensor j = jacobian([](const Tensor& x) { return transpose(x); }, small({2, 3}, 1));
    REQUIRE(j.shape() == Shape{3, 2, 2, 3});
    for (Index i = 0; i < 3; ++i)
        for (Index k = 0; k < 2; ++k) check_close(select(select(j, 0, i), 0, k), unit({2, 3}, 3 * k + i));
}

TEST_CASE("the Hessian of a known function is exact and symmetric") {
    check_close(hessian(quadratic, small({3}, 1)), Tensor{{2, 1, 0}, {1, 3, -1}, {0, -1, 4}});
    const Tensor x = small({2, 3}, 2), w = small({2, 3}, 3);
    const auto f = [&](const Tensor& t) { return sum(w * exp(t)) * mean(tanh(t)); };
    const Tensor h = reshape(hessian(f, x), {6, 6});
    check_close(h, transpose(h), is_f64 ? 1e-12 : 1e-5);
    check_close(hessian([](const Tensor& t) { return sum(t); }, x), zeros({2, 3, 2, 3}));
}

TEST_CASE("products agree with the matrices that they are products of") {
    const Tensor x = small({3}, 4), t = small({3}, 5), v = small({2, 2}, 6);
    const Tensor w = leaf(small({3, 4}, 7));
    const auto f = [&](const Tensor& a) { return reshape(softmax(matmul(square(a), w)) * sum(a), {2, 2}); };
    const Tensor j = jacobian(f, x);
    CHECK(j.shape() == Shape{2, 2, 3});
    check_close(jvp(f, x, t).second, matmul(j, t));
    check_close(vjp(f, x, v).second, matmul(reshape(v, {4}), reshape(j, {4, 3})));
    const auto g = [&](const Tensor& a) { return mean(square(f(a))); };
    check_close(hvp(g, x, t).second, matmul(hessian(g, x), t));
    CHECK_FALSE(w.grad().defined());
}

TEST_CASE("functions of several tensors have a derivative for each") {
    const Tensor a{1, 2}, b{{3, 4}, {5, 6}};
    const Function f = [](const std::vector<Tensor>& in) { return matmul(in[1], square(in[0])); };  // [2]
    const auto j = jacobian(f, {a, b});
    check_close(j[0], Tensor{{6, 16}, {10, 24}});
    check_close(j[1], Tensor{{{1, 4}, {0, 0}}, {{0, 0}, {1, 4}}});
    check_close(jvp(f, {a, b}, {Tensor{1, 0}, Tensor{{0, 1}, {0, 0}}}).second, Tensor{6 + 4, 10});
    const auto [y, pulled] = vjp(f, {a, b}, Tensor{1, 0});
    check_close(y, Tensor{19, 29});
    check_close(pulled[0], Tensor{6, 16});
    check_close(pulled[1], Tensor{{1, 4}, {0, 0}});

    // z = p² q: H = [[2q, 2p], [2p, 0]]
    const Function z = [](const std::vector<Tensor>& in) { return square(in[0]) * in[1]; };
    const auto h = hessian(z, {Tensor(3), Tensor(5)});
    check_close(stack({h[0][0], h[0][1], h[1][0], h[1][1]}), Tensor{10, 6, 6, 0});
    const auto [value, product] = hvp(z, {Tensor(3), Tensor(5)}, {Tensor(1), Tensor(2)});
    check_close(value, 45);
    check_close(stack(product), Tensor{22, 6});
}

TEST_CASE("a function that depends on nothing has derivative 0") {
    const Tensor x{1, 2};
    const auto constant = [](const Tensor&) { return Tensor{3, 4, 5}; };
    check_close(jacobian(constant, x), zeros({3, 2}));
    check_close(jvp(constant, x, x).second, zeros({3}));
    check_close(vjp(constant, x, ones({3})).second, zeros({2}));
    check_close(hessian([](const Tensor&) { return Tensor(7); }, x), zeros({2, 2}));
    check_close(hvp([](const Tensor&) { return Tensor(7); }, x, x).second, zeros({2}));
    CHECK(jacobian([](const Tensor& t) { return slice(t, 0, 0, 0); }, x).shape() == Shape{0, 2});
}

TEST_CASE("derivatives of functions change neither gradients nor grad mode, and work where grad mode is off") {
    Tensor x = leaf(Tensor{2, 0.5});
    const Tensor w = leaf(3);
    sum(w * x).backward();
    const Tensor before_x = clone(x.grad()), before_w = clone(w.grad());
    const auto f = [&](const Tensor& t) { return w * sum(square(t)); };
    {
        const no_grad off;
        check_close(hessian(f, x), 6 * eye(2));
        check_close(jvp(f, x, Tensor{1, 1}).second, 15);
        CHECK_FALSE(grad_enabled());
    }
    CHECK(grad_enabled());
    check_close(x.grad(), before_x, 0);
    check_close(w.grad(), before_w, 0);
}

TEST_CASE("derivatives made with create_graph are differentiated by the point and by what the function captured") {
    const Tensor x = leaf(1.5), w = leaf(0.7), base = 2 * x;
    const auto cube = [&](const Tensor& t) { return w * t * t * t; };
    const DerivativeOptions recorded{.create_graph = true};
    const auto check_gradients = [&](const Tensor& y, double by_x, double by_w) {
        const auto g = grad(y, {x, w}, {.retain_graph = true});
        check_close(g[0], by_x);
        check_close(g[1], by_w);
    };
    // At t = 2x = 3: w t³, 3 w t², 6 w t, each by x (twice that by t) and w
    check_gradients(vjp(cube, base, 1, recorded).first, 2 * 3 * 0.7 * 9, 27);
    check_gradients(vjp(cube, base, 1, recorded).second, 2 * 6 * 0.7 * 3, 27);
    check_gradients(jvp(cube, base, 1, recorded).second, 2 * 6 * 0.7 * 3, 27);
    check_gradients(jacobian(cube, base, recorded), 2 * 6 * 0.7 * 3, 27);
    check_gradients(hvp(cube, base, 1, recorded).second, 2 * 6 * 0.7, 18);
    check_gradients(hessian(cube, base, recorded), 2 * 6 * 0.7, 18);
    // The gradient of a gradient penalty by a tangent and a vector
    const Tensor t = leaf(2);
    check_close(grad(jvp(cube, base, t, recorded).second, {t})[0], 3 * 0.7 * 9);
    check_close(grad(hvp(cube, base, t, recorded).second, {t})[0], 6 * 0.7 * 3);
}

TEST_CASE("derivatives nest: the Jacobian of a gradient is the Hessian") {
    const Tensor x = small({3}, 8);
    const auto f = [](const Tensor& t) { return sum(exp(t)) * prod(t); };
    const auto gradient = [&](const Tensor& t) { return vjp(f, t, {}, {.create_graph = true}).second; };
    check_close(jacobian(gradient, x), hessian(f, x), is_f64 ? 1e-10 : 1e-4);
}

TEST_CASE("jvp, Jacobian and Hessian-vector product of a Transformer layer agree with finite differences") {
    const TransformerEncoderLayer layer = small_encoder_layer();
    const auto f = [&](const Tensor& x) { return layer(x, AttentionMask::causal()); };
    const auto loss = [&](const Tensor& x) { return mean(exp(f(x))); };
    const Tensor x = numbers({1, 3, 4}, 9), v = small({1, 3, 4}, 10);
    const double h = is_f64 ? 1e-5 : 1e-2, tol = is_f64 ? 1e-7 : 2e-2;

    check_close(jvp(f, x, v).second, difference(f, x, v, h), tol);
    const Tensor j = jacobian(f, x);
    REQUIRE(j.shape() == Shape{1, 3, 4, 1, 3, 4});
    const Tensor columns = reshape(j, {12, 12});
    for (Index i = 0; i < x.numel(); ++i)
        check_close(select(columns, 1, i), reshape(difference(f, x, unit(x.shape(), i), h), {12}), tol);
    check_close(reshape(matmul(columns, reshape(v, {12})), x.shape()), jvp(f, x, v).second, is_f64 ? 1e-9 : 1e-4);

    const auto gradient = [&](const Tensor& t) { return vjp(loss, t).second; };
    check_close(hvp(loss, x, v).second, difference(gradient, x, v, h), tol);
}

TEST_CASE("the Hessian-vector product by all parameters of a Transformer layer agrees with finite differences") {
    TransformerEncoderLayer layer = small_encoder_layer();
    const std::vector<Tensor> parameters = layer.parameters();
    const Tensor x = numbers({2, 3, 4}, 11);
    // A function of the parameters: they are put in the place of the layer's own, which visit hands out.
    const Function loss = [&](const std::vector<Tensor>& values) {
        TransformerEncoderLayer other = layer;
        std::size_t next = 0;
        Visitor put([&](const std::string&, Tensor& member) { member = values[next++]; });
        other.visit(put);
        return mean(exp(other(x)));
    };
    std::vector<Tensor> vs;
    for (const Tensor& p : parameters) vs.push_back(small(p.shape(), 12 + vs.size()));
    const std::vector<Tensor> product = hvp(loss, parameters, vs).second;

    const double h = is_f64 ? 1e-5 : 1e-2;
    const auto gradients = [&](double by) {
        const no_grad off;
        std::vector<Tensor> moved;
        for (std::size_t i = 0; i < vs.size(); ++i) moved.push_back(parameters[i] + by * vs[i]);
        return vjp(loss, moved).second;
    };
    const std::vector<Tensor> up = gradients(h), down = gradients(-h);
    for (std::size_t i = 0; i < vs.size(); ++i) check_close(product[i], (up[i] - down[i]) / (2 * h), is_f64 ? 1e-6 : 2e-2);
    for (const Tensor& p : parameters) CHECK_FALSE(p.grad().defined());
}

TEST_CASE("per-sample gradients are those of each sample alone and sum to the gradient of the batch") {
    manual_seed(5);
    Sequential net(Linear(3, 4), Tanh(), Linear(4, 2));
    const Tensor x = numbers({5, 3}, 20), y = numbers({5, 2}, 21);
    const auto loss = [&](Index i) { return sum(square(net(slice(x, 0, i, i + 1)) - slice(y, 0, i, i + 1))); };
    const std::vector<Tensor> parameters = net.parameters();
    const std::vector<Tensor> each = per_sample_grads(loss, 5, parameters);
    const std::vector<Tensor> batch = grad(sum(square(net(x) - y)), parameters);
    for (std::size_t p = 0; p < parameters.size(); ++p) {
        Shape shape = parameters[p].shape();
        shape.insert(0, 5);
        REQUIRE(each[p].shape() == shape);
        check_close(sum(each[p], 0), batch[p], is_f64 ? 1e-12 : 1e-4);
        check_close(select(each[p], 0, 3), grad(loss(3), parameters)[p], 0);
        CHECK_FALSE(parameters[p].grad().defined());
    }
    // The same with the losses computed in one batch
    const Tensor losses = sum(square(net(x) - y), 1);  // [5]
    const std::vector<Tensor> selected = per_sample_grads([&](Index i) { return select(losses, 0, i); }, 5, parameters);
    for (std::size_t p = 0; p < parameters.size(); ++p) check_close(selected[p], each[p], is_f64 ? 1e-12 : 1e-4);
    CHECK(per_sample_grads(loss, 0, parameters)[0].shape() == Shape{0, 4, 3});
}

TEST_CASE("per-sample gradients with create_graph can be differentiated") {
    const Tensor w = leaf(Tensor{2, 3});
    const auto loss = [&](Index i) { return pow(select(w, 0, i), 3); };
    const Tensor g = per_sample_grads(loss, 2, {w}, {.create_graph = true})[0];
    check_close(g.detach(), Tensor{{12, 0}, {0, 27}});
    check_close(grad(sum(square(g)), {w})[0], Tensor{2 * 12 * 12, 2 * 27 * 18});
}

TEST_CASE("derivatives of functions say what they expected and what they got") {
    const Tensor x{1, 2}, wrong{1, 2, 3};
    const Function two = [](const std::vector<Tensor>& in) { return in[0] * in[1]; };
    check_message<ShapeError>([&] { jvp(curve, x, wrong); }, "jvp: expected a tangent of shape [2], got [3]");
    check_message<ShapeError>([&] { hvp(quadratic, wrong, x); }, "hvp: expected a vector of shape [3], got [2]");
    check_message<ShapeError>([&] { vjp(curve, x, x); }, "vjp: expected a vector of shape [3], got [2]");
    check_message<GradError>([&] { vjp(curve, x); }, "vjp without a vector: expected f to return one element, got shape [3]");
    check_message<GradError>([&] { hvp(curve, x, x); }, "hvp: expected f to return one element, got shape [3]");
    check_message<GradError>([&] { hessian(curve, x); }, "hessian: expected f to return one element, got shape [3]");
    check_message<ValueError>([&] { jvp(two, {x, x}, {x}); }, "jvp: expected a tangent for each of 2 inputs, got 1");
    const auto too_deep = [] { jacobian([](const Tensor& t) { return t; }, zeros({1, 1, 1, 1, 1})); };
    check_message<ShapeError>(too_deep,
                              "jacobian: expected at most 8 axes of the result and the point together, got shapes "
                              "[1, 1, 1, 1, 1] and [1, 1, 1, 1, 1]");
    check_message<GradError>([&] { per_sample_grads([](Index) { return Tensor(1); }, 2, {x}); },
                             "per_sample_grads: expected every parameter to require grad, got one that does not");
    check_message<GradError>([&] { per_sample_grads([&](Index) { return x; }, 2, {leaf(x)}); },
                             "per_sample_grads: expected f to return one element, got shape [2]");
    check_message<ValueError>([&] { per_sample_grads([&](Index) { return Tensor(1); }, -1, {leaf(x)}); },
                              "per_sample_grads: expected a number of samples of at least 0, got -1");
}
