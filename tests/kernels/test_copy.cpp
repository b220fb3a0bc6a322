// Strided copies of random permutes, slices and repeats against plain loops.
#include <support/testing.hpp>

#include <numeric>
#include <random>

#include <tapehead/autograd/kernels/copy.hpp>

using namespace testing;

namespace {

/// y[i…] = x[i…] by an odometer.
void copy_by_loops(const Shape& extents, const Scalar* x, const Shape& sx, Scalar* y, const Shape& sy) {
    const Index n = extents.numel();
    for (Index i = 0; i < n; ++i) {
        Index rest = i, from = 0, to = 0;
        for (Index axis = extents.rank() - 1; axis >= 0; --axis) {
            from += rest % extents[axis] * sx[axis];
            to += rest % extents[axis] * sy[axis];
            rest /= extents[axis];
        }
        y[to] = x[from];
    }
}

}  // namespace

TEST_CASE("strided copies of random permutes, steps, reversals and repeats agree with loops") {
    std::mt19937 random(5);
    const auto below = [&](Index n) { return static_cast<Index>(random() % static_cast<unsigned>(n)); };
    for (int round = 0; round < 400; ++round) {
        const Index rank = 1 + below(5);
        Shape stored, order;
        for (Index axis = 0; axis < rank; ++axis) {
            stored.push_back(1 + below(axis == 0 ? 40 : 9));
            order.push_back(axis);
        }
        std::shuffle(order.begin(), order.end(), random);
        const Shape own = row_major_strides(stored);
        Shape extents = order, sx = order;
        Index offset = 0;
        for (Index i = 0; i < rank; ++i) {
            extents[i] = stored[order[i]];
            sx[i] = own[order[i]];
            switch (below(5)) {
                case 0:
                    offset += (extents[i] - 1) * sx[i];
                    sx[i] = -sx[i];
                    break;
                case 1:
                    extents[i] = (extents[i] + 1) / 2;
                    sx[i] *= 2;
                    break;
                case 2:
                    extents[i] = 1 + below(5);
                    sx[i] = 0;
                    break;
                default: break;
            }
        }
        std::vector<Scalar> x(static_cast<std::size_t>(stored.numel()));
        std::iota(x.begin(), x.end(), Scalar{1});
        std::vector<Scalar> y(static_cast<std::size_t>(extents.numel()), 0), expected = y;
        const Shape sy = row_major_strides(extents);
        kernels::strided_copy(rank, extents.data(), x.data() + offset, sx.data(), y.data(), sy.data());
        copy_by_loops(extents, x.data() + offset, sx, expected.data(), sy);
        INFO("extents " << extents << ", strides " << sx);
        CHECK(y == expected);
    }
}

TEST_CASE("a strided copy into part of an array leaves the rest alone") {
    const Shape extents{2, 3}, sx{3, 1}, sy{20, 2};
    const std::vector<Scalar> x = {1, 2, 3, 4, 5, 6};
    std::vector<Scalar> y(40, -1), expected = y;
    kernels::strided_copy(2, extents.data(), x.data(), sx.data(), y.data() + 5, sy.data());
    copy_by_loops(extents, x.data(), sx, expected.data() + 5, sy);
    CHECK(y == expected);
}

TEST_CASE("a large transpose on several threads moves every element once") {
    const Index n = 701, m = 503;
    std::vector<Scalar> x(static_cast<std::size_t>(n * m)), y(x.size());
    std::iota(x.begin(), x.end(), Scalar{0});
    const Shape extents{m, n}, sx{1, m}, sy{n, 1};
    kernels::strided_copy(2, extents.data(), x.data(), sx.data(), y.data(), sy.data());
    Index wrong = 0;
    for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < n; ++j) wrong += y[static_cast<std::size_t>(i * n + j)] != x[static_cast<std::size_t>(j * m + i)];
    CHECK(wrong == 0);
}
