// The rows of autograd/ops/create.hpp: nothing here has a derivative.
#include "table.hpp"

#include <support/philox.hpp>

namespace testing {
namespace {

/// A row of no inputs.
template <class F>
Row made(std::string name, F f, Values expected) {
    return {.name = std::move(name),
            .f = [=](const std::vector<Tensor>&) { return f(); },
            .reference = [=](const std::vector<Values>&) { return expected; },
            .inputs = {{}},
            .differentiable = false};
}

Values constant(const Shape& shape, double value) {
    return each(shape, [=](const Shape&) { return value; });
}

Ids some_ids() { return Ids{{0, 2}, {1, -3}}; }

void add_constants(std::vector<Row>& rows) {
    for (const Shape& shape : {Shape{2, 3}, Shape{}, Shape{0, 2}, Shape{1}}) {
        rows.push_back(made(
            "zeros", [=] { return zeros(shape); }, constant(shape, 0)));
        rows.push_back(made(
            "ones", [=] { return ones(shape); }, constant(shape, 1)));
        rows.push_back(made(
            "full", [=] { return full(shape, -2.5); }, constant(shape, -2.5)));
        rows.push_back({.name = "zeros_like",
                        .f = [](const std::vector<Tensor>& in) { return zeros_like(in[0]); },
                        .reference = [](const std::vector<Values>& in) { return constant(in[0].shape, 0); },
                        .inputs = {{spread(shape, -1, 1)}},
                        .differentiable = false});
        rows.push_back({.name = "ones_like",
                        .f = [](const std::vector<Tensor>& in) { return ones_like(in[0]); },
                        .reference = [](const std::vector<Values>& in) { return constant(in[0].shape, 1); },
                        .inputs = {{spread(shape, -1, 1)}},
                        .differentiable = false});
    }
    rows.push_back(made("arange", [] { return arange(4); }, {{4}, {0, 1, 2, 3}}));
    rows.push_back(made("arange", [] { return arange(2, 3.5, 0.5); }, {{3}, {2, 2.5, 3}}));
    rows.push_back(made("arange", [] { return arange(1, -4, -2); }, {{3}, {1, -1, -3}}));
    rows.push_back(made("arange", [] { return arange(3, 3); }, {{0}, {}}));
    rows.push_back(made("eye", [] { return eye(2); }, {{2, 2}, {1, 0, 0, 1}}));
    rows.push_back(made("eye", [] { return eye(2, 3); }, {{2, 3}, {1, 0, 0, 0, 1, 0}}));
    rows.push_back(made("eye", [] { return eye(3, 1); }, {{3, 1}, {1, 0, 0}}));
    rows.push_back(made("eye", [] { return eye(0); }, {{0, 0}, {}}));
}

void add_random(std::vector<Row>& rows) {
    for (const Shape& shape : {Shape{3, 7}, Shape{}, Shape{0}, Shape{1, 2}, Shape{100, 777}})
        for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{0x123456789ABCDEF}}) {
            const auto n = static_cast<std::size_t>(shape.numel());
            const auto with_generator = [=](auto f) {
                return [=] {
                    Generator generator;
                    generator.set_state(seed, 5);
                    return f(generator);
                };
            };
            rows.push_back(made("rand", with_generator([=](Generator& g) { return rand(shape, g); }),
                                {shape, uniform_numbers(seed, 5, n)}));
            rows.push_back(made("randn", with_generator([=](Generator& g) { return randn(shape, g); }),
                                {shape, normal_numbers(seed, 5, n)}));
            std::vector<double> integers;
            const std::size_t per_position = is_f64 ? 2 : 4;
            for (std::size_t i = 0; i < n; ++i) {
                const std::size_t lane = i % per_position / 2, half = i % per_position % 2;
                const PhiloxWords w = philox_at(seed, 5 + i / per_position, static_cast<std::uint32_t>(lane));
                const long double r =
                    std::ldexp(static_cast<long double>(std::uint64_t{w[2 * half]} << 32 | w[2 * half + 1]), -64);
                integers.push_back(static_cast<double>(-4 + static_cast<long>(r * 10)));
            }
            rows.push_back(made("randint", with_generator([=](Generator& g) { return as_tensor(randint(-4, 6, shape, g)); }),
                                {shape, integers}));
        }
}

}  // namespace

std::vector<Row> create_rows() {
    std::vector<Row> rows;
    add_constants(rows);
    add_random(rows);
    rows.push_back(made("as_tensor", [] { return as_tensor(some_ids()); }, {{2, 2}, {0, 2, 1, -3}}));
    rows.push_back(made("as_tensor", [] { return as_tensor(Ids(7)); }, {{}, {7}}));
    rows.push_back(made("as_tensor", [] { return as_tensor(Tensor{1, 2, 3} > 2); }, {{3}, {0, 0, 1}}));
    rows.push_back(made("as_tensor", [] { return as_tensor(Condition(Shape{0, 3})); }, {{0, 3}, {}}));
    rows.push_back(made("one_hot", [] { return one_hot(Ids{1, 0}, 3); }, {{2, 3}, {0, 1, 0, 1, 0, 0}}));
    rows.push_back(made("one_hot", [] { return one_hot(Ids(2), 3); }, {{3}, {0, 0, 1}}));
    rows.push_back(made("one_hot", [] { return one_hot(make_array<Id>({2, 0}), 3); }, {{2, 0, 3}, {}}));
    return rows;
}

}  // namespace testing
