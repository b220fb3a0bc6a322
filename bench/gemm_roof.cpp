// The time that OpenBLAS needs for just the matrix products of a workload of the side-by-side: what no library that leaves its
// products to it can beat.
//
// Knows cblas and the sizes in workloads.hpp. Large products run on all threads one after another; those of the heads of
// attention run side by side, each on one thread, and only over the keys that a causal mask leaves to a tile of queries.
#include <algorithm>
#include <string>
#include <vector>

#include <cblas.h>
#include <omp.h>

#include "workloads.hpp"

namespace {

using workloads::Work;

struct Product {
    bool transpose_a, transpose_b;
    long m, n, k;
};

/// C = op(A) op(B), each as its rows lie in memory.
void multiply(const Product& p, const float* a, const float* b, float* c) {
    const auto size = [](long n) { return static_cast<blasint>(n); };
    cblas_sgemm(CblasRowMajor, p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans, size(p.m),
                size(p.n), size(p.k), 1, a, size(p.transpose_a ? p.m : p.k), b, size(p.transpose_b ? p.k : p.n), 0, c,
                size(p.n));
}

/// The products of a repetition: first those of the layers, then those of each head.
struct Products {
    std::vector<Product> large, of_a_head;
    long heads = 0;  // of all sequences of all layers

    /// Y = X Wᵀ, dX = dY W, dW = dYᵀ X
    void add_linear(long rows, long in, long out) {
        large.push_back({false, true, rows, out, in});
        large.push_back({false, false, rows, in, out});
        large.push_back({true, false, out, in, rows});
    }
    void add_attention(const workloads::Attention& s, long sequences) {
        for (const long out : {3 * s.embed, s.embed}) add_linear(sequences * s.time, s.embed, out);
        heads += sequences * s.heads;
        if (!of_a_head.empty()) return;
        constexpr long tile = 64;
        const long d = s.embed / s.heads;
        for (long first = 0; first < s.time; first += tile) {
            const long rows = std::min(tile, s.time - first), keys = first + rows;
            for (int i = 0; i < 2; ++i) of_a_head.push_back({false, true, rows, keys, d});   // S = Q Kᵀ, dP = dO Vᵀ
            for (int i = 0; i < 2; ++i) of_a_head.push_back({false, false, rows, d, keys});  // O = P V, dQ = dS K
            for (int i = 0; i < 2; ++i) of_a_head.push_back({true, false, keys, d, rows});   // dV = Pᵀ dO, dK = dSᵀ Q
        }
    }
};

Products products_of(const workloads::Name& name) {
    Products products;
    if (name.kind == "train") {
        const auto [batch, time, model] = name.training();
        for (long layer = 0; layer < model.layers; ++layer) {
            products.add_attention({time, model.embed, model.heads}, batch);
            products.add_linear(batch * time, model.embed, model.hidden());
            products.add_linear(batch * time, model.hidden(), model.embed);
        }
        products.add_linear(batch * time, model.embed, workloads::vocabulary);
    } else if (name.kind == "attention") {
        products.add_attention(name.attention(), 1);
    } else if (name.kind == "linear") {
        products.add_linear(workloads::linear_input.rows, workloads::linear_input.columns, workloads::linear_output.columns);
    } else {
        throw std::runtime_error("no products in " + name.kind);
    }
    return products;
}

/// Room for the operands of any of the products, for each thread.
struct Room {
    std::vector<float> a, b, c;
    explicit Room(const std::vector<Product>& products) {
        workloads::Arrays arrays;
        long in_a = 0, in_b = 0, in_c = 0;
        for (const Product& p : products) {
            in_a = std::max(in_a, p.m * p.k);
            in_b = std::max(in_b, p.k * p.n);
            in_c = std::max(in_c, p.m * p.n);
        }
        a = arrays.numbers(in_a, 1);
        b = arrays.numbers(in_b, 1);
        c.resize(static_cast<std::size_t>(in_c));
    }
    void run(const Product& p) { multiply(p, a.data(), b.data(), c.data()); }
};

Work make(const workloads::Name& name) {
    const Products products = products_of(name);
    const auto repeat =
        [products, room = Room(products.large),
         rooms = std::vector<Room>(static_cast<std::size_t>(omp_get_max_threads()), Room(products.of_a_head))]() mutable {
            for (const Product& p : products.large) room.run(p);
#pragma omp parallel for schedule(static)  // OpenBLAS uses one thread inside
            for (long head = 0; head < products.heads; ++head)
                for (const Product& p : products.of_a_head) rooms[static_cast<std::size_t>(omp_get_thread_num())].run(p);
        };
    return {repeat, [] { return std::vector{0.0}; }};
}

void set_threads(int n) {
    omp_set_num_threads(n);
    openblas_set_num_threads(n);
}

}  // namespace

int main(int argc, char** argv) { return workloads::serve(argc, argv, {openblas_get_config(), set_threads, make}); }
