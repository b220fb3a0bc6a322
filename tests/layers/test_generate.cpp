// Greedy decoding, sampling and beam search on models whose probabilities are written out.
#include <support/testing.hpp>

#include <map>
#include <numeric>

using namespace testing;

namespace {

/// A model of which the probabilities of the next token depend on the last one alone; rows know what they have read.
struct Chain {
    std::vector<std::vector<double>> after;  // [V][V]
    std::vector<TokenSequence> rows;         // read so far
    std::size_t steps = 0, row_steps = 0;

    StepModel model() {
        return {.next =
                    [this](const Ids& tokens) {
                        rows.resize(std::max(rows.size(), tokens.shape(0)));
                        ++steps;
                        row_steps += tokens.shape(0);
                        Tensor logits = Tensor::empty({static_cast<Index>(tokens.shape(0)), static_cast<Index>(after.size())});
                        for (std::size_t b = 0; b < tokens.shape(0); ++b) {
                            for (std::size_t t = 0; t < tokens.shape(1); ++t) rows[b].push_back(tokens(b, t));
                            const auto& p = after[static_cast<std::size_t>(rows[b].back())];
                            for (std::size_t v = 0; v < p.size(); ++v)
                                logits.raw()[b * p.size() + v] = static_cast<Scalar>(std::log(p[v]));
                        }
                        return logits;
                    },
                .reorder =
                    [this](const Ids& from) {
                        std::vector<TokenSequence> chosen;
                        for (const Id row : from) chosen.push_back(rows.at(static_cast<std::size_t>(row)));
                        rows = chosen;
                    }};
    }
};

/// Sequences of one token: [B, 1].
Ids prompt(const std::vector<Id>& tokens) {
    Ids ids = make_array<Id>({static_cast<Index>(tokens.size()), 1});
    std::copy(tokens.begin(), tokens.end(), ids.data());
    return ids;
}

/// Token 0 ends. From 1 greedily 2, 2, ... though 3 then leads to a likelier whole.
Chain tricky() {
    return {.after = {{1, 0, 0, 0}, {0.05, 0.05, 0.5, 0.4}, {0.3, 0.3, 0.2, 0.2}, {0.9, 0.05, 0.04, 0.01}}, .rows = {}};
}

/// The likeliest ended sequence of up to `length` tokens, by trying all.
std::pair<TokenSequence, double> best_of_all(const Chain& chain, Id start, Index length, double alpha) {
    std::pair<TokenSequence, double> best{{}, -1e300};
    const std::function<void(TokenSequence, Id, double)> walk = [&](const TokenSequence& so_far, Id last, double log_p) {
        const auto& p = chain.after[static_cast<std::size_t>(last)];
        const auto score = [&](double total, std::size_t n) {
            return total / std::pow((5 + static_cast<double>(n)) / 6, alpha);
        };
        if (static_cast<Index>(so_far.size()) == length) {
            if (score(log_p, so_far.size()) > best.second) best = {so_far, score(log_p, so_far.size())};
            return;
        }
        for (std::size_t v = 0; v < p.size(); ++v) {
            const double total = log_p + std::log(p[v]);
            if (v == 0) {
                if (score(total, so_far.size() + 1) > best.second) best = {so_far, score(total, so_far.size() + 1)};
                continue;
            }
            TokenSequence longer = so_far;
            longer.push_back(static_cast<Id>(v));
            walk(longer, static_cast<Id>(v), total);
        }
    };
    walk({}, start, 0);
    return best;
}

}  // namespace

TEST_CASE("greedy decoding takes the likeliest token and stops each sequence by itself") {
    Chain chain = tricky();
    const auto written = greedy_decode(chain.model(), prompt({1, 3, 2}), {.max_length = 4, .end = 0});
    CHECK(written == std::vector<TokenSequence>{{2}, {}, {}});
    CHECK(chain.row_steps == 4);  // rows that have ended leave the batch
    Chain endless = tricky();
    CHECK(greedy_decode(endless.model(), prompt({1}), {.max_length = 3})[0].size() == 3);
    CHECK(greedy_decode(endless.model(), prompt({1}), {.max_length = 0})[0].empty());
}

