// A text cut into words as GPT-2 does it, before byte pairs are joined within each.
#pragma once

#include <string_view>
#include <vector>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The words of a text, which put together are the text: letters, digits or other signs, each run with the space before it, English
/// endings such as 're, and white space.
///
/// The matches of `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` (Radford et al. 2019, in the program
/// published with it). Bytes that are not UTF-8 end the text before them; each run of them is a word.
std::vector<std::string_view> gpt2_words(std::string_view text);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
