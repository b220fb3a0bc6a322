// What every fuzz target uses: its input taken apart, bytes seen as a file, and what may be thrown.
//
// A target is a function of any bytes, LLVMFuzzerTestOneInput. It ends the program where a promise of the library does not hold; libFuzzer
// looks for bytes with which it does (run), and corpus_main.cpp tries those that are kept in corpus/.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <tapehead/tapehead.hpp>

/// The name that libFuzzer knows.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

using namespace tapehead;

/// Ends the program with a message unless a promise holds.
inline void require(bool holds, std::string_view promise, std::string_view got = "") {
    if (holds) return;
    std::fprintf(stderr, "expected %.*s, got %.*s\n", static_cast<int>(promise.size()), promise.data(),
                 static_cast<int>(got.size()), got.data());
    std::abort();
}

/// What f returns, or nothing if it throws one of the errors that it is documented to throw. Ends the program for any other.
///
/// f is the call that is tried and no more: once an input is accepted, whatever is thrown ends the program.
template <class... Documented, class F>
std::optional<std::invoke_result_t<const F&>> accepted(const F& f) {
    try {
        return f();
    } catch (const Error& error) {
        require((... || (dynamic_cast<const Documented*>(&error) != nullptr)), "an error that is documented", error.what());
        require(std::string_view(error.what()).find(": expected ") != std::string_view::npos,
                "a message that says what was expected", error.what());
        return {};
    }
}

/// The same of an f that returns nothing: whether it returns.
template <class... Documented, class F>
bool accepts(const F& f) {
    return accepted<Documented...>([&] { return f(), true; }).has_value();
}

/// Bytes in memory under a path, for what reads files.
class MemoryFile {
public:
    explicit MemoryFile(std::string_view bytes) : number_(memfd_create("fuzz", MFD_CLOEXEC)) {
        require(number_ >= 0 && write(number_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
                "a file in memory");
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() { close(number_); }
    std::string path() const { return "/proc/self/fd/" + std::to_string(number_); }

private:
    int number_;
};

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Numbers taken from the front of the input; 0 once it is used up.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(text_of(data, size)) {}

    std::string_view rest() const { return rest_; }
    unsigned byte() {
        if (rest_.empty()) return 0;
        const auto first = static_cast<unsigned char>(rest_[0]);
        rest_.remove_prefix(1);
        return first;
    }
    /// A number in [low, high].
    Index number(Index low, Index high) { return low + static_cast<Index>(byte()) % (high - low + 1); }
    /// A small number, or one where arithmetic overflows. None between, which would ask for as much memory as they say.
    Index any() {
        constexpr Index least = std::numeric_limits<Index>::min(), most = std::numeric_limits<Index>::max();
        constexpr Index extreme[] = {least,        least + 1, least / 2, -(Index{1} << 45),   (Index{1} << 45), Index{1} << 61,
                                     most / 2 + 1, most - 1,  most,      (Index{1} << 62) + 1};
        const unsigned choice = byte();
        return choice < 200 ? static_cast<Index>(choice % 19) - 9 : extreme[choice % std::size(extreme)];
    }
    /// At most max_rank axes of at most `most` elements; now and then none.
    Shape shape(Index max_rank, Index most) {
        Shape shape;
        for (Index rank = number(0, max_rank); rank > 0; --rank) shape.push_back(number(0, 9 * most) % (most + 1));
        return shape;
    }
    /// A list for what takes axes or extents.
    Shape list(Index max_rank) {
        Shape list;
        for (Index rank = number(0, max_rank); rank > 0; --rank) list.push_back(any());
        return list;
    }

private:
    std::string_view rest_;
};

/// Small whole numbers, of which sums and products are exact; it gathers a gradient.
inline Tensor numbers(const Shape& shape) {
    Tensor x = Tensor::empty(shape);
    for (Index i = 0; i < x.numel(); ++i) x.raw()[i] = static_cast<Scalar>((i * 7 + 3) % 11 - 5);
    return x.requires_grad_();
}

/// The same shape and the same bits.
inline bool is_same(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && tapehead::detail::same_bits(a, b); }

inline bool is_same(const NamedTensors& a, const NamedTensors& b) {
    return std::ranges::equal(a, b, [](const NamedTensor& x, const NamedTensor& y) {
        return x.name == y.name && is_same(x.tensor, y.tensor);
    });
}

/// Calls f with every position in a shape, in row-major order.
template <class F>
void for_each_position(const Shape& shape, const F& f) {
    Shape position = shape;
    for (Index i = 0, n = shape.numel(); i < n; ++i) {
        Index rest = i;
        for (Index axis = shape.rank() - 1; axis >= 0; rest /= shape[axis--]) position[axis] = rest % shape[axis];
        f(static_cast<const Shape&>(position));
    }
}

}  // namespace fuzz
