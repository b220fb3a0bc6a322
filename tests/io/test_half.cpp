// Numbers of 16 bits: every one of them comes back, and what lies between is rounded to the nearest, of two the even one.
#include <support/testing.hpp>

#include <bit>
#include <cfloat>
#include <limits>

using namespace testing;

namespace {

float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }

bool is_nan_f16(unsigned bits) { return (bits & 0x7FFF) > 0x7C00; }
bool is_nan_bf16(unsigned bits) { return (bits & 0x7FFF) > 0x7F80; }

/// Checks numbers between each two neighbours, and their negatives, against the rule itself.
void check_rounding(std::uint16_t (*to)(Real), float (*from)(std::uint16_t), std::uint16_t infinity) {
    int wrong = 0;
    for (std::uint16_t low = 0; low + 1 < infinity; ++low) {
        const auto high = static_cast<std::uint16_t>(low + 1), even = low % 2 == 0 ? low : high;
        const Real a = from(low), b = from(high), middle = (a + b) / 2;
        for (const auto& [number, expected] :
             {std::pair(a, low), std::pair(std::nextafter(middle, a), low), std::pair(middle, even),
              std::pair(std::nextafter(middle, b), high), std::pair(b, high)}) {
            wrong += to(number) != expected;
            wrong += to(-number) != (expected | 0x8000);
        }
    }
    CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("half: every F16 and BF16 comes back, NaN as a NaN of its sign") {
    int wrong = 0;
    for (unsigned i = 0; i < 0x10000; ++i) {
        const auto bits = static_cast<std::uint16_t>(i);
        const float half = from_f16(bits), brain = from_bf16(bits);
        wrong += is_nan_f16(i) != std::isnan(half) || is_nan_bf16(i) != std::isnan(brain);
        wrong += is_nan_f16(i) ? to_f16(half) != (bits | 0x200) : to_f16(half) != bits;
        wrong += is_nan_bf16(i) ? to_bf16(brain) != (bits | 0x40) : to_bf16(brain) != bits;
    }
    CHECK(wrong == 0);
}

TEST_CASE("half: F16 are the numbers that IEEE 754 says") {
    CHECK(from_f16(0x3C00) == 1);
    CHECK(from_f16(0xC000) == -2);
    CHECK(from_f16(0x3555) == 0.333251953125F);
    CHECK(from_f16(0x7BFF) == 65504);
    CHECK(from_f16(0x0400) == 0x1p-14F);
    CHECK(from_f16(0x03FF) == 1023 * 0x1p-24F);
    CHECK(from_f16(0x0001) == 0x1p-24F);
    CHECK(from_f16(0x7C00) == INFINITY);
    CHECK(from_f16(0xFC00) == -INFINITY);
    CHECK(std::signbit(from_f16(0x8000)));
    CHECK(std::signbit(from_f16(0x8001)));
}

TEST_CASE("half: numbers become the nearest BF16") {
    CHECK(to_bf16(2.7182817F) == 0x402E);
    CHECK(from_bf16(0x402E) == 2.71875F);
    CHECK(to_bf16(1.01171875F) == 0x3F82);
    CHECK(to_bf16(1.00390625F) == 0x3F80);
    CHECK(to_bf16(FLT_MAX) == 0x7F80);
    CHECK(to_bf16(-FLT_MAX) == 0xFF80);
    CHECK(to_bf16(DBL_MAX) == 0x7F80);
    CHECK(std::isnan(from_bf16(to_bf16(float_of(0x7F800001)))));
    CHECK(std::isnan(from_bf16(to_bf16(float_of(0x7FFFFFFF)))));
    CHECK(to_bf16(float_of(0x00010000)) == 0x0001);
    CHECK(to_bf16(float_of(0x80550000)) == 0x8055);
    CHECK(to_bf16(0x1p-134) == 0);  // half of the smallest: a tie
    CHECK(to_bf16(std::nextafter(0x1p-134, 1)) == 1);
    CHECK(to_bf16(-DBL_TRUE_MIN) == 0x8000);
    check_rounding(to_bf16, from_bf16, 0x7F80);
}

TEST_CASE("half: numbers become the nearest F16") {
    CHECK(to_f16(65519) == 0x7BFF);
    CHECK(to_f16(65520) == 0x7C00);
    CHECK(to_f16(-65520) == 0xFC00);
    CHECK(to_f16(DBL_MAX) == 0x7C00);
    CHECK(from_f16(to_f16(2049)) == 2048);
    CHECK(from_f16(to_f16(2051)) == 2052);
    CHECK(from_f16(to_f16(6e-8F)) == 0x1p-24F);
    CHECK(to_f16(2.9e-8F) == 0);
    CHECK(to_f16(0.1F) == 0x2E66);
    CHECK(from_f16(0x2E66) == 0.0999755859375F);
    CHECK(std::isnan(from_f16(to_f16(NAN))));
    CHECK(std::isnan(from_f16(to_f16(float_of(0x7F800001)))));  // whose fraction is below what F16 keeps
    CHECK(to_f16(-DBL_TRUE_MIN) == 0x8000);
    check_rounding(to_f16, from_f16, 0x7C00);
}

TEST_CASE("half: a NaN whose fraction is below what is kept stays one") {
    const auto nan = std::bit_cast<double>(std::uint64_t{0xFFF0000000000001});
    CHECK(to_f16(nan) == 0xFE00);
    CHECK(to_bf16(nan) == 0xFFC0);
}

TEST_CASE("half: a double is rounded once, not to float before") {
    const Real above = 1 + 0x1p-11 + 0x1p-40;  // as a float a tie, which would go to 1
    CHECK(to_f16(above) == 0x3C01);
    CHECK(to_bf16(1 + 0x1p-8 + 0x1p-40) == 0x3F81);
    CHECK(to_f16(65520 - 0x1p-30) == 0x7BFF);
}
