// Every kernel of kernels::Simd on inputs that are exact in float; see cases.hpp. Compiled once in float and once in double.
#include "cases.hpp"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <tapehead/autograd/kernels/gemm.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/tapehead.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using accuracy::Case;
using accuracy::Numbers;
using accuracy::Scale;
using kernels::Binary;
using kernels::Reduce;
using kernels::simd;
using kernels::Unary;

using Scalars = std::vector<Scalar>;

Index size(const Scalars& x) { return static_cast<Index>(x.size()); }
Numbers widened(const Scalars& x) { return {x.begin(), x.end()}; }

/// A number as float holds it.
Scalar exact(double x) { return static_cast<Scalar>(static_cast<float>(x)); }

/// n numbers from low to high, evenly spaced.
Scalars even(Index n, double low, double high) {
    Scalars x;
    for (Index i = 0; i < n; ++i) x.push_back(exact(low + (high - low) * static_cast<double>(i) / static_cast<double>(n - 1)));
    return x;
}

/// Every exponent from 2^low to 2^high, with 512 significands for each, of both signs if asked for.
Scalars every_exponent(int low, int high, bool both_signs) {
    Scalars x;
    for (int exponent = low; exponent < high; ++exponent)
        for (int i = 0; i < 512; ++i) {
            x.push_back(exact(std::ldexp(1 + (i + 0.25) / 512, exponent)));
            if (both_signs) x.push_back(-x.back());
        }
    return x;
}

/// n numbers in [low, high) in no order.
Scalars scattered(Index n, double low, double high, double seed = 0) {
    Scalars x;
    for (Index i = 0; i < n; ++i) {
        const double at = std::fmod(0.6180339887498949 * static_cast<double>(i + 1) + 0.4142135623730951 * seed, 1.0);
        x.push_back(exact(low + (high - low) * at));
    }
    return x;
}

Tensor tensor(const Shape& shape, double low, double high, double seed) {
    Tensor x = Tensor::empty(shape);
    const Scalars numbers = scattered(x.numel(), low, high, seed);
    std::copy(numbers.begin(), numbers.end(), x.raw());
    return x;
}

Numbers values(const Tensor& x) { return {x.values().begin(), x.values().end()}; }

class Cases {
public:
    std::vector<Case> all;

    void add(std::string kernels, std::string inputs, Scale scale, double most, std::function<Numbers()> run) {
        all.push_back({std::move(kernels), std::move(inputs), scale, most, std::move(run)});
    }

    void unary(const char* name, Unary f, const char* inputs, Scalars x, double most, double p = 0, double q = 0,
               Scale scale = Scale::element) {
        add(std::string("unary ") + name, inputs, scale, most, [=] {
            Scalars y(x.size());
            simd().unary(f, exact(p), exact(q), x.data(), y.data(), size(x));
            return widened(y);
        });
    }

    void unary_backward(const char* name, Unary f, const char* inputs, Scalars x, double most, double p = 0,
                        Scale scale = Scale::element) {
        add(std::string("unary_backward ") + name, inputs, scale, most, [=] {
            Scalars dx(x.size());
            const Scalars dy = scattered(size(x), 0.5, 1.5);
            simd().unary_backward(f, exact(p), 0, x.data(), dy.data(), dx.data(), size(x));
            return widened(dx);
        });
    }

    void binary(const char* name, Binary f, const char* inputs, Scalars a, Scalars b, double most) {
        add(std::string("binary ") + name, inputs, Scale::element, most, [=] {
            Scalars y(a.size());
            const Index n = size(a);
            simd().binary(f, kernels::make_walk({&n, 1}, {&n, 1}, {&n, 1}), a.data(), b.data(), y.data());
            return widened(y);
        });
    }
};

