// Matrix products on raw memory: nothing to sum, alpha and beta, rows apart in memory, batches with shared operands, and every
// extent around the limits at which the way of multiplying changes.
#include <sys/mman.h>

#include <kernels/tables.hpp>

#include <tapehead/autograd/kernels/gemm.hpp>
#include <tapehead/autograd/threads.hpp>

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

// Against plain loops, in whole numbers, which every order of summing gets right.

namespace {

struct Form {
    Scalar alpha, beta;
    bool with_bias;
};
const Form forms[] = {{1, 0, false}, {1, 1, false}, {-2, static_cast<Scalar>(0.5), false},
                      {1, 0, true},  {2, 0, true},  {static_cast<Scalar>(0.5), 1, false},
                      {-1, 0, false}};

struct Room {
    Guarded a, b, c, bias;
    explicit Room(Index each) : a(each), b(each), c(each), bias(1 << 11) {}
};

/// Where gemm is wrong, or "". Where beta is 0 C starts as NaN.
std::string wrong_gemm(const Factors& f, bool transpose_a, bool transpose_b, const Form& form, Index gap, Room& room) {
    const Matrix a = transpose_a ? Matrix(f.k, f.m, gap, room.a).fill([&](Index l, Index i) { return f.left(i, l); })
                                 : Matrix(f.m, f.k, gap, room.a).fill([&](Index i, Index l) { return f.left(i, l); });
    const Matrix b = transpose_b ? Matrix(f.n, f.k, gap, room.b).fill([&](Index j, Index l) { return f.right(l, j); })
                                 : Matrix(f.k, f.n, gap, room.b).fill([&](Index l, Index j) { return f.right(l, j); });
    const Matrix c(f.m, f.n, gap, room.c);
    const auto before = [](Index i, Index j) { return whole_number(2 * i + 7 * j); };
    if (form.beta != 0) c.fill(before);
    Scalar* bias = room.bias.last(f.n);
    for (Index j = 0; j < f.n; ++j) bias[j] = whole_number(3 * j + 1);
    kernels::gemm({.transpose_a = transpose_a,
                   .transpose_b = transpose_b,
                   .m = f.m,
                   .n = f.n,
                   .k = f.k,
                   .lda = a.distance(),
                   .ldb = b.distance(),
                   .ldc = c.distance(),
                   .alpha = form.alpha,
                   .beta = form.beta,
                   .bias = form.with_bias ? bias : nullptr},
                  a.data(), b.data(), c.data());
    return difference(c, f.m, f.n, [&](Index i, Index j) {
        return form.alpha * f.at(i, j) + (form.beta == 0 ? 0 : form.beta * before(i, j)) + (form.with_bias ? bias[j] : 0);
    });
}

void check_gemm(const Factors& f, const Form& form, Index gap, Room& room) {
    for (const bool transpose_a : {false, true})
        for (const bool transpose_b : {false, true}) {
            const std::string wrong = wrong_gemm(f, transpose_a, transpose_b, form, gap, room);
            if (wrong.empty()) continue;
            INFO("m " << f.m << ", n " << f.n << ", k " << f.k << ", gap " << gap << ", transposed " << transpose_a << " and "
                      << transpose_b << ", alpha " << form.alpha << ", beta " << form.beta << ", bias " << form.with_bias
                      << ", threads " << num_threads() << ": " << wrong);
            CHECK(wrong.empty());
        }
}

/// Runs f on 1, 2 and 3 threads.
template <class F>
void on_threads(const F& f) {
    const int before = num_threads();
    for (const int threads : {1, 2, 3}) {
        set_num_threads(threads);
        f();
    }
    set_num_threads(before);
}

}  // namespace

TEST_CASE("small products in every transposition are exact for extents around those of a block") {
    Room room(1 << 12);
    std::size_t turn = 0;
    for (const Index m : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33})
        for (const Index n : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33})
            for (const Index k : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33}) {
                const Factors f(m, n, k);
                for (std::size_t i = 0; i < 3; ++i)
                    check_gemm(f, forms[turn++ % std::size(forms)], (m + k) % 3 == 0 ? 0 : 5, room);
            }
}

TEST_CASE("long and large products in every transposition are exact on any number of threads") {
    Room room(1 << 19);
    const Index limits[] = {127, 128, 129, 255, 256, 257, 511, 512, 513};
    std::vector<Shape> extents = {{129, 129, 129}, {200, 40, 520}, {31, 600, 130},
                                  {600, 31, 130},  {300, 513, 33}, {5, 700, 300}};
    for (const Index e : limits)
        for (const Shape& s :
             {Shape{e, 9, 17}, Shape{17, e, 9}, Shape{9, 17, e}, Shape{e, 130, 66}, Shape{40, e, 130}, Shape{66, 130, e}})
            extents.push_back(s);
    std::size_t turn = 0;
    for (const Shape& e : extents) {
        const Factors f(e[0], e[1], e[2]);
        on_threads([&] { check_gemm(f, forms[turn++ % std::size(forms)], e[2] % 2 ? 3 : 0, room); });
    }
}

TEST_CASE("a product of hundreds in every direction is exact in every form") {
    Room room(1 << 19);
    const Factors f(600, 700, 601);
    on_threads([&] {
        for (const Form& form : forms) check_gemm(f, form, 2, room);
    });
}

