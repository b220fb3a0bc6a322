// no_grad and enable_grad: scopes of one thread.
#include <support/testing.hpp>

#include <thread>

using namespace testing;

TEST_CASE("nothing is recorded inside no_grad, and everything again after it") {
    const Tensor x = leaf(3);
    CHECK(grad_enabled());
    {
        const no_grad off;
        CHECK_FALSE(grad_enabled());
        CHECK_FALSE((x * 2).requires_grad());
        {
            const enable_grad on;
            CHECK((x * 2).requires_grad());
            {
                const no_grad off_again;
                CHECK_FALSE((x * 2).requires_grad());
            }
            CHECK(grad_enabled());
        }
        CHECK_FALSE(grad_enabled());
    }
    CHECK((x * 2).requires_grad());
}

TEST_CASE("grad mode comes back when an exception leaves its scope") {
    try {
        const no_grad off;
        throw ValueError("thrown");
    } catch (const Error&) {}
    CHECK(grad_enabled());
}

TEST_CASE("grad mode belongs to the thread") {
    const no_grad off;
    bool elsewhere = false;
    std::thread([&] { elsewhere = grad_enabled(); }).join();
    CHECK(elsewhere);
    CHECK_FALSE(grad_enabled());
}

TEST_CASE("rules run with grad mode off unless the sweep is recorded, wherever backward is called") {
    const Tensor x = leaf(3);
    std::vector<bool> modes;
    const auto probe = [&] {
        return record("probe", x * 1, wrt(x, [&](const Tensor& dy) {
                          modes.push_back(grad_enabled());
                          return dy;
                      }));
    };
    const Tensor first = probe(), second = probe();
    first.backward();
    {
        const no_grad off;
        grad(second, {x}, {.create_graph = true});
        CHECK_FALSE(grad_enabled());
    }
    CHECK(modes == std::vector<bool>{false, true});
    CHECK(grad_enabled());
}

TEST_CASE("backward inside no_grad still finds what was recorded outside") {
    const Tensor x = leaf(3), y = square(x);
    const no_grad off;
    y.backward();
    check_close(x.grad(), 6);
}
