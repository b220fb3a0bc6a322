// Lengths that are no multiple of a batch: kernels read nothing beyond their inputs, which end at a page that may not be touched, and
// write nothing around their outputs.
#include <kernels/tables.hpp>

using namespace testing;
using namespace tapehead::kernels;

namespace {

constexpr Index longest = 70, margin = 32;
constexpr Scalar mark = 12345;

/// n numbers to write to, with marks before and after; or, at the end of memory, before alone.
class Output {
public:
    Output(Index n, Guarded& memory, bool at_end)
        : n_(n), after_(at_end ? 0 : margin), start_(memory.last(margin + n + after_)) {
        std::fill_n(start_, margin + n_ + after_, mark);
    }
    Scalar* data() const { return start_ + margin; }
    bool margins_are_untouched() const {
        const auto is_mark = [](Scalar v) { return v == mark; };
        return std::all_of(start_, start_ + margin, is_mark) && std::all_of(data() + n_, data() + n_ + after_, is_mark);
    }

private:
    Index n_, after_;
    Scalar* start_;
};

/// Calls f(table, n, output) for every length and place of the output and checks its margins and values.
template <class F, class Expected>
void check_lengths(Guarded& memory, const F& f, const Expected& expected) {
    for (const Simd* table : simd_tables())
        for (Index n = 0; n <= longest; ++n)
            for (const bool at_end : {false, true}) {
                const Output y(n, memory, at_end);
                f(*table, n, y.data());
                INFO(table->name << ", length " << n);
                CHECK(y.margins_are_untouched());
                Index wrong = 0;
                for (Index i = 0; i < n; ++i) wrong += y.data()[i] != expected(i, n);
                CHECK(wrong == 0);
            }
}

/// A walk over vectors of n, or, with step 0, over one number for all.
Walk vector_walk(Index n, Index a_step, Index b_step) {
    Walk w{};
    w.size = n;
    w.rank = 1;
    w.extent[0] = n;
    w.stride[0][0] = a_step;
    w.stride[1][0] = b_step;
    return w;
}

}  // namespace

TEST_CASE("functions of vectors of every length touch nothing beyond them on every instruction set") {
    Guarded left(longest), right(longest), out(longest + 2 * margin);
    const auto filled = [](Guarded& memory, Index n, Index seed) {
        Scalar* x = memory.last(n);
        for (Index i = 0; i < n; ++i) x[i] = whole_number(i + seed);
        return x;
    };
    check_lengths(
        out, [&](const Simd& t, Index n, Scalar* y) { t.unary(Unary::square, 0, 0, filled(left, n, 1), y, n); },
        [](Index i, Index) { return whole_number(i + 1) * whole_number(i + 1); });
    check_lengths(
        out,
        [&](const Simd& t, Index n, Scalar* y) {
            t.unary_backward(Unary::relu, 0, 0, filled(left, n, 1), filled(right, n, 2), y, n);
        },
        [](Index i, Index) { return whole_number(i + 1) > 0 ? whole_number(i + 2) : 0; });
    check_lengths(
        out, [&](const Simd& t, Index n, Scalar* y) { t.fill(7, y, n); }, [](Index, Index) { return Scalar{7}; });
    check_lengths(
        out,
        [&](const Simd& t, Index n, Scalar* y) {
            std::fill_n(y, n, Scalar{3});
            t.axpy(2, filled(left, n, 5), y, n);
        },
        [](Index i, Index) { return 3 + 2 * whole_number(i + 5); });
    for (const Index a_step : {0, 1})
        for (const Index b_step : {0, 1})
            check_lengths(
                out,
                [&](const Simd& t, Index n, Scalar* y) {
                    if (n == 0) return;
                    t.binary(Binary::sub, vector_walk(n, a_step, b_step), filled(left, a_step ? n : 1, 1),
                             filled(right, b_step ? n : 1, 2), y);
                },
                [=](Index i, Index) { return whole_number(a_step * i + 1) - whole_number(b_step * i + 2); });
}

TEST_CASE("softmax and layer norm of rows of every length touch nothing beyond them on every instruction set") {
    Guarded left(longest), weight(longest), bias(longest), out(longest + 2 * margin);
    check_lengths(
        out,
        [&](const Simd& t, Index n, Scalar* y) {
            std::fill_n(left.last(n), n, Scalar{5});
            if (n > 0) t.softmax(left.last(n), y, 1, n);
        },
        [](Index, Index n) { return 1 / static_cast<Scalar>(n); });
    check_lengths(
        out,
        [&](const Simd& t, Index n, Scalar* y) {
            Scalar mean = 0, rstd = 0;
            std::fill_n(left.last(n), n, Scalar{5});
            std::fill_n(weight.last(n), n, Scalar{2});
            for (Index i = 0; i < n; ++i) bias.last(n)[i] = whole_number(i);
            if (n > 0) t.layer_norm(left.last(n), weight.last(n), bias.last(n), y, &mean, &rstd, 1, n, Scalar{1});
        },
        [](Index i, Index) { return whole_number(i); });
}

TEST_CASE("optimizer steps on vectors of every length touch nothing beyond them on every instruction set") {
    Guarded gradient(longest), first(longest), second(longest), out(longest + 2 * margin);
    check_lengths(
        out,
        [&](const Simd& t, Index n, Scalar* p) {
            std::fill_n(p, n, Scalar{10});
            for (Index i = 0; i < n; ++i) gradient.last(n)[i] = whole_number(i);
            std::fill_n(first.last(n), n, Scalar{0});
            t.sgd({.lr = 1, .momentum = Scalar{0.5}, .dampening = 0, .l2 = 0, .nesterov = false, .first = true},
                  gradient.last(n), p, first.last(n), n);
        },
        [](Index i, Index) { return 10 - whole_number(i); });
    check_lengths(
        out,
        [&](const Simd& t, Index n, Scalar* p) {
            std::fill_n(p, n, Scalar{10});
            std::fill_n(gradient.last(n), n, Scalar{4});
            std::fill_n(first.last(n), n, Scalar{0});
            std::fill_n(second.last(n), n, Scalar{0});
            t.adam({.step_size = 1,
                    .beta1 = 0,
                    .beta2 = 0,
                    .rest1 = 1,
                    .rest2 = 1,
                    .eps = 0,
                    .root_bias2 = 1,
                    .shrink = 1,
                    .l2 = 0},
                   gradient.last(n), p, first.last(n), second.last(n), n);
        },
        [](Index, Index) { return Scalar{9}; });
}
