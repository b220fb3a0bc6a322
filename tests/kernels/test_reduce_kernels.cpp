// Reductions of long vectors: accuracy in float, and results that no number of threads changes.
#include <support/testing.hpp>

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/threads.hpp>

using namespace testing;
using kernels::Reduce;

namespace {

Scalar reduce(Reduce f, const std::vector<Scalar>& x) {
    Scalar y = 0;
    kernels::simd().reduce(f, x.data(), &y, 1, static_cast<Index>(x.size()), 1);
    return y;
}

}  // namespace

TEST_CASE("the sum of ten million ones is exact") {
    const std::vector<Scalar> x(10000000, 1);
    CHECK(reduce(Reduce::sum, x) == 10000000);
    CHECK(reduce(Reduce::sum_of_squares, x) == 10000000);
    Scalar y = 0;
    kernels::simd().logsumexp(x.data(), &y, 1, 10000000, 1);
    CHECK_THAT(y, is_close(1 + std::log(1e7), 1e-6));
}

TEST_CASE("long sums of mixed signs and sizes are right to rounding") {
    std::vector<Scalar> x(3000001);
    long double exact = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        x[i] = static_cast<Scalar>(std::sin(static_cast<double>(i)) + 0.25);
        exact += static_cast<long double>(x[i]);
    }
    CHECK_THAT(static_cast<double>(reduce(Reduce::sum, x)),
               Catch::WithinRel(static_cast<double>(exact), is_f64 ? 1e-13 : 2e-7));
}

TEST_CASE("column sums of a long matrix are as accurate as row sums") {
    const Index n = 1000000, inner = 5;
    const std::vector<Scalar> x(static_cast<std::size_t>(n * inner), static_cast<Scalar>(0.1));
    std::vector<Scalar> y(5);
    kernels::simd().reduce(Reduce::sum, x.data(), y.data(), 1, n, inner);
    for (const Scalar v : y)
        CHECK_THAT(static_cast<double>(v),
                   Catch::WithinRel(static_cast<double>(static_cast<Scalar>(0.1)) * 1e6, is_f64 ? 1e-12 : 2e-7));
}

TEST_CASE("reductions of every length up to several vectors agree with loops") {
    std::vector<Scalar> x(300);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<Scalar>(std::cos(static_cast<double>(i * i)));
    for (std::size_t n = 0; n <= x.size(); ++n) {
        const std::vector<Scalar> part(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(n));
        double sum = 0, squares = 0, largest = -INFINITY, smallest = INFINITY;
        for (const Scalar v : part) {
            sum += v;
            squares += static_cast<double>(v) * v;
            largest = std::max(largest, static_cast<double>(v));
            smallest = std::min(smallest, static_cast<double>(v));
        }
        INFO("length " << n);
        CHECK(std::abs(reduce(Reduce::sum, part) - sum) < (is_f64 ? 1e-12 : 2e-5));
        CHECK(std::abs(reduce(Reduce::sum_of_squares, part) - squares) < (is_f64 ? 1e-12 : 2e-5));
        CHECK(reduce(Reduce::max, part) == largest);
        CHECK(reduce(Reduce::min, part) == smallest);
    }
}

TEST_CASE("reductions give the same bits on any number of threads") {
    const int before = num_threads();
    std::vector<Scalar> x(1 << 20);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<Scalar>(std::sin(static_cast<double>(i)));
    std::vector<std::vector<Scalar>> results;
    for (const int threads : {1, 2, 3, 7}) {
        set_num_threads(threads);
        std::vector<Scalar> found = {reduce(Reduce::sum, x), reduce(Reduce::sum_of_squares, x), reduce(Reduce::max, x)};
        for (const Index inner : {64, 1024}) {
            std::vector<Scalar> y(static_cast<std::size_t>(inner));
            kernels::simd().reduce(Reduce::sum, x.data(), y.data(), 1, static_cast<Index>(x.size()) / inner, inner);
            found.insert(found.end(), y.begin(), y.end());
            kernels::simd().logsumexp(x.data(), y.data(), 1, static_cast<Index>(x.size()) / inner, inner);
            found.insert(found.end(), y.begin(), y.end());
        }
        results.push_back(found);
    }
    set_num_threads(before);
    for (const auto& found : results) CHECK(found == results[0]);
}

TEST_CASE("all_finite finds a single NaN or infinity anywhere") {
    std::vector<Scalar> x(300001, 1);
    CHECK(kernels::simd().all_finite(x.data(), static_cast<Index>(x.size())));
    for (const std::size_t at : {std::size_t{0}, std::size_t{150000}, std::size_t{300000}})
        for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY), -static_cast<double>(INFINITY)}) {
            x[at] = static_cast<Scalar>(bad);
            CHECK_FALSE(kernels::simd().all_finite(x.data(), static_cast<Index>(x.size())));
            x[at] = 1;
        }
    CHECK(kernels::simd().all_finite(x.data(), 0));
}
