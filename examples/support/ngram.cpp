// The interpolated trigram model; see ngram.hpp.
#include <support/ngram.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace examples {
namespace {

constexpr int iterations = 50;

template <class Counts>
std::int64_t count(const Counts& counts, std::uint64_t key) {
    const auto place = counts.find(key);
    return place == counts.end() ? 0 : place->second;
}

double mixture(const TrigramModel::Weights& weights, const TrigramModel::Weights& shares) {
    double p = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) p += weights[k] * shares[k];
    return p;
}

}  // namespace

TrigramModel::TrigramModel(std::span<const std::int64_t> text, std::size_t vocabulary)
    : vocabulary_(vocabulary), total_(static_cast<std::int64_t>(text.size())) {
    if (text.size() < 3)
        throw std::invalid_argument(fmt::format("trigram model: expected at least 3 characters, got {}", text.size()));
    for (const std::int64_t c : text)
        if (c < 0 || c >= static_cast<std::int64_t>(vocabulary))
            throw std::invalid_argument(fmt::format("trigram model: expected characters in [0, {}), got {}", vocabulary, c));
    for (std::size_t i = 0; i < text.size(); ++i) {
        ++singles_[key(0, 0, text[i])];
        if (i >= 1) ++pairs_[key(0, text[i - 1], text[i])], ++pair_contexts_[key(0, 0, text[i - 1])];
        if (i >= 2) ++triples_[key(text[i - 2], text[i - 1], text[i])], ++triple_contexts_[key(0, text[i - 2], text[i - 1])];
    }
    fit(text);
}

std::uint64_t TrigramModel::key(std::int64_t a, std::int64_t b, std::int64_t c) const {
    return (static_cast<std::uint64_t>(a) * vocabulary_ + static_cast<std::uint64_t>(b)) * vocabulary_ +
           static_cast<std::uint64_t>(c);
}

TrigramModel::Weights TrigramModel::shares(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t without) const {
    const auto share = [&](std::int64_t n, std::int64_t of, double otherwise) {
        return of > without ? static_cast<double>(n - without) / static_cast<double>(of - without) : otherwise;
    };
    Weights f{1 / static_cast<double>(vocabulary_)};
    f[1] = share(count(singles_, key(0, 0, c)), total_, f[0]);
    f[2] = share(count(pairs_, key(0, b, c)), count(pair_contexts_, key(0, 0, b)), f[1]);
    f[3] = share(count(triples_, key(a, b, c)), count(triple_contexts_, key(0, a, b)), f[2]);
    return f;
}

std::size_t TrigramModel::context_class(std::int64_t a, std::int64_t b, std::int64_t without) const {
    const std::int64_t n = count(triple_contexts_, key(0, a, b)) - without;  // classes 0, 1, 2 to 3, 4 to 7, ...
    return static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(n)));
}

void TrigramModel::fit(std::span<const std::int64_t> text) {
    struct Event {
        std::size_t context_class;
        Weights shares;
    };
    std::vector<Event> events;
    std::size_t classes = 1;
    for (std::size_t i = 2; i < text.size(); ++i) {
        events.push_back({context_class(text[i - 2], text[i - 1], 1), shares(text[i - 2], text[i - 1], text[i], 1)});
        classes = std::max(classes, events.back().context_class + 1);
    }
    weights_.assign(classes, {0.25, 0.25, 0.25, 0.25});
    for (int iteration = 0; iteration < iterations; ++iteration) {
        std::vector<Weights> credits(classes, {1, 1, 1, 1});
        for (const auto& [which, f] : events) {
            const double p = mixture(weights_[which], f);
            for (std::size_t k = 0; k < f.size(); ++k) credits[which][k] += weights_[which][k] * f[k] / p;
        }
        for (std::size_t which = 0; which < classes; ++which) {
            const double sum = credits[which][0] + credits[which][1] + credits[which][2] + credits[which][3];
            for (std::size_t k = 0; k < credits[which].size(); ++k) weights_[which][k] = credits[which][k] / sum;
        }
    }
}

double TrigramModel::probability(std::int64_t a, std::int64_t b, std::int64_t c) const {
    return mixture(weights_[std::min(context_class(a, b, 0), weights_.size() - 1)], shares(a, b, c, 0));
}

double TrigramModel::bits_per_character(std::span<const std::int64_t> text, std::size_t first) const {
    if (first < 2 || first >= text.size())
        throw std::invalid_argument(
            fmt::format("trigram model: expected a first character in [2, {}), got {}", text.size(), first));
    double bits = 0;
    for (std::size_t i = first; i < text.size(); ++i) bits -= std::log2(probability(text[i - 2], text[i - 1], text[i]));
    return bits / static_cast<double>(text.size() - first);
}

}  // namespace examples
