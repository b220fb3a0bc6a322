// rotary_embedding: angles that differ along any of the axes before the last, against the angles written out for every vector.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("rotary angles of any broadcast shape equal the same angles written out for every vector") {
    const Shape shape{2, 3, 4, 6};  // [B, T, H, D]
    for (const RotaryLayout layout : {RotaryLayout::adjacent, RotaryLayout::half_split})
        for (const Index half : {1, 2, 3})
            for (int which = 0; which < 8; ++which)  // every choice of axes that have angles of their own
                for (Index dropped = 0; dropped < 4; ++dropped) {
                    Shape own;
                    bool possible = true;
                    for (Index axis = 0; axis < 3; ++axis) {
                        const bool differs = (which >> axis) % 2 == 1;
                        if (axis >= dropped) own.push_back(differs ? shape[axis] : 1);
                        else possible &= !differs;
                    }
                    own.push_back(half);
                    if (!possible) continue;
                    INFO("angles " << own);
                    const Tensor angle = numbers(own, 3), c = leaf(cos(angle)), s = leaf(sin(angle)), x = leaf(numbers(shape));
                    Shape all = shape;
                    all[-1] = half;
                    const Tensor whole_c = leaf(expand(c.detach(), all)), whole_s = leaf(expand(s.detach(), all));
                    const Tensor y = rotary_embedding(x, c, s, layout), z = rotary_embedding(x, whole_c, whole_s, layout);
                    check_close(y.detach(), z.detach(), 0);
                    for (Index at = 0; at < x.numel() / 6; ++at)  // one vector at a time
                        for (Index i = 0; i < half; ++i) {
                            const bool adjacent = layout == RotaryLayout::adjacent;
                            const Index u = at * 6 + (adjacent ? 2 * i : i), v = adjacent ? u + 1 : u + half;
                            const double a = x.data()[u], b = x.data()[v], cosine = whole_c.data()[at * half + i],
                                         sine = whole_s.data()[at * half + i];
                            CHECK_THAT(y.data()[u], is_close(a * cosine - b * sine, is_f64 ? 1e-14 : 1e-6));
                            CHECK_THAT(y.data()[v], is_close(a * sine + b * cosine, is_f64 ? 1e-14 : 1e-6));
                        }
                    const auto d = grad(sum(y * numbers(shape, 4)), {x, c, s}),
                               whole = grad(sum(z * numbers(shape, 4)), {x, whole_c, whole_s});
                    check_close(d[0], whole[0], 0);
                    Tensor dc = whole[1], ds = whole[2];
                    for (Index axis = 2; axis >= 0; --axis)
                        if ((which >> axis) % 2 == 0) {
                            dc = sum(dc, axis, true);
                            ds = sum(ds, axis, true);
                        }
                    check_close(reshape(d[1], own), reshape(dc, own), is_f64 ? 1e-13 : 1e-5);
                    check_close(reshape(d[2], own), reshape(ds, own), is_f64 ? 1e-13 : 1e-5);
                }
}

TEST_CASE("rotary angles of each sequence turn the same vectors as with the heads first") {
    const Tensor angle = numbers({3, 5, 1, 2}, 3), x = numbers({3, 5, 4, 6});
    const Tensor y = rotary_embedding(x, cos(angle), sin(angle));
    const Tensor first = reshape(angle, {3, 1, 5, 2});
    check_close(y, permute(rotary_embedding(permute(x, {0, 2, 1, 3}), cos(first), sin(first)), {0, 2, 1, 3}), 0);
}

TEST_CASE("rotary_embedding refuses angles that do not broadcast to the vectors") {
    const auto turn = [](const Shape& x, const Shape& c, const Shape& s) {
        return rotary_embedding(zeros(x), zeros(c), zeros(s));
    };
    const Shape x{2, 3, 4, 6};
    CHECK_NOTHROW(turn(x, {2, 3, 1, 3}, {2, 3, 1, 3}));
    CHECK_THROWS_AS(turn(x, {2, 3, 3}, {2, 3, 3}), ShapeError);
    CHECK_THROWS_AS(turn(x, {3, 3, 1, 2}, {3, 3, 1, 2}), ShapeError);
    CHECK_THROWS_AS(turn(x, {1, 2, 3, 4, 2}, {1, 2, 3, 4, 2}), ShapeError);
    CHECK_THROWS_AS(turn(x, {2, 3, 1, 4}, {2, 3, 1, 4}), ShapeError);
    CHECK_THROWS_AS(turn(x, {2, 3, 1, 2}, {2, 1, 1, 2}), ShapeError);
    CHECK_THROWS_AS(turn({6}, {3}, {3}), ShapeError);
    CHECK(turn(x, {3, 1, 0}, {3, 1, 0}).shape() == x);
    CHECK(turn({2, 0, 4, 6}, {0, 1, 3}, {0, 1, 3}).shape() == Shape{2, 0, 4, 6});
}
