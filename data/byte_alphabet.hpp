// GPT-2's alphabet: each of the 256 bytes as a character that can be seen, so that pieces of bytes can stand in text files. Not part of
// the umbrella header.
//
// The bytes that are printable in Latin-1 stand for themselves, the others are U+0100, U+0101, ... in their order: the space is Ġ, the
// line feed Ċ. The ids of GPT-2's bytes have the same order.
#pragma once

#include <array>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::detail {

struct ByteAlphabet {
    std::array<char32_t, 256> characters{};     // by byte
    std::array<unsigned char, 324> bytes{};     // by character
    std::array<unsigned char, 256> in_order{};  // the bytes: first those that stand for themselves

    constexpr ByteAlphabet() {
        std::size_t count = 0;
        char32_t next = 0x100;
        for (const bool printable : {true, false})
            for (unsigned byte = 0; byte < 256; ++byte) {
                const bool is_printable = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
                if (is_printable != printable) continue;
                const char32_t character = printable ? byte : next++;
                characters[byte] = character;
                bytes[character] = static_cast<unsigned char>(byte);
                in_order[count++] = static_cast<unsigned char>(byte);
            }
    }
};

inline constexpr ByteAlphabet byte_alphabet;
static_assert(byte_alphabet.characters[' '] == U'Ġ' && byte_alphabet.characters['\n'] == U'Ċ' &&
              byte_alphabet.in_order[220] == ' ');

}  // namespace tapehead::inline TAPEHEAD_SCALAR::detail
