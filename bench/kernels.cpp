// The kernels that training spends its time in, alone: elements, bytes or floating-point operations a second.
//
// Google Benchmark's own options choose (--benchmark_filter=gelu) and repeat; TAPEHEAD_ISA picks the instruction set. Bytes
// count each array once, as it is read or written.
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <tapehead/autograd/kernels/attention.hpp>
#include <tapehead/autograd/kernels/copy.hpp>
#include <tapehead/autograd/kernels/gemm.hpp>
#include <tapehead/autograd/kernels/philox.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/threads.hpp>

using namespace tapehead;
using namespace tapehead::kernels;

namespace {

using State = benchmark::State;
using Numbers = std::vector<Scalar>;

Numbers numbers(Index n, std::uint64_t seed = 0) {
    Numbers result(static_cast<std::size_t>(n));
    fill_normal({seed, 0}, 0, 1, result.data(), n);
    return result;
}

std::vector<Id> ids(Index n, Id limit) {
    std::vector<Id> result(static_cast<std::size_t>(n));
    fill_integers({1, 0}, 0, limit, result.data(), n);
    return result;
}

void count_elements(State& state, Index n, Index arrays) {
    state.SetItemsProcessed(state.iterations() * n);
    state.SetBytesProcessed(state.iterations() * n * arrays * static_cast<Index>(sizeof(Scalar)));
}

void count_flops(State& state, double flops) {
    state.counters["flop/s"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

/// Runs f and lets nothing of it be optimised away.
template <class F>
void repeat(State& state, const F& f) {
    for (auto _ : state) {
        f();
        benchmark::ClobberMemory();
    }
}

// Elementwise

void unary(State& state, Unary f) {
    const Index n = state.range(0);
    const Numbers x = numbers(n);
    Numbers y(x.size());
    repeat(state, [&] { simd().unary(f, 0, 0, x.data(), y.data(), n); });
    count_elements(state, n, 2);
}

void unary_backward(State& state, Unary f) {
    const Index n = state.range(0);
    const Numbers x = numbers(n), dy = numbers(n, 1);
    Numbers dx(x.size());
    repeat(state, [&] { simd().unary_backward(f, 0, 0, x.data(), dy.data(), dx.data(), n); });
    count_elements(state, n, 3);
}

void binary(State& state, Binary f) {
    const Index n = state.range(0);
    const Numbers a = numbers(n), b = numbers(n, 1);
    Numbers y(a.size());
    const Walk walk = make_walk({&n, 1}, {&n, 1}, {&n, 1});
    repeat(state, [&] { simd().binary(f, walk, a.data(), b.data(), y.data()); });
    count_elements(state, n, 3);
}

/// y = a + b with b a row, as a bias is added.
void add_row(State& state) {
    const Index extents[] = {state.range(0), state.range(1)}, n = extents[0] * extents[1];
    const Numbers a = numbers(n), b = numbers(extents[1]);
    Numbers y(a.size());
    const Walk walk = make_walk({extents, 2}, {extents, 2}, {extents + 1, 1});
    repeat(state, [&] { simd().binary(Binary::add, walk, a.data(), b.data(), y.data()); });
    count_elements(state, n, 2);
}

void dropout_mask(State& state) {
    const Index n = state.range(0);
    const Numbers x = numbers(n);
    Numbers y(x.size());
    repeat(state, [&] { dropout({7, 0}, 0.1, x.data(), y.data(), n); });
    count_elements(state, n, 2);
}

// Rows and reductions

/// x[outer, n, inner] summed over n.
void sum(State& state) {
    const Index outer = state.range(0), n = state.range(1), inner = state.range(2);
    const Numbers x = numbers(outer * n * inner);
    Numbers y(static_cast<std::size_t>(outer * inner));
    repeat(state, [&] { simd().reduce(Reduce::sum, x.data(), y.data(), outer, n, inner); });
    count_elements(state, outer * n * inner, 1);
}

void softmax_rows(State& state) {
    const Index rows = state.range(0), n = state.range(1);
    const Numbers x = numbers(rows * n);
    Numbers y(x.size());
    repeat(state, [&] { simd().softmax(x.data(), y.data(), rows, n); });
    count_elements(state, rows * n, 2);
}

struct Norm {
    Index rows, n;
    Numbers x, dy, y, w, b, mean, rstd;
    explicit Norm(const State& state)
        : rows(state.range(0)),
          n(state.range(1)),
          x(numbers(rows * n)),
          dy(numbers(rows * n, 1)),
          y(x.size()),
          w(numbers(n)),
          b(numbers(n)),
          mean(static_cast<std::size_t>(rows)),
          rstd(mean.size()) {}
    void forward() {
        simd().layer_norm(x.data(), w.data(), b.data(), y.data(), mean.data(), rstd.data(), rows, n, static_cast<Scalar>(1e-5));
    }
};

void norm_forward(State& state) {
    Norm norm(state);
    repeat(state, [&] { norm.forward(); });
    count_elements(state, norm.rows * norm.n, 2);
}

void norm_backward(State& state) {
    Norm norm(state);
    norm.forward();
    Numbers dw(norm.w.size()), db(norm.b.size());
    repeat(state, [&] {
        simd().layer_norm_backward(norm.x.data(), norm.w.data(), norm.mean.data(), norm.rstd.data(), norm.dy.data(),
                                   norm.y.data(), dw.data(), db.data(), norm.rows, norm.n);
    });
    count_elements(state, norm.rows * norm.n, 3);
}

/// Forward and backward, over rows of logits.
void cross_entropy_rows(State& state) {
    const Index rows = state.range(0), n = state.range(1);
    const Numbers x = numbers(rows * n), dy = numbers(rows);
    const std::vector<Id> targets = ids(rows, n);
    Numbers dx(x.size()), loss(dy.size()), shift(dy.size()), log_sum(dy.size());
    repeat(state, [&] {
        simd().cross_entropy(x.data(), targets.data(), nullptr, 0, loss.data(), shift.data(), log_sum.data(), rows, n);
        simd().cross_entropy_backward(x.data(), targets.data(), nullptr, 0, shift.data(), log_sum.data(), dy.data(), dx.data(),
                                      rows, n);
    });
    count_elements(state, rows * n, 3);
}

// Moving

/// [B, T, H, D] → [B, H, T, D]
void split_heads(State& state) {
    const Index b = state.range(0), t = state.range(1), h = state.range(2), d = state.range(3), n = b * t * h * d;
    const Numbers x = numbers(n);
    Numbers y(x.size());
    const Index extents[] = {b, h, t, d}, from[] = {t * h * d, d, h * d, 1}, to[] = {h * t * d, t * d, d, 1};
    repeat(state, [&] { strided_copy(4, extents, x.data(), from, y.data(), to); });
    count_elements(state, n, 2);
}

void transpose_copy(State& state) {
    const Index rows = state.range(0), columns = state.range(1);
    const Numbers x = numbers(rows * columns);
    Numbers y(x.size());
    const Index extents[] = {columns, rows}, from[] = {1, columns}, to[] = {rows, 1};
    repeat(state, [&] { strided_copy(2, extents, x.data(), from, y.data(), to); });
    count_elements(state, rows * columns, 2);
}

void embedding_gradient(State& state) {
    const Index vocabulary = state.range(0), width = state.range(1), count = state.range(2);
    const Numbers dy = numbers(count * width);
    const std::vector<Id> tokens = ids(count, vocabulary);
    Numbers dw(static_cast<std::size_t>(vocabulary * width));
    repeat(state, [&] { take_backward(dy.data(), tokens.data(), dw.data(), 1, vocabulary, count, width); });
    count_elements(state, count * width, 3);
}

// Products

/// [m, k] [n, k]ᵀ → [m, n], as a Linear computes it.
void linear_product(State& state) {
    const Index m = state.range(0), n = state.range(1), k = state.range(2);
    const Numbers a = numbers(m * k), b = numbers(n * k);
    Numbers c(static_cast<std::size_t>(m * n));
    const Gemm product{.transpose_b = true, .m = m, .n = n, .k = k, .lda = k, .ldb = k, .ldc = n};
    repeat(state, [&] { gemm(product, a.data(), b.data(), c.data()); });
    count_flops(state, 2.0 * static_cast<double>(m * n * k));
}

/// Causal attention of one sequence, E = H D.
struct CausalAttention {
    AttentionPlan plan;
    Numbers q, k, v, o, lse;

    explicit CausalAttention(const State& state) : plan(make_plan(state.range(0), state.range(1), state.range(2))) {
        const Index n = plan.heads * plan.queries * plan.width;
        q = numbers(n), k = numbers(n, 1), v = numbers(n, 2), o = numbers(n);
        lse.resize(static_cast<std::size_t>(plan.heads * plan.queries));
    }
    static AttentionPlan make_plan(Index t, Index h, Index d) {
        const HeadStrides s{h * t * d, t * d, d};
        AttentionPlan p{.batch = 1,
                        .heads = h,
                        .kv_heads = h,
                        .queries = t,
                        .keys = t,
                        .width = d,
                        .value_width = d,
                        .q = s,
                        .k = s,
                        .v = s,
                        .o = s,
                        .first = -t,
                        .last = 0};
        p.scale = static_cast<Scalar>(1 / std::sqrt(static_cast<double>(d)));
        return p;
    }
    void forward() { attention(plan, q.data(), k.data(), v.data(), o.data(), lse.data()); }
    /// Of `products` matrix products over the scores that the mask leaves.
    double flops(double products) const {
        const auto t = static_cast<double>(plan.queries);
        return products * 2 * static_cast<double>(plan.heads * plan.width) * t * (t + 1) / 2;
    }
};

void attention_forward(State& state) {
    CausalAttention a(state);
    repeat(state, [&] { a.forward(); });
    count_flops(state, a.flops(2));
}

void attention_gradients(State& state) {
    CausalAttention a(state);
    a.forward();
    const Numbers d_o = numbers(static_cast<Index>(a.o.size()), 3);
    Numbers dots(a.lse.size()), dq(a.q.size()), dk(a.k.size()), dv(a.v.size());
    repeat(state, [&] {
        attention_backward(a.plan, a.q.data(), a.k.data(), a.v.data(), a.o.data(), a.lse.data(), d_o.data(), dots.data(),
                           {dq.data(), dk.data(), dv.data(), nullptr});
    });
    count_flops(state, a.flops(5));
}

// Optimizer

void adamw(State& state) {
    const Index n = state.range(0);
    const Numbers g = numbers(n);
    Numbers p = numbers(n, 1), m(p.size()), v(p.size());
    const AdamStep step{.step_size = static_cast<Scalar>(1e-3),
                        .beta1 = static_cast<Scalar>(0.9),
                        .beta2 = static_cast<Scalar>(0.999),
                        .rest1 = static_cast<Scalar>(0.1),
                        .rest2 = static_cast<Scalar>(0.001),
                        .eps = static_cast<Scalar>(1e-8),
                        .root_bias2 = 1,
                        .shrink = static_cast<Scalar>(1 - 1e-5),
                        .l2 = 0};
    repeat(state, [&] { simd().adam(step, g.data(), p.data(), m.data(), v.data(), n); });
    count_elements(state, n, 7);
}

// clang-format off
BENCHMARK_CAPTURE(binary, add, Binary::add)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(binary, mul, Binary::mul)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK(add_row)->Args({1024, 1024});
BENCHMARK_CAPTURE(unary, gelu, Unary::gelu)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(unary, tanh, Unary::tanh)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(unary_backward, gelu, Unary::gelu)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK_CAPTURE(unary_backward, tanh, Unary::tanh)->Arg(1 << 12)->Arg(1 << 20);
BENCHMARK(dropout_mask)->Arg(1 << 20);
BENCHMARK(sum)->Name("sum/last_axis")->Args({1024, 512, 1});
BENCHMARK(sum)->Name("sum/middle_axis")->Args({32, 32, 512});
BENCHMARK(sum)->Name("sum/first_axis")->Args({1, 1024, 512});
BENCHMARK(softmax_rows)->Args({1024, 512})->Args({1024, 4096});
BENCHMARK(norm_forward)->Name("layer_norm")->Args({1024, 512});
BENCHMARK(norm_backward)->Name("layer_norm_backward")->Args({1024, 512});
BENCHMARK(cross_entropy_rows)->Args({2048, 256})->Args({1024, 4096});
BENCHMARK(split_heads)->Args({8, 128, 8, 32})->Args({4, 256, 8, 64});
BENCHMARK(transpose_copy)->Args({1024, 512});
BENCHMARK(embedding_gradient)->Args({8192, 256, 1024});
BENCHMARK(linear_product)->Args({128, 128, 32})->Args({2048, 512, 128})->Args({1024, 1024, 256})->Args({1024, 2048, 512});
BENCHMARK(attention_forward)->Args({128, 8, 32})->Args({512, 8, 32})->Args({2048, 8, 32})->Args({2048, 8, 64});
BENCHMARK(attention_gradients)->Args({128, 8, 32})->Args({512, 8, 32})->Args({2048, 8, 32})->Args({2048, 8, 64});
BENCHMARK(adamw)->Arg(1 << 12)->Arg(1 << 20);
// clang-format on

}  // namespace

/// `--threads N` first, then Google Benchmark's own options.
int main(int argc, char** argv) {
    if (argc > 2 && std::string(argv[1]) == "--threads") {
        set_num_threads(std::atoi(argv[2]));
        argv[2] = argv[0];
        argc -= 2, argv += 2;
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::AddCustomContext("instruction set", simd().name);
    benchmark::AddCustomContext("threads", std::to_string(num_threads()));
    benchmark::RunSpecifiedBenchmarks();
}
