// Pairs of sentences; see pairs.hpp.
#include <support/pairs.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include <tapehead/data/utf8.hpp>
#include <tapehead/io/atomic_file.hpp>

namespace examples {

using namespace tapehead;

namespace {

std::u32string_view trimmed(std::u32string_view text) {
    constexpr std::u32string_view space = U" \t\r\u00A0\uFEFF";  // the last is a byte order mark
    const std::size_t first = text.find_first_not_of(space);
    return first == std::u32string_view::npos ? U"" : text.substr(first, text.find_last_not_of(space) - first + 1);
}

struct Sides {
    std::u32string_view source, target;
};

Sides sides_of(std::u32string_view line, const std::string& path, std::size_t number) {
    const std::size_t tab = line.find(U'\t');
    const auto refuse = [&](std::string_view what) {
        throw std::runtime_error(
            fmt::format("pairs: expected \"source TAB target\", got {} in line {} of {}", what, number, path));
    };
    if (tab == std::u32string_view::npos) refuse("no tab");
    const std::u32string_view rest = line.substr(tab + 1);
    const Sides sides{trimmed(line.substr(0, tab)), trimmed(rest.substr(0, rest.find(U'\t')))};
    if (sides.source.empty() || sides.target.empty()) refuse("an empty side");
    return sides;
}

}  // namespace

PairFile read_pairs(const std::string& path, std::size_t max_characters) {
    const std::u32string text = decode_utf8(read_file(path));
    PairFile file;
    std::set<SentencePair> seen;
    std::size_t number = 0;
    for (std::u32string_view rest = text; !rest.empty();) {
        const std::size_t end = rest.find(U'\n');
        const std::u32string_view line = rest.substr(0, end);
        rest.remove_prefix(end == std::u32string_view::npos ? rest.size() : end + 1);
        ++number;
        if (trimmed(line).empty()) continue;
        const Sides sides = sides_of(line, path, number);
        if (std::max(sides.source.size(), sides.target.size()) > max_characters) {
            ++file.too_long;
            continue;
        }
        SentencePair pair{encode_utf8(sides.source), encode_utf8(sides.target)};
        if (seen.insert(pair).second) file.pairs.push_back(std::move(pair));
        else ++file.duplicates;
    }
    return file;
}

SplitPairs split_pairs(const std::vector<SentencePair>& pairs, const SplitOptions& options) {
    check_shares(options);
    SplitPairs split;
    for (const SentencePair& pair : pairs) {
        const Part part = part_of(pair.source, options);
        (part == Part::training ? split.training : part == Part::validation ? split.validation : split.test).push_back(pair);
    }
    return split;
}

}  // namespace examples