void add_unary(Cases& c) {
    const char* all = "all exponents";
    const Scalars positive = every_exponent(-126, 127, false), everywhere = every_exponent(-126, 127, true);
    const Scalars moderate = every_exponent(-126, 6, true);  // up to 64
    c.unary("neg", Unary::neg, all, everywhere, 0);
    c.unary("abs", Unary::abs, all, everywhere, 0);
    c.unary("sign", Unary::sign, all, everywhere, 0);
    c.unary("step", Unary::step, all, everywhere, 0);
    c.unary("relu", Unary::relu, all, everywhere, 0);
    c.unary("inside", Unary::inside, "all exponents, [-1, 2]", everywhere, 0, -1, 2);
    c.unary("clamp", Unary::clamp, "all exponents, [-1, 2]", everywhere, 0, -1, 2);
    c.unary("leaky_relu", Unary::leaky_relu, "all exponents, slope 1/128", every_exponent(-100, 127, true), 0.5, 0.0078125);
    c.unary("affine", Unary::affine, "[-4, 4], 0.75 x + 8", even(200003, -4, 4), 1, 0.75, 8);
    c.unary("square", Unary::square, "exponents -63 to 63", every_exponent(-63, 63, true), 0.5);
    c.unary("sqrt", Unary::sqrt, all, positive, 0.5);
    c.unary("reciprocal", Unary::reciprocal, "exponents -125 to 125", every_exponent(-125, 125, true), 0.5);
    c.unary("rsqrt", Unary::rsqrt, all, positive, 1.5);
    c.unary("exp", Unary::exp, "[-87, 88]", even(400009, -87, 88), 2);
    c.unary("exp", Unary::exp, "to 64 at all exponents", moderate, 2);
    c.unary("expm1", Unary::expm1, "to 64 at all exponents", moderate, 3);
    c.unary("expm1", Unary::expm1, "[-5, 5]", even(400009, -5, 5), 3);
    c.unary("log", Unary::log, all, positive, 2);
    c.unary("log", Unary::log, "[0.5, 2]", even(400009, 0.5, 2), 2);
    c.unary("log1p", Unary::log1p, all, positive, 3);
    c.unary("log1p", Unary::log1p, "[-0.9, 5]", even(400009, -0.9, 5), 3);
    c.unary("sin", Unary::sin, "[-3, 3]", even(400009, -3, 3), 3);
    c.unary("sin", Unary::sin, "[-10000, 10000]", even(400009, -1e4, 1e4), 2, 0, 0, Scale::largest);
    c.unary("cos", Unary::cos, "[-1.5, 1.5]", even(400009, -1.5, 1.5), 3);
    c.unary("cos", Unary::cos, "[-10000, 10000]", even(400009, -1e4, 1e4), 2, 0, 0, Scale::largest);
    c.unary("tanh", Unary::tanh, all, everywhere, 4);
    c.unary("tanh", Unary::tanh, "[-10, 10]", even(400009, -10, 10), 4);
    c.unary("sigmoid", Unary::sigmoid, "[-80, 80]", even(400009, -80, 80), 4);
    c.unary("softplus", Unary::softplus, "[-80, 80]", even(400009, -80, 80), 4);
    c.unary("erf", Unary::erf, "to 64 at all exponents", moderate, 4);
    c.unary("elu", Unary::elu, "to 64 at all exponents", moderate, 4, 1);
    c.unary("silu", Unary::silu, "[-60, 60]", even(400009, -60, 60), 6);
    c.unary("gelu", Unary::gelu, "[-4, 14]", even(400009, -4, 14), 9);
    c.unary("gelu", Unary::gelu, "[-14, 14]", even(400009, -14, 14), 1, 0, 0, Scale::largest);
    c.unary("gelu_tanh", Unary::gelu_tanh, "[0, 14]", even(400009, 0, 14), 4);
    c.unary("gelu_tanh", Unary::gelu_tanh, "[-14, 14]", even(400009, -14, 14), 1, 0, 0, Scale::largest);
    c.unary("pow", Unary::pow, "[0.01, 100], x^1.5", even(200003, 0.01, 100), 16, 1.5);
}

