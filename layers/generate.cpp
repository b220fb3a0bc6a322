// Greedy decoding, sampling and beam search; see generate.hpp.
#include <tapehead/layers/generate.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/grad_mode.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/softmax.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

void check_request(const char* operation, const StepModel& model, const Ids& prompt, const GenerateOptions& options) {
    check<ValueError>(model.next && model.reorder, "{}: expected a model with next and reorder, got one without", operation);
    check<ShapeError>(prompt.dimension() == 2 && prompt.shape(1) > 0,
                      "{}: expected a prompt [B, T] of at least one token, got {}", operation, shape_of(prompt));
    check<ValueError>(options.max_length >= 0, "{}: expected max_length >= 0, got {}", operation, options.max_length);
}

/// The model's logits of what follows the tokens [B, T]: [B, V].
Tensor next_logits(const char* operation, const StepModel& model, const Ids& tokens) {
    const auto rows = static_cast<Index>(tokens.shape(0));
    Tensor logits = model.next(tokens);
    check<ShapeError>(logits.defined() && logits.dim() == 2 && logits.size(0) == rows && logits.size(1) > 0,
                      "{}: expected logits [{}, V] of the next token, got {}", operation, rows,
                      logits.defined() ? logits.shape() : Shape());
    check<ValueError>(std::ranges::none_of(logits.values(), [](Scalar x) { return std::isnan(x); }),
                      "{}: expected logits without NaN, got some of shape {}", operation, logits.shape());
    return logits;
}

Ids column(const std::vector<Id>& values) {
    Ids ids = make_array<Id>({static_cast<Index>(values.size()), 1});
    std::copy(values.begin(), values.end(), ids.data());
    return ids;
}

Ids row(const std::vector<Id>& values) {
    Ids ids = make_array<Id>({static_cast<Index>(values.size())});
    std::copy(values.begin(), values.end(), ids.data());
    return ids;
}

/// Writes sequences with choose(logits [B, V]) → the next tokens; rows that have ended leave the batch.
template <class Choose>
std::vector<TokenSequence> decode(const char* operation, const StepModel& model, const Ids& prompt,
                                  const GenerateOptions& options, const Choose& choose) {
    const no_grad off;
    std::vector<TokenSequence> written(prompt.shape(0));
    std::vector<std::size_t> active(written.size());
    std::iota(active.begin(), active.end(), std::size_t{0});
    Ids feed = prompt;
    for (Index t = 0; t < options.max_length && !active.empty(); ++t) {
        const std::vector<Id> chosen = choose(next_logits(operation, model, feed));
        std::vector<Id> kept, tokens;
        std::vector<std::size_t> going_on;
        for (std::size_t i = 0; i < active.size(); ++i) {
            if (chosen[i] == options.end) continue;
            written[active[i]].push_back(chosen[i]);
            kept.push_back(static_cast<Id>(i));
            tokens.push_back(chosen[i]);
            going_on.push_back(active[i]);
        }
        if (going_on.size() < active.size() && !going_on.empty()) model.reorder(row(kept));
        active = going_on;
        feed = column(tokens);
    }
    return written;
}

std::vector<Id> likeliest(const Tensor& logits) {
    const Ids best = argmax(logits, -1);
    return {best.begin(), best.end()};
}

/// A token drawn by u in [0, 1) from probabilities p, cut to the likeliest.
Id draw(std::span<const Scalar> p, const SampleOptions& o, Real u) {
    std::vector<Id> order(p.size());
    std::iota(order.begin(), order.end(), Id{0});
    const auto at = [&](Id i) { return static_cast<Real>(p[static_cast<std::size_t>(i)]); };
    std::stable_sort(order.begin(), order.end(), [&](Id a, Id b) { return at(a) > at(b); });
    std::size_t count = o.top_k > 0 ? std::min(order.size(), static_cast<std::size_t>(o.top_k)) : order.size();
    Real share = 0;
    for (std::size_t i = 0; i < count; ++i) {
        share += at(order[i]);
        if (share >= o.top_p) count = i + 1;
    }
    Real rest = u * share;
    for (std::size_t i = 0; i < count; ++i)
        if ((rest -= at(order[i])) < 0) return order[i];
    return order[count - 1];
}

/// A sequence that beam search follows.
struct Beam {
    TokenSequence tokens;
    Real log_probability;
};

/// One sentence of beam search: what is still followed, and the best that has ended.
struct Search {
    std::size_t sentence;
    std::vector<Beam> live;
    std::vector<Hypothesis> ended;
};

Real normalised(Real log_probability, std::size_t length, const BeamOptions& beam) {
    return log_probability / std::pow((5 + static_cast<Real>(length)) / 6, beam.length_penalty);
}

