// The random streams against the known answers of Random123, and against Philox written out from its paper.
#include <support/testing.hpp>

#include <support/philox.hpp>

#include <tapehead/autograd/kernels/philox.hpp>

using namespace testing;

TEST_CASE("the written-out Philox has the known answers of Random123") {
    // kat_vectors: philox4x32 10, counter, key → result
    CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
          PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform numbers are the words of the stream, from any position on") {
    for (const kernels::PhiloxKey key :
         {kernels::PhiloxKey{0, 0}, {0x123456789ABCDEF0, 42}, {7, (std::uint64_t{1} << 32) - 3}}) {
        std::vector<Scalar> y(41);
        kernels::fill_uniform(key, 0, 1, y.data(), 41);
        const std::vector<double> expected = uniform_numbers(key.seed, key.position, 41);
        for (std::size_t i = 0; i < y.size(); ++i) CHECK(static_cast<double>(y[i]) == expected[i]);
    }
}

TEST_CASE("a stream can be taken in pieces") {
    std::vector<Scalar> whole(20), piece(12);
    kernels::fill_normal({5, 0}, 0, 1, whole.data(), 20);
    kernels::fill_normal({5, kernels::philox_positions(8)}, 0, 1, piece.data(), 12);
    CHECK(std::equal(piece.begin(), piece.end(), whole.begin() + 8));
}

TEST_CASE("uniform numbers of any range stay below its upper end") {
    const Scalar high = std::nextafter(Scalar{1}, Scalar{2});  // rounding low + width u would reach it
    std::vector<Scalar> y(100000);
    kernels::fill_uniform({1, 0}, 1, high, y.data(), 100000);
    CHECK(std::count(y.begin(), y.end(), Scalar{1}) == 100000);
    kernels::fill_uniform({1, 0}, -3, 5, y.data(), 100000);
    CHECK(*std::min_element(y.begin(), y.end()) >= -3);
    CHECK(*std::max_element(y.begin(), y.end()) < 5);
}

TEST_CASE("normal numbers are Box and Muller of the uniform ones, scaled") {
    std::vector<Scalar> y(29);
    kernels::fill_normal({3, 9}, 2, static_cast<Scalar>(0.5), y.data(), 29);
    const std::vector<double> z = normal_numbers(3, 9, 29);
    for (std::size_t i = 0; i < y.size(); ++i)
        CHECK_THAT(static_cast<double>(y[i]), is_close(2 + 0.5 * z[i], is_f64 ? 1e-12 : 1e-5));
}
