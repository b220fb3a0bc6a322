// From text to ids to batches: tokenizers, padding, windows.
#pragma once

#include <tapehead/data/batches.hpp>
#include <tapehead/data/byte_pair_tokenizer.hpp>
#include <tapehead/data/character_tokenizer.hpp>
#include <tapehead/data/gpt2_words.hpp>
#include <tapehead/data/utf8.hpp>
