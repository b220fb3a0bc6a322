// AttentionMask: what each constructor allows, how masks combine, and which shapes are refused.
#include <support/testing.hpp>

using namespace testing;

namespace {

/// A condition from rows of text: 'x' may attend, anything else may not.
Condition pattern(const std::vector<std::string>& rows) {
    Condition c(Shape{static_cast<Index>(rows.size()), static_cast<Index>(rows.at(0).size())});
    bool* next = c.raw();
    for (const std::string& row : rows)
        for (const char mark : row) *next++ = mark == 'x';
    return c;
}

/// What a mask allows, spread over all of [B, H, Tq, Tk].
Condition spread_over(const AttentionMask& mask, const AttentionShape& shape) {
    Condition everywhere{Shape(shape)};
    std::fill_n(everywhere.raw(), everywhere.numel(), true);
    const auto allowed = mask.allowed(shape);
    return allowed ? everywhere & *allowed : everywhere;
}

/// Checks the [Tq, Tk] part of one batch and head.
void check_allows(const AttentionMask& mask, const AttentionShape& shape, const std::vector<std::string>& rows, Index batch = 0,
                  Index head = 0) {
    const Condition actual = spread_over(mask, shape);
    REQUIRE(actual.shape() == Shape{shape.batch, shape.heads, shape.queries, shape.keys});
    REQUIRE(static_cast<Index>(rows.size()) == shape.queries);
    const bool* next = actual.data() + (batch * shape.heads + head) * shape.queries * shape.keys;
    std::vector<std::string> found;
    for (Index i = 0; i < shape.queries; ++i) {
        found.emplace_back();
        for (Index j = 0; j < shape.keys; ++j) found.back() += *next++ ? 'x' : '.';
    }
    CHECK(found == rows);
}

template <class T>
concept AllowTakes = requires(T x) {
    AttentionMask::allow(x);
};
template <class T>
concept KeysTakes = requires(T x) {
    AttentionMask::keys(x);
};
template <class T>
concept BiasTakes = requires(T x) {
    AttentionMask::bias(x);
};
template <class T>
concept IsTakenForMask = std::is_convertible_v<T, AttentionMask>;

}  // namespace

TEST_CASE("a mask is never made from a bare array, and numbers and flags are not taken for each other") {
    STATIC_REQUIRE_FALSE(IsTakenForMask<Condition>);
    STATIC_REQUIRE_FALSE(IsTakenForMask<BoolArray>);
    STATIC_REQUIRE_FALSE(IsTakenForMask<Tensor>);
    STATIC_REQUIRE(AllowTakes<Condition>);
    STATIC_REQUIRE(AllowTakes<BoolArray>);
    STATIC_REQUIRE_FALSE(AllowTakes<Tensor>);
    STATIC_REQUIRE_FALSE(AllowTakes<Array>);
    STATIC_REQUIRE(KeysTakes<BoolArray>);
    STATIC_REQUIRE_FALSE(KeysTakes<Tensor>);
    STATIC_REQUIRE_FALSE(KeysTakes<Array>);
    STATIC_REQUIRE_FALSE(KeysTakes<Ids>);
    STATIC_REQUIRE(BiasTakes<Tensor>);
    STATIC_REQUIRE(BiasTakes<Array>);
    STATIC_REQUIRE_FALSE(BiasTakes<Condition>);
    STATIC_REQUIRE_FALSE(BiasTakes<BoolArray>);
}

TEST_CASE("no mask allows everything and adds nothing") {
    const AttentionMask mask;
    CHECK(mask.empty());
    CHECK_FALSE(mask.allowed({1, 1, 2, 3}).has_value());
    CHECK_FALSE(mask.parts({1, 1, 2, 3}).bias.defined());
    check_allows(mask, {1, 1, 2, 3}, {"xxx", "xxx"});
    CHECK_FALSE(AttentionMask::causal().empty());
    CHECK_FALSE(AttentionMask::allow(pattern({"x"})).empty());
    CHECK_FALSE(AttentionMask::keys(pattern({"x"})).empty());
    CHECK_FALSE(AttentionMask::lengths({1}).empty());
    CHECK_FALSE(AttentionMask::bias(Tensor{{1}}).empty());
}

TEST_CASE("a causal mask is aligned to the last key") {
    check_allows(AttentionMask::causal(), {1, 1, 3, 3}, {"x..", "xx.", "xxx"});
    check_allows(AttentionMask::causal(), {1, 1, 2, 4}, {"xxx.", "xxxx"});
    check_allows(AttentionMask::causal(), {1, 1, 1, 4}, {"xxxx"});
    check_allows(AttentionMask::causal(), {1, 1, 4, 2}, {"..", "..", "x.", "xx"});
    check_allows(AttentionMask::causal(), {2, 2, 2, 3}, {"xx.", "xxx"}, 1, 1);
}