TEST_CASE("sampling follows the probabilities, and top-k, top-p and temperature cut them") {
    const auto shares = [](const SampleOptions& sampling) {
        Chain chain = tricky();
        Generator generator(5);
        SampleOptions o = sampling;
        o.generator = &generator;
        const auto written = sample_decode(chain.model(), Ids(xt::ones<Id>({4000, 1})), {.max_length = 1}, o);
        std::vector<double> count(4);
        for (const TokenSequence& w : written) count[static_cast<std::size_t>(w[0])] += 1.0 / 4000;
        return count;
    };
    const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
        for (std::size_t i = 0; i < a.size(); ++i)
            if (std::abs(a[i] - b[i]) > 0.03) return false;
        return true;
    };
    CHECK(near(shares({}), {0.05, 0.05, 0.5, 0.4}));
    CHECK(near(shares({.top_k = 2}), {0, 0, 5.0 / 9, 4.0 / 9}));
    CHECK(near(shares({.top_p = 0.6}), {0, 0, 5.0 / 9, 4.0 / 9}));
    CHECK(near(shares({.top_p = 0.5}), {0, 0, 1, 0}));
    CHECK(near(shares({.temperature = 0}), {0, 0, 1, 0}));
    CHECK(near(shares({.temperature = 0.5}), {0.0025 / 0.415, 0.0025 / 0.415, 0.25 / 0.415, 0.16 / 0.415}));
}

TEST_CASE("beam search finds the likeliest sequence where greedy decoding does not") {
    for (const double alpha : {0.0, 0.6, 1.0}) {
        Chain chain = tricky();
        const auto found =
            beam_search(chain.model(), prompt({1, 2, 3}), {.max_length = 4, .end = 0}, {.beams = 40, .length_penalty = alpha});
        for (const Id start : {1, 2, 3}) {
            const auto [tokens, score] = best_of_all(tricky(), start, 4, alpha);
            INFO("start " << start << ", alpha " << alpha);
            CHECK(found[static_cast<std::size_t>(start - 1)].tokens == tokens);
            CHECK_THAT(found[static_cast<std::size_t>(start - 1)].score, is_close(score));
        }
    }
    CHECK(beam_search(tricky().model(), prompt({1}), {.max_length = 0})[0].tokens.empty());
}

TEST_CASE("one beam without a length penalty is greedy decoding") {
    Chain chain = tricky(), again = tricky();
    const auto found =
        beam_search(chain.model(), prompt({1, 3}), {.max_length = 5, .end = 0}, {.beams = 1, .length_penalty = 0});
    const auto greedy = greedy_decode(again.model(), prompt({1, 3}), {.max_length = 5, .end = 0});
    for (std::size_t i = 0; i < greedy.size(); ++i) CHECK(found[i].tokens == greedy[i]);
}

TEST_CASE("a runner-up that ends does not end a single beam") {
    Chain chain{.after = {{1, 0}, {0.4, 0.6}}, .rows = {}};
    const auto found = beam_search(chain.model(), prompt({1}), {.max_length = 3, .end = 0}, {.beams = 1, .length_penalty = 0});
    CHECK(found[0].tokens == TokenSequence{1, 1, 1});
}

TEST_CASE("logits of another shape, or of NaN, are refused") {
    const auto giving = [](const Tensor& logits) { return StepModel{[=](const Ids&) { return logits; }, [](const Ids&) {}}; };
    for (const Tensor& wrong : {zeros({1, 3}), zeros({2, 0}), zeros({2}), Tensor()}) {
        CHECK_THROWS_AS(greedy_decode(giving(wrong), prompt({1, 1})), ShapeError);
        CHECK_THROWS_AS(beam_search(giving(wrong), prompt({1, 1})), ShapeError);
    }
    CHECK_THROWS_AS(sample_decode(giving(full({2, 3}, std::nan(""))), prompt({1, 1})), ValueError);
}

TEST_CASE("decoding refuses requests that make no sense") {
    Chain chain = tricky();
    const StepModel model = chain.model();
    CHECK_THROWS_AS(greedy_decode({}, prompt({1})), ValueError);
    CHECK_THROWS_AS(greedy_decode(model, Ids{1}), ShapeError);
    CHECK_THROWS_AS(greedy_decode(model, prompt({1}), {.max_length = -1}), ValueError);
    CHECK_THROWS_AS(sample_decode(model, prompt({1}), {}, {.temperature = -1}), ValueError);
    CHECK_THROWS_AS(sample_decode(model, prompt({1}), {}, {.top_p = 0}), ValueError);
    CHECK_THROWS_AS(beam_search(model, prompt({1}), {}, {.beams = 0}), ValueError);
}
