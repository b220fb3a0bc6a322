// Misuse of key-value caches and of the generation of sequences.
#include "misuse/misuse.hpp"

namespace testing {
namespace {

using T = Things;

const Ids prompt = {{0, 1}};
const Ids no_prompt = make_array<Id>({1, 0});

Misuses of_caches() {
    return {
        {"KeyValueCache", "a negative capacity", raises<ValueError>("KeyValueCache", {"at least 0", "-1"}),
         [](T&) { KeyValueCache(1, 2, -1, 4, 4); }},
        {"KeyValueCache", "more room than any machine has", raises<ShapeError>("Tensor", {"at most", "9223372036854775807"}),
         [](T&) { KeyValueCache(1, 2, highest, 4, 4); }},
        {"KeyValueCache::append", "keys of other heads", raises<ShapeError>("KeyValueCache", {"[2, 2, 4, 4]", "[2, 1, 1, 4]"}),
         [](T& t) {
             t.cache.append(zeros({2, 1, 1, 4}), zeros({2, 1, 1, 4}));
         }},
        {"KeyValueCache::append", "more keys than values",
         raises<ShapeError>("KeyValueCache", {"but for the time", "[2, 2, 2, 4]"}),
         [](T& t) {
             t.cache.append(zeros({2, 2, 1, 4}), zeros({2, 2, 2, 4}));
         }},
        {"KeyValueCache::append", "a position too many", raises<ValueError>("KeyValueCache", {"at most 4", "2 and 3 more"}),
         [](T& t) {
             t.cache.append(zeros({2, 2, 3, 4}), zeros({2, 2, 3, 4}));
         }},
        {"KeyValueCache::append", "keys with a gradient", raises<GradError>("KeyValueCache", {"without gradient", "no_grad"}),
         [](T& t) {
             t.cache.append(zeros({2, 2, 1, 4}).requires_grad_(), zeros({2, 2, 1, 4}));
         }},
        {"KeyValueCache::reorder", "a row beyond the batch", raises<IndexError>("KeyValueCache", {"[-2, 2)", "got 2"}),
         [](T& t) {
             t.cache.reorder(Ids{0, 2});
         }},
        {"KeyValueCache::reorder", "rows of two axes", raises<ShapeError>("KeyValueCache", {"rows [n]", "[2, 3]"}),
         [](T& t) { t.cache.reorder(t.matrix_of_ids); }},
        {"KeyValueCache::truncate", "more positions than there are", raises<IndexError>("KeyValueCache", {"[0, 2]", "got 3"}),
         [](T& t) { t.cache.truncate(3); }},
        {"KeyValueCache::truncate", "a negative length", raises<IndexError>("KeyValueCache", {"[0, 2]", "-1"}),
         [](T& t) { t.cache.truncate(-1); }},
        {"reorder", "a row that only the first of the caches has", raises<IndexError>("KeyValueCache", {"[-1, 1)", "got 1"}),
         [](T& t) {
             std::vector<KeyValueCache> caches{t.cache, KeyValueCache(1, 2, 4, 4, 4)};
             try {
                 reorder(caches, Ids{1, 1});
             } catch (...) {
                 CHECK(caches[0].keys.is(t.cache.keys));
                 throw;
             }
         }},
        {"MultiHeadAttention::make_cache", "a negative batch", raises<ValueError>("KeyValueCache", {"at least 0", "-1"}),
         [](T& t) { t.attention.make_cache(-1, 4); }},
        {"MultiHeadAttention::make_cache", "keys of another width",
         raises<ShapeError>("MultiHeadAttention", {"key [B, T, 8]", "[2, 3, 4]"}),
         [](T& t) { t.attention.make_cache(t.cube, t.cube); }},
        {"MultiHeadAttention::forward", "a full cache", raises<ValueError>("KeyValueCache", {"at most 4", "2 and 3 more"}),
         [](T& t) {
             const no_grad off;
             t.attention.forward(t.sequence, t.cache);
         }},
        {"MultiHeadAttention::forward", "a cache while gradients are recorded", raises<GradError>("KeyValueCache", {"no_grad"}),
         [](T& t) { t.attention.forward(slice(t.sequence, 1, 0, 1), t.cache); }},
        {"MultiHeadAttention::forward", "a cache and a mask of other positions",
         raises<ShapeError>("AttentionMask::allow", {"[1, 3]", "[2, 3]"}),
         [](T& t) {
             const no_grad off;
             t.attention.forward(slice(t.sequence, 1, 0, 1), t.cache, AttentionMask::allow(t.flags));
         }},
        {"MultiHeadAttention::forward_to", "queries of another batch",
         raises<ShapeError>("scaled_dot_product_attention", {"[1, 2, 3, 4]", "[2, 2, 4, 4]"}),
         [](T& t) { t.attention.forward_to(slice(t.sequence, 0, 0, 1), t.cache); }},
        {"TransformerEncoder::forward", "fewer caches than layers",
         raises<ValueError>("TransformerEncoder", {"each of 2 layers", "got 1"}),
         [](T& t) {
             std::vector<KeyValueCache> caches{t.cache};
             t.encoder.forward(t.sequence, caches);
         }},
        {"TransformerEncoder::forward", "full caches", raises<ValueError>("KeyValueCache", {"at most 4", "3 and 3 more"}),
         [](T& t) {
             const no_grad off;
             t.encoder.forward(t.sequence, t.caches);
         }},
        {"TransformerEncoder::forward", "a second cache that is full",
         raises<ValueError>("KeyValueCache", {"at most 3", "3 and 1 more"}),
         [](T& t) {
             const no_grad off;
             std::vector<KeyValueCache> caches{t.encoder.make_cache(2, 4)[0], t.encoder.make_cache(2, 3)[0]};
             t.encoder.forward(t.sequence, caches);
             try {
                 t.encoder.forward(slice(t.sequence, 1, 0, 1), caches);
             } catch (...) {
                 CHECK(caches[0].length == 3);
                 throw;
             }
         }},
    };
}

Misuses of_generation() {
    return {
        {"greedy_decode", "an empty prompt", raises<ShapeError>("greedy_decode", {"at least one token", "[1, 0]"}),
         [](T& t) { greedy_decode(t.steps, no_prompt); }},
        {"greedy_decode", "a prompt of one axis", raises<ShapeError>("greedy_decode", {"[B, T]", "[2]"}),
         [](T& t) { greedy_decode(t.steps, t.ids); }},
        {"greedy_decode", "a negative length", raises<ValueError>("greedy_decode", {"max_length >= 0", "-1"}),
         [](T& t) { greedy_decode(t.steps, prompt, {.max_length = -1}); }},
        {"greedy_decode", "a model without functions", raises<ValueError>("greedy_decode", {"next and reorder", "without"}),
         [](T&) { greedy_decode({}, prompt); }},
        {"greedy_decode", "logits of another batch", raises<ShapeError>("greedy_decode", {"[1, V]", "[2, 3]"}),
         [](T& t) {
             t.steps.next = [](const Ids&) { return zeros({2, 3}); };
             greedy_decode(t.steps, prompt);
         }},
        {"greedy_decode", "undefined logits", raises<ShapeError>("greedy_decode", {"[1, V]"}),
         [](T& t) {
             t.steps.next = [](const Ids&) { return Tensor(); };
             greedy_decode(t.steps, prompt);
         }},
        {"greedy_decode", "logits of NaN", raises<ValueError>("greedy_decode", {"without NaN", "[1, 3]"}),
         [](T& t) {
             t.steps.next = [](const Ids&) { return full({1, 3}, nan); };
             greedy_decode(t.steps, prompt);
         }},
        {"greedy_decode", "a model whose cache is full", raises<ValueError>("KeyValueCache", {"at most 4", "2 and 3 more"}),
         [](T& t) {
             t.steps.next = [&](const Ids&) {
                 t.attention.forward(t.sequence, t.cache);
                 return zeros({1, 3});
             };
             greedy_decode(t.steps, prompt);
         }},
        {"sample_decode", "a negative temperature", raises<ValueError>("sample_decode", {"at least 0", "-1"}),
         [](T& t) { sample_decode(t.steps, prompt, {}, {.temperature = -1}); }},
        {"sample_decode", "a temperature that is no number", raises<ValueError>("sample_decode", {"at least 0", "nan"}),
         [](T& t) { sample_decode(t.steps, prompt, {}, {.temperature = nan}); }},
        {"sample_decode", "a negative top_k", raises<ValueError>("sample_decode", {"top_k >= 0", "-1"}),
         [](T& t) { sample_decode(t.steps, prompt, {}, {.top_k = -1}); }},
        {"sample_decode", "a top_p of 0", raises<ValueError>("sample_decode", {"(0, 1]", "got 0"}),
         [](T& t) { sample_decode(t.steps, prompt, {}, {.top_p = 0}); }},
        {"sample_decode", "a top_p that is no number", raises<ValueError>("sample_decode", {"(0, 1]", "nan"}),
         [](T& t) { sample_decode(t.steps, prompt, {}, {.top_p = nan}); }},
        {"sample_decode", "no generator", raises<ValueError>("sample_decode", {"a generator", "none"}),
         [](T& t) { sample_decode(t.steps, prompt, {}, {.generator = nullptr}); }},
        {"sample_decode", "an empty prompt", raises<ShapeError>("sample_decode", {"at least one token", "[1, 0]"}),
         [](T& t) { sample_decode(t.steps, no_prompt); }},
        {"beam_search", "no beam", raises<ValueError>("beam_search", {"at least 1", "got 0"}),
         [](T& t) { beam_search(t.steps, prompt, {}, {.beams = 0}); }},
        {"beam_search", "the lowest number of beams", raises<ValueError>("beam_search", {"at least 1", "-9223372036854775808"}),
         [](T& t) { beam_search(t.steps, prompt, {}, {.beams = lowest}); }},
        {"beam_search", "a length penalty that is no number", raises<ValueError>("beam_search", {"finite", "nan"}),
         [](T& t) { beam_search(t.steps, prompt, {}, {.length_penalty = nan}); }},
        {"beam_search", "an empty prompt", raises<ShapeError>("beam_search", {"at least one token", "[1, 0]"}),
         [](T& t) { beam_search(t.steps, no_prompt); }},
    };
}

}  // namespace

Misuses misuses_of_generation() {
    Misuses all = of_caches();
    const Misuses generation = of_generation();
    all.insert(all.end(), generation.begin(), generation.end());
    return all;
}

}  // namespace testing