TEST_CASE("a causal mask with an offset lets query i see the keys up to i + offset") {
    check_allows(AttentionMask::causal(0), {1, 1, 2, 4}, {"x...", "xx.."});
    check_allows(AttentionMask::causal(1), {1, 1, 2, 4}, {"xx..", "xxx."});
    check_allows(AttentionMask::causal(2), {1, 1, 2, 4}, {"xxx.", "xxxx"});
    check_allows(AttentionMask::causal(-1), {1, 1, 3, 3}, {"...", "x..", "xx."});
    check_allows(AttentionMask::causal(9), {1, 1, 2, 2}, {"xx", "xx"});
}

TEST_CASE("a window allows keys at most left before and right after the query's own place") {
    check_allows(AttentionMask::window(1, 0), {1, 1, 4, 4}, {"x...", "xx..", ".xx.", "..xx"});
    check_allows(AttentionMask::window(0, 2), {1, 1, 4, 4}, {"xxx.", ".xxx", "..xx", "...x"});
    check_allows(AttentionMask::window(1, 1), {1, 1, 2, 4}, {".xxx", "..xx"});
    check_allows(AttentionMask::window(-1, 1), {1, 1, 3, 3}, {"xx.", "xxx", "xxx"});
    check_allows(AttentionMask::window(1, -1), {1, 1, 3, 3}, {"xxx", "xxx", ".xx"});
    check_allows(AttentionMask::window(0, 0), {1, 1, 2, 2}, {"x.", ".x"});
    check_allows(AttentionMask::window(-1, -1), {1, 1, 2, 2}, {"xx", "xx"});
    CHECK_THROWS_AS(AttentionMask::window(-2, 0), ValueError);
    CHECK_THROWS_AS(AttentionMask::window(0, -2), ValueError);
}

TEST_CASE("a mask of queries and keys applies to all batches and heads") {
    const AttentionMask mask = AttentionMask::allow(pattern({"x.x", ".x."}));
    for (const Index batch : {0, 1})
        for (const Index head : {0, 1}) check_allows(mask, {2, 2, 2, 3}, {"x.x", ".x."}, batch, head);
}

TEST_CASE("a mask with four axes applies along those that are not 1") {
    const Condition by_batch = pattern({"x.", ".x"}).reshape({2, 1, 1, 2});
    check_allows(AttentionMask::allow(by_batch), {2, 3, 2, 2}, {"x.", "x."}, 0, 2);
    check_allows(AttentionMask::allow(by_batch), {2, 3, 2, 2}, {".x", ".x"}, 1, 1);
    const Condition by_head = pattern({"x.", ".x"}).reshape({1, 2, 1, 2});
    check_allows(AttentionMask::allow(by_head), {2, 2, 2, 2}, {"x.", "x."}, 1, 0);
    check_allows(AttentionMask::allow(by_head), {2, 2, 2, 2}, {".x", ".x"}, 0, 1);
    const Condition by_query = pattern({"x.", ".x"}).reshape({1, 1, 2, 2});
    check_allows(AttentionMask::allow(by_query), {2, 2, 2, 2}, {"x.", ".x"}, 1, 1);
    const Condition full = pattern({"x..x", "xx..", "..xx", ".xx."}).reshape({2, 2, 2, 2});
    check_allows(AttentionMask::allow(full), {2, 2, 2, 2}, {"..", "xx"}, 1, 0);
}

TEST_CASE("a key mask applies to all queries of its batch element, also where the extents coincide") {
    const AttentionMask mask = AttentionMask::keys(pattern({"x.", "xx"}));
    check_allows(mask, {2, 1, 2, 2}, {"x.", "x."}, 0);
    check_allows(mask, {2, 1, 2, 2}, {"xx", "xx"}, 1);
    check_allows(AttentionMask::keys(pattern({"xx."})), {1, 2, 3, 3}, {"xx.", "xx.", "xx."}, 0, 1);
}

TEST_CASE("lengths allow the first keys of each batch element") {
    const AttentionMask mask = AttentionMask::lengths({2, 0, 3});
    check_allows(mask, {3, 1, 2, 3}, {"xx.", "xx."}, 0);
    check_allows(mask, {3, 1, 2, 3}, {"...", "..."}, 1);
    check_allows(mask, {3, 1, 2, 3}, {"xxx", "xxx"}, 2);
    CHECK_THROWS_AS(AttentionMask::lengths({1, -1}), ValueError);
    CHECK_THROWS_AS(mask.allowed({3, 1, 2, 2}), ValueError);  // source and target mixed up
}

