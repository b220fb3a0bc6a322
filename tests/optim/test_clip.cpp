// Gradient clipping, by norm and by value.
#include <support/testing.hpp>

#include <limits>

#include <tapehead/optim/optim.hpp>

using namespace testing;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Parameters with the gradients {1, −4} and {8}, and one with none.
std::vector<Tensor> parameters() {
    std::vector<Tensor> result = {leaf(zeros({2})), leaf(zeros({1})), leaf(zeros({3}))};
    result[0].set_grad(Tensor{1, -4});
    result[1].set_grad(Tensor{8});
    return result;
}

}  // namespace

TEST_CASE("Clipping by norm scales all gradients by one factor and returns the norm before") {
    for (const auto& [p, max_norm, norm, factor] : std::vector<std::array<double, 4>>{{2, 3, 9, 3 / (9 + 1e-6)},
                                                                                      {1, 2, 13, 2 / (13 + 1e-6)},
                                                                                      {inf, 4, 8, 4 / (8 + 1e-6)},
                                                                                      {2, 9.5, 9, 1},
                                                                                      {2, 0, 9, 0}}) {
        INFO("norm " << p << ", at most " << max_norm);
        const auto ps = parameters();
        CHECK_THAT(clip_grad_norm(ps, max_norm, {.norm_type = p}), is_close(norm));
        check_close(ps[0].grad(), Tensor{factor, -4 * factor});
        check_close(ps[1].grad(), Tensor{8 * factor});
        CHECK_FALSE(ps[2].grad());
    }
    CHECK(clip_grad_norm({leaf(Tensor{1})}, 1) == 0);
}

TEST_CASE("Clipping by norm neither overflows nor vanishes") {
    const Tensor p = leaf(Tensor{0, 0});
    const double large = is_f64 ? 1e200 : 1e30;
    Tensor(p).set_grad(Tensor{3 * large, 4 * large});
    CHECK_THAT(clip_grad_norm({p}, 1), Catch::WithinRel(5 * large, 1e-5));
    check_close(p.grad(), Tensor{0.6, 0.8}, 1e-5);
    Tensor(p).set_grad(Tensor{3 / large, 4 / large});
    CHECK_THAT(clip_grad_norm({p}, 1), Catch::WithinRel(5 / large, 1e-5));
}

TEST_CASE("Gradients whose norm is not finite are left alone, or an error if so wished") {
    for (const double bad : {not_a_number, inf}) {
        const auto ps = parameters();
        Tensor(ps[1]).set_grad(Tensor{bad});
        CHECK_FALSE(std::isfinite(clip_grad_norm(ps, 1)));
        check_close(ps[0].grad(), Tensor{1, -4});
        CHECK_THROWS_AS(clip_grad_norm(ps, 1, {.error_if_nonfinite = true}), GradError);
        check_close(ps[0].grad(), Tensor{1, -4});
        CHECK_FALSE(std::isfinite(clip_grad_norm(ps, 1, {.norm_type = inf})));
        CHECK_FALSE(std::isfinite(clip_grad_norm(ps, 1, {.norm_type = 1})));
    }
}

TEST_CASE("Clipping by value bounds every element and keeps NaN visible") {
    const auto ps = parameters();
    clip_grad_value(ps, 2.5);
    check_close(ps[0].grad(), Tensor{1, -2.5});
    check_close(ps[1].grad(), Tensor{2.5});
    Tensor(ps[1]).set_grad(Tensor{not_a_number});
    clip_grad_value(ps, 1);
    check_close(ps[1].grad(), Tensor{not_a_number});
}

TEST_CASE("Clipping refuses bounds that are none") {
    const auto ps = parameters();
    CHECK_THROWS_AS(clip_grad_norm(ps, -1), ValueError);
    CHECK_THROWS_AS(clip_grad_norm(ps, not_a_number), ValueError);
    CHECK_THROWS_AS(clip_grad_norm(ps, 1, {.norm_type = 0}), ValueError);
    CHECK_THROWS_AS(clip_grad_value(ps, -1), ValueError);
    CHECK_THROWS_AS(clip_grad_value(ps, not_a_number), ValueError);
}
