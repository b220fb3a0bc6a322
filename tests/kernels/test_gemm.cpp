// Matrix products on raw memory: nothing to sum, alpha and beta, rows apart in memory, batches with shared operands.
#include <support/testing.hpp>

#include <tapehead/autograd/kernels/gemm.hpp>

using namespace testing;
using kernels::Gemm;

TEST_CASE("a product with k = 0 writes beta C, and with beta = 0 zeros over whatever was there") {
    std::vector<Scalar> c = {1, 2, 3, NAN};
    const Gemm overwrite{.m = 2, .n = 2, .k = 0, .lda = 0, .ldb = 2, .ldc = 2};
    kernels::gemm(overwrite, nullptr, nullptr, c.data());
    CHECK(c == std::vector<Scalar>{0, 0, 0, 0});
    c = {1, 2, 3, 4};
    Gemm keep = overwrite;
    keep.beta = 2;
    kernels::gemm(keep, nullptr, nullptr, c.data());
    CHECK(c == std::vector<Scalar>{2, 4, 6, 8});
}

TEST_CASE("a product with beta = 0 does not read what it overwrites") {
    const std::vector<Scalar> a = {1, 2, 3, 4}, b = {1, 0, 0, 1};
    std::vector<Scalar> c(4, NAN);
    kernels::gemm({.m = 2, .n = 2, .k = 2, .lda = 2, .ldb = 2, .ldc = 2}, a.data(), b.data(), c.data());
    CHECK(c == a);
}

TEST_CASE("alpha and beta scale the product and what was there") {
    const std::vector<Scalar> a = {1, 2}, b = {3, 4};
    std::vector<Scalar> c = {100};
    kernels::gemm({.m = 1, .n = 1, .k = 2, .lda = 2, .ldb = 1, .ldc = 1, .alpha = 2, .beta = static_cast<Scalar>(0.5)},
                  a.data(), b.data(), c.data());
    CHECK(c[0] == 72);
}

TEST_CASE("rows may lie apart in memory, and what lies between is left alone") {
    const std::vector<Scalar> a = {1, 2, -9, 3, 4, -9}, b = {5, 6, -9, -9, 7, 8, -9, -9};
    std::vector<Scalar> c(6, -1);
    kernels::gemm({.m = 2, .n = 2, .k = 2, .lda = 3, .ldb = 4, .ldc = 3}, a.data(), b.data(), c.data());
    CHECK(c == std::vector<Scalar>{19, 22, -1, 43, 50, -1});
    std::vector<Scalar> t(6, -1);  // Aᵀ Bᵀ
    kernels::gemm({.transpose_a = true, .transpose_b = true, .m = 2, .n = 2, .k = 2, .lda = 3, .ldb = 4, .ldc = 3}, a.data(),
                  b.data(), t.data());
    CHECK(t == std::vector<Scalar>{23, 31, -1, 34, 46, -1});
}

TEST_CASE("a batch may share an operand by its offsets") {
    const std::vector<Scalar> a = {1, 2, 3, 4, 5, 6}, b = {1, 10};
    const std::vector<Index> a_at = {0, 2, 4}, b_at = {0, 0, 0};
    std::vector<Scalar> c(3);
    kernels::gemm_batched({.m = 1, .n = 1, .k = 2, .lda = 2, .ldb = 1, .ldc = 1}, 3, a.data(), a_at.data(), b.data(),
                          b_at.data(), c.data(), 1);
    CHECK(c == std::vector<Scalar>{21, 43, 65});
}

TEST_CASE("batches of small and of large products agree with single ones") {
    for (const Index n : {3, 40, 90}) {
        const Index batch = 17, size = n * n;
        std::vector<Scalar> a(static_cast<std::size_t>(batch * size)), b = a, c = a, single = a;
        for (std::size_t i = 0; i < a.size(); ++i) {
            a[i] = static_cast<Scalar>(std::sin(static_cast<double>(i)));
            b[i] = static_cast<Scalar>(std::cos(static_cast<double>(i)));
        }
        std::vector<Index> at;
        for (Index i = 0; i < batch; ++i) at.push_back(i * size);
        const Gemm g{.m = n, .n = n, .k = n, .lda = n, .ldb = n, .ldc = n};
        kernels::gemm_batched(g, batch, a.data(), at.data(), b.data(), at.data(), c.data(), size);
        for (Index i = 0; i < batch; ++i) kernels::gemm(g, a.data() + i * size, b.data() + i * size, single.data() + i * size);
        double worst = 0;
        for (std::size_t i = 0; i < c.size(); ++i)
            worst = std::max(worst, std::abs(static_cast<double>(c[i]) - static_cast<double>(single[i])));
        CHECK(worst < (is_f64 ? 1e-12 : 1e-4));
    }
}
