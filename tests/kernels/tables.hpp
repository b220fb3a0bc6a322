// The kernels of every instruction set that was compiled and that this processor runs, and memory that ends where it is said to.
#pragma once

#include <support/testing.hpp>

#include <stdexcept>

#include <sys/mman.h>
#include <unistd.h>

#include <tapehead/autograd/kernels/simd.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

// Null where the library was built without them.
namespace baseline {
[[gnu::weak]] extern const Simd table;
}
namespace avx2 {
[[gnu::weak]] extern const Simd table;
}
namespace avx512 {
[[gnu::weak]] extern const Simd table;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels

namespace testing {

inline std::vector<const kernels::Simd*> simd_tables() {
    std::vector<const kernels::Simd*> tables = {&kernels::baseline::table};
#if defined(__x86_64__)
    const auto has = [](const kernels::Simd* table, bool runs) { return table != nullptr && runs; };
    if (has(&kernels::avx2::table, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
        tables.push_back(&kernels::avx2::table);
    if (has(&kernels::avx512::table, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                                         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")))
        tables.push_back(&kernels::avx512::table);
#endif
    return tables;
}

/// Memory followed by a page that no program may touch: reading or writing one number too many ends the test program.
class Guarded {
public:
    explicit Guarded(Index capacity) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
        bytes_ = (static_cast<std::size_t>(capacity) * sizeof(Scalar) / page_ + 1) * page_;
        void* start = mmap(nullptr, bytes_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED) throw std::runtime_error("mmap");
        start_ = static_cast<std::byte*>(start);
        if (mprotect(start_ + bytes_, page_, PROT_NONE) != 0) throw std::runtime_error("mprotect");
    }
    ~Guarded() { munmap(start_, bytes_ + page_); }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    /// The last n numbers before the page.
    Scalar* last(Index n) { return reinterpret_cast<Scalar*>(start_ + bytes_) - n; }

private:
    std::size_t page_, bytes_;
    std::byte* start_;
};

/// Whole numbers from −4 to 4, whose products and sums are exact in every order.
inline Scalar whole_number(Index i) { return static_cast<Scalar>((i * i * 7 + i * 3 + i / 5) % 9 - 4); }

/// A matrix whose rows lie `gap` numbers apart, in memory that ends with its last number. NaN fills the gaps.
class Matrix {
public:
    Matrix(Index rows, Index columns, Index gap, Guarded& memory)
        : rows_(rows), columns_(columns), distance_(columns + gap), data_(memory.last(size())) {
        std::fill_n(data_, size(), static_cast<Scalar>(NAN));
    }

    Index distance() const { return distance_; }
    Scalar* data() const { return data_; }
    Scalar& operator()(Index i, Index j) const { return data_[i * distance_ + j]; }
    template <class F>
    const Matrix& fill(const F& f) const {
        for (Index i = 0; i < rows_; ++i)
            for (Index j = 0; j < columns_; ++j) (*this)(i, j) = f(i, j);
        return *this;
    }
    /// Whether the gaps hold NaN still.
    bool gaps_are_untouched() const {
        for (Index i = 0; size() > 0 && i + 1 < rows_; ++i)
            for (Index j = columns_; j < distance_; ++j)
                if (!std::isnan((*this)(i, j))) return false;
        return true;
    }

private:
    Index size() const { return rows_ == 0 || columns_ == 0 ? 0 : (rows_ - 1) * distance_ + columns_; }
    Index rows_, columns_, distance_;
    Scalar* data_;
};

/// op(A)[m, k], op(B)[k, n] and what their product must be, in whole numbers.
struct Factors {
    Index m, n, k;
    std::vector<Scalar> a, b, product;

    Factors(Index rows, Index columns, Index depth)
        : m(rows),
          n(columns),
          k(depth),
          a(static_cast<std::size_t>(m * k)),
          b(static_cast<std::size_t>(k * n)),
          product(static_cast<std::size_t>(m * n), 0) {
        for (Index i = 0; i < m * k; ++i) a[static_cast<std::size_t>(i)] = whole_number(i + m);
        for (Index i = 0; i < k * n; ++i) b[static_cast<std::size_t>(i)] = whole_number(5 * i + n);
        for (Index i = 0; i < m; ++i)
            for (Index l = 0; l < k; ++l) {
                const Scalar x = a[static_cast<std::size_t>(i * k + l)];
                const Scalar* row = b.data() + l * n;
                Scalar* sums = product.data() + i * n;
                for (Index j = 0; j < n; ++j) sums[j] += x * row[j];
            }
    }
    Scalar left(Index i, Index l) const { return a[static_cast<std::size_t>(i * k + l)]; }
    Scalar right(Index l, Index j) const { return b[static_cast<std::size_t>(l * n + j)]; }
    Scalar at(Index i, Index j) const { return product[static_cast<std::size_t>(i * n + j)]; }
};

/// Where C is not what it should be, or "".
template <class F>
std::string difference(const Matrix& c, Index m, Index n, const F& expected) {
    for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < n; ++j)
            if (c(i, j) != expected(i, j))
                return "C(" + std::to_string(i) + ", " + std::to_string(j) + ") is " + std::to_string(c(i, j)) + ", not " +
                       std::to_string(expected(i, j));
    return c.gaps_are_untouched() ? "" : "what lies between the rows of C was written";
}

}  // namespace testing
