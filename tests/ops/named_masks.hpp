// Every kind of mask, with a name and sizes to fit any shape of scores: what tests of attention go through.
#pragma once

#include <support/testing.hpp>

namespace testing {

/// All but every so many-th flag set.
inline Condition scattered(const Shape& shape, Index every) {
    Condition c(shape);
    for (Index i = 0; i < c.numel(); ++i) c.raw()[i] = i % every != 0;
    return c;
}

struct NamedMask {
    std::string name;
    AttentionMask mask;
    Shape bias = {};  ///< of a bias beside the mask, if it has axes
};

inline std::vector<NamedMask> masks(const AttentionShape& s) {
    const Index longest = s.keys - (s.keys + 6) / 8;  // of several keys not all, and of more than 293 some of a second tile
    std::vector<Index> lengths;                       // from 0, where there are several, up
    for (Index b = 0; b < s.batch; ++b) lengths.push_back(s.batch == 1 ? longest : b * longest / (s.batch - 1));
    return {{"none", {}},
            {"causal", AttentionMask::causal()},
            {"causal with an offset", AttentionMask::causal(0)},
            {"window", AttentionMask::window(2, 1)},
            {"one key a query", AttentionMask::window(0, 0)},
            {"lengths", AttentionMask::lengths(lengths)},
            {"keys", AttentionMask::keys(scattered({s.batch, s.keys}, 3))},
            {"allow", AttentionMask::allow(scattered({s.batch, 1, s.queries, s.keys}, 5))},
            {"allow by head", AttentionMask::allow(scattered({s.batch, s.heads, s.queries, s.keys}, 5))},
            {"full bias", {}, Shape(s)},
            {"bias of each head", AttentionMask::causal(), {1, s.heads, s.queries, s.keys}},
            {"bias of each pair", {}, {s.queries, s.keys}},
            {"bias of each key", AttentionMask::lengths(lengths), {s.batch, 1, 1, s.keys}},
            {"alibi", AttentionMask::causal() & AttentionMask::alibi()},
            {"all together",
             AttentionMask::window(5, 2) & AttentionMask::keys(scattered({s.batch, s.keys}, 4)) & AttentionMask::alibi() &
                 AttentionMask::lengths(lengths),
             {1, s.heads, s.queries, 1}}};
}

}  // namespace testing
