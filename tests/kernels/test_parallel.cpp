// The pool of threads: every range once, whoever runs it, and errors brought back to the caller.
#include <support/testing.hpp>

#include <atomic>
#include <latch>
#include <numeric>
#include <stdexcept>
#include <thread>

#include <tapehead/autograd/kernels/parallel.hpp>

using namespace testing;
using kernels::parallel_for;

namespace {

/// Sets the number of threads while it lives.
class Threads {
public:
    explicit Threads(int n) : before_(num_threads()) { set_num_threads(n); }
    ~Threads() { set_num_threads(before_); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

private:
    int before_;
};

/// How often a loop over n items visits each of them.
std::vector<int> visits(Index n, Index grain) {
    std::vector<std::atomic<int>> count(static_cast<std::size_t>(n));
    parallel_for(n, grain, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) ++count[static_cast<std::size_t>(i)];
    });
    return {count.begin(), count.end()};
}

}  // namespace

TEST_CASE("a loop visits every item once on any number of threads") {
    for (const int threads : {1, 2, 3, 8, 40}) {
        const Threads set(threads);
        for (const Index n : {0, 1, 2, 7, 63, 64, 1000})
            for (const Index grain : {1, 2, 32, 2000}) {
                CAPTURE(threads, n, grain);
                CHECK(visits(n, grain) == std::vector<int>(static_cast<std::size_t>(n), 1));
            }
    }
}

TEST_CASE("a loop is cut into at most one range for each thread, of no less than the grain") {
    const Threads set(4);
    CHECK(kernels::range_count(100, 1) == 4);
    CHECK(kernels::range_count(100, 40) == 2);
    CHECK(kernels::range_count(100, 51) == 1);
    CHECK(kernels::range_count(3, 1) == 3);
}

TEST_CASE("thousands of short loops in a row lose no range") {
    const Threads set(3);
    Index sum = 0;
    for (int round = 0; round < 20000; ++round) {
        Index part[3] = {};
        parallel_for(3, 1, [&](Index begin, Index end) {
            for (Index i = begin; i < end; ++i) part[i] = i + 1;
        });
        sum += part[0] + part[1] + part[2];
    }
    CHECK(sum == 6 * 20000);
}

TEST_CASE("a loop within a loop runs on the thread that it is met on") {
    const Threads set(4);
    std::atomic<int> ranges{0}, elsewhere{0};
    parallel_for(4, 1, [&](Index, Index) {
        const auto here = std::this_thread::get_id();
        parallel_for(100, 1, [&](Index begin, Index end) {
            ++ranges;
            elsewhere += end - begin != 100 || std::this_thread::get_id() != here;
        });
    });
    CHECK(ranges == 4);
    CHECK(elsewhere == 0);
    CHECK(kernels::range_count(100, 1) == 4);  // afterwards loops are shared out again
}

TEST_CASE("what a range throws reaches the caller after all ranges are done, and the pool goes on") {
    const Threads set(4);
    for (int round = 0; round < 50; ++round) {
        std::atomic<int> done{0};
        const auto fail = [&] {
            parallel_for(4, 1, [&](Index begin, Index) {
                if (begin == round % 4) throw std::runtime_error("range");
                ++done;
            });
        };
        CHECK_THROWS_WITH(fail(), "range");
        CHECK(done == 3);
        CHECK(visits(64, 1) == std::vector<int>(64, 1));
    }
}

TEST_CASE("loops of several callers at once are all done, with the pool or without") {
    const Threads set(3);
    std::vector<long> sums(6);
    std::vector<std::thread> callers;
    for (long& sum : sums)
        callers.emplace_back([&sum] {
            for (int round = 0; round < 500; ++round) {
                const std::vector<int> count = visits(50, 1);
                sum += std::accumulate(count.begin(), count.end(), 0);
            }
        });
    for (std::thread& caller : callers) caller.join();
    CHECK(sums == std::vector<long>(6, 25000));
}

TEST_CASE("a loop within a loop runs on the thread that it is met on also where another caller has the pool") {
    const Threads set(3);
    std::latch taken(1), done(1);
    std::thread other([&] {
        parallel_for(2, 1, [&](Index begin, Index) {
            if (begin != 0) return;
            taken.count_down();
            done.wait();
        });
    });
    taken.wait();
    int outer = 0, inner = 0;  // no other thread touches them
    parallel_for(3, 1, [&](Index, Index) {
        ++outer;
        parallel_for(100, 1, [&](Index, Index) { ++inner; });
    });
    CHECK(outer == 3);
    CHECK(inner == 3);
    CHECK(kernels::range_count(100, 1) == 3);
    done.count_down();
    other.join();
}
