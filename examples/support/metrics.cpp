// BLEU and chrF; see metrics.hpp.
#include <support/metrics.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

#include <tapehead/data/utf8.hpp>

namespace examples {

using namespace tapehead;

namespace {

/// How many n-grams of one order there are in a corpus.
struct Overlap {
    std::int64_t hypotheses = 0, references = 0;
    std::int64_t common = 0;  // sentence by sentence, each n-gram at most as often as in the reference
};

using Counts = std::unordered_map<std::u32string_view, std::int64_t>;

Counts count_ngrams(std::u32string_view symbols, std::size_t n) {
    Counts counts;
    for (std::size_t i = 0; i + n <= symbols.size(); ++i) ++counts[symbols.substr(i, n)];
    return counts;
}

/// The overlaps of order 1 to N of sentences of symbols: characters, or numbers of words.
template <std::size_t N>
std::array<Overlap, N> overlaps(const std::vector<std::u32string>& hypotheses, const std::vector<std::u32string>& references) {
    std::array<Overlap, N> result;
    for (std::size_t i = 0; i < hypotheses.size(); ++i)
        for (std::size_t n = 1; n <= N; ++n) {
            Overlap& overlap = result[n - 1];
            const Counts wanted = count_ngrams(references[i], n);
            for (const auto& [ngram, count] : count_ngrams(hypotheses[i], n)) {
                const auto found = wanted.find(ngram);
                overlap.hypotheses += count;
                overlap.common += found == wanted.end() ? 0 : std::min(count, found->second);
            }
            for (const auto& [ngram, count] : wanted) overlap.references += count;
        }
    return result;
}

void check(std::string_view what, std::size_t hypotheses, std::size_t references) {
    if (hypotheses != references || hypotheses == 0)
        throw std::invalid_argument(
            fmt::format("{}: expected one reference for each hypothesis, got {} and {}", what, references, hypotheses));
}

/// White space as Unicode has it.
bool is_space(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_no_digit(char32_t c) { return !is_digit(c); }
bool is_point(char32_t c) { return c == U'.' || c == U','; }
bool is_hyphen(char32_t c) { return c == U'-'; }

/// The signs of ASCII, and the space, but not ' , - .
bool is_sign(char32_t c) {
    return (c >= U' ' && c <= U'&') || (c >= U'(' && c <= U'+') || c == U'/' || (c >= U':' && c <= U'@') ||
           (c >= U'[' && c <= U'`') || (c >= U'{' && c <= U'~');
}

using IsKind = bool (*)(char32_t);

/// Writes neighbours of two kinds, from the left and without overlap, in a form with 1 and 2 for them.
std::u32string rewrite(std::u32string_view text, IsKind first, IsKind second, std::u32string_view form) {
    std::u32string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i + 1 < text.size() && first(text[i]) && second(text[i + 1])) {
            for (const char32_t c : form) result += c == U'1' ? text[i] : c == U'2' ? text[i + 1] : c;
            ++i;
        } else {
            result += text[i];
        }
    }
    return result;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

/// Sentences as words, each word numbered by when it first came.
std::vector<std::u32string> numbered_words(std::span<const std::string> sentences,
                                           std::unordered_map<std::string, char32_t>& numbers) {
    std::vector<std::u32string> result;
    for (const std::string& sentence : sentences) {
        result.emplace_back();
        for (const std::string& word : words_13a(sentence))
            result.back() += numbers.emplace(word, static_cast<char32_t>(numbers.size())).first->second;
    }
    return result;
}

std::vector<std::u32string> without_spaces(std::span<const std::string> sentences) {
    std::vector<std::u32string> result;
    for (const std::string& sentence : sentences) {
        result.push_back(decode_utf8(sentence));
        std::erase_if(result.back(), is_space);
    }
    return result;
}

}  // namespace

std::vector<std::string> words_13a(std::string_view text) {
    std::string plain(text);
    for (const auto& [from, to] :
         {std::pair{"<skipped>", ""}, {"-\n", ""}, {"\n", " "}, {"&quot;", "\""}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}})
        replace_all(plain, from, to);
    std::u32string spaced = U" ";
    for (const char32_t c : decode_utf8(plain)) {
        if (is_sign(c)) spaced += {U' ', c, U' '};
        else spaced += c;
    }
    spaced = rewrite(spaced + U" ", is_no_digit, is_point, U"1 2 ");
    spaced = rewrite(spaced, is_point, is_no_digit, U" 1 2");
    spaced = rewrite(spaced, is_digit, is_hyphen, U"1 2 ");

    std::vector<std::string> words;
    for (auto at = spaced.begin(); at != spaced.end();) {
        const auto first = std::find_if_not(at, spaced.end(), is_space);
        at = std::find_if(first, spaced.end(), is_space);
        if (first != at) words.push_back(encode_utf8({first, at}));
    }
    return words;
}

double bleu(std::span<const std::string> hypotheses, std::span<const std::string> references) {
    check("bleu", hypotheses.size(), references.size());
    std::unordered_map<std::string, char32_t> numbers;
    const auto orders = overlaps<4>(numbered_words(hypotheses, numbers), numbered_words(references, numbers));
    if (orders[0].common == 0) return 0;  // then no longer n-gram matches either
    double log_precisions = 0, smoothing = 1;
    for (const Overlap& order : orders) {
        if (order.hypotheses == 0) return 0;
        const double common = order.common > 0 ? static_cast<double>(order.common) : smoothing /= 2;
        log_precisions += std::log(common / static_cast<double>(order.hypotheses));
    }
    const double ratio = static_cast<double>(orders[0].references) / static_cast<double>(orders[0].hypotheses);  // r / c
    return 100 * std::exp(std::min(0.0, 1 - ratio) + log_precisions / 4);
}

double chrf(std::span<const std::string> hypotheses, std::span<const std::string> references) {
    check("chrf", hypotheses.size(), references.size());
    double precisions = 0, recalls = 0;
    int count = 0;
    for (const auto& [of_hypotheses, of_references, common] :
         overlaps<6>(without_spaces(hypotheses), without_spaces(references))) {
        if (of_hypotheses == 0 || of_references == 0) continue;
        precisions += static_cast<double>(common) / static_cast<double>(of_hypotheses);
        recalls += static_cast<double>(common) / static_cast<double>(of_references);
        ++count;
    }
    if (precisions + recalls == 0) return 0;
    return 100 * 5 * precisions * recalls / (4 * precisions + recalls) / count;
}

}  // namespace examples
