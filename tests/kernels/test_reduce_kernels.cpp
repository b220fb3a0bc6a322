// Reductions of long vectors: accuracy in float, and results that no number of threads changes; and of short ones, of every length
// on every instruction set.
#include <kernels/tables.hpp>

#include <array>

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

TEST_CASE("sums and extremes of rows of every length are exact on every instruction set") {
    constexpr Index rows = 3, longest = 70;
    Guarded memory(rows * longest), results(rows);
    for (const kernels::Simd* table : simd_tables())
        for (Index n = 1; n <= longest; ++n) {
            Scalar *x = memory.last(rows * n), *y = results.last(rows);
            for (Index i = 0; i < rows * n; ++i) x[i] = whole_number(i + n);
            for (const Reduce f : {Reduce::sum, Reduce::sum_of_squares, Reduce::max, Reduce::min}) {
                std::fill_n(y, rows, static_cast<Scalar>(NAN));
                table->reduce(f, x, y, rows, n, 1);
                for (Index r = 0; r < rows; ++r) {
                    Scalar expected = f == Reduce::max || f == Reduce::min ? x[r * n] : 0;
                    for (Index i = r * n; i < (r + 1) * n; ++i) {
                        if (f == Reduce::sum) expected += x[i];
                        if (f == Reduce::sum_of_squares) expected += x[i] * x[i];
                        if (f == Reduce::max) expected = std::max(expected, x[i]);
                        if (f == Reduce::min) expected = std::min(expected, x[i]);
                    }
                    INFO(table->name << ", reduction " << static_cast<int>(f) << ", row " << r << " of length " << n);
                    CHECK(y[r] == expected);
                }
            }
        }
}

TEST_CASE("every place of a row counts in its reductions on every instruction set") {
    constexpr Index longest = 70;
    Guarded memory(longest);
    for (const kernels::Simd* table : simd_tables())
        for (Index n = 1; n <= longest; ++n)
            for (Index at = 0; at < n; ++at) {
                Scalar *x = memory.last(n), y[4] = {}, lse = 0;
                const auto with = [&](Scalar others, double value) {
                    std::fill_n(x, n, others);
                    x[at] = static_cast<Scalar>(value);
                };
                with(1, 3);
                table->reduce(Reduce::sum, x, &y[0], 1, n, 1);
                table->reduce(Reduce::max, x, &y[1], 1, n, 1);
                with(-1, -3);
                table->reduce(Reduce::sum_of_squares, x, &y[2], 1, n, 1);
                table->reduce(Reduce::min, x, &y[3], 1, n, 1);
                INFO(table->name << ", place " << at << " of " << n);
                CHECK((y[0] == static_cast<Scalar>(n + 2) && y[1] == 3 && y[2] == static_cast<Scalar>(n + 8) && y[3] == -3));
                with(0, NAN);
                for (std::size_t i = 0; i < 4; ++i)
                    table->reduce(std::array{Reduce::sum, Reduce::max, Reduce::min, Reduce::sum_of_squares}[i], x, &y[i], 1, n,
                                  1);
                CHECK(std::all_of(y, y + 4, [](Scalar v) { return std::isnan(v); }));
                // Unless the largest is subtracted, its exponential overflows.
                with(-1000, 5000);
                table->logsumexp(x, &lse, 1, n, 1);
                CHECK(lse == 5000);
                table->softmax(x, x, 1, n);
                Index wrong = 0;
                for (Index i = 0; i < n; ++i) wrong += x[i] != static_cast<Scalar>(i == at);
                CHECK(wrong == 0);
                with(0, NAN);
                table->logsumexp(x, &lse, 1, n, 1);
                CHECK(std::isnan(lse));
            }
}

TEST_CASE("all_finite sees a NaN or infinity at every place of rows of every length on every instruction set") {
    constexpr Index longest = 70;
    const Scalar huge = std::numeric_limits<Scalar>::max();
    Guarded memory(longest);
    for (const kernels::Simd* table : simd_tables()) {
        CHECK(table->all_finite(memory.last(0), 0));
        for (Index n = 1; n <= longest; ++n) {
            Scalar* x = memory.last(n);
            for (Index i = 0; i < n; ++i) x[i] = i % 2 ? huge : -huge;  // finite, though their sums are not
            INFO(table->name << ", length " << n);
            CHECK(table->all_finite(x, n));
            std::fill_n(x, n, huge);
            CHECK(table->all_finite(x, n));
            for (Index at = 0; at < n; ++at)
                for (const double bad : {double{NAN}, double{INFINITY}, -double{INFINITY}}) {
                    x[at] = static_cast<Scalar>(bad);
                    if (table->all_finite(x, n)) FAIL_CHECK(bad << " at " << at << " was not seen");
                    x[at] = huge;
                }
            if (n < 2) continue;
            x[0] = static_cast<Scalar>(INFINITY);  // two that might cancel
            x[n - 1] = -static_cast<Scalar>(INFINITY);
            CHECK_FALSE(table->all_finite(x, n));
        }
    }
}
