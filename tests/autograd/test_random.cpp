// Random streams: the same seed gives the same numbers, whatever the number of threads.
#include <support/testing.hpp>

#include <tapehead/autograd/threads.hpp>

using namespace testing;

namespace {

bool equal(const Tensor& a, const Tensor& b) {
    return std::equal(a.values().begin(), a.values().end(), b.values().begin(), b.values().end());
}

}  // namespace

TEST_CASE("the same seed gives the same numbers, another seed others") {
    Generator a(5), b(5), c(6);
    CHECK(equal(rand({100}, a), rand({100}, b)));
    CHECK_FALSE(equal(rand({100}, a), rand({100}, c)));
    CHECK_FALSE(equal(rand({100}, a), rand({100}, a)));
    a.manual_seed(5);
    b.manual_seed(5);
    CHECK(equal(randn({33}, a), randn({33}, b)));
    CHECK((randint(0, 100, {50}, a) == randint(0, 100, {50}, b)));
}

TEST_CASE("the numbers do not depend on the number of threads") {
    const int before = num_threads();
    std::vector<std::vector<Tensor>> results;
    for (const int threads : {1, 2, 3, 5}) {
        set_num_threads(threads);
        Generator g(11);
        results.push_back({rand({100001}, g), randn({100003}, g), as_tensor(randint(-5, 1000, {100001}, g)),
                           dropout(ones({100001}), 0.4, true, g)});
    }
    set_num_threads(before);
    for (const auto& result : results)
        for (std::size_t i = 0; i < result.size(); ++i) CHECK(equal(result[i], results[0][i]));
}

TEST_CASE("manual_seed sets the default stream") {
    manual_seed(9);
    const Tensor first = randn({10});
    manual_seed(9);
    CHECK(equal(first, randn({10})));
    Generator g(9);
    CHECK(equal(first, randn({10}, g)));
    manual_seed(0);
}

TEST_CASE("a stream can be read out and put back") {
    Generator g(3);
    rand({17}, g);
    const std::uint64_t seed = g.seed(), position = g.position();
    const Tensor next = rand({5}, g);
    Generator other;
    other.set_state(seed, position);
    CHECK(equal(next, rand({5}, other)));
}

TEST_CASE("uniform numbers fill the range from 0 to 1 evenly, normal ones have mean 0 and variance 1") {
    Generator g(1);
    const Tensor u = rand({100000}, g), z = randn({100000}, g);
    CHECK(amin(u).item() >= 0);
    CHECK(amax(u).item() < 1);
    CHECK_THAT(mean(u).item(), is_close(0.5, 0.01));
    CHECK_THAT(var(u).item(), is_close(1.0 / 12, 0.01));
    CHECK_THAT(mean(z).item(), is_close(0, 0.02));
    CHECK_THAT(var(z).item(), is_close(1, 0.02));
    CHECK_THAT(mean(z * z * z).item(), is_close(0, 0.05));
    CHECK_THAT(mean(square(square(z))).item(), is_close(3, 0.1));
}

TEST_CASE("integers reach both ends of their range and no further") {
    Generator g(2);
    const Ids ids = randint(-2, 3, {5000}, g);
    for (Id value = -2; value < 3; ++value) CHECK(std::count(ids.begin(), ids.end(), value) > 800);
    CHECK(*std::min_element(ids.begin(), ids.end()) == -2);
    CHECK(*std::max_element(ids.begin(), ids.end()) == 2);
    const Ids one = randint(7, 8, {10}, g);
    CHECK(std::count(one.begin(), one.end(), 7) == 10);
    CHECK_THROWS_AS(randint(3, 3, {2}, g), ValueError);
    CHECK_THROWS_AS(randint(3, 2, {2}, g), ValueError);
}

TEST_CASE("R1: the extremes of the random words give numbers from 0 to below 1 and finite normal ones") {
    constexpr std::uint32_t all = 0xFFFFFFFF;
    CHECK(kernels::unit_interval(0, 0) == 0);
    CHECK(kernels::unit_interval(all, all) < 1);
    CHECK(static_cast<double>(kernels::unit_interval(all, all)) == (is_f64 ? 1 - 0x1p-53 : 1 - 0x1p-24));
    Scalar first = 0, second = 0;
    kernels::box_muller(static_cast<Scalar>(0x1p-24), 0, first, second);
    CHECK_THAT(first, is_close(5.768108, 1e-6));
    CHECK(second == 0);
    for (const Scalar u : {1 - kernels::unit_interval(0, 0), 1 - kernels::unit_interval(all, all)})
        for (const Scalar v : {kernels::unit_interval(0, 0), kernels::unit_interval(all, all)}) {
            kernels::box_muller(u, v, first, second);
            CHECK(std::isfinite(first));
            CHECK(std::isfinite(second));
        }
}