TEST_CASE("masks combined with & allow what all of them allow") {
    const AttentionMask both = AttentionMask::causal() & AttentionMask::keys(pattern({".xx", "xxx"}));
    check_allows(both, {2, 1, 3, 3}, {"...", ".x.", ".xx"}, 0);
    check_allows(both, {2, 1, 3, 3}, {"x..", "xx.", "xxx"}, 1);
    check_allows(AttentionMask::causal() & AttentionMask::window(1, 1), {1, 1, 3, 3}, {"x..", "xx.", ".xx"});
    check_allows(AttentionMask::causal(0) & AttentionMask::causal(), {1, 1, 2, 3}, {"x..", "xx."});
    check_allows(AttentionMask::lengths({2}) & AttentionMask::allow(pattern({".xx", "xxx"})) &
                     AttentionMask::keys(pattern({"xxx"})),
                 {1, 1, 2, 3}, {".x.", "xx."});
    const AttentionMask causal = AttentionMask::causal();
    check_allows(AttentionMask() & causal, {1, 1, 2, 2}, {"x.", "xx"});
    check_allows(causal & AttentionMask(), {1, 1, 2, 2}, {"x.", "xx"});
    const AttentionMask with_bias = causal & AttentionMask::bias(Tensor{{1, 2}, {3, 4}});
    check_allows(with_bias, {1, 1, 2, 2}, {"x.", "xx"});
    check_close(with_bias.parts({1, 1, 2, 2}).bias, Tensor{{1, 2}, {3, 4}});
    check_allows(causal, {1, 1, 2, 2}, {"x.", "xx"});
    CHECK_FALSE(causal.parts({1, 1, 2, 2}).bias.defined());
}

TEST_CASE("biases combined with & add up, and both get a gradient") {
    const Tensor a = leaf({{1, 2, 3}, {4, 5, 6}}), b = leaf(reshape(Tensor{10, 20}, {1, 2, 1, 1}));
    const Tensor total = (AttentionMask::bias(a) & AttentionMask::bias(b)).parts({3, 2, 2, 3}).bias;
    check_close(total, Tensor{{{{11, 12, 13}, {14, 15, 16}}, {{21, 22, 23}, {24, 25, 26}}}});
    sum(total).backward();
    check_close(a.grad(), full({2, 3}, 2));
    check_close(b.grad(), full({1, 2, 1, 1}, 6));
}

TEST_CASE("masks of a wrong shape are refused") {
    const AttentionShape shape{2, 3, 4, 5};
    const auto flags = [](const Shape& extents) {
        Condition c(extents);
        std::fill_n(c.raw(), c.numel(), true);
        return c;
    };
    for (const Shape& wrong : {Shape{5, 4}, Shape{1, 5}, Shape{4, 1}, Shape{5}, Shape{}, Shape{1, 4, 5}, Shape{2, 4, 5},
                               Shape{3, 2, 4, 5}, Shape{2, 3, 5, 4}, Shape{2, 3, 4, 5, 1}, Shape{1, 1, 4, 2}}) {
        INFO(wrong);
        CHECK_THROWS_AS(AttentionMask::allow(flags(wrong)).allowed(shape), ShapeError);
        CHECK_THROWS_AS(AttentionMask::bias(zeros(wrong)).parts(shape).bias, ShapeError);
    }
    for (const Shape& right : {Shape{4, 5}, Shape{2, 3, 4, 5}, Shape{1, 1, 1, 1}, Shape{2, 1, 4, 1}, Shape{1, 3, 1, 5}}) {
        INFO(right);
        CHECK_NOTHROW(AttentionMask::allow(flags(right)).allowed(shape));
        CHECK_NOTHROW(AttentionMask::bias(zeros(right)).parts(shape).bias);
    }
    for (const Shape& wrong : {Shape{5}, Shape{2, 1, 1, 5}, Shape{}})
        CHECK_THROWS_AS(AttentionMask::keys(flags(wrong)), ShapeError);
    for (const Shape& wrong : {Shape{5, 2}, Shape{1, 5}, Shape{2, 4}, Shape{2, 1}})
        CHECK_THROWS_AS(AttentionMask::keys(flags(wrong)).allowed(shape), ShapeError);
    CHECK_THROWS_AS(AttentionMask::lengths({5}).allowed(shape), ShapeError);
    CHECK_THROWS_AS(AttentionMask::lengths({1, 2, 3}).allowed(shape), ShapeError);
    CHECK_THROWS_WITH(AttentionMask::lengths({5}).allowed(shape), "AttentionMask::lengths: expected 2 lengths, got 1");
    CHECK_THROWS_WITH(AttentionMask::keys(flags({5, 2})).allowed(shape), "AttentionMask::keys: expected [2, 5], got [5, 2]");
}
