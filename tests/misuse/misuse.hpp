// The table of misuse: what a row is, and the things that it misuses. Knows the library and Catch2 alone.
//
// A row names a mistake, makes it, and says what must be thrown. The driver (test_misuse.cpp) checks the type, the words of the
// message, that nothing changed before the throw, and that the library goes on after it. The rows are in one file for each family.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "support/testing.hpp"

namespace testing {

inline constexpr Index lowest = std::numeric_limits<Index>::min();
inline constexpr Index highest = std::numeric_limits<Index>::max();
inline constexpr Index huge = Index{1} << 40;  // two of them multiply to more than any size can be
inline constexpr Real nan = std::numeric_limits<Real>::quiet_NaN();
inline constexpr Real inf = std::numeric_limits<Real>::infinity();

/// What the rows misuse, made anew for each. Whatever has a value that a mistake could change is in `tensors`.
struct Things {
    Things();

    Tensor none;                                                 // undefined
    Tensor x = leaf(numbers({2, 3}));                            // a leaf with a gradient
    Tensor y = numbers({2, 3}, 2), w = numbers({2, 4}, 3);       // of other shapes or none
    Tensor row = numbers({3}, 4), cube = numbers({2, 3, 4}, 5);  //
    Tensor scalar = 2, all_axes = numbers({1, 1, 1, 1, 1, 1, 1, 1});
    Tensor nothing = Tensor::empty({0, 3});     // without elements
    Tensor result = x * y, loss = sum(result);  // recorded
    Tensor q = numbers({2, 4, 3, 6}, 6), k = numbers({2, 2, 5, 6}, 7), v = numbers({2, 2, 5, 3}, 8);
    Ids ids = {0, 1}, matrix_of_ids = {{0, 1, 2}, {2, 1, 0}};
    Condition flags = y > 0;
    Generator generator{7};

    Linear linear{3, 4};
    MultiHeadAttention attention{8, 2};
    TransformerEncoder encoder{TransformerOptions{
        .embed_dim = 8, .num_heads = 2, .num_encoder_layers = 2, .num_decoder_layers = 1, .feedforward_dim = 8, .dropout = 0}};
    Tensor sequence = numbers({2, 3, 8}, 9);  // [B, T, E]
    KeyValueCache cache{2, 2, 4, 4, 4};
    std::vector<KeyValueCache> caches = encoder.make_cache(2, 4);
    Adam optimizer{linear.named_parameters(), {.lr = 0.1}};
    ExponentialMovingAverage average{linear.named_parameters()};
    StepModel steps{.next =
                        [](const Ids& tokens) {
                            return zeros({static_cast<Index>(tokens.shape(0)), 3});
                        },
                    .reorder = [](const Ids&) {}};

    std::vector<std::pair<std::string, Tensor>> tensors();

    /// From here on nothing may change: for a row that must prepare its mistake first.
    void begin();
    std::vector<std::pair<std::string, std::string>> before;  // what was so then
};

/// What a mistake must throw: an exception of exactly this type, whose message begins with the operation and has the words.
struct Raises {
    std::type_index type;
    std::string operation;
    std::vector<std::string> words;
};

template <class E>
Raises raises(std::string operation, std::vector<std::string> words = {}) {
    return {typeid(E), std::move(operation), std::move(words)};
}

/// An undefined tensor where a value is needed.
inline Raises undefined() { return raises<ValueError>("Tensor", {"expected a defined tensor", "got an undefined one"}); }

struct Misuse {
    std::string function;  // of the public headers, as it is called
    std::string mistake;   // in words
    Raises raises;
    void (*make)(Things&);
};

using Misuses = std::vector<Misuse>;

Misuses misuses_of_tensors();
Misuses misuses_of_operations();
Misuses misuses_of_moving();
Misuses misuses_of_undefined();
Misuses misuses_of_attention();
Misuses misuses_of_losses();
Misuses misuses_of_tape();
Misuses misuses_of_layers();
Misuses misuses_of_generation();
Misuses misuses_of_optim();
Misuses misuses_of_files();
Misuses misuses_of_data();
Misuses misuses_of_study();

}  // namespace testing