void keep_best(std::vector<Hypothesis>& ended, std::size_t count) {
    std::stable_sort(ended.begin(), ended.end(), [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
    if (ended.size() > count) ended.resize(count);
}

/// A way to go on: beam `from` with one more token.
struct Step {
    std::size_t from;
    Id token;
    Real log_probability;
};

/// The best 2 · beams ways to go on from the live beams, whose log-probabilities of the next token are rows of V.
std::vector<Step> best_steps(const std::vector<Beam>& live, const Scalar* next, Index vocabulary, std::size_t count) {
    std::vector<Step> steps;
    for (std::size_t i = 0; i < live.size(); ++i)
        for (Index token = 0; token < vocabulary; ++token)
            steps.push_back(
                {i, token, live[i].log_probability + static_cast<Real>(next[static_cast<Index>(i) * vocabulary + token])});
    count = std::min(count, steps.size());
    const auto better = [](const Step& a, const Step& b) {
        return a.log_probability != b.log_probability ? a.log_probability > b.log_probability
                                                      : std::pair(a.from, a.token) < std::pair(b.from, b.token);
    };
    std::partial_sort(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(count), steps.end(), better);
    steps.resize(count);
    return steps;
}

/// Takes one step; returns for each beam that is live afterwards which it came from. None are if nothing better can come.
std::vector<std::size_t> advance(Search& search, const Scalar* next, Index vocabulary, const GenerateOptions& options,
                                 const BeamOptions& beam) {
    const auto beams = static_cast<std::size_t>(beam.beams);
    std::vector<Beam> live;
    std::vector<std::size_t> from;
    const std::vector<Step> steps = best_steps(search.live, next, vocabulary, 2 * beams);
    for (std::size_t rank = 0; rank < steps.size(); ++rank) {
        const Step& step = steps[rank];
        TokenSequence tokens = search.live[step.from].tokens;
        if (step.token == options.end) {  // counts if it is among the best, as any other token
            if (rank < beams) search.ended.push_back({tokens, normalised(step.log_probability, tokens.size() + 1, beam)});
            continue;
        }
        if (live.size() == beams) continue;
        tokens.push_back(step.token);
        live.push_back({std::move(tokens), step.log_probability});
        from.push_back(step.from);
    }
    keep_best(search.ended, beams);
    search.live = std::move(live);
    // A longer sequence is less likely, but a penalty above 0 forgives length: the most it can forgive is at the longest.
    const auto longest = static_cast<std::size_t>(options.max_length);
    const bool done =
        search.ended.size() == beams && !search.live.empty() &&
        normalised(search.live[0].log_probability, beam.length_penalty > 0 ? longest : search.live[0].tokens.size() + 1,
                   beam) <= search.ended.back().score;
    if (done || static_cast<Index>(search.live.empty() ? 0 : search.live[0].tokens.size()) == options.max_length) {
        if (!done)
            for (const Beam& b : search.live)
                search.ended.push_back({b.tokens, normalised(b.log_probability, b.tokens.size(), beam)});
        keep_best(search.ended, beams);
        search.live.clear();
        from.clear();
    }
    return from;
}

}  // namespace

std::vector<TokenSequence> greedy_decode(const StepModel& model, const Ids& prompt, const GenerateOptions& options) {
    check_request("greedy_decode", model, prompt, options);
    return decode("greedy_decode", model, prompt, options, likeliest);
}

std::vector<TokenSequence> sample_decode(const StepModel& model, const Ids& prompt, const GenerateOptions& options,
                                         const SampleOptions& o) {
    check_request("sample_decode", model, prompt, options);
    check<ValueError>(o.temperature >= 0, "sample_decode: expected a temperature of at least 0, got {}", o.temperature);
    check<ValueError>(o.top_k >= 0, "sample_decode: expected top_k >= 0, got {}", o.top_k);
    check<ValueError>(o.top_p > 0 && o.top_p <= 1, "sample_decode: expected top_p in (0, 1], got {}", o.top_p);
    check<ValueError>(o.generator != nullptr, "sample_decode: expected a generator, got none");
    if (o.temperature == 0) return decode("sample_decode", model, prompt, options, likeliest);
    return decode("sample_decode", model, prompt, options, [&](const Tensor& logits) {
        const Tensor p = softmax((logits - amax(logits, -1, true)) / o.temperature);  // [B, V]; without overflow
        const Tensor u = rand({p.size(0)}, *o.generator);
        std::vector<Id> chosen;
        for (Index b = 0; b < p.size(0); ++b)
            chosen.push_back(
                draw(p.values().subspan(static_cast<std::size_t>(b * p.size(1)), static_cast<std::size_t>(p.size(1))), o,
                     static_cast<Real>(u.data()[b])));
        return chosen;
    });
}

std::vector<Hypothesis> beam_search(const StepModel& model, const Ids& prompt, const GenerateOptions& options,
                                    const BeamOptions& beam) {
    check_request("beam_search", model, prompt, options);
    check<ValueError>(beam.beams > 0, "beam_search: expected at least 1 beam, got {}", beam.beams);
    check<ValueError>(std::isfinite(beam.length_penalty), "beam_search: expected a finite length_penalty, got {}",
                      beam.length_penalty);
    const no_grad off;
    std::vector<Hypothesis> best(prompt.shape(0));
    std::vector<Search> searches;
    for (std::size_t b = 0; b < best.size(); ++b) searches.push_back({b, {{{}, 0}}, {}});
    Ids feed = prompt;
    for (Index t = 0; t < options.max_length && !searches.empty(); ++t) {
        const Tensor next = log_softmax(next_logits("beam_search", model, feed));  // [beams of all sentences, V]
        std::vector<Search> going_on;
        std::vector<Id> rows, tokens;
        std::size_t first = 0;  // row of a sentence
        for (Search& search : searches) {
            const std::size_t count = search.live.size();
            const std::vector<std::size_t> from =
                advance(search, next.data() + static_cast<Index>(first) * next.size(1), next.size(1), options, beam);
            for (std::size_t i = 0; i < from.size(); ++i) {
                rows.push_back(static_cast<Id>(first + from[i]));
                tokens.push_back(search.live[i].tokens.back());
            }
            first += count;
            if (!search.live.empty()) going_on.push_back(std::move(search));
            else best[search.sentence] = search.ended.front();
        }
        searches = std::move(going_on);
        if (searches.empty()) break;
        model.reorder(row(rows));
        feed = column(tokens);
    }
    return best;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
