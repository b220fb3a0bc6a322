// Normalisation where it has gone wrong elsewhere: large means, constant rows, inputs of several axes, and shapes.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("N1: layer_norm keeps its digits under a large mean") {
    check_close(layer_norm(Tensor{60000, 60001, 60002, 60003}, {4}), Tensor{-1.341635, -0.447212, 0.447212, 1.341635}, 1e-5);
    const Tensor constant = leaf(full({256}, 1234)), bias = leaf(full({256}, 0.5));
    check_close(layer_norm(constant, {256}), zeros({256}));
    check_close(layer_norm(constant, {256}, ones({256}), bias), full({256}, 0.5));
    for (const bool recorded : {false, true}) {
        const Tensor g = grad(sum(layer_norm(constant, {256}) * arange(256)), {constant}, {.create_graph = recorded})[0];
        for (Index i = 0; i < 256; ++i) CHECK(std::isfinite(g(i)));
    }
    Tensor fine = zeros({16});
    for (Index i = 0; i < 16; ++i) fine.raw()[i] = static_cast<float>(10000 + 0.001 * static_cast<double>(i));
    CHECK(std::abs(layer_norm(fine, {16})(0) + 1.331333) < 1e-2);
    const Tensor x = leaf(Tensor{0, 1, 2, 3});
    for (const bool recorded : {false, true})
        check_close(grad(select(layer_norm(x, {4}), 0, 0), {x}, {.create_graph = recorded})[0],
                    Tensor{0.268330, -0.357768, -0.089443, 0.178882}, 1e-6);
}

TEST_CASE("N3: the gradients of layer_norm are right for inputs of several axes") {
    const Tensor x = leaf(randn({2, 3, 4})), weight = leaf(ones({4})), bias = leaf(zeros({4}));
    const Tensor y = layer_norm(x, {4}, weight, bias);
    sum(y).backward();
    check_close(bias.grad(), full({4}, 6));
    check_close(x.grad(), zeros({2, 3, 4}), 1e-5);
    check_close(weight.grad(), sum(y.detach(), {0, 1}));
    const Tensor rows = leaf(reshape(x.detach(), {6, 4})), w = leaf(ones({4})), upstream = randn({6, 4});
    const auto flat = grad(layer_norm(rows, {4}, w), {rows, w}, {.seed = upstream});
    const auto deep = grad(layer_norm(x, {4}, weight), {x, weight}, {.seed = reshape(upstream, {2, 3, 4})});
    check_close(reshape(deep[0], {6, 4}), flat[0]);
    check_close(deep[1], flat[1]);
}

TEST_CASE("the fused norms agree with their written-out twins") {
    const Tensor x = randn({5, 3, 7}), w = randn({3, 7}), b = randn({3, 7});
    check_close(layer_norm(x, {3, 7}, w, b, 0.1), layer_norm_composite(x, {3, 7}, w, b, 0.1), is_f64 ? 1e-12 : 1e-5);
    check_close(layer_norm(x, {7}), layer_norm_composite(x, {7}, {}, {}, 1e-5), is_f64 ? 1e-12 : 1e-5);
    check_close(rms_norm(x, {3, 7}, w, 0.1), rms_norm_composite(x, {3, 7}, w, 0.1), is_f64 ? 1e-12 : 1e-5);
    check_close(rms_norm(x, {7}), rms_norm_composite(x, {7}, {}, 1e-5), is_f64 ? 1e-12 : 1e-5);
}

TEST_CASE("the gradients of the fused norms agree with those of their twins in rows of every width") {
    for (const Index width : {1, 511, 513, 1500}) {  // weights are summed in strips of 512 columns
        INFO("width " << width);
        const Tensor x = leaf(numbers({40, width})), w = leaf(numbers({width}, 2)), b = leaf(numbers({width}, 3));
        const Tensor dy = numbers({40, width}, 4);
        const auto check_same = [&](const Tensor& fused, const Tensor& composite, const std::vector<Tensor>& inputs) {
            const auto actual = grad(fused, inputs, {.seed = dy}), expected = grad(composite, inputs, {.seed = dy});
            for (std::size_t i = 0; i < inputs.size(); ++i) check_close(actual[i], expected[i], is_f64 ? 1e-10 : 1e-4);
        };
        check_same(layer_norm(x, {width}, w, b, 0.1), layer_norm_composite(x, {width}, w, b, 0.1), {x, w, b});
        check_same(rms_norm(x, {width}, w, 0.1), rms_norm_composite(x, {width}, w, 0.1), {x, w});
    }
}

TEST_CASE("norms refuse a shape that is not that of the last axes") {
    const Tensor x = zeros({2, 3});
    CHECK_THROWS_AS(layer_norm(x, {2}), ShapeError);
    CHECK_THROWS_AS(layer_norm(x, {}), ShapeError);
    CHECK_THROWS_AS(layer_norm(x, {1, 2, 3}), ShapeError);
    CHECK_THROWS_AS(layer_norm(x, {3}, zeros({2})), ShapeError);
    CHECK_THROWS_AS(layer_norm(x, {3}, zeros({3}), zeros({1, 3})), ShapeError);
    CHECK_THROWS_AS(rms_norm(x, {2}), ShapeError);
    CHECK_THROWS_AS(rms_norm(x, {3}, zeros({1})), ShapeError);
    CHECK_THROWS_WITH(rms_norm(x, {2}), Catch::StartsWith("rms_norm: "));
    CHECK_THROWS_AS(layer_norm_composite(x, {2}, {}, {}, 1e-5), ShapeError);
    CHECK_THROWS_AS(layer_norm_composite(x, {3}, zeros({3}), zeros({1, 3}), 1e-5), ShapeError);
    CHECK_THROWS_AS(rms_norm_composite(x, {2, 2}, {}, 1e-5), ShapeError);
    CHECK_THROWS_AS(rms_norm_composite(x, {3}, zeros({1}), 1e-5), ShapeError);
}