TEST_CASE("products with an extent of 0 write what is left of the sum and touch nothing else") {
    Room room(1 << 14);
    on_threads([&] {
        for (const Shape& e :
             {Shape{5, 7, 0}, Shape{0, 7, 3}, Shape{5, 0, 3}, Shape{0, 0, 0}, Shape{1, 300, 0}, Shape{0, 7, 0}})
            for (const Form& form : forms) check_gemm(Factors(e[0], e[1], e[2]), form, 2, room);
    });
}

TEST_CASE("a product on the same number of threads gives the same bits every time") {
    const auto value = [](Index i) { return static_cast<Scalar>(std::sin(static_cast<double>(i))); };
    for (const Shape& e :
         {Shape{33, 65, 70}, Shape{300, 300, 300}, Shape{1, 900, 900}, Shape{513, 40, 300}, Shape{640, 512, 128}})
        for (const bool transpose_a : {false, true})
            for (const bool transpose_b : {false, true}) {
                std::vector<Scalar> a(static_cast<std::size_t>(e[0] * e[2])), b(static_cast<std::size_t>(e[2] * e[1]));
                for (std::size_t i = 0; i < a.size(); ++i) a[i] = value(static_cast<Index>(i));
                for (std::size_t i = 0; i < b.size(); ++i) b[i] = value(static_cast<Index>(3 * i + 1));
                const Gemm g{.transpose_a = transpose_a,
                             .transpose_b = transpose_b,
                             .m = e[0],
                             .n = e[1],
                             .k = e[2],
                             .lda = transpose_a ? e[0] : e[2],
                             .ldb = transpose_b ? e[2] : e[1],
                             .ldc = e[1]};
                on_threads([&] {
                    std::vector<Scalar> first(static_cast<std::size_t>(e[0] * e[1]));
                    kernels::gemm(g, a.data(), b.data(), first.data());
                    for (int again = 0; again < 3; ++again) {
                        std::vector<Scalar> c(first.size());
                        kernels::gemm(g, a.data(), b.data(), c.data());
                        INFO(to_string(e) << " on " << num_threads() << " threads");
                        CHECK(c == first);
                    }
                });
            }
}

TEST_CASE("batches of products with a bias, apart in memory, are exact on any number of threads") {
    for (const Index batch : {1, 2, 5})
        for (const Shape& e : {Shape{5, 9, 4}, Shape{140, 150, 130}}) {
            const Factors f(e[0], e[1], e[2]);
            std::vector<Scalar> bias(static_cast<std::size_t>(f.n));
            for (Index j = 0; j < f.n; ++j) bias[static_cast<std::size_t>(j)] = whole_number(j);
            const std::vector<Index> shared(static_cast<std::size_t>(batch), 0);
            const Index stride = f.m * f.n + 7;
            on_threads([&] {
                std::vector<Scalar> c(static_cast<std::size_t>(batch * stride), static_cast<Scalar>(NAN));
                kernels::gemm_batched({.m = f.m, .n = f.n, .k = f.k, .lda = f.k, .ldb = f.n, .ldc = f.n, .bias = bias.data()},
                                      batch, f.a.data(), shared.data(), f.b.data(), shared.data(), c.data(), stride);
                Index wrong = 0;
                for (Index i = 0; i < batch * stride; ++i) {
                    const Index at = i % stride;
                    const Scalar x = c[static_cast<std::size_t>(i)];
                    wrong += at < f.m * f.n
                                 ? x != f.product[static_cast<std::size_t>(at)] + bias[static_cast<std::size_t>(at % f.n)]
                                 : !std::isnan(x);
                }
                INFO("batch " << batch << ", " << to_string(e) << " on " << num_threads() << " threads");
                CHECK(wrong == 0);
            });
        }
}

/// Pages that take no memory until they are written.
struct Sparse {
    explicit Sparse(std::size_t count) : bytes(count * sizeof(Scalar)) {
        pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    Sparse(const Sparse&) = delete;
    Sparse& operator=(const Sparse&) = delete;
    ~Sparse() {
        if (is_there()) munmap(pages, bytes);
    }
    bool is_there() const { return pages != MAP_FAILED; }

    std::size_t bytes;
    void* pages;
};

TEST_CASE("a product whose rows are further apart than an int counts is right") {
    constexpr Index m = 5, n = 129, k = 128, apart = (Index{1} << 32) + k;  // as an int: k, the rows one after another
    const Sparse pages(static_cast<std::size_t>(m * apart));
    if (!pages.is_there()) {
        WARN("skipped: the system gives no address space for it");
        return;
    }
    auto* a = static_cast<Scalar*>(pages.pages);
    for (Index i = 0; i < m; ++i) std::fill_n(a + i * apart, k, static_cast<Scalar>(i + 1));
    const std::vector<Scalar> b(static_cast<std::size_t>(k * n), 1);
    for (const Scalar beta : {0, 1, 2}) {
        std::vector<Scalar> c(static_cast<std::size_t>(m * n), 3);
        kernels::gemm({.m = m, .n = n, .k = k, .lda = apart, .ldb = n, .ldc = n, .beta = beta}, a, b.data(), c.data());
        for (Index i = 0; i < m; ++i)
            CHECK(c[static_cast<std::size_t>(i * n + n - 1)] == static_cast<Scalar>(k * (i + 1)) + 3 * beta);
    }
}
