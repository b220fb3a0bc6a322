// The exchanges themselves.
#include <distributed/processes.hpp>

using namespace testing;

namespace {

double size() { return processes().size(); }
double rank() { return processes().rank(); }

}  // namespace

TEST_CASE("numbers are summed and compared over all processes") {
    CHECK(processes().all_reduce(1) == size());
    CHECK(processes().all_reduce({1, rank()}) == std::vector<Real>{size(), size() * (size() - 1) / 2});
    CHECK(processes().all_reduce_max(rank()) == size() - 1);
    CHECK(processes().any(rank() == 0));
    CHECK_FALSE(processes().any(false));
}

TEST_CASE("tensors are summed, and are the same bits everywhere") {
    Tensor x = numbers({3, 5}, 7 + static_cast<std::uint64_t>(processes().rank()));
    Tensor expected = zeros({3, 5});
    for (int r = 0; r < processes().size(); ++r) expected = expected + numbers({3, 5}, 7 + static_cast<std::uint64_t>(r));
    processes().all_reduce(x);
    check_close(x, expected);
    CHECK(is_same_everywhere(x));
    Tensor none = zeros({0, 3});
    processes().all_reduce(none);
}

TEST_CASE("a tensor and a text come from the process that has them") {
    for (int root = 0; root < processes().size(); ++root) {
        Tensor x = full({2, 2}, rank());
        processes().broadcast(x, root);
        check_close(x, full({2, 2}, root));
        CHECK(processes().broadcast("from " + std::to_string(processes().rank()), root) == "from " + std::to_string(root));
    }
    CHECK(processes().broadcast(std::string()).empty());
    const std::vector<Real> all = processes().all_gather({rank(), 7});
    REQUIRE(std::ssize(all) == 2 * processes().size());
    for (int r = 0; r < processes().size(); ++r) {
        CHECK(all[2 * static_cast<std::size_t>(r)] == r);
        CHECK(all[2 * static_cast<std::size_t>(r) + 1] == 7);
    }
}

TEST_CASE("parts go to all processes, each to its own") {
    std::vector<Scalar> from, to(2 * static_cast<std::size_t>(processes().size()));
    for (int r = 0; r < processes().size(); ++r)
        for (const double value : {rank(), 10.0 * r}) from.push_back(static_cast<Scalar>(value));
    processes().all_to_all(from.data(), to.data(), 2);
    for (int r = 0; r < processes().size(); ++r) {
        CHECK(to[2 * static_cast<std::size_t>(r)] == r);
        CHECK(to[2 * static_cast<std::size_t>(r) + 1] == 10 * rank());
    }
}

TEST_CASE("numbers go from one process to another, in their order") {
    if (processes().is_first()) {
        for (int from = 1; from < processes().size(); ++from) {
            std::vector<Scalar> first(3), second(1);
            mpi::Request one = processes().start_receive(first.data(), 3, from);
            processes().start_receive(second.data(), 1, from).wait();
            one.wait();
            CHECK(first == std::vector<Scalar>(3, static_cast<Scalar>(from)));
            CHECK(second == std::vector<Scalar>{-1});
        }
    } else {
        const std::vector<Scalar> first(3, static_cast<Scalar>(rank())), second{-1};
        mpi::Request one = processes().start_send(first.data(), 3, 0);
        processes().start_send(second.data(), 1, 0).wait();
        one.wait();
    }
}

TEST_CASE("a group is split by colors, in its order") {
    const mpi::Communicator half = processes().split(processes().rank() % 2);
    CHECK(half.size() == (processes().size() + 1 - processes().rank() % 2) / 2);
    CHECK(half.rank() == processes().rank() / 2);
    CHECK(half.all_reduce(1) == half.size());
}

TEST_CASE("what does not fit together is said on every process") {
    if (processes().size() > 1) {
        Tensor x = zeros({2 + processes().rank() % 2});
        CHECK_THROWS_WITH(processes().all_reduce(x),
                          Catch::Contains("Communicator.all_reduce: expected one shape on all processes, got [" +
                                          std::to_string(x.numel()) + "] on process"));
        CHECK_THROWS_AS(processes().broadcast(x), ShapeError);
    }
    if (processes().size() > 1) {
        const std::string last = std::to_string(processes().size() - 1);
        const std::string mine = processes().rank() == processes().size() - 1 ? "c" : "b";
        CHECK_THROWS_WITH(processes().check_same("test", "one list", {"a", mine, "d"}),
                          "test: expected one list on all processes, got b on process 0 and c on process " + last);
        std::vector<std::string> lines{"a"};
        if (!processes().is_first()) lines.emplace_back("b");
        CHECK_THROWS_WITH(processes().check_same("test", "one list", lines),
                          Catch::Contains("got nothing more on process 0 and b"));
        lines = {"a"};
        if (!processes().is_first()) lines.emplace_back();
        CHECK_THROWS_WITH(processes().check_same("test", "one list", lines),
                          Catch::Contains("nothing more on process 0 and  on"));
    }
    processes().check_same("test", "one list", {"a", "b"});
    processes().check_same("test", "one list", {});
    Tensor x = zeros({2});
    CHECK_THROWS_WITH(processes().broadcast(x, processes().size()), Catch::Contains("expected a process in [0, "));
    CHECK_THROWS_AS(processes().broadcast("", -1), IndexError);
    Tensor parameter = leaf(zeros({2}));
    CHECK_THROWS_AS(processes().all_reduce(parameter), GradError);
    processes().barrier();
}