void add_unary_backward(Cases& c) {
    const Scalars x = even(200003, -8, 8);
    const Scale largest = Scale::largest;
    c.unary_backward("relu", Unary::relu, "[-8, 8]", x, 0.5);
    c.unary_backward("leaky_relu", Unary::leaky_relu, "[-8, 8], slope 1/128", x, 0.5, 0.0078125);
    c.unary_backward("tanh", Unary::tanh, "[-8, 8]", x, 3, 0, largest);
    c.unary_backward("sigmoid", Unary::sigmoid, "[-8, 8]", x, 3, 0, largest);
    c.unary_backward("softplus", Unary::softplus, "[-80, 80]", even(200003, -80, 80), 5);
    c.unary_backward("elu", Unary::elu, "[-8, 8]", x, 4, 1);
    c.unary_backward("silu", Unary::silu, "[-8, 8]", x, 3, 0, largest);
    c.unary_backward("gelu", Unary::gelu, "[-8, 8]", x, 4, 0, largest);
    c.unary_backward("gelu_tanh", Unary::gelu_tanh, "[-8, 8]", x, 4, 0, largest);
}

void add_binary(Cases& c) {
    const Scalars a = scattered(200003, -4, 4), b = scattered(200003, 0.25, 4, 1);
    const char* inputs = "[-4, 4] and [0.25, 4]";
    c.binary("add", Binary::add, inputs, a, b, 0.5);
    c.binary("sub", Binary::sub, inputs, a, b, 0.5);
    c.binary("mul", Binary::mul, inputs, a, b, 0.5);
    c.binary("div", Binary::div, inputs, a, b, 0.5);
    c.binary("chain", Binary::chain, inputs, a, b, 0.5);
    c.binary("maximum", Binary::maximum, inputs, a, b, 0);
    c.binary("minimum", Binary::minimum, inputs, a, b, 0);
    c.binary("pow", Binary::pow, "[0.25, 4] to [-4, 4]", b, a, 16);
    c.add("axpy", "1 + x/4 for x in [-4, 4]", Scale::largest, 1, [=] {
        Scalars y(a.size(), 1);
        simd().axpy(exact(0.25), a.data(), y.data(), size(a));
        return widened(y);
    });
    c.add("fill", "0.1", Scale::element, 0, [] {
        Scalars y(1001);
        simd().fill(exact(0.1), y.data(), size(y));
        return widened(y);
    });
    using kernels::Compare;
    for (const auto& [name, compare] : {std::pair{"eq", Compare::eq},
                                        {"ne", Compare::ne},
                                        {"lt", Compare::lt},
                                        {"le", Compare::le},
                                        {"gt", Compare::gt},
                                        {"ge", Compare::ge}})
        c.add(std::string("compare where ") + name, inputs, Scale::element, 0, [=, compare = compare] {
            const Index n = size(a);
            const auto chosen = std::make_unique<bool[]>(a.size());
            Scalars y(a.size());
            simd().compare(compare, kernels::make_walk({&n, 1}, {&n, 1}, {&n, 1}), a.data(), b.data(), chosen.get());
            simd().where(kernels::make_walk({&n, 1}, {&n, 1}, {&n, 1}, {&n, 1}), chosen.get(), a.data(), b.data(), y.data());
            return widened(y);
        });
    c.add("all_finite", inputs, Scale::element, 0, [=] { return Numbers{simd().all_finite(a.data(), size(a)) ? 1.0 : 0.0}; });
    c.add("transpose", "317 x 631", Scale::element, 0, [x = scattered(317 * 631, -4, 4)] {
        Scalars y(x.size());
        simd().transpose(x.data(), 631, y.data(), 317, 317, 631);
        return widened(y);
    });
}

/// x[outer, n, inner] reduced over n.
void add_reduction(Cases& c, const char* name, Reduce f, const char* inputs, Scalars x, Index outer, Index inner, Scale scale,
                   double most) {
    c.add(std::string("reduce ") + name, inputs, scale, most, [=] {
        Scalars y(static_cast<std::size_t>(outer * inner));
        simd().reduce(f, x.data(), y.data(), outer, size(x) / (outer * inner), inner);
        return widened(y);
    });
}

