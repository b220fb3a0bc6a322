// Axes: round ticks, in range, few enough, for any numbers.
#include <support/testing.hpp>

#include <limits>

using namespace testing;
using study::Axis;
using study::Scale;

namespace {

using Labels = std::vector<std::string>;

Axis axis(Scale scale, std::vector<Real> numbers, int most = 6, bool is_extended = true) {
    return Axis(scale, numbers, most, is_extended);
}

}  // namespace

TEST_CASE("axis: ticks are multiples of 1, 2 or 5 times a power of ten") {
    CHECK(axis(Scale::linear, {0, 1}).labels() == Labels{"0", "0.2", "0.4", "0.6", "0.8", "1.0"});
    CHECK(axis(Scale::linear, {1, 800}).labels() == Labels{"0", "200", "400", "600", "800"});
    CHECK(axis(Scale::linear, {-3, 2}).labels() == Labels{"-3", "-2", "-1", "0", "1", "2"});
    CHECK(axis(Scale::linear, {0.0012, 0.0031}).labels() == Labels{"0.0010", "0.0015", "0.0020", "0.0025", "0.0030", "0.0035"});
    CHECK(axis(Scale::linear, {0, 3.2e7}).labels() == Labels{"0", "1e7", "2e7", "3e7", "4e7"});
    CHECK(axis(Scale::linear, {0, 1.2e-7}).labels() == Labels{"0", "2e-8", "4e-8", "6e-8", "8e-8", "1.0e-7", "1.2e-7"});
    CHECK(axis(Scale::linear, {0, 1}).ticks()[3] == 0.6);  // and not 0.6000000000000001
}

TEST_CASE("axis: it ends at ticks if it is extended, else at the numbers") {
    const Axis extended = axis(Scale::linear, {1, 799}), exact = axis(Scale::linear, {1, 799}, 6, false);
    CHECK(extended.low() == 0);
    CHECK(extended.high() == 800);
    CHECK(exact.low() == 1);
    CHECK(exact.high() == 799);
    CHECK(exact.labels() == Labels{"200", "400", "600"});
    CHECK_THAT(exact.place(400), is_close(0.5));
    CHECK(exact.place(1) == 0);
    CHECK(exact.place(799) == 1);
}

TEST_CASE("axis: a logarithmic one has 1, 2 and 5 of each decade, or fewer") {
    CHECK(axis(Scale::log, {0.3, 4}, 8).labels() == Labels{"0.2", "0.5", "1", "2", "5"});
    CHECK(axis(Scale::log, {0.02, 600}, 6).labels() == Labels{"0.1", "1", "10", "100", "1000"});
    CHECK(axis(Scale::log, {1e-9, 1}, 4).labels() == Labels{"1e-9", "1e-6", "0.001", "1"});
    CHECK(axis(Scale::log, {1, 10}, 8).labels() == Labels{"1", "2", "5", "10"});
    CHECK_THAT(axis(Scale::log, {1, 100}).place(10), is_close(0.5));
}

TEST_CASE("axis: numbers without a place do not count") {
    const Axis linear = axis(Scale::linear, {NAN, 0, 1, INFINITY, -INFINITY});
    CHECK(linear.low() == 0);
    CHECK(linear.high() == 1);
    CHECK(!linear.has_place(NAN));
    CHECK(!linear.has_place(INFINITY));
    const Axis log = axis(Scale::log, {-1, 0, 10, 1000, NAN});
    CHECK(log.low() == 10);
    CHECK(log.high() == 1000);
    CHECK(!log.has_place(0));
    CHECK(!log.has_place(-1));
    CHECK(axis(Scale::linear, {}).high() == 1);
    CHECK(axis(Scale::log, {-1}).high() == 10);
}

TEST_CASE("axis: any numbers give a few growing ticks within it") {
    const Real most = std::numeric_limits<Real>::max(), least = std::numeric_limits<Real>::denorm_min();
    for (const std::vector<Real>& numbers : std::vector<std::vector<Real>>{{0, 0},
                                                                           {7, 7},
                                                                           {-2.5, -2.5},
                                                                           {1e15, 1e15 + 1},
                                                                           {-most, most},
                                                                           {least, 2 * least},
                                                                           {least, most},
                                                                           {0.1, 0.1 + 1e-12},
                                                                           {3, 1e300},
                                                                           {1.01, 1.05}})
        for (const Scale scale : {Scale::linear, Scale::log})
            for (const bool is_extended : {false, true}) {
                INFO(numbers[0] << " to " << numbers[1] << (scale == Scale::log ? ", log" : ""));
                const Axis a = axis(scale, numbers, 7, is_extended);
                CHECK(a.low() < a.high());
                CHECK(a.ticks().size() <= 9);
                CHECK(std::ranges::is_sorted(a.ticks()));
                CHECK(std::ranges::adjacent_find(a.labels()) == a.labels().end());
                for (const Real tick : a.ticks()) {
                    CHECK(a.place(tick) >= -1e-6);
                    CHECK(a.place(tick) <= 1 + 1e-6);
                }
            }
}
