// GPT-2's words, found by PCRE2; see gpt2_words.hpp.
#include <tapehead/data/gpt2_words.hpp>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>

#include <tapehead/autograd/check.hpp>
#include <tapehead/data/utf8.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

// GPT-2's, with \s written out as Unicode's White_Space: PCRE2's has U+180E too, which has not been white space since Unicode 6.3.
constexpr std::string_view pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\t-\r\x{85}\p{Z}\p{L}\p{N}]+)"
                                     R"(|[\t-\r\x{85}\p{Z}]+(?![^\t-\r\x{85}\p{Z}])|[\t-\r\x{85}\p{Z}]+)";

using Code = std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)>;
using Match = std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)>;

const Code& code() {
    static const Code compiled = [] {
        int error = 0;
        PCRE2_SIZE place = 0;
        Code result(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF, &error, &place,
                                  nullptr),
                    &pcre2_code_free);
        check<Error>(result != nullptr, "gpt2_words: expected a PCRE2 with Unicode, got its error {} at {}", error, place);
        pcre2_jit_compile(result.get(), PCRE2_JIT_COMPLETE);  // where it cannot, matches are slower
        return result;
    }();
    return compiled;
}

void add_words(std::string_view text, std::vector<std::string_view>& words) {
    const Match match(pcre2_match_data_create_from_pattern(code().get(), nullptr), &pcre2_match_data_free);
    for (std::size_t at = 0; at < text.size();) {
        const int found = pcre2_match(code().get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                      PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, match.get(), nullptr);
        check<Error>(found > 0, "gpt2_words: expected a match, got PCRE2's error {}", found);
        const std::size_t end = pcre2_get_ovector_pointer(match.get())[1];
        words.push_back(text.substr(at, end - at));
        at = end;
    }
}

}  // namespace

std::vector<std::string_view> gpt2_words(std::string_view text) {
    std::vector<std::string_view> words;
    std::size_t begin = 0, end = 0;  // of a run that is UTF-8, or is not
    const auto run_until = [&](bool is_utf8) {
        begin = end;
        for (; end < text.size(); ++end) {
            const auto character = first_code_point(text.substr(end));
            if (character.has_value() != is_utf8) break;
            if (character) end += character->length - 1;
        }
        return text.substr(begin, end - begin);
    };
    while (end < text.size()) {
        add_words(run_until(true), words);
        const std::string_view others = run_until(false);
        if (!others.empty()) words.push_back(others);
    }
    return words;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
