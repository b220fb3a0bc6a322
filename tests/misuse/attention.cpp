// Misuse of attention and its masks.
#include "misuse/misuse.hpp"

namespace testing {
namespace {

using T = Things;
constexpr AttentionShape scores{2, 4, 3, 5};  // of q and k among the things

void attend(T& t, const AttentionOptions& options) { scaled_dot_product_attention(t.q, t.k, t.v, options); }

Misuses of_attention() {
    constexpr auto name = "scaled_dot_product_attention";
    return {
        {name, "q of three axes", raises<ShapeError>(name, {"4 axes", "[2, 3, 4]", "[2, 2, 5, 6]"}),
         [](T& t) { scaled_dot_product_attention(t.cube, t.k, t.v); }},
        {name, "keys of another width", raises<ShapeError>(name, {"q [B, H, Tq, D]", "[2, 4, 3, 6]", "[2, 2, 5, 3]"}),
         [](T& t) { scaled_dot_product_attention(t.q, t.v, t.v); }},
        {name, "another batch", raises<ShapeError>(name, {"[1, 4, 3, 6]", "[2, 2, 5, 6]"}),
         [](T& t) { scaled_dot_product_attention(slice(t.q, 0, 0, 1), t.k, t.v); }},
        {name, "fewer values than keys", raises<ShapeError>(name, {"[2, 2, 5, 6]", "[2, 2, 4, 3]"}),
         [](T& t) { scaled_dot_product_attention(t.q, t.k, slice(t.v, 2, 0, 4)); }},
        {name, "heads that the key-value heads do not divide", raises<ShapeError>(name, {"2 key-value heads", "got 3"}),
         [](T& t) { scaled_dot_product_attention(slice(t.q, 1, 0, 3), t.k, t.v); }},
        {name, "no key-value heads", raises<ShapeError>(name, {"0 key-value heads", "got 4"}),
         [](T& t) { scaled_dot_product_attention(t.q, slice(t.k, 1, 0, 0), slice(t.v, 1, 0, 0)); }},
        {name, "time first, which they are not", raises<ShapeError>(name, {"[B, Tq, H, D]", "[2, 4, 3, 6]", "[2, 2, 5, 6]"}),
         [](T& t) { scaled_dot_product_attention(t.q, t.k, slice(t.v, 2, 0, 4), {.time_first = true}); }},
        {name, "a dropout above 1", raises<ValueError>(name, {"[0, 1]", "1.5"}),
         [](T& t) { attend(t, {.dropout = 1.5, .training = true, .generator = &t.generator}); }},
        {name, "a dropout that is no number", raises<ValueError>(name, {"[0, 1]", "nan"}),
         [](T& t) { attend(t, {.dropout = nan}); }},
        {name, "a negative softcap", raises<ValueError>(name, {"softcap >= 0", "-1"}),
         [](T& t) { attend(t, {.softcap = -1}); }},
        {name, "an infinite softcap", raises<ValueError>(name, {"softcap >= 0", "inf"}),
         [](T& t) { attend(t, {.softcap = inf}); }},
        {name, "a scale that is no number", raises<ValueError>(name, {"finite scale", "nan"}),
         [](T& t) { attend(t, {.scale = nan}); }},
        {name, "no generator", raises<ValueError>(name, {"a generator", "none"}),
         [](T& t) { attend(t, {.dropout = 0.5, .training = true, .generator = nullptr}); }},
        {name, "a mask of other queries, in training", raises<ShapeError>("AttentionMask::allow", {"[3, 5]", "[2, 3]"}),
         [](T& t) {
             attend(t, {.mask = AttentionMask::allow(t.flags), .dropout = 0.5, .training = true, .generator = &t.generator});
         }},
        {"scaled_dot_product_attention_to_first", "more keys than there are",
         raises<IndexError>("scaled_dot_product_attention_to_first", {"[0, 5]", "got 6"}),
         [](T& t) { scaled_dot_product_attention_to_first(t.q, t.k, t.v, 6); }},
        {"scaled_dot_product_attention_to_first", "fewer keys than none",
         raises<IndexError>("scaled_dot_product_attention_to_first", {"[0, 5]", "-9223372036854775808"}),
         [](T& t) { scaled_dot_product_attention_to_first(t.q, t.k, t.v, lowest); }},
        {"scaled_dot_product_attention_with_weights", "a dropout above 1", raises<ValueError>(name, {"[0, 1]", "2"}),
         [](T& t) { scaled_dot_product_attention_with_weights(t.q, t.k, t.v, {.dropout = 2}); }},
        {"scaled_dot_product_attention_steps", "no generator", raises<ValueError>(name, {"a generator", "none"}),
         [](T& t) { scaled_dot_product_attention_steps(t.q, t.k, t.v, {.generator = nullptr}); }},
    };
}

Misuses of_masks() {
    return {
        {"AttentionMask::window", "a bound below -1", raises<ValueError>("AttentionMask::window", {"at least 0", "-2 and 0"}),
         [](T&) { AttentionMask::window(-2, 0); }},
        {"AttentionMask::window", "the lowest bound",
         raises<ValueError>("AttentionMask::window", {"at least 0", "-9223372036854775808"}),
         [](T&) { AttentionMask::window(0, lowest); }},
        {"AttentionMask::allow", "one axis", raises<ShapeError>("AttentionMask::allow", {"[3, 5]", "[2, 4, 3, 5]", "got [3]"}),
         [](T& t) { attend(t, {.mask = AttentionMask::allow(t.row > 0)}); }},
        {"AttentionMask::allow", "three axes", raises<ShapeError>("AttentionMask::allow", {"[2, 4, 3, 5]", "got [2, 3, 4]"}),
         [](T& t) { attend(t, {.mask = AttentionMask::allow(t.cube > 0)}); }},
        {"AttentionMask::allow", "other keys", raises<ShapeError>("AttentionMask::allow", {"[3, 5]", "got [2, 3]"}),
         [](T& t) { AttentionMask::allow(t.flags).parts(scores); }},
        {"AttentionMask::keys", "one axis", raises<ShapeError>("AttentionMask::keys", {"[B, Tk]", "[3]"}),
         [](T& t) { AttentionMask::keys(t.row > 0); }},
        {"AttentionMask::keys", "other keys", raises<ShapeError>("AttentionMask::keys", {"[2, 5]", "[2, 3]"}),
         [](T& t) { attend(t, {.mask = AttentionMask::keys(t.flags)}); }},
        {"AttentionMask::lengths", "a negative length", raises<ValueError>("AttentionMask::lengths", {"at least 0", "-1"}),
         [](T&) {
             AttentionMask::lengths({1, -1});
         }},
        {"AttentionMask::lengths", "a length for another batch",
         raises<ShapeError>("AttentionMask::lengths", {"2 lengths", "got 1"}),
         [](T& t) { attend(t, {.mask = AttentionMask::lengths({1})}); }},
        {"AttentionMask::lengths", "no lengths", raises<ShapeError>("AttentionMask::lengths", {"2 lengths", "got 0"}),
         [](T& t) { attend(t, {.mask = AttentionMask::lengths({})}); }},
        {"AttentionMask::lengths", "more than there are keys",
         raises<ValueError>("AttentionMask::lengths", {"at most 5", "9223372036854775807"}),
         [](T& t) {
             attend(t, {.mask = AttentionMask::lengths({1, highest})});
         }},
        {"AttentionMask::bias", "other keys", raises<ShapeError>("AttentionMask::bias", {"[3, 5]", "got [2, 3]"}),
         [](T& t) { attend(t, {.mask = AttentionMask::bias(t.x)}); }},
        {"AttentionMask::bias", "an undefined tensor", raises<ValueError>("AttentionMask::bias", {"a tensor", "undefined"}),
         [](T& t) { AttentionMask::bias(t.none); }},
        {"AttentionMask::alibi", "a slope that is no number", raises<ValueError>("AttentionMask::alibi", {"finite", "nan"}),
         [](T&) {
             AttentionMask::alibi({1, nan});
         }},
        {"AttentionMask::alibi", "no slopes", raises<ShapeError>("AttentionMask::alibi", {"each head", "none"}),
         [](T&) { AttentionMask::alibi(std::vector<Real>{}); }},
        {"AttentionMask::alibi", "slopes for other heads", raises<ShapeError>("AttentionMask::alibi", {"4 slopes", "got 2"}),
         [](T& t) {
             attend(t, {.mask = AttentionMask::alibi({1, 2})});
         }},
        {"AttentionMask::allowed", "scores of a negative extent",
         raises<ShapeError>("AttentionMask", {"at least 0", "[1, 1, -3, 2]"}),
         [](T&) {
             AttentionMask::causal().allowed({1, 1, -3, 2});
         }},
        {"AttentionMask::alibi_bias", "scores that are too many", raises<ShapeError>("Tensor", {"at most", "1099511627776"}),
         [](T&) {
             AttentionMask::alibi().alibi_bias({1, 1, huge, huge});
         }},
    };
}

}  // namespace

Misuses misuses_of_attention() {
    Misuses all = of_attention();
    const Misuses masks = of_masks();
    all.insert(all.end(), masks.begin(), masks.end());
    return all;
}

}  // namespace testing