void add_reductions(Cases& c) {
    const Index many = 10'000'000;
    const Scale element = Scale::element;
    add_reduction(c, "sum", Reduce::sum, "10,000,000 in [0, 1)", scattered(many, 0, 1), 1, 1, element, 1);
    // Equal numbers are rounded the same way each time, within each partial sum.
    add_reduction(c, "sum", Reduce::sum, "10,000,000 x 0.1", Scalars(static_cast<std::size_t>(many), exact(0.1)), 1, 1, element,
                  12);
    add_reduction(c, "sum", Reduce::sum, "1,000 rows of 1,000 in [0, 1)", scattered(1'000'000, 0, 1), 1000, 1, element, 2);
    add_reduction(c, "sum", Reduce::sum, "100,000 in each of 10 columns", scattered(1'000'000, 0, 1), 1, 10, element, 2);
    add_reduction(c, "sum_of_squares", Reduce::sum_of_squares, "1,000,000 in [-2, 2)", scattered(1'000'000, -2, 2), 1, 1,
                  element, 1);
    add_reduction(c, "max", Reduce::max, "1,000 rows of 1,000", scattered(1'000'000, -2, 2), 1000, 1, element, 0);
    add_reduction(c, "min", Reduce::min, "1,000 rows of 1,000", scattered(1'000'000, -2, 2), 1000, 1, element, 0);
    c.add("logsumexp", "100 rows of 10,000 in [-40, 40)", element, 2, [x = scattered(1'000'000, -40, 40)] {
        Scalars y(100);
        simd().logsumexp(x.data(), y.data(), 100, 10'000, 1);
        return widened(y);
    });
}

void add_softmax(Cases& c) {
    const Index rows = 200, n = 1001;
    const Scalars x = scattered(rows * n, -20, 20), dy = scattered(rows * n, -1, 1, 2);
    using Forward = void (*)(const Scalar*, Scalar*, Index, Index);
    using Backward = void (*)(const Scalar*, const Scalar*, Scalar*, Index, Index);
    const auto forward = [=](Forward f) {
        Scalars y(x.size());
        f(x.data(), y.data(), rows, n);
        return y;
    };
    const auto backward = [=](Forward f, Backward g) {  // of the rounded result, the same in both types
        Scalars y = forward(f), dx(x.size());
        for (Scalar& element : y) element = exact(element);
        g(y.data(), dy.data(), dx.data(), rows, n);
        return widened(dx);
    };
    const char* inputs = "200 rows of 1,001 in [-20, 20)";
    c.add("softmax", inputs, Scale::largest, 4, [=] { return widened(forward(simd().softmax)); });
    // x − max, up to 40, is rounded at 2⁻¹⁹, and that is a share of its exponential.
    c.add("softmax", inputs, Scale::element, 40, [=] { return widened(forward(simd().softmax)); });
    c.add("log_softmax", inputs, Scale::element, 4, [=] { return widened(forward(simd().log_softmax)); });
    c.add("softmax_backward", inputs, Scale::largest, 32, [=] { return backward(simd().softmax, simd().softmax_backward); });
    c.add("log_softmax_backward", inputs, Scale::largest, 4,
          [=] { return backward(simd().log_softmax, simd().log_softmax_backward); });
    for (const bool back : {false, true})
        c.add(back ? "cross_entropy_backward" : "cross_entropy", std::string(inputs) + ", smoothing 1/8",
              back ? Scale::largest : Scale::element, 4, [=] {
                  const Scalars weights = scattered(n, 0.5, 2, 3), d_loss(static_cast<std::size_t>(rows), 1);
                  std::vector<Id> targets;
                  for (Index i = 0; i < rows; ++i) targets.push_back(i * 37 % n);
                  Scalars loss(d_loss.size()), shift(d_loss.size()), log_sum(d_loss.size()), dx(x.size());
                  simd().cross_entropy(x.data(), targets.data(), weights.data(), 0.125, loss.data(), shift.data(),
                                       log_sum.data(), rows, n);
                  if (!back) return widened(loss);
                  simd().cross_entropy_backward(x.data(), targets.data(), weights.data(), 0.125, shift.data(), log_sum.data(),
                                                d_loss.data(), dx.data(), rows, n);
                  return widened(dx);
              });
}

void add_norms(Cases& c) {
    const Index rows = 100, n = 509;
    struct Spread {
        const char* inputs;
        double low, high, most;
    };
    for (const Spread& s : {Spread{"100 rows of 509 in [-2, 2)", -2, 2, 4}, {"100 rows of 509 in [1000, 1001)", 1000, 1001, 4}})
        for (const bool rms : {false, true})
            for (const bool back : {false, true}) {
                const auto run = [=] {
                    const Scalars x = scattered(rows * n, s.low, s.high), w = scattered(n, 0.5, 2, 1),
                                  b = scattered(n, -1, 1, 2);
                    const Scalars dy = scattered(rows * n, -1, 1, 3);
                    Scalars y(x.size()), mean(100), rstd(100), dx(x.size());
                    if (rms) {
                        simd().rms_norm(x.data(), w.data(), y.data(), rstd.data(), rows, n, exact(1e-5));
                        simd().rms_norm_backward(x.data(), w.data(), rstd.data(), dy.data(), dx.data(), nullptr, rows, n);
                    } else {
                        simd().layer_norm(x.data(), w.data(), b.data(), y.data(), mean.data(), rstd.data(), rows, n,
                                          exact(1e-5));
                        simd().layer_norm_backward(x.data(), w.data(), mean.data(), rstd.data(), dy.data(), dx.data(), nullptr,
                                                   nullptr, rows, n);
                    }
                    return widened(back ? dx : y);
                };
                c.add(std::string(rms ? "rms_norm" : "layer_norm") + (back ? "_backward" : ""), s.inputs, Scale::largest,
                      s.most, run);
            }
}

void add_products(Cases& c) {
    using kernels::Product;
    const auto add = [&](const char* kernel, Index m, Index n, Index k, double most, auto multiply) {
        c.add(kernel, fmt::format("[{}, {}] x [{}, {}] in [0, 1)", m, k, k, n), Scale::element, most, [=] {
            const Scalars a = scattered(m * k, 0, 1), b = scattered(k * n, 0, 1, 1);
            Scalars y(static_cast<std::size_t>(m * n));
            multiply(Product{.m = m, .n = n, .k = k, .a_row = k, .a_column = 1, .b_row = n, .c_row = n}, a.data(), b.data(),
                     y.data());
            return widened(y);
        });
    };
    const auto small = [](const Product& p, const Scalar* a, const Scalar* b, Scalar* y) { simd().small_product(p, a, b, y); };
    const auto large = [](const Product& p, const Scalar* a, const Scalar* b, Scalar* y) {
        Scalars room(kernels::large_product_room);
        simd().large_product(p, 1, a, b, y, room.data());
    };
    const auto any = [](const Product& p, const Scalar* a, const Scalar* b, Scalar* y) {  // ours or BLAS', as users get it
        kernels::gemm({.m = p.m, .n = p.n, .k = p.k, .lda = p.k, .ldb = p.n, .ldc = p.n}, a, b, y);
    };
    add("small_product", 48, 48, 64, 8, small);
    add("small_product", 64, 64, 512, 24, small);
    add("large_product", 256, 256, 4096, 32, large);
    add("gemm", 256, 256, 4096, 32, any);
    c.add("rotate", "1,000 rows of 64", Scale::largest, 2, [] {
        const Scalars x = scattered(64'000, -2, 2), cosines = scattered(32'000, -1, 1, 1), sines = scattered(32'000, -1, 1, 2);
        Scalars y(x.size());
        simd().rotate({.adjacent = true, .width = 64, .half = 32, .angle_rows = 1000}, x.data(), cosines.data(), sines.data(),
                      y.data(), 1000);
        return widened(y);
    });
}

void add_attention(Cases& c) {
    const auto run = [](int which) {
        Tensor q = tensor({1, 2, 300, 32}, -2, 2, 1).requires_grad_(), k = tensor({1, 2, 300, 32}, -2, 2, 2).requires_grad_();
        Tensor v = tensor({1, 2, 300, 32}, -2, 2, 3).requires_grad_();
        const Tensor o = scaled_dot_product_attention(q, k, v, {.mask = AttentionMask::causal()});
        if (which == 0) return values(o);
        return values(grad(o, {q, k, v}, {.seed = tensor(o.shape(), -1, 1, 4)})[static_cast<std::size_t>(which - 1)]);
    };
    const char* inputs = "300 queries and keys, D 32, causal";
    c.add("attention_tile", inputs, Scale::largest, 16, [=] { return run(0); });
    c.add("attention_tile_backward row_dots", std::string("dQ of ") + inputs, Scale::largest, 16, [=] { return run(1); });
    c.add("attention_tile_backward row_dots", std::string("dK of ") + inputs, Scale::largest, 16, [=] { return run(2); });
    c.add("attention_tile_backward row_dots", std::string("dV of ") + inputs, Scale::largest, 16, [=] { return run(3); });
}

/// One step of an optimizer on parameters in [-1, 1), with state: what changes is the parameter.
template <class Step>
void add_step(Cases& c, const char* name, double most, const Step& step) {
    c.add(name, "one step of 10,007, rates exact in float", Scale::largest, most, [=] {
        Scalars p = scattered(10'007, -1, 1), first = scattered(10'007, -0.1, 0.1, 2),
                second = scattered(10'007, 0.001, 0.01, 3);
        const Scalars g = scattered(10'007, -1, 1, 1);
        step(g, p, first, second);
        return widened(p);
    });
}

void add_optimizers(Cases& c) {
    const auto lr = exact(0.0009765625), decay = exact(0.001953125), eps = exact(1e-8);
    add_step(c, "sgd", 1, [=](const Scalars& g, Scalars& p, Scalars& first, Scalars&) {
        simd().sgd({lr, exact(0.875), 0, decay, true, false}, g.data(), p.data(), first.data(), size(p));
    });
    add_step(c, "adam", 1, [=](const Scalars& g, Scalars& p, Scalars& first, Scalars& second) {
        simd().adam({lr, exact(0.875), exact(0.9990234375), exact(0.125), exact(0.0009765625), eps, exact(0.5), 1 - decay, 0},
                    g.data(), p.data(), first.data(), second.data(), size(p));
    });
    add_step(c, "rmsprop", 1, [=](const Scalars& g, Scalars& p, Scalars& first, Scalars& second) {
        simd().rmsprop({lr, exact(0.9990234375), exact(0.0009765625), eps, exact(0.875), 0, false}, g.data(), p.data(),
                       second.data(), nullptr, first.data(), size(p));
    });
    add_step(c, "adagrad", 1, [=](const Scalars& g, Scalars& p, Scalars&, Scalars& second) {
        simd().adagrad({lr, eps, 0}, g.data(), p.data(), second.data(), size(p));
    });
    add_step(c, "lion", 1, [=](const Scalars& g, Scalars& p, Scalars& first, Scalars&) {
        simd().lion({lr, exact(0.875), exact(0.96875), exact(0.125), exact(0.03125), 1 - decay}, g.data(), p.data(),
                    first.data(), size(p));
    });
    c.add("philox", "10,000 positions", Scale::element, 0, [] {
        std::vector<std::uint32_t> words(40'000);
        simd().philox(7, 1, words.data(), 10'000);
        return Numbers(words.begin(), words.end());
    });
}

std::vector<Case> all_cases() {
    Cases c;
    add_unary(c);
    add_unary_backward(c);
    add_binary(c);
    add_reductions(c);
    add_softmax(c);
    add_norms(c);
    add_products(c);
    add_attention(c);
    add_optimizers(c);
    return std::move(c.all);
}

}  // namespace
}  // namespace tapehead::inline TAPEHEAD_SCALAR

#if defined(TAPEHEAD_F64)
std::vector<accuracy::Case> accuracy::cases_f64() { return tapehead::all_cases(); }
const char* accuracy::instruction_set_f64() { return tapehead::kernels::simd().name; }
#else
std::vector<accuracy::Case> accuracy::cases_f32() { return tapehead::all_cases(); }
const char* accuracy::instruction_set_f32() { return tapehead::kernels::simd().name; }
#endif
